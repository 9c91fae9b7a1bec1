import Foundation
import LanguageModels
import TensorCore
import TestSupport
import Testing

/// Generation: what is drawn, when it stops, and that a batch is as each prompt alone.
@Suite struct ArchitectureGenerationTests {
    private func model(_ type: String = "llama") throws -> LanguageModel {
        try FamilyCase(family: #require(ModelRegistry.families.first { $0.modelType == type })).model()
    }

    @Test(arguments: FamilyCase.all)
    func greedyTokensAreTheMostLikelyOnesOfAFullForwardPass(_ family: FamilyCase) throws {
        let model = try family.model()
        var settings = GenerationSettings()
        settings.sampling = .greedy
        settings.maximumNewTokens = 12
        let prompt = someTokens(6)
        let completion = try #require(Generator(model, settings).completions(of: [prompt]).first)
        #expect(completion.stopReason == .length && completion.ids.count == 12)
        let all = prompt + completion.ids
        let logits = model.logits(hidden: model.hiddenStates(PackedTokens([all])))
        let logs = logits.logSoftmax().scalars
        for (index, id) in completion.ids.enumerated() {
            let row = logs[(prompt.count + index - 1) * 53..<(prompt.count + index) * 53]
            let best = try #require(row.max())
            #expect(row[row.startIndex + id] >= best - 1e-5)
            #expect(abs(completion.logProbabilities[index] - row[row.startIndex + id]) < 1e-4)
        }
    }

    @Test func samplesDependOnSeedSequenceAndPositionAlone() throws {
        let model = try model()
        let prompts = (0..<7).map { someTokens(3 + $0, seed: UInt64($0)) }
        func run(batch: Int, numbers: [Int]? = nil, seed: UInt64 = 4, prompts: [[Int]]) throws -> [Completion] {
            var settings = GenerationSettings()
            settings.sampling.topP = 0.9
            settings.maximumNewTokens = 15
            settings.stopTokens = [2, 11]
            settings.seed = seed
            settings.batchLimit = batch
            return try Generator(model, settings).completions(of: prompts, numbers: numbers)
        }
        let alone = try run(batch: 1, prompts: prompts)
        let together = try run(batch: 7, prompts: prompts)
        let some = try run(batch: 3, prompts: prompts)
        #expect(alone.map(\.ids) == together.map(\.ids) && alone.map(\.ids) == some.map(\.ids))
        #expect(
            Set(alone.map(\.stopReason)) == [.stopToken, .length], "the test wants rows that end at different times")
        #expect(try run(batch: 2, numbers: [5], prompts: [prompts[5]]).map(\.ids) == [alone[5].ids])
        #expect(try run(batch: 7, seed: 5, prompts: prompts).map(\.ids) != alone.map(\.ids))
        let twice = try run(batch: 2, prompts: [prompts[0], prompts[0]])
        #expect(twice[0].ids != twice[1].ids)
    }

    @Test func drawnTokensFollowTheDistributionAndReportIt() throws {
        let model = try model()
        let prompt = someTokens(5)
        let logits = model.logits(hidden: model.hiddenStates(PackedTokens([prompt]))).slice(4..<5).scalars
        var settings = GenerationSettings()
        settings.maximumNewTokens = 1
        settings.sampling.temperature = 1.3
        settings.sampling.topK = 9
        settings.sampling.topP = 0.8
        settings.sampling.minP = 0.05
        // The same distribution, step by step.
        let order = logits.indices.sorted { logits[$0] > logits[$1] }.prefix(9)
        var weights = order.map { exp(Double(logits[$0]) / 1.3) }
        var total = weights.reduce(0, +)
        var mass = 0.0
        weights = weights.map { weight in
            defer { mass += weight }
            return mass < 0.8 * total && weight >= 0.05 * (weights.first ?? 0) ? weight : 0
        }
        total = weights.reduce(0, +)
        let draws = 4000
        let completions = try Generator(model, settings).completions(of: Array(repeating: prompt, count: draws))
        var counts: [Int: Int] = [:]
        for completion in completions {
            let id = completion.ids[0]
            counts[id, default: 0] += 1
            let place = try #require(order.firstIndex(of: id), "token \(id) was cut off")
            #expect(abs(Double(completion.logProbabilities[0]) - log(weights[place] / total)) < 1e-4)
        }
        for (place, id) in order.enumerated() {
            let p = weights[place] / total
            // Five standard deviations of a binomial count.
            #expect(abs(Double(counts[id] ?? 0) - p * Double(draws)) <= 5 * (p * (1 - p) * Double(draws)).squareRoot())
        }
    }

