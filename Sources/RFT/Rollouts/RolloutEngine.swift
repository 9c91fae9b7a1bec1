public import TextCore
public import Verifiers

/// A prompt that is to be answered.
public struct RolloutPrompt: Sendable {
    /// Where its row is, `file:line`.
    public var source: String
    /// Names the row: its own name, or a hash of what it holds.
    public var item: String
    /// Ids of the prompt, at least one.
    public var ids: [Int32]
    /// The prompt as the model sees it.
    public var text: String
    /// The prompt as messages; empty for plain text.
    public var messages: [JSON]
    /// The columns of the row.
    public var row: JSON
    /// Whether the prompt ends inside a reasoning block.
    public var reasoningIsOpen: Bool
    /// What judges the answers.
    public var rewards: BoundRewards

    public init(
        source: String, item: String, ids: [Int32], text: String, messages: [JSON], row: JSON,
        reasoningIsOpen: Bool = false, rewards: BoundRewards
    ) {
        self.source = source
        self.item = item
        self.ids = ids
        self.text = text
        self.messages = messages
        self.row = row
        self.reasoningIsOpen = reasoningIsOpen
        self.rewards = rewards
    }
}

/// An answer as an engine gives it.
public struct EngineAnswer: Sendable {
    /// Ids, the stop token included; what a tool said between is part of it.
    public var ids: [Int32]
    /// Which of the ids the model wrote.
    public var isSampled: [Bool]
    /// ln of each token's probability when it was drawn; `nil` where nobody kept it.
    public var logProbabilities: [Float]?
    /// Entropy of the distribution that each token was drawn from; `nil` where nobody kept it.
    public var entropies: [Float]?
    /// The text without the stop token or stop text.
    public var text: String
    /// Of several turns the last; `nil` where there is one turn.
    public var lastTurn: String?
    /// Why it ended.
    public var stopReason: Rollout.StopReason
    /// The calls of tools in it.
    public var toolCalls: [ToolCall]
    /// Columns that came with a recorded answer, such as its reward.
    public var recorded: JSON?
    /// Why the answer could not be finished, for which the model is not to blame: it is not judged.
    public var failure: VerifierFailure?

    public init(
        ids: [Int32], isSampled: [Bool]? = nil, logProbabilities: [Float]? = nil, entropies: [Float]? = nil,
        text: String, stopReason: Rollout.StopReason, toolCalls: [ToolCall] = [], recorded: JSON? = nil
    ) {
        self.ids = ids
        self.isSampled = isSampled ?? ids.map { _ in true }
        self.logProbabilities = logProbabilities
        self.entropies = entropies
        self.text = text
        self.stopReason = stopReason
        self.toolCalls = toolCalls
        self.recorded = recorded
    }
}

/// Where answers come from: the model itself, a recording, another machine.
public protocol RolloutEngine {
    /// Answers to prompts.
    ///
    /// - Parameters:
    ///   - prompts: each with a key on which its random numbers depend, beside the run's seed.
    ///   - samples: how many answers each prompt gets.
    ///   - onGroup: called as soon as a prompt has all its answers, in any order of the prompts.
    ///   - shouldStop: asked between tokens.
    /// - Returns: for each prompt its answers.
    /// - Throws: `ModelError` or `TrainingError` for a prompt that cannot be answered; `CancellationError` when stopped.
    func answers(
        to prompts: [(prompt: RolloutPrompt, key: UInt64)], samples: Int,
        onGroup: (_ prompt: Int, _ answers: [EngineAnswer]) -> Void, shouldStop: () -> Bool
    ) throws -> [[EngineAnswer]]
}
