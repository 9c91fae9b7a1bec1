import Foundation
import LanguageModels
import TensorCore
import Testing

/// Groups of completions: what they share, and that nothing but their own key decides what they are.
@Suite struct GenerationGroupTests {
    private func model(_ type: String = "llama") throws -> LanguageModel {
        try FamilyCase(family: #require(ModelRegistry.families.first { $0.modelType == type })).model()
    }

    /// Prompts of several lengths, one alone and the others in groups.
    private let requests = [(4, 3), (17, 5), (9, 1), (1, 6)].enumerated().map { index, size in
        GenerationRequest(
            prompt: someTokens(size.0, seed: UInt64(index)), samples: size.1, key: UInt64(100 + index * index))
    }

    private func settings(_ change: (inout GenerationSettings) -> Void = { _ in }) -> GenerationSettings {
        var settings = GenerationSettings()
        settings.maximumNewTokens = 12
        settings.stopTokens = [2, 11, 23]
        settings.seed = 8
        change(&settings)
        return settings
    }

    /// Everything of some completions, numbers as bits.
    private func bits(_ groups: [[Completion]]) -> [[String]] {
        groups.map { group in
            group.map { completion in
                let numbers = completion.logProbabilities + completion.entropies + completion.logRetainedMass
                return "\(completion.ids) \(numbers.map(\.bitPattern)) \(completion.stopReason)"
            }
        }
    }

    @Test(arguments: FamilyCase.all, [1, 0.8])
    func rowBudgetAndThreadsChangeNothing(_ family: FamilyCase, topP: Double) throws {
        let model = try family.model()
        defer { Parallel.setThreads(0) }
        var seen: [[[String]]] = []
        for (budget, threads) in [(64, 1), (1, 2), (3, 4), (64, 2), (64, 4)] {
            Parallel.setThreads(threads)
            let settings = settings {
                $0.batchLimit = budget
                $0.sampling.topP = topP
                $0.promptTokenLimit = budget * 7
            }
            let groups = try Generator(model, settings).completions(of: requests)
            #expect(groups.map(\.count) == requests.map(\.samples))
            seen.append(bits(groups))
        }
        #expect(seen.allSatisfy { $0 == seen[0] })
        #expect(Set(seen[0].joined()).count == 15, "all completions differ")
    }

    @Test func aCompletionDependsOnItsKeyAndNumberAlone() throws {
        let model = try model()
        let generator = try Generator(model, settings())
        let all = bits(try generator.completions(of: requests))
        // Fewer of the group, and none of the other requests.
        var few = requests[1]
        few.samples = 2
        #expect(bits(try generator.completions(of: [few])) == [Array(all[1][..<2])])
        let turned = bits(try generator.completions(of: requests.reversed()))
        #expect(turned == all.reversed())
        few.key += 1
        #expect(bits(try generator.completions(of: [few])) != [Array(all[1][..<2])])
        let other = try Generator(model, settings { $0.seed = 9 })
        #expect(bits(try other.completions(of: requests))[1] != all[1])
    }

    @Test func everyCompletionIsReportedOnce() throws {
        var reported: [String: Completion] = [:]
        var tokens: [String: [Int]] = [:]
        let groups = try Generator(model(), settings { $0.batchLimit = 4 }).completions(
            of: requests, onToken: { tokens["\($0) \($1)", default: []].append($2) },
            onCompletion: { request, sample, completion in
                #expect(reported.updateValue(completion, forKey: "\(request) \(sample)") == nil)
            })
        for (request, group) in groups.enumerated() {
            for (sample, completion) in group.enumerated() {
                #expect(reported["\(request) \(sample)"] == completion)
                #expect(tokens["\(request) \(sample)"] == completion.ids)
                #expect(completion.isSampled == completion.ids.map { _ in true })
                #expect(completion.logRetainedMass.isEmpty)
            }
        }
        #expect(reported.count == 15)
    }

    /// What the training side says of the tokens that were drawn.
    private func statistics(
        _ model: LanguageModel, _ prompt: [Int], _ completion: Completion, temperature: Float
    ) -> (logs: [Float], entropies: [Float]) {
        let ids = prompt + completion.ids
        let hidden = model.hiddenStates(PackedTokens([ids])).slice(prompt.count - 1..<ids.count - 1)
        var transform = model.logitTransform
        transform.scale /= temperature
        let scores = labelLogProbabilities(
            hidden, model.outputEmbedding.value, labels: completion.ids.map { Int32($0) }, transform: transform)
        return (scores.logProbability.scalars, scores.entropy.scalars)
    }

    @Test(arguments: ["llama", "qwen3"], [1, 0.7])
    func reportedNumbersAreThoseOfTraining(_ type: String, temperature: Double) throws {
        let model = try model(type)
        let plain = settings { $0.sampling.temperature = temperature }
        let cut = settings {
            $0.sampling.temperature = temperature
            $0.sampling.topP = 0.7
            $0.sampling.topK = 20
        }
        for settings in [plain, cut] {
            let groups = try Generator(model, settings).completions(of: requests)
            for (request, group) in zip(requests, groups) {
                for completion in group {
                    let (logs, entropies) = statistics(
                        model, request.prompt, completion, temperature: Float(temperature))
                    for index in completion.ids.indices {
                        let retained = completion.logRetainedMass.isEmpty ? 0 : completion.logRetainedMass[index]
                        #expect(abs(completion.logProbabilities[index] + retained - logs[index]) < 1e-5)
                        #expect(abs(completion.entropies[index] - entropies[index]) < 1e-5)
                        #expect(retained <= 0 && retained > -1.5)
                    }
                }
            }
        }
        let masses = try Generator(model, cut).completions(of: requests).joined().flatMap(\.logRetainedMass)
        #expect(masses.contains { $0 < -0.05 }, "the test wants cuts that take something away")
    }

    @Test(arguments: ["llama", "gemma3_text"])
    func aTurnOfAToolIsAppendedAndTheModelGoesOn(_ type: String) throws {
        let model = try model(type)
        let answer = someTokens(7, seed: 50)
        let settings = settings {
            $0.maximumNewTokens = 30
            $0.batchLimit = 5
            $0.stopTokens = Set(0..<12)
        }
        var turns: [String: Int] = [:]
        func complete(_ requests: [GenerationRequest]) throws -> [[Completion]] {
            turns = [:]
            return try Generator(model, settings).completions(
                of: requests,
                continuing: { request, sample, completion in
                    #expect(
                        completion.stopReason == .stopToken && settings.stopTokens.contains(completion.ids.last ?? -1))
                    turns["\(request) \(sample)", default: 0] += 1
                    return turns["\(request) \(sample)"] == 3 ? nil : answer
                })
        }
        let groups = try complete(requests)
        var continued = 0
        for (request, group) in zip(requests, groups) {
            for completion in group {
                let given = completion.isSampled.indices.filter { !completion.isSampled[$0] }
                #expect(given.count % 7 == 0)
                continued += given.count / 7
                #expect(given.map { completion.ids[$0] } == (0..<given.count / 7).flatMap { _ in answer })
                #expect(completion.sampledCount <= 30)
                let (logs, _) = statistics(model, request.prompt, completion, temperature: 1)
                for index in completion.ids.indices {
                    let expected = completion.isSampled[index] ? logs[index] : 0
                    #expect(abs(completion.logProbabilities[index] - expected) < 1e-5)
                }
            }
        }
        #expect(continued > 10, "the test wants turns that go on")
        #expect(bits(try complete([requests[1]])) == [bits(groups)[1]])
    }