    @Test func aRepetitionPenaltyAvoidsWhatWasSaid() throws {
        let model = try model()
        var settings = GenerationSettings()
        settings.sampling = .greedy
        settings.maximumNewTokens = 20
        settings.sampling.repetitionPenalty = 1e6
        let prompt = someTokens(4)
        let ids = try Generator(model, settings).completions(of: [prompt])[0].ids
        #expect(Set(ids).count == ids.count && Set(ids).isDisjoint(with: prompt))
    }

    @Test func everyReasonToStopIsReported() throws {
        let model = try model()
        let prompt = someTokens(4)
        var settings = GenerationSettings()
        settings.sampling = .greedy
        settings.maximumNewTokens = 10
        func run(_ prompt: [Int]) throws -> Completion { try Generator(model, settings).completions(of: [prompt])[0] }
        let plain = try run(prompt)
        #expect(plain.stopReason == .length && plain.ids.count == 10)
        let stop = plain.ids[3]
        let first = try #require(plain.ids.firstIndex(of: stop))
        settings.stopTokens = [stop]
        #expect(try run(prompt).ids == Array(plain.ids[...first]))
        #expect(try run(prompt).stopReason == .stopToken)
        settings.stopTokens = []
        settings.decode = { $0.map { "<\($0)>" }.joined() }
        settings.stopStrings = ["nothing", "<\(plain.ids[1])><\(plain.ids[2])>"]
        #expect(try run(prompt).stopReason == .stopString)
        #expect(try run(prompt).ids == Array(plain.ids[...2]))
        settings.stopStrings = []
        settings.maximumNewTokens = 100
        let full = try run(someTokens(60))
        #expect(full.stopReason == .contextLimit && full.ids.count == 4)
        var asked = 0
        let partial = try Generator(model, settings).completions(
            of: [prompt],
            shouldStop: {
                asked += 1
                return asked > 3
            })
        #expect(partial[0].ids.count == 3)
    }

    @Test func aPromptThatCannotBeIsExplained() throws {
        let generator = try Generator(model(), GenerationSettings())
        func problem(_ prompt: [Int]) -> String { message { _ = try generator.completions(of: [[1], prompt]) } }
        #expect(problem([]) == "prompt 2: is empty; begin with the start token or some text")
        #expect(
            problem([3, 53])
                == "prompt 2: token id 53 at position 1 is outside the model's vocabulary of 53 tokens; is this the "
                + "model's own tokenizer?")
        #expect(problem([-1]).contains("token id -1 at position 0"))
        #expect(
            problem(someTokens(65)) == "prompt 2: 65 tokens are more than the model's context of 64; shorten the text")
        #expect(problem(someTokens(64)).contains("no room is left for a completion"))
    }

    @Test func settingsOutOfRangeAreExplained() throws {
        let model = try model()
        func problem(_ change: (inout GenerationSettings) -> Void) -> String {
            var settings = GenerationSettings()
            change(&settings)
            return message { _ = try Generator(model, settings) }
        }
        #expect(problem { $0.sampling.temperature = -1 } == "temperature -1.0 is below 0")
        #expect(problem { $0.sampling.topK = 0 } == "top_k 0 is below 1; leave it out to keep all tokens")
        #expect(problem { $0.sampling.topP = 0 } == "top_p 0.0 is not above 0 and at most 1")
        #expect(problem { $0.sampling.minP = 2 } == "min_p 2.0 is not from 0 to 1")
        #expect(problem { $0.sampling.repetitionPenalty = 0 } == "repetition_penalty 0.0 is not above 0")
        #expect(problem { $0.stopStrings = ["a"] } == "stop strings need the text of the tokens; give `decode`")
    }

    @Test func aPromptsCacheServesAllItsCompletions() throws {
        let model = try model("gemma3_text")
        let prompt = someTokens(11)
        var caches = [KVCache(model.configuration)]
        _ = model.hiddenStates(appending: [prompt], to: &caches)
        let shared = caches[0]
        for next in [3, 4] {
            var own = [shared]
            let hidden = model.hiddenStates(appending: [[next]], to: &own)
            let whole = model.hiddenStates(PackedTokens([prompt + [next]]))
            #expect(distance(hidden, whole.slice(11..<12)) < 1e-5)
        }
        #expect(shared.count == 11)
    }

    @Test func theStoriesModelWritesAWholeStory() throws {
        guard let folder = try SharedFolder.url("models/stories260K") else { return }
        let model = try ModelLoader.load(folder: folder)
        var settings = GenerationSettings()
        settings.sampling = .greedy
        settings.maximumNewTokens = 256
        settings.stopTokens = Set(model.files.endTokens)
        let completion = try Generator(model, settings).completions(of: [[1]])[0]
        #expect(completion.ids.count == 256 && completion.stopReason == .length)
        // A greedy continuation of a model that works is likely throughout.
        let mean = completion.logProbabilities.reduce(0, +) / 256
        #expect(mean > -1)
        print("stories260K:", completion.ids)
    }
}
