public import TextCore

/// A configured verifier whose types are hidden; they were fixed where it was registered.
public struct AnyVerifier: Sendable {
    /// How a verifier wants its rollouts.
    public enum Scope: Sendable, Hashable {
        /// One at a time.
        case rollout
        /// All of a row together.
        case group
        /// As many as this, of any rows.
        case batch(Int)
    }

    /// The name that a recipe uses.
    public let name: String
    /// The values that a score may have.
    public let range: ClosedRange<Double>
    /// What it is like to run.
    public let traits: VerifierTraits
    /// How it wants its rollouts.
    public let scope: Scope
    private let bindReference: @Sendable (JSON) throws(VerifierFailure) -> BoundVerifier
    private let verifyBatch: BatchCall?

    typealias BatchCall =
        @Sendable ([(rollout: Rollout, verifier: BoundVerifier)], VerificationContext) async
        -> [Result<Verdict, VerifierFailure>]

    /// Hides the types of a verifier.
    public init<V: Verifier>(_ verifier: V) {
        name = V.name
        range = V.range
        traits = V.traits
        (scope, verifyBatch) = Self.scope(of: verifier)
        bindReference = { (json: JSON) throws(VerifierFailure) -> BoundVerifier in
            do throws(VerifierFailure) {
                let reference = try Self.reference(V.Reference.self, json)
                try verifier.check(reference)
                return BoundVerifier(verifier, reference: reference)
            } catch {
                throw error.named(V.name)
            }
        }
    }

    /// A verifier that is made of closures, such as one in another process.
    ///
    /// - Parameter bind: gives the verifier of one row; it throws a failure of kind `item` for a bad reference.
    public init(
        name: String, range: ClosedRange<Double> = 0...1, traits: VerifierTraits = VerifierTraits(),
        bind: @escaping @Sendable (_ reference: JSON) throws(VerifierFailure) -> BoundVerifier
    ) {
        self.init(name: name, range: range, traits: traits, scope: .rollout, bind: bind)
    }

    /// A verifier that is made of closures and wants its rollouts together.
    ///
    /// - Parameter verifyBatch: judges a batch, where that is its scope.
    init(
        name: String, range: ClosedRange<Double>, traits: VerifierTraits, scope: Scope, verifyBatch: BatchCall? = nil,
        bind: @escaping @Sendable (_ reference: JSON) throws(VerifierFailure) -> BoundVerifier
    ) {
        self.name = name
        self.range = range
        self.traits = traits
        self.scope = scope
        self.verifyBatch = verifyBatch
        bindReference = { (json: JSON) throws(VerifierFailure) -> BoundVerifier in
            do throws(VerifierFailure) { return try bind(json) } catch { throw error.named(name) }
        }
    }

    /// This verifier with the reference of one row, decoded and checked once.
    ///
    /// - Throws: `VerifierFailure` of kind `item` when the reference is malformed.
    public func bound(to reference: JSON) throws(VerifierFailure) -> BoundVerifier { try bindReference(reference) }

    /// This verifier with a range that follows from its options.
    package func narrowed(to range: ClosedRange<Double>) -> AnyVerifier {
        let bindReference = bindReference
        return AnyVerifier(name: name, range: range, traits: traits, scope: scope, verifyBatch: verifyBatch) {
            (json: JSON) throws(VerifierFailure) -> BoundVerifier in
            var bound = try bindReference(json)
            bound.range = range
            return bound
        }
    }

    /// This verifier with traits that follow from where it runs.
    package func with(_ traits: VerifierTraits) -> AnyVerifier {
        AnyVerifier(
            name: name, range: range, traits: traits, scope: scope, verifyBatch: verifyBatch, bind: bindReference)
    }

