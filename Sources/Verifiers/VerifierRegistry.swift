import OrderedCollections
public import TextCore

/// A configured verifier whose types are hidden; they were fixed where it was registered.
public struct AnyVerifier: Sendable {
    /// The name that a recipe uses.
    public let name: String
    /// The values that a score may have.
    public let range: ClosedRange<Double>
    private let bindReference: @Sendable (JSON) throws(VerifierFailure) -> BoundVerifier

    /// Hides the types of a verifier.
    public init<V: Verifier>(_ verifier: V) {
        name = V.name
        range = V.range
        bindReference = { (json: JSON) throws(VerifierFailure) -> BoundVerifier in
            guard let reference = V.Reference(json: json) else {
                throw VerifierFailure(
                    .item, verifier: V.name,
                    "the reference must be \(V.Reference.expectation), and is \(json.kind): \(json.text())")
            }
            do throws(VerifierFailure) {
                try verifier.check(reference)
            } catch {
                throw error.named(V.name)
            }
            return BoundVerifier(verifier, reference: reference)
        }
    }

    /// This verifier with the reference of one row, decoded and checked once.
    ///
    /// - Throws: `VerifierFailure` of kind `item` when the reference is malformed.
    public func bound(to reference: JSON) throws(VerifierFailure) -> BoundVerifier { try bindReference(reference) }
}

/// A verifier together with what one row expects.
public struct BoundVerifier: Sendable {
    private let immediate: (@Sendable (Rollout) throws(VerifierFailure) -> Verdict)?
    private let waiting: @Sendable (Rollout, VerificationContext) async throws(VerifierFailure) -> Verdict
    private let name: String
    private let range: ClosedRange<Double>

    init<V: Verifier>(_ verifier: V, reference: V.Reference) {
        name = V.name
        range = V.range
        waiting = { (rollout: Rollout, context: VerificationContext) async throws(VerifierFailure) -> Verdict in
            try await verifier.verify(rollout, against: reference, in: context)
        }
        immediate = Self.immediate(verifier, reference: reference)
    }

    private static func immediate<V: Verifier>(_ verifier: V, reference: V.Reference)
        -> (@Sendable (Rollout) throws(VerifierFailure) -> Verdict)?
    {
        guard let verifier = verifier as? any ImmediateVerifier else { return nil }
        return opened(verifier, reference: reference)
    }

    private static func opened<V: ImmediateVerifier>(_ verifier: V, reference: some Sendable)
        -> (@Sendable (Rollout) throws(VerifierFailure) -> Verdict)?
    {
        guard let reference = reference as? V.Reference else { return nil }
        return { (rollout: Rollout) throws(VerifierFailure) -> Verdict in
            try verifier.verify(rollout, against: reference)
        }
    }

    /// Whether the verifier only computes, so that `verify(_:)` may be called.
    public var isImmediate: Bool { immediate != nil }

    /// Judges one rollout.
    ///
    /// - Throws: `VerifierFailure` when there is no verdict, or the score is not finite or outside the declared range.
    public func verify(_ rollout: Rollout, in context: VerificationContext) async throws(VerifierFailure) -> Verdict {
        do throws(VerifierFailure) {
            return try checked(try await waiting(rollout, context))
        } catch {
            throw error.named(name)
        }
    }

    /// Judges one rollout without waiting.
    ///
    /// - Precondition: `isImmediate`.
    /// - Throws: `VerifierFailure` when there is no verdict, or the score is not finite or outside the declared range.
    public func verify(_ rollout: Rollout) throws(VerifierFailure) -> Verdict {
        guard let immediate else { preconditionFailure("verifier '\(name)' has to wait; call verify(_:in:)") }
        do throws(VerifierFailure) {
            return try checked(try immediate(rollout))
        } catch {
            throw error.named(name)
        }
    }

    private func checked(_ verdict: Verdict) throws(VerifierFailure) -> Verdict {
        if let value = verdict.score?.value, !range.contains(value) {
            throw VerifierFailure(.invalidValue, "score \(value) is not in \(range.lowerBound)...\(range.upperBound)")
        }
        return verdict
    }
}

/// What a verifier's option is, for help texts.
public struct OptionDescription: Sendable, Hashable {
    /// The name in a recipe.
    public var name: String
    /// What it means.
    public var summary: String
    /// What its value must be.
    public var expectation: String
}

/// The verifiers that a recipe may name. A value: built in one place and passed on.
public struct VerifierRegistry: Sendable {
    private struct Entry: Sendable {
        var summary: String
        var options: [OptionDescription]
        var make: @Sendable (JSON) throws(VerifierFailure) -> AnyVerifier
    }

    private var entries: OrderedDictionary<String, Entry> = [:]

    /// No verifiers.
    public init() {}

    /// The verifiers that come with Hone.
    public static var builtin: VerifierRegistry {
        var registry = VerifierRegistry()
        registry.register(ExactMatch.self)
        registry.register(Contains.self)
        registry.register(Label.self)
        registry.register(Numeric.self)
        registry.register(RegexMatch.self)
        registry.register(JSONValid.self)
        return registry
    }

    /// Adds a verifier under its name.
    ///
    /// - Precondition: the name is free.
    public mutating func register<V: Verifier>(_ type: V.Type) {
        precondition(entries[V.name] == nil, "two verifiers are named '\(V.name)'")
        entries[V.name] = Entry(
            summary: V.summary,
            options: V.Configuration.options.map {
                OptionDescription(name: $0.name, summary: $0.summary, expectation: $0.expectation)
            },
            make: { (json: JSON) throws(VerifierFailure) -> AnyVerifier in
                do throws(VerifierFailure) {
                    return AnyVerifier(try V(V.Configuration(options: json)))
                } catch {
                    throw error.named(V.name)
                }
            })
    }

    /// The names in the order of registration.
    public var names: [String] { Array(entries.keys) }

    /// What a verifier checks, in one line; `nil` for an unknown name.
    public func summary(of name: String) -> String? { entries[name]?.summary }

    /// The options of a verifier; `nil` for an unknown name.
    public func options(of name: String) -> [OptionDescription]? { entries[name]?.options }

    /// Makes a verifier from its name and its options.
    ///
    /// - Parameters:
    ///   - name: a registered name.
    ///   - options: an object of the verifier's own options.
    /// - Throws: `VerifierFailure` of kind `configuration` when the name or an option is unknown (with the nearest), or
    ///   an option has a wrong value.
    public func make(_ name: String, options: JSON = [:]) throws(VerifierFailure) -> AnyVerifier {
        guard let entry = entries[name] else {
            let hint = nearestName(to: name, among: names).map { "Did you mean '\($0)'? " } ?? ""
            throw VerifierFailure(
                .configuration, verifier: name,
                "there is no such verifier. \(hint)Known: \(names.joined(separator: ", ")).")
        }
        return try entry.make(options)
    }
}
