public import TextCore

/// Judges what a model wrote.
///
/// A verifier is a value: it is made once from its configuration, and may be called from several tasks at once. What
/// a row expects is decoded once, when the data are loaded, into `Reference`.
public protocol Verifier: Sendable {
    /// The options that a recipe may set.
    associatedtype Configuration: VerifierConfiguration = NoConfiguration
    /// What a row says the answer should be.
    associatedtype Reference: JSONReadable

    /// The name that a recipe uses.
    static var name: String { get }
    /// What it checks, in one line, for `--help` and the documentation.
    static var summary: String { get }
    /// The values that a score may have.
    static var range: ClosedRange<Double> { get }

    /// - Throws: `VerifierFailure` of kind `configuration` when the options do not go together.
    init(_ configuration: Configuration) throws(VerifierFailure)

    /// Refuses a reference that no answer could meet, or that every answer would meet.
    ///
    /// - Throws: `VerifierFailure` of kind `item` with what is wrong.
    func check(_ reference: Reference) throws(VerifierFailure)

    /// Judges one rollout.
    ///
    /// - Throws: `VerifierFailure` when no verdict can be given; a wrong answer is a verdict.
    func verify(_ rollout: Rollout, against reference: Reference, in context: VerificationContext)
        async throws(VerifierFailure) -> Verdict
}

extension Verifier {
    public static var range: ClosedRange<Double> { 0...1 }
    public func check(_ reference: Reference) throws(VerifierFailure) {}
}

/// A verifier that only computes: no waiting, no files, no network.
public protocol ImmediateVerifier: Verifier {
    // Said again so that the type is inferred from the method below.
    associatedtype Reference

    /// Judges one rollout; the same arguments give the same verdict.
    ///
    /// - Throws: `VerifierFailure` when no verdict can be given; a wrong answer is a verdict.
    func verify(_ rollout: Rollout, against reference: Reference) throws(VerifierFailure) -> Verdict
}

extension ImmediateVerifier {
    public func verify(_ rollout: Rollout, against reference: Reference, in context: VerificationContext)
        async throws(VerifierFailure) -> Verdict
    {
        try verify(rollout, against: reference)
    }
}

/// What surrounds a verifier's call.
public struct VerificationContext: Sendable {
    /// What the score is for.
    public enum Purpose: String, Sendable, Hashable {
        case training
        case evaluation
        case preflight
    }

    /// What the score is for.
    public var purpose: Purpose
    /// When the call must have ended; `nil` for no limit.
    public var deadline: ContinuousClock.Instant?
    /// How often this rollout was judged before.
    public var attempt: Int

    public init(purpose: Purpose = .evaluation, deadline: ContinuousClock.Instant? = nil, attempt: Int = 0) {
        self.purpose = purpose
        self.deadline = deadline
        self.attempt = attempt
    }
}

/// A verifier whose reference does not matter.
public struct NoReference: JSONReadable {
    public static let expectation = "nothing"
    public init() {}
    public init?(json: JSON) {}
}

/// One text or several, any of which will do. Numbers and truth values are taken as they are written in JSON.
public struct AnyOf: JSONReadable, Hashable {
    public static let expectation = "a string or a list of strings"
    /// The texts, at least one.
    public var texts: [String]

    /// - Precondition: there is at least one text.
    public init(_ texts: String...) {
        precondition(!texts.isEmpty, "AnyOf of no text")
        self.texts = texts
    }

    public init?(json: JSON) {
        let texts = (json.array ?? [json]).compactMap(\.scalarText)
        guard !texts.isEmpty, texts.count == json.array?.count ?? 1 else { return nil }
        self.texts = texts
    }
}

extension JSON {
    /// A string as it is; a number or a truth value as JSON writes it; `nil` for anything else.
    var scalarText: String? {
        switch self {
        case .string(let text): text
        case .integer, .number, .bool: text()
        case .null, .array, .object: nil
        }
    }
}
