import OrderedCollections
public import TextCore
public import Verifiers

/// A verdict from a service of the user's own: it gets `{"rollout": …, "reference": …}` and answers with
/// `{"score": NUMBER, "passed": BOOL, "parts": {…}, "reason": TEXT}`, `{"abstain": REASON}` or `{"error": MESSAGE}`.
///
/// A request carries an `Idempotency-Key`, so that a service can tell that a repetition is one.
public struct HTTPGrader: Verifier {
    public struct Configuration: VerifierConfiguration {
        /// The service's address.
        public var url = ""
        /// The variable of the environment that holds a bearer token.
        public var keyVariable: String?
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("url", \.url, "The service's address."),
            .init("auth_env", \.keyVariable, "The variable of the environment that holds a bearer token."),
        ]
    }

    public static let name = "http"
    public static let summary = "a verdict from a service of your own"
    public static let range = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
    public static var traits: VerifierTraits { .network }

    private let endpoint: Endpoint

    public init(_ configuration: Configuration) throws(VerifierFailure) {
        try self.init(configuration, in: VerifierEnvironment())
    }

    public init(_ configuration: Configuration, in environment: VerifierEnvironment) throws(VerifierFailure) {
        let key = try configuration.keyVariable.map { (variable) throws(VerifierFailure) in
            try Endpoint.key(variable, option: "auth_env", isNamed: true, in: environment)
        }
        endpoint = try Endpoint(configuration.url, option: "url", key: key ?? nil)
    }

    public struct Reference: JSONReadable {
        public static let expectation = "anything"
        let json: JSON
        public init?(json: JSON) { self.json = json }
    }

    public func verify(
        _ rollout: Rollout, against reference: Reference, in context: VerificationContext
    ) async throws(VerifierFailure) -> Verdict {
        var hash = SHA256()
        hash.update("\(rollout.item)\n\(rollout.sample)\n\(rollout.policyVersion)\n\(rollout.fullText)")
        let answer = try await endpoint.post(
            ["rollout": rollout.json, "reference": reference.json], identity: hash.finalized().hexadecimal,
            deadline: context.deadline)
        return try Self.verdict(answer)
    }

    /// What a service's answer says.
    ///
    /// - Throws: `VerifierFailure` when it reports an error or has no score.
    static func verdict(_ answer: JSON) throws(VerifierFailure) -> Verdict {
        if let reason = answer["abstain"] { return .abstain(reason: reason.string ?? reason.text()) }
        if let error = answer["error"] {
            throw VerifierFailure(.infrastructure, "the service reports: \(error.string ?? error.text())")
        }
        guard let value = answer["score"]?.double, value.isFinite else {
            throw VerifierFailure(.invalidValue, "the service gave no `score`: \(answer.text().clipped(to: 200))")
        }
        var parts: [String: Double] = [:]
        for (name, part) in answer["parts"]?.object ?? [:] {
            parts[name] = part.double.flatMap { $0.isFinite ? $0 : nil }
        }
        return .score(
            Score(
                value, passed: answer["passed"]?.bool, parts: parts,
                extracted: answer["extracted"]?.string.map { $0.clipped(to: 500) },
                note: answer["reason"]?.string.map { $0.clipped(to: 500) }))
    }
}
