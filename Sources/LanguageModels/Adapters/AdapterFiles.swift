public import Foundation
import OrderedCollections
import TensorCore
import TextCore

extension LanguageModel {
    /// Writes the adapter as PEFT does: `adapter_config.json` and `adapter_model.safetensors`. A reward head goes with it.
    ///
    /// - Parameter baseModel: what to name as the base model in the configuration.
    /// - Throws: `ModelError` if there is no adapter or a file cannot be written.
    public func saveAdapter(to folder: URL, baseModel: String? = nil) throws(ModelError) {
        guard let files = savedAdapterFiles(baseModel: baseModel) else {
            throw ModelError("there is no adapter to save", location: folder.path)
        }
        try Self.makeFolder(folder)
        for file in files { try file.write(into: folder) }
    }

    /// The files that `saveAdapter` writes; `nil` without an adapter.
    public func savedAdapterFiles(baseModel: String? = nil) -> [SavedFile]? {
        guard let adapter else { return nil }
        let items = adapter.namedParameters(of: self).map { SafetensorsWriter.Item($0.name, $0.parameter.value) }
        let metadata = ["format": "pt"].merging(Quantization.metadata(quantization)) { first, _ in first }
        let configuration = adapter.configuration.json(
            paths: adapter.paths, baseModel: baseModel, hasRewardHead: hasRewardHead)
        return [
            SafetensorsWriter.file("adapter_model.safetensors", items, metadata: metadata),
            SafetensorsWriter.jsonFile("adapter_config.json", configuration, sortedKeys: true),
        ]
    }

    /// Attaches an adapter that PEFT or `saveAdapter` wrote, and says that only it is trained. One for sequence
    /// classification brings its reward head, which takes the place of the model's head.
    ///
    /// - Throws: `ModelError` if there is an adapter already, a file is missing or damaged, a setting is not
    ///   supported, or tensors are missing, unknown or of another shape (all of them at once).
    public func loadAdapter(from folder: URL) throws(ModelError) {
        let (configuration, bringsHead) = try AdapterConfiguration.read(folder)
        let url = folder.appendingPathComponent("adapter_model.safetensors")
        let file = try SafetensorsFile(reading: url)
        var problems: [String] = []
        var places: [String: String] = [:]
        func expect(_ name: String, _ shape: [Int]) {
            // Some versions of PEFT keep the suffix of the module that holds the lengths.
            let found = [name, name + ".weight"].first { file.entry(named: $0) != nil } ?? name
            places[name] = found
            guard let entry = file.entry(named: found) else {
                problems.append("tensor \(name) \(shape) is missing")
                return
            }
            if entry.shape != shape {
                problems.append("tensor \(found) is \(entry.shape), and this model asks for \(shape)")
            }
        }
        for target in try configuration.resolved(in: self, location: folder.path) {
            for (name, shape) in Self.expected(target, usesMagnitude: configuration.usesMagnitude) {
                expect(name, shape)
            }
        }
        let headName = Adapter.prefix + Self.rewardHeadName
        if bringsHead { expect(headName, [1, self.configuration.width]) }
        let known = Set(places.values)
        for entry in file.entries where !known.contains(entry.name) {
            problems.append(
                "tensor \(entry.name) \(entry.shape) belongs to no layer of this model that the configuration targets")
        }
        guard problems.isEmpty else {
            throw ModelError(
                "the adapter does not fit this model; use the model that it was trained on:\n"
                    + problems.shown, location: url.path)
        }
        let head = bringsHead ? try file.tensor(named: headName, dtype: .float32) : nil
        try attach(configuration, location: folder.path) { target, weight, _ throws(ModelError) in
            let name = Self.name(of: weight, at: target.layer.path)
            return try file.tensor(named: places[name] ?? name, dtype: .float32)
        }
        if let head { setRewardHead(head) }
    }

    private static func name(of weight: AdapterWeight, at path: String) -> String {
        switch weight {
        case .down: "\(Adapter.prefix)\(path).lora_A.weight"
        case .up: "\(Adapter.prefix)\(path).lora_B.weight"
        case .magnitude: "\(Adapter.prefix)\(path).lora_magnitude_vector"
        }
    }

