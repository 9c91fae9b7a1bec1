import Foundation
import OrderedCollections
import TextCore

/// Reads the children of a composite.
struct CompositeReader {
    private static let childLimit = 64
    /// Composites inside each other, at most.
    private static let depthLimit = 8
    /// Keys of a child that are not its verifier's options.
    private static let ownKeys: Set<String> = ["verifier", "name", "weight", "at_least", "target", "options"]

    let configuration: Composite.Configuration
    let environment: VerifierEnvironment

    init(_ configuration: Composite.Configuration, _ environment: VerifierEnvironment) {
        self.configuration = configuration
        self.environment = environment
    }

    private func failure(_ index: Int, _ message: String) -> VerifierFailure {
        VerifierFailure(.configuration, option: "of", "entry \(index + 1): \(message)")
    }

    func children() throws(VerifierFailure) -> [Composite.Child] {
        let entries = configuration.of
        let least = configuration.combine == .gate ? 2 : 1
        guard (least...Self.childLimit).contains(entries.count) else {
            throw VerifierFailure(
                .configuration, option: "of",
                "\(least) to \(Self.childLimit) verifiers are expected, and \(entries.count) are given")
        }
        guard Self.depth(entries.map(\.json)) <= Self.depthLimit else {
            throw VerifierFailure(
                .configuration, option: "of", "composites stand deeper than \(Self.depthLimit) inside each other")
        }
        var children: [Composite.Child] = []
        for (index, entry) in entries.enumerated() {
            let child = try child(index, entry.json)
            guard !children.contains(where: { $0.name == child.name }) else {
                throw failure(index, "two verifiers are called '\(child.name)'; give one a `name`")
            }
            children.append(child)
        }
        try checkTogether(children)
        return children
    }

    private static func depth(_ entries: [JSON]) -> Int {
        var level = entries
        var depth = 1
        while depth <= depthLimit {
            level = level.flatMap { ($0["of"] ?? $0["options"]?["of"])?.array ?? [] }
            if level.isEmpty { break }
            depth += 1
        }
        return depth
    }

    private func child(_ index: Int, _ entry: JSON) throws(VerifierFailure) -> Composite.Child {
        guard let name = entry["verifier"]?.string else {
            throw failure(index, "`verifier` must be given, the name of one")
        }
        var options = entry["options"] ?? [:]
        for (key, value) in entry.object ?? [:] where !Self.ownKeys.contains(key) {
            guard var members = options.object else { break }
            guard members.updateValue(value, forKey: key) == nil else {
                throw failure(index, "'\(key)' is given twice")
            }
            options = .object(members)
        }
        func number(_ key: String) throws(VerifierFailure) -> Double {
            guard let json = entry[key] else { return 1 }
            guard let value = Double(json: json) else { throw failure(index, "`\(key)` must be a number") }
            return value
        }
        if entry["at_least"] != nil, configuration.combine != .gate || index == configuration.of.count - 1 {
            throw failure(index, "`at_least` is for the gates of combine: gate, all verifiers but the last")
        }
        if entry["weight"] != nil, configuration.combine != .sum, configuration.combine != .product {
            throw failure(index, "`weight` is for combine: sum and product")
        }
        for key in ["name", "target"] where entry[key].map({ $0.string?.isEmpty ?? true }) ?? false {
            throw failure(index, "`\(key)` must be a text")
        }
        let verifier: AnyVerifier
        do throws(VerifierFailure) {
            verifier = try environment.verifiers.make(name, options: options, in: environment)
        } catch {
            throw failure(index, error.description)
        }
        guard verifier.scope != .group else {
            throw failure(index, "'\(name)' judges all rollouts of a row together; list it on its own")
        }
        return Composite.Child(
            name: entry["name"]?.string ?? name, weight: try number("weight"), threshold: try number("at_least"),
            target: entry["target"]?.string, verifier: verifier)
    }

    private func checkTogether(_ children: [Composite.Child]) throws(VerifierFailure) {
        let takesNegative = configuration.combine == .sum && !configuration.normalized
        for (index, child) in children.enumerated() where child.weight <= 0 && !(takesNegative && child.weight < 0) {
            throw failure(index, "`weight` must be above 0")
        }
        if configuration.onAbstain == .renormalize, [.gate, .formula].contains(configuration.combine) {
            throw VerifierFailure(
                .configuration, option: "on_abstain", "\(configuration.combine.rawValue) cannot leave a verifier out")
        }
        let digits = Double(children.count) * log2(Double(configuration.levels))
        if configuration.combine == .lexicographic, digits > 52 {
            throw VerifierFailure(
                .configuration, option: "levels",
                "\(children.count) verifiers of \(configuration.levels) levels are more than a number can hold; use fewer"
            )
        }
    }
}
