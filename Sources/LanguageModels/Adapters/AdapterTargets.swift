import OrderedCollections
import TextCore

/// A layer that gets an adapter, and of what size.
struct AdapterTarget {
    let layer: Linear
    let rank: Int
    let alpha: Double
    /// s, from both.
    let scale: Float
}

extension AdapterConfiguration {
    /// The layers of a model that get an adapter, in the model's order.
    ///
    /// - Throws: `ModelError` if a setting is out of range, a pattern is malformed, a target is a layer that cannot
    ///   be adapted, or targets, exclusions or pattern keys match nothing.
    func resolved(in model: LanguageModel, location: String? = nil) throws(ModelError) -> [AdapterTarget] {
        try checkRanges(model, location: location)
        let paths = model.linearLayers.map(\.path)
        var chosen = Set(try Self.matches(targets, in: paths, what: "target_modules", location: location))
        if let excluded {
            chosen.subtract(try Self.matches(excluded, in: paths, what: "exclude_modules", location: location))
        }
        if let layers { chosen = chosen.filter { path in layers.contains(Self.layerNumber(of: path)) } }
        guard !chosen.isEmpty else {
            throw ModelError("after exclusions no layer is left that gets an adapter", location: location)
        }
        let ranks = try Self.patterns(rankPattern, in: paths, what: "rank_pattern", location: location)
        let alphas = try Self.patterns(alphaPattern, in: paths, what: "alpha_pattern", location: location)
        return model.linearLayers.filter { chosen.contains($0.path) }.map { layer in
            let rank = ranks.first { $0.regex.firstMatch(in: layer.path) != nil }?.value ?? rank
            let alpha = alphas.first { $0.regex.firstMatch(in: layer.path) != nil }?.value ?? alpha
            let divisor = usesRankStabilization ? Double(rank).squareRoot() : Double(rank)
            return AdapterTarget(layer: layer, rank: rank, alpha: alpha, scale: Float(alpha / divisor))
        }
    }

    private func checkRanges(_ model: LanguageModel, location: String?) throws(ModelError) {
        for rank in [rank] + rankPattern.values where !(1...1 << 16).contains(rank) {
            throw ModelError("a rank of \(rank) is not from 1 to \(1 << 16)", location: location)
        }
        for alpha in [alpha] + alphaPattern.values where !(alpha > 0 && alpha.isFinite) {
            throw ModelError("an alpha of \(alpha) is not above 0", location: location)
        }
        guard dropout >= 0, dropout < 1 else {
            throw ModelError("an adapter dropout of \(dropout) is not in [0, 1)", location: location)
        }
        guard let layers else { return }
        if case .pattern = targets {
            throw ModelError(
                "layers_to_transform goes with a list of target_modules; write the layers into the pattern",
                location: location)
        }
        let count = model.configuration.layers.count
        if let number = layers.first(where: { !(0..<count).contains($0) }) {
            throw ModelError(
                "layers_to_transform names layer \(number) of a model of \(count) layers", location: location)
        }
    }

    private static func matches(
        _ targets: Targets, in paths: [String], what: String, location: String?
    ) throws(ModelError) -> [String] {
        switch targets {
        case .allLinear: return paths
        case .pattern(let pattern):
            let regex = try compiled(pattern, prefix: "", what: what, location: location)
            let found = paths.filter { regex.firstMatch(in: $0) != nil }
            if found.isEmpty {
                throw ModelError(
                    "\(what): the pattern \(pattern) matches the whole path of no linear layer; paths are such as "
                        + "\(paths.first ?? "none")", location: location)
            }
            return found
        case .names(let names):
            for name in names where !paths.contains(where: { isNamed($0, name) }) {
                throw ModelError(unmatched(name, paths: paths, what: what), location: location)
            }
            return paths.filter { path in names.contains { isNamed(path, $0) } }
        }
    }

    private static func isNamed(_ path: String, _ name: String) -> Bool { path == name || path.hasSuffix("." + name) }

    private static func unmatched(_ name: String, paths: [String], what: String) -> String {
        switch name {
        case "lm_head", "embed_tokens", "model.embed_tokens":
            return "\(what) names \(name): Hone adapts the linear layers of the blocks, not embeddings or the head"
        default:
            let known = OrderedSet(paths.map(lastPart))
            let hint = nearestName(to: name, among: known).map { " Did you mean \($0)?" } ?? ""
            return "\(what) names \(name), which is no linear layer; there are \(known.joined(separator: ", ")).\(hint)"
        }
    }

    /// The name of a layer without what holds it.
    static func lastPart(_ path: String) -> String { String(path.split(separator: ".").last ?? "") }

    /// The number of the block in `model.layers.N.…`.
    private static func layerNumber(of path: String) -> Int {
        let parts = path.split(separator: ".")
        return parts.count > 2 ? Int(parts[2]) ?? -1 : -1
    }

    private static func patterns<Value>(
        _ patterns: OrderedDictionary<String, Value>, in paths: [String], what: String, location: String?
    ) throws(ModelError) -> [(regex: LinearRegex, value: Value)] {
        var list: [(LinearRegex, Value)] = []
        for (key, value) in patterns {
            let regex = try compiled(key, prefix: #"(?:.*\.)?"#, what: what, location: location)
            guard paths.contains(where: { regex.firstMatch(in: $0) != nil }) else {
                throw ModelError("\(what): \(key) matches the end of the path of no linear layer", location: location)
            }
            list.append((regex, value))
        }
        return list
    }

    private static func compiled(
        _ pattern: String, prefix: String, what: String, location: String?
    ) throws(ModelError) -> LinearRegex {
        do {
            return try LinearRegex(#"\A"# + prefix + "(?:" + pattern + #")\z"#)
        } catch {
            throw ModelError("\(what): \(pattern) is no pattern that Hone runs: \(error.message)", location: location)
        }
    }
}