    private static func expected(_ target: AdapterTarget, usesMagnitude: Bool) -> [(name: String, shape: [Int])] {
        let layer = target.layer
        let list = [
            (name(of: .down, at: layer.path), [target.rank, layer.inputs]),
            (name(of: .up, at: layer.path), [layer.outputs, target.rank]),
        ]
        return usesMagnitude ? list + [(name(of: .magnitude, at: layer.path), [layer.outputs])] : list
    }
}

extension AdapterConfiguration {
    /// The configuration of an adapter's folder.
    ///
    /// - Throws: `ModelError` if the file cannot be read, or with every wrong or unsupported setting at once.
    public init(folder: URL) throws(ModelError) {
        self = try Self.read(folder).configuration
    }

    /// The same, and whether the adapter's file holds a reward head.
    static func read(_ folder: URL) throws(ModelError) -> (configuration: AdapterConfiguration, bringsHead: Bool) {
        let url = folder.appendingPathComponent("adapter_config.json")
        let json = try ModelLoader.json(at: url)
        return (try AdapterConfiguration(json: json, location: url.path), json["task_type"] == "SEQ_CLS")
    }

    init(json: JSON, location: String) throws(ModelError) {
        var reader = ConfigurationReader(json, location: location)
        reader.refuseUnsupportedAdapter()
        self.init(
            rank: reader.size("r", default: 8, atMost: 1 << 16), alpha: reader.positive("lora_alpha", default: 8),
            dropout: reader.optionalNumber("lora_dropout") ?? 0,
            targets: reader.targets("target_modules") ?? .allLinear, excluded: reader.targets("exclude_modules"),
            layers: reader.layersToTransform(), usesRankStabilization: reader.flag("use_rslora", default: false),
            usesMagnitude: reader.flag("use_dora", default: false))
        if reader["target_modules"] == nil {
            reader.problem(
                "`target_modules` is missing; name the layers, such as [\"q_proj\", \"v_proj\"], or \"all-linear\"")
        }
        for (key, value) in reader.members("rank_pattern") {
            guard let rank = value.int, (1...1 << 16).contains(rank) else {
                reader.problem("`rank_pattern.\(key)` must be a whole number from 1, not \(value.text())")
                continue
            }
            rankPattern[key] = rank
        }
        for (key, value) in reader.members("alpha_pattern") {
            guard let alpha = value.double, alpha > 0 else {
                reader.problem("`alpha_pattern.\(key)` must be a number above 0, not \(value.text())")
                continue
            }
            alphaPattern[key] = alpha
        }
        try reader.finish()
    }

    /// The content of `adapter_config.json`. Targets are written so that PEFT finds the layers at `paths`.
    func json(paths: [String], baseModel: String?, hasRewardHead: Bool) -> JSON {
        func number(_ value: Double) -> JSON { Int(exactly: value).map { .integer($0) } ?? .number(value) }
        func names(_ targets: Targets) -> JSON {
            switch targets {
            case .allLinear: .array(Set(paths.map(Self.lastPart)).sorted().map { .string($0) })
            case .names(let names): .array(names.map { .string($0) })
            case .pattern(let pattern): .string(pattern)
            }
        }
        return [
            "peft_type": "LORA", "task_type": hasRewardHead ? "SEQ_CLS" : "CAUSAL_LM", "inference_mode": true,
            "revision": .null,
            "base_model_name_or_path": baseModel.map { .string($0) } ?? .null, "r": .integer(rank),
            "lora_alpha": number(alpha), "lora_dropout": .number(dropout), "target_modules": names(targets),
            "exclude_modules": excluded.map(names) ?? .null, "bias": "none", "fan_in_fan_out": false,
            "init_lora_weights": true, "modules_to_save": hasRewardHead ? ["score"] : .null, "layers_pattern": .null,
            "layers_to_transform": layers.map { .array($0.map { .integer($0) }) } ?? .null,
            "rank_pattern": .object(rankPattern.mapValues { .integer($0) }),
            "alpha_pattern": .object(alphaPattern.mapValues(number)), "use_rslora": .bool(usesRankStabilization),
            "use_dora": .bool(usesMagnitude), "lora_bias": false,
        ]
    }
}

