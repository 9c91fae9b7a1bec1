import TextCore

/// What a closure may return as its verdict: `true`, a number, a score, a verdict.
public protocol VerdictConvertible: Sendable {
    var verdict: Verdict { get }
}

extension Verdict: VerdictConvertible {
    public var verdict: Verdict { self }
}

extension Score: VerdictConvertible {
    public var verdict: Verdict { .score(self) }
}

extension Bool: VerdictConvertible {
    /// 1 or 0.
    public var verdict: Verdict { .check(self) }
}

extension Double: VerdictConvertible {
    /// A score that does not say whether the rollout passed.
    public var verdict: Verdict { .score(Score(self)) }
}

extension VerifierRegistry {
    /// Adds a verifier that is a closure over the rollout:
    ///
    ///     registry.register("short") { $0.tokenCount < 40 }
    ///
    /// - Parameters:
    ///   - name: the name that a recipe uses.
    ///   - summary: what it checks, in one line.
    ///   - range: the values that a score may have.
    ///   - body: judges one rollout; it is called from several tasks at once, and the same rollout gets the same verdict.
    /// - Precondition: the name is free.
    public mutating func register<Result: VerdictConvertible>(
        _ name: String, summary: String = "", range: ClosedRange<Double> = 0...1,
        _ body: @escaping @Sendable (Rollout) throws(VerifierFailure) -> Result
    ) {
        register(name, summary: summary, range: range, reference: NoReference.self) {
            (rollout: Rollout, _: NoReference) throws(VerifierFailure) -> Result in try body(rollout)
        }
    }

    /// Adds a verifier that is a closure over the rollout and what the row expects:
    ///
    ///     registry.register("echo", reference: String.self) { rollout, wanted in rollout.answerText == wanted }
    ///
    /// - Precondition: the name is free.
    public mutating func register<Reference: JSONReadable, Result: VerdictConvertible>(
        _ name: String, summary: String = "", range: ClosedRange<Double> = 0...1, reference: Reference.Type,
        _ body: @escaping @Sendable (Rollout, Reference) throws(VerifierFailure) -> Result
    ) {
        register(name, summary: summary, options: []) {
            (json: JSON, _: VerifierEnvironment) throws(VerifierFailure) -> AnyVerifier in
            _ = try NoConfiguration(options: json)
            return AnyVerifier(name: name, range: range) { (json: JSON) throws(VerifierFailure) -> BoundVerifier in
                let reference = try AnyVerifier.reference(Reference.self, json)
                return BoundVerifier(name: name, range: range) {
                    (rollout: Rollout) throws(VerifierFailure) -> Verdict in try body(rollout, reference).verdict
                }
            }
        }
    }
}
