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
    /// What it is like to run.
    static var traits: VerifierTraits { get }

    /// - Throws: `VerifierFailure` of kind `configuration` when the options do not go together.
    init(_ configuration: Configuration) throws(VerifierFailure)

    /// The initialiser that is called; one that needs no environment leaves it out.
    ///
    /// - Throws: `VerifierFailure` of kind `configuration` when the options do not go together.
    init(_ configuration: Configuration, in environment: VerifierEnvironment) throws(VerifierFailure)

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
    public static var traits: VerifierTraits { VerifierTraits() }
    public init(_ configuration: Configuration, in environment: VerifierEnvironment) throws(VerifierFailure) {
        try self.init(configuration)
    }
    public func check(_ reference: Reference) throws(VerifierFailure) {}
}

/// A verifier that only computes: no waiting, no files, no network.
public protocol ImmediateVerifier: Verifier {
    // Said again so that the types are inferred from the methods, whichever file names the verifier first.
    associatedtype Configuration
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

/// A verifier that looks at all rollouts of a row together: which is the shortest right one, which of two is better.
public protocol GroupVerifier: Verifier {
    // Said again so that the types are inferred from the methods, whichever file names the verifier first.
    associatedtype Configuration
    associatedtype Reference

    /// Judges the rollouts of one row.
    ///
    /// - Returns: one for each member, in order.
    /// - Throws: `VerifierFailure` when no member can be judged.
    func verify(_ group: [GroupMember], against reference: Reference, in context: VerificationContext)
        async throws(VerifierFailure) -> [Result<Verdict, VerifierFailure>]
}

extension GroupVerifier {
    /// Judges a group of one.
    public func verify(_ rollout: Rollout, against reference: Reference, in context: VerificationContext)
        async throws(VerifierFailure) -> Verdict
    {
        let member = GroupMember(rollout: rollout, earlier: context.earlier)
        let verdicts = try await verify([member], against: reference, in: context)
        guard let verdict = verdicts.first, verdicts.count == 1 else {
            throw VerifierFailure(.invalidValue, "\(verdicts.count) verdicts on a group of 1")
        }
        return try verdict.get()
    }
}

/// A rollout among those of its row.
public struct GroupMember: Sendable, Hashable {
    public var rollout: Rollout
    /// What the verifiers listed before say of it together; `nil` for the first.
    public var earlier: Score?

    public init(rollout: Rollout, earlier: Score? = nil) {
        self.rollout = rollout
        self.earlier = earlier
    }
}

/// A verifier that judges many rollouts in one go: a reward model, an endpoint that takes a list.
public protocol BatchVerifier: Verifier {
    // Said again so that the types are inferred from the methods, whichever file names the verifier first.
    associatedtype Configuration
    associatedtype Reference

    /// Rollouts that are best judged together.
    var preferredBatchSize: Int { get }

    /// Judges rollouts of any rows.
    ///
    /// - Returns: one for each, in order.
    func verify(_ batch: [(rollout: Rollout, reference: Reference)], in context: VerificationContext)
        async -> [Result<Verdict, VerifierFailure>]
}

extension BatchVerifier {
    /// Judges a batch of one.
    public func verify(_ rollout: Rollout, against reference: Reference, in context: VerificationContext)
        async throws(VerifierFailure) -> Verdict
    {
        let verdicts = await verify([(rollout, reference)], in: context)
        guard let verdict = verdicts.first, verdicts.count == 1 else {
            throw VerifierFailure(.invalidValue, "\(verdicts.count) verdicts on a batch of 1")
        }
        return try verdict.get()
    }
}

/// A verifier that also judges each turn of a conversation with tools, as soon as it is over.
public protocol TurnVerifier: Verifier {
    // Said again so that the types are inferred from the methods, whichever file names the verifier first.
    associatedtype Configuration
    associatedtype Reference

    /// Judges one turn of the model.
    ///
    /// - Throws: `VerifierFailure` when no verdict can be given.
    func verify(turn: Turn, against reference: Reference, in context: VerificationContext)
        async throws(VerifierFailure) -> Verdict
}

/// One turn of a model in a conversation with tools.
public struct Turn: Sendable, Hashable {
    /// Which turn it is, from 0.
    public var index: Int
    /// The conversation before it.
    public var messages: [JSON]
    /// What the model wrote.
    public var text: String
    /// The calls of tools in it.
    public var toolCalls: [ToolCall]

    public init(index: Int, messages: [JSON], text: String, toolCalls: [ToolCall]) {
        self.index = index
        self.messages = messages
        self.text = text
        self.toolCalls = toolCalls
    }
}

/// A verifier that brings answers whose verdict is known, to be tried before a run.
public protocol SelfTesting: Verifier {
    /// Right answers, which must pass, and ways to cheat, which must not.
    func probes(for reference: Reference) -> [VerifierProbe]
}

/// An answer whose verdict is known.
public struct VerifierProbe: Sendable, Hashable {
    /// What it is called in a report: `gold`, `all labels`.
    public var name: String
    /// What the model would have written.
    public var answer: String
    /// Whether it must pass; a score passes when it says so, or else when it is the highest of its range.
    public var passes: Bool

    public init(_ name: String, answer: String, passes: Bool) {
        self.name = name
        self.answer = answer
        self.passes = passes
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
    package var scalarText: String? {
        switch self {
        case .string(let text): text
        case .integer, .number, .bool: text()
        case .null, .array, .object: nil
        }
    }
}