    @Test func aTurnForWhichThereIsNoRoomEndsTheCompletion() throws {
        let model = try model()
        let settings = settings {
            $0.maximumNewTokens = 1000
            $0.stopTokens = Set(0..<53)
            $0.maximumTurnTokens = 4
        }
        let completion = try Generator(model, settings).completions(
            of: [requests[0]], continuing: { _, _, _ in someTokens(40) })[0][0]
        // 4 + 1 + 40 tokens, and one more; another 40 do not fit into 64.
        #expect(completion.stopReason == .contextLimit && completion.ids.count == 42)
        var turn = settings
        turn.stopTokens = []
        let limited = try Generator(model, turn).completions(of: [requests[0]])[0][0]
        #expect(limited.stopReason == .length && limited.ids.count == 4)
    }

    @Test func limitsOfTimeAndRepetitionAreReported() throws {
        let model = try model()
        let late = try Generator(model, settings { $0.deadline = .now }).completions(of: requests)
        #expect(late.joined().allSatisfy { $0.stopReason == .deadline && $0.ids.isEmpty })
        var asked = 0
        let stopped = try Generator(model, settings { $0.stopTokens = [] }).completions(
            of: requests,
            shouldStop: {
                asked += 1
                return asked > 4
            })
        #expect(stopped.joined().allSatisfy { $0.stopReason == .cancelled && $0.ids.count < 12 })
        // A cut that leaves the most likely token of a model that has settled on a cycle.
        let greedy = settings {
            $0.sampling = .greedy
            $0.stopTokens = []
            $0.maximumNewTokens = 1000
            $0.repetitionLimit = RepetitionLimit(longestPeriod: 8, times: 3, leastTokens: 6)
        }
        let repeating = try Generator(model, greedy).completions(of: requests).joined()
        for completion in repeating where completion.stopReason == .repetition {
            let ids = completion.ids
            #expect((1...8).contains { p in ids.suffix(2 * p).elementsEqual(ids.dropLast(p).suffix(2 * p)) })
        }
        #expect(repeating.contains { $0.stopReason == .repetition })
        #expect(
            message { _ = try Generator(model, settings { $0.repetitionLimit = RepetitionLimit(times: 1) }) }
                == "a repetition limit has a period of 1 or more, and 2 or more times and tokens")
    }

    @Test func aStopStringIsFoundAcrossTokensWithoutReadingTheWholeTextAgain() throws {
        let model = try model()
        var settings = settings { $0.sampling = .greedy }
        settings.stopTokens = []
        settings.maximumNewTokens = 40
        let plain = try Generator(model, settings).completions(of: [requests[0]])[0][0]
        // Tokens of two letters, the first of a text in capitals; every third is half a scalar.
        var longest = 0
        func text(_ ids: [Int]) -> String {
            longest = max(longest, ids.count)
            var bytes: [UInt8] = []
            for (place, id) in ids.enumerated() {
                let letters = id % 3 == 0 ? [0xC3] : [UInt8(97 + id % 26), UInt8(97 + id / 26)]
                bytes += place == 0 ? letters.map { $0 < 128 ? $0 - 32 : $0 } : letters
            }
            return String(decoding: bytes, as: UTF8.self)
        }
        let whole = text(plain.ids)
        let start = try #require(
            plain.ids.indices.dropFirst(8).dropLast(4).first { index in
                plain.ids[index..<index + 3].allSatisfy { $0 % 3 != 0 }
            })
        let stop = String(text([0] + plain.ids[start..<start + 3]).unicodeScalars.dropFirst().dropFirst().dropLast())
        #expect(stop.count == 4)
        longest = 0
        settings.decode = text
        settings.stopStrings = ["never", stop]
        let stopped = try Generator(model, settings).completions(of: [requests[0]])[0][0]
        #expect(stopped.stopReason == .stopString && whole.contains(stop))
        let first = plain.ids.indices.first { text(Array(plain.ids[...$0])).contains(stop) }
        #expect(stopped.ids == Array(plain.ids[...(first ?? 0)]))
        longest = 0
        settings.stopStrings = ["never"]
        _ = try Generator(model, settings).completions(of: [requests[0]])
        #expect(longest <= 10, "the text of \(longest) tokens was asked for at once")
    }

    @Test func aRequestWithoutCompletionsIsRefused() throws {
        let generator = try Generator(model(), settings())
        let problem = message {
            _ = try generator.completions(of: [GenerationRequest(prompt: [1], samples: 0)])
        }
        #expect(problem == "prompt 1: 0 completions; ask for at least 1")
    }
}
