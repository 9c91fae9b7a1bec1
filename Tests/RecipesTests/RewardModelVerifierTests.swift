import Foundation
import LanguageModels
import OrderedCollections
import Recipes
import TensorCore
import TestSupport
import Testing
import TextCore
import Tokenization
import Verifiers

@Suite("Rewards of a reward model") struct RewardModelVerifierTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "reward-model-\(UUID().uuidString)")
    private let registry = Registry().verifiers

    private func make(_ options: KeyValuePairs<String, JSON> = [:], in name: String = "reward") throws -> AnyVerifier {
        let all = [("path", JSON.string(name))] + options.map { ($0.key, $0.value) }
        return try registry.make(
            "reward_model", options: .object(.init(uniqueKeysWithValues: all)),
            in: VerifierEnvironment(folder: folder))
    }

    private func value(_ verifier: AnyVerifier, _ rollout: Rollout) async throws -> Double {
        let results = await verifier.verify(
            [(rollout: rollout, verifier: try verifier.bound(to: .null))], in: VerificationContext())
        return try #require(try results[0].get().score?.value)
    }

    @Test("It is what the head says after the last token of prompt and answer, made as in training")
    func rewards() async throws {
        guard let stories = try SharedFolder.url("models/stories260K") else { return }
        let reward = folder.appending(path: "reward")
        defer { try? FileManager.default.removeItem(at: folder) }
        let model = try ModelLoader.load(folder: stories)
        model.attachRewardHead(seed: 3)
        try model.save(to: reward, copyingTokenizerFrom: stories)
        let tokenizer = try Tokenizer(folder: stories)
        let start = try #require(tokenizer.beginningOfSequenceID.flatMap { tokenizer.token(for: $0) })
        let stop = try #require(tokenizer.endOfSequenceID.flatMap { tokenizer.token(for: $0) })
        func expected(_ ids: [Int]) -> Double {
            let hidden = model.hiddenStates(PackedTokens([ids]))
            return Double(model.rewards(hidden: embedding(hidden, [ids.count - 1])).scalars[0])
        }
        let (prompt, answer) = ("Once upon a time", " there was a dog.")
        let plain = expected(tokenizer.encode(prompt + answer + stop))
        let verifier = try make()
        #expect(verifier.scope == .batch(8) && !verifier.traits.usesNetwork)
        #expect(try await value(verifier, Rollout(answer, prompt: prompt)) == plain)
        #expect(try await value(verifier, Rollout(answer, prompt: start + prompt)) == plain)
        #expect(try await value(verifier, Rollout("<think>Hm.</think>" + answer, prompt: prompt)) == plain)
        let other = try await value(verifier, Rollout(" there was a cat.", prompt: prompt))
        #expect(other != plain && other.isFinite)

        let messages: [JSON] = [["role": "user", "content": "Hello"]]
        let template = try ChatTemplate(source: #require(tokenizer.chatTemplate), name: "template")
        let rendered = try template.render(
            messages: messages + [["role": "assistant", "content": "Good day"]], tools: nil, addGenerationPrompt: false,
            variables: ["bos_token": .string(start), "eos_token": .string(stop), "pad_token": "", "unk_token": ""])
        let chat = expected(tokenizer.encode(rendered.text, addSpecialTokens: false))
        #expect(try await value(verifier, Rollout("Good day", messages: messages, prompt: "ignored")) == chat)

        let rollout = Rollout(answer, prompt: prompt)
        #expect(try await value(make(["mean": 2, "std": 0.5]), rollout) == (plain - 2) / 0.5)
        let clipped = try make(["mean": 100, "clip": 3])
        #expect(try await value(clipped, rollout) == -3 && clipped.range == -3...3)
        let squeezed = try make(["sigmoid": true])
        #expect(try await value(squeezed, rollout) == 1 / (1 + exp(-plain)) && squeezed.range == 0...1)

        let set = try RewardSet([RewardComponent(verifier)])
        let row = try set.bind(row: [:], item: "row")
        let texts = (0..<11).map { $0 % 2 == 0 ? answer : " there was a cat." }
        let scores = try await set.score([
            RewardGroup(texts.map { Rollout($0, item: "row", prompt: prompt) }, rewards: row)
        ])
        #expect(scores[0].map(\.total) == (0..<11).map { $0 % 2 == 0 ? plain : other }, "nothing depends on the batch")
    }

    @Test("A prompt that fills the context is the row's fault, and an answer that does not fit loses its end")
    func longTexts() async throws {
        guard let stories = try SharedFolder.url("models/stories260K") else { return }
        defer { try? FileManager.default.removeItem(at: folder) }
        let model = try ModelLoader.load(folder: stories)
        model.attachRewardHead(seed: 3)
        try model.save(to: folder.appending(path: "reward"), copyingTokenizerFrom: stories)
        let verifier = try make()
        let long = String(repeating: " there was a dog.", count: model.configuration.contextLength / 2)
        let cut = try await value(verifier, Rollout(long, prompt: "Once"))
        #expect(try await value(verifier, Rollout(long + " And a cat.", prompt: "Once")) == cut)
        let failure = await #expect(throws: VerifierFailure.self) {
            try await value(verifier, Rollout("a", prompt: long))
        }
        #expect(failure?.kind == .item)
    }

    @Test("What is no reward model is refused before a run")
    func refusals() throws {
        func failure(_ options: JSON) -> VerifierFailure? {
            #expect(throws: VerifierFailure.self) { try registry.make("reward_model", options: options) }
        }
        #expect(failure([:])?.option == "path")
        #expect(failure(["path": "/absent"])?.option == "path")
        #expect(failure(["path": "/absent", "std": 0])?.option == "std")
        #expect(failure(["path": "/absent", "clip": -1])?.option == "clip")
        guard let stories = try SharedFolder.url("models/stories260K") else { return }
        let language = failure(["path": .string(stories.path)])
        #expect(language?.kind == .configuration && language?.message.contains("is a language model") == true)
    }
}
