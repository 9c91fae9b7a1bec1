import LanguageModels
import TextCore
import Training
public import Verifiers

/// Rollouts of several turns for the steps of reward fine-tuning.
///
/// Rewards of the environment's steps are added up and stand with the answer as a recorded reward does, where verifier
/// `recorded` reads them, beside the number of turns, the conversation and what the environment noted.
public struct TurnEngine<World: Environment>: RolloutEngine {
    private let driver: TurnDriver<World>

    public init(_ driver: TurnDriver<World>) { self.driver = driver }

    public func answers(
        to prompts: [(prompt: RolloutPrompt, key: UInt64)], samples: Int,
        onGroup: (Int, [EngineAnswer]) -> Void, shouldStop: () -> Bool
    ) throws -> [[EngineAnswer]] {
        let items = prompts.map { TurnDriver<World>.Item(id: $0.prompt.item, row: $0.prompt.row, key: $0.key) }
        var isStopped = false
        let groups = try withoutActuallyEscaping(shouldStop) { shouldStop in
            try driver.play(
                items, samples: samples,
                onGroup: { index, group in
                    precondition(
                        group.prompt.elementsEqual(prompts[index].prompt.ids.map { Int($0) }),
                        "\(prompts[index].prompt.source) begins in another way than when it was read")
                    if !isStopped { onGroup(index, group.episodes.map(EngineAnswer.init)) }
                },
                shouldStop: {
                    isStopped = isStopped || shouldStop()
                    return isStopped
                })
        }
        if isStopped { throw CancellationError() }
        return groups.map { $0.episodes.map(EngineAnswer.init) }
    }
}

extension EngineAnswer {
    /// A rollout of an environment.
    init(_ episode: Episode) {
        self.init(episode.completion, text: episode.rollout.fullText, stopReason: episode.rollout.stopReason)
        lastTurn = episode.rollout.lastTurn
        toolCalls = episode.rollout.toolCalls
        failure = episode.failure
        let rewards = episode.stepRewards.compactMap(\.self)
        recorded = [
            "reward": rewards.isEmpty ? .null : .number(rewards.reduce(0, +)), "turns": .integer(episode.turns),
            "messages": .array(episode.messages), "log": .array(episode.log.map(JSON.string)),
        ]
    }
}