    /// Judges rollouts of any rows in one go.
    ///
    /// - Parameter batch: each with this verifier bound to its row.
    /// - Precondition: `scope` is `batch`.
    /// - Returns: one for each, in order.
    public func verify(
        _ batch: [(rollout: Rollout, verifier: BoundVerifier)], in context: VerificationContext
    ) async -> [Result<Verdict, VerifierFailure>] {
        guard let verifyBatch else { preconditionFailure("verifier '\(name)' judges no batches") }
        let verdicts = await verifyBatch(batch, context)
        guard verdicts.count == batch.count else {
            let failure = VerifierFailure(
                .invalidValue, verifier: name, "\(verdicts.count) verdicts on a batch of \(batch.count)")
            return batch.map { _ in .failure(failure) }
        }
        return zip(batch, verdicts).map { $0.verifier.checked($1) }
    }

    /// What a row says the answer should be, in the verifier's own type.
    static func reference<Reference: JSONReadable>(
        _ type: Reference.Type, _ json: JSON
    ) throws(VerifierFailure) -> Reference {
        guard let reference = Reference(json: json) else {
            throw VerifierFailure(
                .item, "the reference must be \(Reference.expectation), and is \(json.kind): \(json.text().prefix(200))"
            )
        }
        return reference
    }

    private static func scope<V: Verifier>(of verifier: V) -> (Scope, BatchCall?) {
        if verifier is any GroupVerifier { return (.group, nil) }
        guard let verifier = verifier as? any BatchVerifier else { return (.rollout, nil) }
        return opened(verifier)
    }

    private static func opened<V: BatchVerifier>(_ verifier: V) -> (Scope, BatchCall?) {
        let call: BatchCall = { batch, context in
            let typed = batch.compactMap { item in
                (item.verifier.reference as? V.Reference).map { (rollout: item.rollout, reference: $0) }
            }
            precondition(typed.count == batch.count, "a batch of '\(V.name)' holds rows of another verifier")
            return await verifier.verify(typed, in: context)
        }
        return (.batch(max(1, verifier.preferredBatchSize)), call)
    }
}

/// A verifier together with what one row expects.
public struct BoundVerifier: Sendable {
    typealias Immediate = @Sendable (Rollout) throws(VerifierFailure) -> Verdict
    typealias Waiting = @Sendable (Rollout, VerificationContext) async throws(VerifierFailure) -> Verdict
    typealias Group =
        @Sendable ([GroupMember], VerificationContext) async throws(VerifierFailure)
        -> [Result<Verdict, VerifierFailure>]
    typealias OfTurn = @Sendable (Turn, VerificationContext) async throws(VerifierFailure) -> Verdict

    /// The verifier's name.
    public let name: String
    /// The values that a score may have.
    public fileprivate(set) var range: ClosedRange<Double>
    /// Answers whose verdict is known; empty where the verifier brings none.
    public let probes: [VerifierProbe]
    /// What the row expects, in the verifier's own type.
    let reference: any Sendable
    private let immediate: Immediate?
    private let waiting: Waiting
    private let group: Group?
    private let ofTurn: OfTurn?

    init<V: Verifier>(_ verifier: V, reference: V.Reference) {
        name = V.name
        range = V.range
        self.reference = reference
        waiting = { (rollout: Rollout, context: VerificationContext) async throws(VerifierFailure) -> Verdict in
            try await verifier.verify(rollout, against: reference, in: context)
        }
        immediate = (verifier as? any ImmediateVerifier).flatMap { Self.immediate($0, reference) }
        group = (verifier as? any GroupVerifier).flatMap { Self.group($0, reference) }
        ofTurn = (verifier as? any TurnVerifier).flatMap { Self.ofTurn($0, reference) }
        probes = (verifier as? any SelfTesting).flatMap { Self.probes($0, reference) } ?? []
    }

    /// A verifier of one row that waits: for another process, for an endpoint.
    public init(
        name: String, range: ClosedRange<Double> = 0...1, probes: [VerifierProbe] = [],
        waiting: @escaping @Sendable (Rollout, VerificationContext) async throws(VerifierFailure) -> Verdict
    ) {
        self.init(name: name, range: range, probes: probes, immediate: nil, waiting: waiting)
    }