// The keys of PEFT's configuration.
extension ConfigurationReader {
    /// Keys that Hone reads.
    private static let adapterKeys: Set<String> = [
        "r", "lora_alpha", "lora_dropout", "target_modules", "exclude_modules", "layers_to_transform", "layers_pattern",
        "rank_pattern", "alpha_pattern", "use_rslora", "use_dora", "peft_type", "task_type", "bias",
        "init_lora_weights", "modules_to_save",
    ]

    /// Keys that change nothing about a LoRA adapter that is used for a causal language model.
    private static let inertAdapterKeys: Set<String> = [
        "base_model_name_or_path", "revision", "inference_mode", "auto_mapping", "peft_version", "megatron_core",
        "qalora_group_size", "runtime_config",
    ]

    /// Refuses, by name, every key that may change the result and is neither read nor switched off.
    fileprivate mutating func refuseUnsupportedAdapter() {
        let text = { (value: JSON) in value.string ?? value.text() }
        refuse("peft_type", unless: { text($0) == "LORA" }, because: "Hone has LORA (with rsLoRA and DoRA)")
        let isReward = json["task_type"] == "SEQ_CLS"
        refuse(
            "task_type", unless: { isReward || text($0) == "CAUSAL_LM" },
            because: "Hone has causal language models (CAUSAL_LM) and reward models (SEQ_CLS)")
        // PEFT names both of its usual heads for sequence classification; the models of Hone have `score`.
        let heads: [JSON] = isReward ? ["score", "classifier"] : []
        refuse(
            "modules_to_save", unless: { $0.array?.allSatisfy(heads.contains) ?? false },
            because: "the one module that Hone trains beside an adapter is the reward head, `score` of task SEQ_CLS")
        refuse(
            "bias", unless: { text($0) == "none" }, because: "Hone does not train biases beside an adapter; use none")
        refuse(
            "init_lora_weights", unless: { $0.bool != nil || text($0) == "gaussian" },
            because: "such initial weights change the base model too, which the adapter's file does not hold")
        refuse(
            "layers_pattern", unless: { $0 == "layers" || $0 == ["layers"] || $0 == [] || $0 == "" },
            because: "the blocks of Hone's models are `layers`")
        for (key, value) in json.object ?? [:]
        where !Self.adapterKeys.contains(key) && !Self.inertAdapterKeys.contains(key) {
            let isOff = value.isNull || value == false || value == [] || value.object?.isEmpty == true
            if !isOff { problem("`\(key)` is \(value.text()): Hone does not compute what it asks for; set it to null") }
        }
    }

    /// Targets in the three forms of PEFT; `nil` when the key is absent or `null`.
    fileprivate mutating func targets(_ key: String) -> AdapterConfiguration.Targets? {
        guard let value = self[key] else { return nil }
        if let text = value.string { return text == "all-linear" ? .allLinear : .pattern(text) }
        let names = value.array?.map(\.string)
        guard let names, names.allSatisfy({ $0 != nil }) else {
            problem("`\(key)` must be a list of names, a pattern or \"all-linear\", not \(value.text())")
            return nil
        }
        return names.isEmpty && key == "exclude_modules" ? nil : .names(names.compactMap { $0 })
    }

    fileprivate mutating func layersToTransform() -> [Int]? {
        guard let value = self["layers_to_transform"] else { return nil }
        if let number = value.int { return [number] }
        guard let numbers = value.array?.map(\.int), numbers.allSatisfy({ $0 != nil }) else {
            problem("`layers_to_transform` must be the number of a layer or a list of such, not \(value.text())")
            return nil
        }
        return numbers.compactMap { $0 }
    }

    fileprivate mutating func members(_ key: String) -> OrderedDictionary<String, JSON> {
        guard let value = self[key] else { return [:] }
        if value.object == nil { problem("`\(key)` must be an object, not \(value.kind)") }
        return value.object ?? [:]
    }
}
