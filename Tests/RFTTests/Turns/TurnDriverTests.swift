import Foundation
import LanguageModels
import RFT
import TestSupport
import Testing
import TextCore
import Tokenization
import Training
import Verifiers

/// Rollouts of several turns, from a model with random weights.
@Suite struct TurnDriverTests {
    /// Says how many turns there were, and ends a rollout after as many as the row says.
    private struct Counting: Environment {
        struct State: Sendable {
            var turns = 0
            let limit: Int
        }
        var drawsMessages = false

        func reset(
            _ row: JSON, random: inout VerifierRandom
        ) throws(VerifierFailure) -> (state: State, messages: [JSON]) {
            guard let limit = row["limit"]?.int else { throw VerifierFailure(.item, "no limit") }
            let text = drawsMessages ? "Count \(random.next() % 1000)." : "Count."
            return (State(limit: limit), [["role": "user", "content": .string(text)]])
        }

        func step(
            _ state: inout State, after turn: Turn, random: inout VerifierRandom
        ) throws(VerifierFailure) -> EnvironmentStep {
            guard turn.index == state.turns, turn.messages.count == 1 + 2 * state.turns else {
                throw VerifierFailure(.invalidValue, "turn \(turn.index) with \(turn.messages.count) messages")
            }
            if state.limit < 0 { throw VerifierFailure(.infrastructure, "the world ended") }
            state.turns += 1
            let isOver = state.turns >= state.limit
            return EnvironmentStep(
                messages: isOver ? [] : [["role": "tool", "content": .string("turn \(state.turns)")]],
                end: isOver ? .toolStopped : nil, reward: Double(state.turns), log: ["\(random.next() % 100)"])
        }
    }

    private struct Setting {
        let encoder: ExampleEncoder
        let generator: Generator

        /// A third of all tokens ends a turn, the template's own stop token among them.
        init?(rows: Int) throws {
            guard let folder = try SharedFolder.url("peers/tokenizer") else { return nil }
            let tokenizer = try Tokenizer(folder: folder)
            let model = try ModelInitializer.model(
                configuration: [
                    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32,
                    "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2,
                    "num_hidden_layers": 2, "vocab_size": .integer(tokenizer.vocabularySize), "hidden_act": "silu",
                    "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
                    "tie_word_embeddings": true, "initializer_range": 0.2,
                ], seed: 3)
            let stop = try #require(tokenizer.id(for: "<|im_end|>"))
            let stops = Set(stride(from: 2, to: tokenizer.vocabularySize, by: 3)).union([stop])
            encoder = ExampleEncoder(
                tokenizer: tokenizer,
                template: try ChatTemplate(source: #require(tokenizer.chatTemplate)), trainOn: .assistant,
                stopIDs: stops)
            var settings = GenerationSettings()
            settings.stopTokens = stops
            settings.maximumNewTokens = 60
            settings.batchLimit = rows
            settings.seed = 5
            generator = try Generator(model, settings)
        }
    }

    private let items = [3, 1, 6].map { limit in
        TurnDriver<Counting>.Item(id: "row \(limit)", row: ["limit": .integer(limit)], key: UInt64(limit))
    }

    @Test func turnsGoOnBehindTheModelsOwnTokens() throws {
        guard let setting = try Setting(rows: 5) else { return }
        let driver = try TurnDriver(
            Counting(), generator: setting.generator, encoder: setting.encoder, turnLimit: 4)
        let groups = try driver.play(items, samples: 4)
        let tokenizer = setting.encoder.tokenizer
        for (group, limit) in zip(groups, [3, 1, 6]) {
            #expect(group.episodes.map(\.rollout.sample) == [0, 1, 2, 3])
            for episode in group.episodes {
                let (rollout, completion) = (episode.rollout, episode.completion)
                #expect(rollout.item == "row \(limit)" && rollout.tokens == completion.ids.map { Int32($0) })
                #expect(rollout.tokenCount == completion.sampledCount && episode.failure == nil)
                #expect(rollout.prompt == tokenizer.decode(group.prompt, skipSpecialTokens: false))
                guard rollout.stopReason != .length else { continue }
                #expect(rollout.stopReason == (limit <= 4 ? .toolStopped : .maxTurns))
                #expect(episode.turns == min(limit, 4))
                #expect(
                    episode.stepRewards == (1...min(limit, 4)).map { Double($0) } && episode.log.count == episode.turns)
                // What was appended, stretch by stretch.
                var given: [[Int]] = []
                for (index, isSampled) in completion.isSampled.enumerated() where !isSampled {
                    if completion.isSampled[index - 1] { given.append([]) }
                    given[given.count - 1].append(completion.ids[index])
                }
                #expect(given.count == episode.turns - 1)
                for (turn, ids) in given.enumerated() {
                    let text = tokenizer.decode(ids, skipSpecialTokens: false)
                    #expect(text.hasSuffix("\n<|im_start|>tool\nturn \(turn + 1)<|im_end|>\n<|im_start|>assistant\n"))
                }
                let sample = PolicySample(completion, advantage: 1)
                #expect(sample.isTrained == completion.isSampled && !sample.isTruncated)
            }
        }
        #expect(groups.joined(by: \.episodes).count { $0.rollout.stopReason != .length } >= 9)
    }

