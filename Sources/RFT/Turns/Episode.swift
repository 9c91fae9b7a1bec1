public import LanguageModels
public import TextCore
public import Verifiers

/// A rollout of one or several turns, as tokens and as what verifiers read.
public struct Episode: Sendable {
    /// What verifiers read.
    public var rollout: Rollout
    /// Every token with what was known when it was drawn; those of tools and users are not sampled.
    public var completion: Completion
    /// Turns of the model.
    public var turns: Int
    /// What followed the prompt, as messages.
    public var messages: [JSON]
    /// What the environment gave for each turn; `nil` where it gave nothing.
    public var stepRewards: [Double?]
    /// What the environment noted.
    public var log: [String]
    /// Why the environment could not go on: such a rollout is left out and not scored.
    public var failure: VerifierFailure?
}

extension PolicySample {
    /// A completion to train on: its sampled tokens, with the log-probabilities of the distribution before any cut.
    public init(_ completion: Completion, advantage: Double = 0, version: Int = 0) {
        let logs = completion.logProbabilities.enumerated().map { index, log in
            completion.logRetainedMass.isEmpty ? log : log + completion.logRetainedMass[index]
        }
        self.init(
            completion: completion.ids.map { Int32($0) }, isTrained: completion.isSampled,
            samplingLogProbabilities: logs, advantage: advantage,
            isTruncated: Rollout.StopReason(completion.stopReason).isTruncated, version: version)
        entropies = completion.entropies
    }
}

extension Rollout.StopReason {
    /// The engine's reason in the words of verifiers. A completion that only repeated itself reached a limit, and one
    /// that was interrupted ran out of time.
    public init(_ reason: LanguageModels.StopReason) {
        switch reason {
        case .stopToken, .stopString: self = .stop
        case .length, .repetition: self = .length
        case .contextLimit: self = .context
        case .deadline, .cancelled: self = .timeout
        }
    }
}
