import OrderedCollections
import TensorCore
package import TextCore

/// Reads a `config.json` key by key and collects every problem, so that a user sees all of them at once.
///
/// A value that is wrong gives a placeholder and a problem; `finish` throws if there is any.
package struct ConfigurationReader {
    let json: JSON
    let location: String
    private(set) var problems: [String] = []

    package init(_ json: JSON, location: String) {
        self.json = json
        self.location = location
        if json.object == nil { problems.append("a model's configuration is an object, not \(json.kind)") }
    }

    /// The value of a key; `nil` when it is absent or `null`.
    subscript(key: String) -> JSON? {
        guard let value = json[key], !value.isNull else { return nil }
        return value
    }

    mutating func problem(_ text: String) { problems.append(text.clipped(to: 600)) }

    /// A whole number of at least 1; `nil` when the key is absent or `null`.
    mutating func optionalSize(_ key: String, atMost limit: Int = 1 << 24) -> Int? {
        guard let value = self[key] else { return nil }
        guard let size = value.int, (1...limit).contains(size) else {
            problem("`\(key)` must be a whole number from 1 to \(limit), not \(value.text())")
            return nil
        }
        return size
    }

    /// The same with what the family assumes; without a default the key is required.
    mutating func size(_ key: String, default assumed: Int? = nil, atMost limit: Int = 1 << 24) -> Int {
        let count = problems.count
        if let value = optionalSize(key, atMost: limit) { return value }
        if let assumed { return assumed }
        if problems.count == count { problem("`\(key)` is missing: without it the shapes of the weights are unknown") }
        return 1
    }

    /// A finite number; `nil` when the key is absent or `null`.
    mutating func optionalNumber(_ key: String, in object: JSON? = nil, path: String = "") -> Double? {
        guard let value = (object ?? json)[key], !value.isNull else { return nil }
        guard let number = value.double, number.isFinite else {
            problem("`\(path)\(key)` must be a number, not \(value.text())")
            return nil
        }
        return number
    }

    /// A number above zero.
    mutating func positive(_ key: String, default assumed: Double) -> Double {
        guard let number = optionalNumber(key) else { return assumed }
        if number <= 0 { problem("`\(key)` must be above 0, not \(number)") }
        return number
    }

    mutating func flag(_ key: String, default assumed: Bool) -> Bool {
        guard let value = self[key] else { return assumed }
        guard let flag = value.bool else {
            problem("`\(key)` must be true or false, not \(value.text())")
            return assumed
        }
        return flag
    }

    /// Reports a setting that changes what the model computes and that Hone does not compute.
    mutating func refuse(_ key: String, unless inert: (JSON) -> Bool = { _ in false }, because reason: String) {
        guard let value = self[key], !inert(value) else { return }
        problem("`\(key)` is \(value.text()): \(reason)")
    }

    /// Names of a layer's kind, one for each layer.
    mutating func layerTypes(count: Int, known: [String], otherwise: (Int) -> String) -> [String] {
        guard let value = self["layer_types"] else { return (0..<count).map(otherwise) }
        guard let names = value.array?.map({ $0.string ?? $0.text() }), names.count == count else {
            problem("`layer_types` must be a list of \(count) names, one for each layer")
            return (0..<count).map(otherwise)
        }
        for name in Set(names).subtracting(known).sorted() {
            problem("`layer_types` names \"\(name)\"; Hone has \(known.joined(separator: " and ")) for this family")
        }
        return names
    }

    /// The gate's function under the names that configurations use.
    mutating func activation(_ key: String, default assumed: String) -> Activation {
        let name = self[key].map { $0.string ?? $0.text() } ?? assumed
        switch name {
        case "silu", "swish": return .silu
        case "gelu_pytorch_tanh", "gelu_new": return .geluTanh
        case "relu": return .relu
        default:
            problem("`\(key)` is \"\(name)\"; Hone computes silu, gelu_pytorch_tanh (also as gelu_new) and relu")
            return .silu
        }
    }

    /// Whether the model is one for sequence classification; with one label that is a reward model, with more Hone has
    /// none.
    mutating func hasRewardHead() -> Bool {
        let names = self["architectures"]?.array?.compactMap(\.string) ?? []
        guard names.contains(where: { $0.hasSuffix(rewardArchitectureSuffix) }) else { return false }
        // Without either key `transformers` assumes two labels.
        let labels = self["id2label"]?.object?.count ?? self["num_labels"]?.int ?? 2
        if labels != 1 {
            problem(
                "`id2label` (or `num_labels`) gives \(labels) labels: a reward model has 1, and Hone has no other models "
                    + "for sequence classification")
        }
        return true
    }

    /// - Throws: `ModelError` with all problems found.
    package func finish() throws(ModelError) {
        guard !problems.isEmpty else { return }
        throw ModelError(problems.shown, location: location)
    }
}

