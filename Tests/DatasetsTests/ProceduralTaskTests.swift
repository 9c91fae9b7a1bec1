import Datasets
import OrderedCollections
import Testing
import TextCore
import Verifiers

/// Claims that hold for every task of the registry: registering one is having it tested.
@Suite struct ProceduralTaskTests {
    static let tasks = TaskRegistry.builtin.names

    private func task(_ name: String) throws -> AnyProceduralTask { try #require(TaskRegistry.builtin[name]) }

    private func verdict(_ answer: String, on item: TaskItem) throws -> Score {
        var configuration = ProceduralVerifier.Configuration()
        configuration.task = item.task
        let reference = try #require(ProceduralVerifier.Reference(json: item.state))
        let verifier = try ProceduralVerifier(configuration)
        try verifier.check(reference)
        return try #require(verifier.verify(Rollout(answer), against: reference).score)
    }

    @Test(arguments: tasks) func aGoldAnswerPassesAndAnotherQuestionsDoesNotAsARule(name: String) throws {
        let task = try task(name)
        for level in 1...task.levels.count {
            let items = task.sample(count: 200, level: level, seed: 5).items
            for item in items { #expect(try verdict(item.answer, on: item) == .right(item.answer)) }
            // A task whose answers fit other questions would not tell right from wrong.
            let shifted = try zip(items, items.dropFirst()).count { try verdict($1.answer, on: $0).value == 1 }
            #expect(shifted < items.count * 6 / 10, "\(shifted) of \(items.count) answers fit the question before")
        }
    }

    @Test(arguments: tasks) func theProbesHaveTheVerdictsTheyNameAndNothingIsInBetween(name: String) throws {
        let task = try task(name)
        var configuration = ProceduralVerifier.Configuration()
        configuration.task = name
        let verifier = try ProceduralVerifier(configuration)
        for level in 1...task.levels.count {
            for item in task.sample(count: 60, level: level, split: .validation, seed: 8).items {
                let reference = try #require(ProceduralVerifier.Reference(json: item.state))
                let probes = verifier.probes(for: reference)
                #expect(probes.count { $0.passes } == 2 && probes.count >= 8)
                for probe in probes {
                    let score = try verdict(probe.answer, on: item)
                    #expect(score.value == (probe.passes ? 1 : 0), "\(probe.name): \(probe.answer)")
                    #expect(score.passed == probe.passes)
                }
            }
        }
    }

    /// A question is a function of (task, level, split, seed, number), hashed: neighbouring seeds are not the same
    /// questions moved by one.
    @Test(arguments: tasks) func aSeedIsNotAnotherSeedMovedByOne(name: String) throws {
        let task = try task(name)
        let level = task.levels.count
        let first = (0..<100).map { task.item(level: level, seed: 1, index: $0) }
        #expect(first == (0..<100).map { task.item(level: level, seed: 1, index: $0) })
        for offset in -3...3 {
            for seed in [UInt64(2), 3] {
                let second = (10..<60).map { task.item(level: level, seed: seed, index: $0 + offset) }
                let same = zip(first[10..<60], second).count { $0.prompt == $1.prompt }
                #expect(same < 5, "seed \(seed) moved by \(offset): \(same) of 50")
            }
        }
        #expect(first.map(\.prompt) != (0..<100).map { task.item(level: 1, seed: 1, index: $0).prompt })
    }

    @Test(arguments: tasks) func noQuestionIsOnBothSidesWhateverTheSeed(name: String) throws {
        let task = try task(name)
        for level in 1...task.levels.count {
            let count = level == task.levels.count ? 10_000 : 2000
            let train = task.sample(count: count, level: level, split: .train, seed: 1)
            let validation = task.sample(count: count, level: level, split: .validation, seed: 2)
            for sample in [train, validation] {
                #expect(Set(sample.items.map(\.prompt)).count == sample.items.count)
                #expect(sample.isExhausted == (sample.items.count < count))
            }
            #expect(Set(train.items.map(\.prompt)).isDisjoint(with: validation.items.map(\.prompt)))
            #expect(validation.items.count >= 4, "level \(level) has hardly anything to be judged on")
            #expect(Array(train.items.prefix(50)) == task.sample(count: 50, level: level, seed: 1).items)
        }
    }

    /// Rows made before must not change unawares: one changed draw changes this number, and all data with it.
    @Test func theQuestionsAreTheseOnes() {
        var hash = SHA256()
        for task in TaskRegistry.builtin.tasks {
            for level in 1...task.levels.count {
                for item in task.sample(count: 50, level: level, split: .validation, seed: 42).items {
                    hash.update(item.row(.sft).text() + "\n")
                }
            }
        }
        #expect(hash.finalized().hexadecimal == "9484f66eb5e017f3c4e40380775d1b5e2f798387f9d22295d2de8c70b7db1025")
    }

    @Test(arguments: tasks) func aStateThatIsNoneIsARowsFaultAndNeverAScore(name: String) throws {
        var configuration = ProceduralVerifier.Configuration()
        configuration.task = name
        let verifier = try ProceduralVerifier(configuration)
        let item = try task(name).item(level: 1, seed: 3, index: 0)
        let members = try #require(item.state.object)
        var damaged: [JSON] = [[:], ["text": .null], ["numbers": []]]
        for key in members.keys {
            for value: JSON in [
                .null, [], "\u{1F600}", .integer(.max), .integer(.min), .number(1e300), .number(0.5), "",
            ] {
                var changed = members
                changed[key] = value
                damaged.append(.object(changed))
            }
        }
        for state in damaged {
            let reference = try #require(ProceduralVerifier.Reference(json: state))
            do {
                try verifier.check(reference)
            } catch {
                #expect(error.kind == .item, "\(error)")
                continue
            }
            // What is sound although it was changed has an answer, and that is right.
            let gold = try #require(verifier.probes(for: reference).first)
            #expect(try verifier.verify(Rollout(gold.answer), against: reference).score?.value == 1)
        }
        #expect(ProceduralVerifier.Reference(json: "text") == nil)
    }

    @Test(arguments: tasks) func aBooleanOfTheTextIsNotTheVerdict(name: String) throws {
        let item = try task(name).item(level: 1, seed: 4, index: 1)
        for junk in [
            "x", "True", "False", "0x1p3", "nan", "inf", "[]", "{}", "null", "()", String(repeating: "(", count: 9999),
        ]
        where junk != item.answer {
            #expect(try verdict(junk, on: item).value == 0, "\(junk)")
        }
    }

    @Test func theVerifierNamesTheTaskThatIsMeant() throws {
        var configuration = ProceduralVerifier.Configuration()
        configuration.task = "reverse_txt"
        let failure = #expect(throws: VerifierFailure.self) { try ProceduralVerifier(configuration) }
        #expect(
            failure?.description
                == "verifier, option 'task': there is no task 'reverse_txt'. Did you mean 'reverse_text'?")
        #expect(throws: VerifierFailure.self) { try ProceduralVerifier(.init()) }
    }

    @Test func reasoningIsLeftOutAndReasoningThatNeverEndsIsWrong() throws {
        let item = try task("chain_sum").item(level: 2, seed: 1, index: 0)
        #expect(try verdict("<think>no idea, 7?</think>\n" + item.answer, on: item).value == 1)
        #expect(try verdict("<think>" + item.answer, on: item).value == 0)
    }
}

extension Score {
    fileprivate static func right(_ answer: String) -> Score { Score(1, passed: true, extracted: answer) }
}