    @Test func stepsGetWhatTheDriverPlayed() throws {
        guard let setting = try Setting(rows: 5) else { return }
        let driver = try TurnDriver(
            Counting(), generator: setting.generator, encoder: setting.encoder, turnLimit: 4)
        let rows = items + [TurnDriver<Counting>.Item(id: "broken", row: ["limit": -1], key: 1)]
        let groups = try driver.play(rows, samples: 2)
        let rewards = try RewardSet([RewardComponent(VerifierRegistry.builtin.make("recorded"))])
        let prompts = try zip(rows, groups).map { item, group in
            (
                prompt: RolloutPrompt(
                    source: item.id, item: item.id, ids: group.prompt.map { Int32($0) }, text: "", messages: [],
                    row: item.row, rewards: try rewards.bind(row: item.row, completion: nil, item: item.id)),
                key: item.key
            )
        }
        var seen: [Int: [EngineAnswer]] = [:]
        let answers = try TurnEngine(driver).answers(
            to: prompts, samples: 2, onGroup: { seen[$0] = $1 }, shouldStop: { false })
        #expect(seen.keys.sorted() == [0, 1, 2, 3])
        for (index, group) in groups.enumerated() {
            for (answer, episode) in zip(answers[index], group.episodes) {
                #expect(answer.ids == episode.rollout.tokens && answer.isSampled == episode.completion.isSampled)
                #expect(answer.failure == episode.failure && answer.text == episode.rollout.fullText)
                #expect((answer.lastTurn == nil) == (episode.turns == 1))
                let sum = episode.stepRewards.compactMap(\.self).reduce(0, +)
                #expect(episode.failure != nil || answer.recorded?["reward"]?.double == sum)
                #expect(answer.recorded?["messages"]?.array?.count == 2 * episode.turns - 1)
                #expect(episode.rollout.answerText == (answer.lastTurn ?? answer.text))
            }
            #expect(seen[index]?.map(\.ids) == answers[index].map(\.ids))
        }
        #expect(throws: CancellationError.self) {
            try TurnEngine(driver).answers(to: prompts, samples: 2, onGroup: { _, _ in }, shouldStop: { true })
        }
    }

    @Test func theRowBudgetChangesNoRollout() throws {
        guard let one = try Setting(rows: 1), let many = try Setting(rows: 64) else { return }
        let plays = try [one, many].map { setting in
            try TurnDriver(Counting(), generator: setting.generator, encoder: setting.encoder).play(items, samples: 3)
        }
        let all = plays.map { groups in groups.joined(by: \.episodes) }
        #expect(all[0].map(\.rollout) == all[1].map(\.rollout))
        #expect(all[0].map(\.completion) == all[1].map(\.completion))
        #expect(all[0].map(\.log) == all[1].map(\.log))
        #expect(Set(all[0].map(\.rollout.tokens)).count == 9)
    }

    @Test func failuresOfTheWorldAreNoScores() throws {
        guard let setting = try Setting(rows: 8) else { return }
        let driver = try TurnDriver(Counting(), generator: setting.generator, encoder: setting.encoder)
        let broken = TurnDriver<Counting>.Item(id: "broken", row: ["limit": -1], key: 1)
        let episode = try driver.play([broken], samples: 1)[0].episodes[0]
        #expect(episode.failure == VerifierFailure(.infrastructure, "the world ended"))
        #expect(throws: VerifierFailure(.item, "no limit")) {
            try driver.play([TurnDriver<Counting>.Item(id: "none", row: [:], key: 1)], samples: 1)
        }
        // All rollouts of a row begin alike, also where the beginning is drawn.
        let drawing = try TurnDriver(
            Counting(drawsMessages: true), generator: setting.generator, encoder: setting.encoder)
        let groups = try drawing.play(items, samples: 2)
        #expect(groups.allSatisfy { $0.episodes[0].rollout.messages == $0.episodes[1].rollout.messages })
        #expect(Set(groups.map { $0.episodes[0].rollout.messages }).count == 3)
    }
}

extension Array {
    fileprivate func joined<Element2>(by list: (Element) -> [Element2]) -> [Element2] { flatMap(list) }
}