    /// A verifier of one row that only computes.
    public init(
        name: String, range: ClosedRange<Double> = 0...1, probes: [VerifierProbe] = [],
        immediate: @escaping @Sendable (Rollout) throws(VerifierFailure) -> Verdict
    ) {
        self.init(name: name, range: range, probes: probes, immediate: immediate) {
            (rollout: Rollout, _: VerificationContext) async throws(VerifierFailure) -> Verdict in
            try immediate(rollout)
        }
    }

    /// A verifier of one row that is made of closures.
    init(
        name: String, range: ClosedRange<Double>, probes: [VerifierProbe], reference: any Sendable = NoReference(),
        immediate: Immediate? = nil, group: Group? = nil, ofTurn: OfTurn? = nil, waiting: @escaping Waiting
    ) {
        self.name = name
        self.range = range
        self.probes = probes
        self.reference = reference
        self.immediate = immediate
        self.waiting = waiting
        self.group = group
        self.ofTurn = ofTurn
    }

    /// Whether the verifier only computes, so that `verify(_:)` may be called.
    public var isImmediate: Bool { immediate != nil }

    /// Whether the verifier looks at all rollouts of a row together.
    public var isOfGroups: Bool { group != nil }

    /// Whether the verifier also judges single turns.
    public var isOfTurns: Bool { ofTurn != nil }

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

    /// Judges the rollouts of the row together.
    ///
    /// - Precondition: `isOfGroups`.
    /// - Returns: one for each member, in order.
    /// - Throws: `VerifierFailure` when no member can be judged.
    public func verify(
        _ members: [GroupMember], in context: VerificationContext
    ) async throws(VerifierFailure) -> [Result<Verdict, VerifierFailure>] {
        guard let group else { preconditionFailure("verifier '\(name)' judges no groups") }
        do throws(VerifierFailure) {
            let verdicts = try await group(members, context)
            guard verdicts.count == members.count else {
                throw VerifierFailure(.invalidValue, "\(verdicts.count) verdicts on a group of \(members.count)")
            }
            return verdicts.map(checked)
        } catch {
            throw error.named(name)
        }
    }

    /// Judges one turn.
    ///
    /// - Precondition: `isOfTurns`.
    /// - Throws: `VerifierFailure` when there is no verdict, or the score is not finite or outside the declared range.
    public func verify(turn: Turn, in context: VerificationContext) async throws(VerifierFailure) -> Verdict {
        guard let ofTurn else { preconditionFailure("verifier '\(name)' judges no turns") }
        do throws(VerifierFailure) {
            return try checked(try await ofTurn(turn, context))
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

    func checked(_ result: Result<Verdict, VerifierFailure>) -> Result<Verdict, VerifierFailure> {
        do throws(VerifierFailure) {
            return .success(try checked(try result.get()))
        } catch {
            return .failure(error.named(name))
        }
    }

    // MARK: Opening the existentials

    private static func immediate<V: ImmediateVerifier>(_ verifier: V, _ reference: some Sendable) -> Immediate? {
        guard let reference = reference as? V.Reference else { return nil }
        return { (rollout: Rollout) throws(VerifierFailure) -> Verdict in
            try verifier.verify(rollout, against: reference)
        }
    }

    private static func group<V: GroupVerifier>(_ verifier: V, _ reference: some Sendable) -> Group? {
        guard let reference = reference as? V.Reference else { return nil }
        return {
            (members: [GroupMember], context: VerificationContext) async throws(VerifierFailure)
                -> [Result<Verdict, VerifierFailure>] in
            try await verifier.verify(members, against: reference, in: context)
        }
    }

    private static func ofTurn<V: TurnVerifier>(_ verifier: V, _ reference: some Sendable) -> OfTurn? {
        guard let reference = reference as? V.Reference else { return nil }
        return { (turn: Turn, context: VerificationContext) async throws(VerifierFailure) -> Verdict in
            try await verifier.verify(turn: turn, against: reference, in: context)
        }
    }

    private static func probes<V: SelfTesting>(_ verifier: V, _ reference: some Sendable) -> [VerifierProbe]? {
        (reference as? V.Reference).map { verifier.probes(for: $0) }
    }
}