// The rotary embedding, in the form with `rope_theta` and `rope_scaling` and in the form with `rope_parameters`.
extension ConfigurationReader {
    /// - Parameters:
    ///   - headSize: E.
    ///   - theta: the base where the configuration names none.
    ///   - layerType: the name under which `rope_parameters` may hold parameters of its own for these layers.
    mutating func rotary(
        headSize: Int, theta assumed: Double, layerType: String = "full_attention"
    ) -> RotaryConfiguration {
        let modern = self["rope_parameters"]
        var path = modern == nil ? "rope_scaling." : "rope_parameters."
        var parameters = modern ?? self["rope_scaling"] ?? .object([:])
        if let own = parameters[layerType], own.object != nil {
            parameters = own
            path += layerType + "."
        }
        if parameters.object == nil {
            problem("`\(path.dropLast())` must be an object, not \(parameters.kind)")
        }
        let theta = optionalNumber("rope_theta", in: parameters, path: path) ?? optionalNumber("rope_theta") ?? assumed
        if theta <= 1 { problem("`rope_theta` must be above 1, not \(theta)") }
        let part =
            optionalNumber("partial_rotary_factor", in: parameters, path: path)
            ?? optionalNumber("partial_rotary_factor") ?? 1
        var rotated = headSize
        if part > 0, part <= 1 {
            rotated = Int(Double(headSize) * part)
        } else {
            problem("`partial_rotary_factor` must be above 0 and at most 1, not \(part)")
        }
        if rotated % 2 != 0 || rotated == 0 {
            problem("a rotary embedding turns pairs of numbers, and \(rotated) of a head of \(headSize) are no pairs")
        }
        return RotaryConfiguration(rotatedSize: rotated, theta: theta, scaling: scaling(parameters, path: path))
    }

    private mutating func scaling(_ parameters: JSON, path: String) -> RotaryConfiguration.Scaling {
        let type = parameters["rope_type"] ?? parameters["type"] ?? "default"
        var known = ["rope_type", "type", "rope_theta", "partial_rotary_factor"]
        var result = RotaryConfiguration.Scaling.none
        switch type.string {
        case "default": break
        case "linear":
            known += ["factor"]
            result = .linear(factor: required("factor", parameters, path))
        case "llama3":
            known += ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"]
            let (low, high) = (
                required("low_freq_factor", parameters, path), required("high_freq_factor", parameters, path)
            )
            if high <= low { problem("`\(path)high_freq_factor` must be above `low_freq_factor`") }
            result = .llama3(
                factor: required("factor", parameters, path), lowFrequency: low, highFrequency: high,
                originalPositions: required("original_max_position_embeddings", parameters, path))
        default:
            problem("`\(path)rope_type` is \(type.text()); Hone computes \"default\", \"linear\" and \"llama3\"")
            return .none
        }
        for (key, value) in parameters.object ?? [:] where !known.contains(key) && !value.isNull {
            problem("`\(path)\(key)` is \(value.text()), which rope type \(type.text()) of Hone does not know")
        }
        return result
    }

    private mutating func required(_ key: String, _ parameters: JSON, _ path: String) -> Double {
        let count = problems.count
        if let value = optionalNumber(key, in: parameters, path: path), value > 0 { return value }
        if problems.count == count { problem("`\(path)\(key)` must be a number above 0") }
        return 1
    }
}
