/// What became of a rollout when it was judged.
public enum RolloutStatus: String, Sendable, Hashable, CaseIterable {
    /// It has a reward.
    case scored
    /// A verifier had nothing to say about it, so that its reward could not be compared with the others'.
    case abstained
    /// A verifier failed.
    case errored
    /// A verifier took too long.
    case timedOut = "timed_out"
    /// A condition left it out.
    case filtered
}

/// What one verifier said of one rollout.
public struct ComponentOutcome: Sendable, Hashable {
    /// What became of the call.
    public enum Status: String, Sendable, Hashable, CaseIterable {
        case scored
        case abstained
        case errored
        case timedOut = "timed_out"
        /// The verifier was not asked, because it could no longer matter; the note says why.
        case skipped
    }

    /// The component's.
    public var id: String
    public var role: RewardComponent.Role
    public var status: Status
    /// The verifier's value; the constant of `on_error` where it failed and there is one; `nil` without a value.
    public var value: Double?
    /// Whether the verifier says that the rollout solves its task; of conditions, whether it is met.
    public var passed: Bool?
    /// Named parts of the value.
    public var parts: [String: Double]
    /// What the verifier took for the answer.
    public var extracted: String?
    /// Why the value is what it is, why there is none, or why the verifier was not asked.
    public var note: String?
    /// How long the calls took, the waiting between them left out; 0 where the verdict was remembered.
    public var seconds: Double
    /// Calls that were made.
    public var attempts: Int
    /// Whether the verdict was known from an earlier call on the same text.
    public var fromCache: Bool
    /// Lines that the verifier logged.
    public var messages: [String]
    /// Numbers that the verifier kept beside its verdict.
    public var metrics: [String: Double]
    /// Why there is no verdict.
    public var failure: VerifierFailure?

    public init(
        id: String, role: RewardComponent.Role = .reward, status: Status, value: Double? = nil, passed: Bool? = nil,
        parts: [String: Double] = [:], extracted: String? = nil, note: String? = nil, seconds: Double = 0,
        attempts: Int = 0, fromCache: Bool = false, messages: [String] = [], metrics: [String: Double] = [:],
        failure: VerifierFailure? = nil
    ) {
        self.id = id
        self.role = role
        self.status = status
        self.value = value
        self.passed = passed
        self.parts = parts
        self.extracted = extracted
        self.note = note
        self.seconds = seconds
        self.attempts = attempts
        self.fromCache = fromCache
        self.messages = messages
        self.metrics = metrics
        self.failure = failure
    }
}

/// What a set of verifiers said of one rollout, and what it is worth.
public struct RolloutScore: Sendable, Hashable {
    /// The row.
    public var item: String
    /// Which of its group.
    public var sample: Int
    /// The reward, finite; `nil` unless `status` is `scored`.
    public var total: Double?
    /// Whether it solves its task: every gate is met and every reward that can tell says so; `nil` where none can tell.
    public var passed: Bool?
    /// One for each component, in the order of the set.
    public var parts: [ComponentOutcome]
    public var status: RolloutStatus
    /// The gate that was not met, if any.
    public var failedGate: String?
    /// What verifiers of role `difficulty` say, their mean; `nil` without one.
    public var difficulty: Double?
    /// Whether it was left out, or its weights were raised, because a verifier judged only others of its group.
    public var isMixedAbstention: Bool
    /// Why there is no reward, or why it is what it is.
    public var note: String?
    /// Why the values could not be combined.
    var combinationFailure: VerifierFailure?

    public init(
        item: String = "", sample: Int = 0, total: Double? = nil, passed: Bool? = nil, parts: [ComponentOutcome] = [],
        status: RolloutStatus, failedGate: String? = nil, difficulty: Double? = nil, isMixedAbstention: Bool = false,
        note: String? = nil
    ) {
        self.item = item
        self.sample = sample
        self.total = total
        self.passed = passed
        self.parts = parts
        self.status = status
        self.failedGate = failedGate
        self.difficulty = difficulty
        self.isMixedAbstention = isMixedAbstention
        self.note = note
    }

    /// What the component of this name said.
    public subscript(id: String) -> ComponentOutcome? { parts.first { $0.id == id } }

    /// Why the rollout has no reward.
    public var failure: VerifierFailure? {
        guard status == .errored || status == .timedOut else { return nil }
        return combinationFailure ?? parts.lazy.filter(\.role.matters).compactMap(\.failure).first
    }

    /// How long its verifiers took together.
    public var seconds: Double { parts.reduce(0) { $0 + $1.seconds } }
}
