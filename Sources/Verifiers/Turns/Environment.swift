public import TextCore

/// What a model acts in, turn by turn: tools, a game, a user who answers.
///
/// Each rollout has a state of its own, made by `reset` and changed by `step`. Both depend on their arguments alone, so
/// that a rollout can be played again; random numbers come from the generator that they are given. A step is taken
/// between two tokens of the rollouts that are written meanwhile: what waits long makes all of them wait.
public protocol Environment: Sendable {
    /// What it knows of one rollout.
    associatedtype State: Sendable

    /// The tools as the chat template shows them, one JSON schema of a function each; empty for none.
    var tools: [JSON] { get }
    /// The roles that the messages of `step` may have: `tool`, `user`.
    var roles: Set<String> { get }

    /// Begins a rollout of a row.
    ///
    /// - Returns: its state, and the messages that the model answers first, the same for all rollouts of the row.
    /// - Throws: `VerifierFailure` of kind `item` when the row is none for this environment.
    func reset(_ row: JSON, random: inout VerifierRandom) throws(VerifierFailure) -> (state: State, messages: [JSON])

    /// Goes on after a turn of the model.
    ///
    /// - Throws: `VerifierFailure` when something fails for which the model is not to blame; the rollout is then left
    ///   out and not scored.
    func step(
        _ state: inout State, after turn: Turn, random: inout VerifierRandom
    ) throws(VerifierFailure) -> EnvironmentStep
}

extension Environment {
    public var tools: [JSON] { [] }
    public var roles: Set<String> { ["tool"] }
}

/// What an environment says to a turn.
public struct EnvironmentStep: Sendable, Hashable {
    /// The messages that follow the turn; at least one unless the rollout is over.
    public var messages: [JSON]
    /// Why the rollout is over; `nil` while it goes on.
    public var end: Rollout.StopReason?
    /// A reward for this turn, beside what verifiers say of the whole; `nil` for none.
    public var reward: Double?
    /// Lines for the log of rollouts.
    public var log: [String]

    public init(messages: [JSON] = [], end: Rollout.StopReason? = nil, reward: Double? = nil, log: [String] = []) {
        self.messages = messages
        self.end = end
        self.reward = reward
        self.log = log
    }
}
