import Evaluation
import Foundation
import OrderedCollections
import ShardIO
import Statistics
import Testing
import TextCore
import Training

/// Two results side by side, what a run folder keeps of them, and what baselines are told.
@Suite struct ComparisonTests {
    /// A result as a file would hold it.
    private func result(_ passed: [Bool], name: String = "test", from first: Int = 0) throws -> SuiteResult {
        let share = Double(passed.count { $0 }) / Double(max(1, passed.count))
        return try SuiteResult(json: [
            "suite": .string(name), "kind": "answers", "count": .integer(passed.count), "accuracy": .number(share),
            "answers": .array(
                passed.enumerated().map { index, passed in
                    [
                        "id": .string("row \(index + first)"), "source": .string("t:\(index + first)"),
                        "expected": "yes",
                        "answer": .string(passed ? "yes" : "no"), "score": .number(passed ? 1 : 0),
                        "passed": .bool(passed),
                        "stopped": true,
                    ]
                }),
        ])
    }

    @Test func `paired outcomes are counted, and judged by McNemar and the bootstrap`() throws {
        let first = (0..<40).map { $0 % 2 == 0 }
        // Eight more are right, two no longer.
        var second = first
        for index in [1, 3, 5, 7, 9, 11, 13, 15] { second[index] = true }
        for index in [0, 2] { second[index] = false }
        let comparison = try SuiteComparison(result(first), result(second))
        #expect(comparison.wins.map(\.source) == [1, 3, 5, 7, 9, 11, 13, 15].map { "t:\($0)" })
        #expect(comparison.losses.map(\.source) == ["t:0", "t:2"])
        #expect(comparison.wins.first?.first == "no" && comparison.wins.first?.second == "yes")
        let metric = try #require(comparison.metrics.first)
        #expect(metric.name == "accuracy" && metric.pairs == 40 && abs(metric.difference - 0.15) < 1e-12)
        #expect(metric.pValue == McNemar(gains: 8, losses: 2).twoSidedExact)
        let bootstrap = PairedBootstrap(
            candidate: second.map { $0 ? 1 : 0 }, baseline: first.map { $0 ? 1 : 0 }, isStudentized: false)
        let shares = PairedShares(pairs: 40, gains: 8, losses: 2)
        #expect(metric.lower == min(bootstrap.lowerBound(level: 0.025), shares.lowerBound(level: 0.025)))
        #expect(metric.upper == max(bootstrap.upperBound(level: 0.025), shares.upperBound(level: 0.025)))
        #expect(metric.verdict == (metric.lower ?? 0 > 0 ? .better : .undecided))
        // Rows that are all the same are no proof that the models are.
        let same = try SuiteComparison(result(first), result(first)).metrics[0]
        #expect(same.difference == 0 && (same.lower ?? 0) < -0.05 && (same.upper ?? 0) > 0.05 && same.pValue == 1)
        // One row of a thousand is in hardly a draw of the bootstrap, and moves no bound to the end of the scale.
        let many = [Bool](repeating: true, count: 1000)
        let one = try SuiteComparison(result(many), result(many.dropLast() + [false])).metrics[0]
        #expect((-0.02 ..< -0.001).contains(one.lower ?? -1) && (0..<0.01).contains(one.upper ?? 1), "\(one)")
        let back = try SuiteComparison(result(second), result(first))
        #expect(back.wins.count == 2 && back.losses.count == 8 && back.metrics[0].pValue == metric.pValue)
    }

    @Test func `only rows that both have are compared, and the others counted`() throws {
        let comparison = try SuiteComparison(
            result([true, true, false, false]), result([true, true, true, false, false], from: 2))
        #expect(comparison.unpaired == (2, 3) && comparison.metrics[0].pairs == 2)
        #expect(comparison.metrics[0].difference == 1 && comparison.wins.count == 2)
        #expect(throws: EvaluationError.self) { try SuiteComparison(result([true]), result([true], from: 5)) }
        let tiny = try TinySuites()
        let loss = try tiny.runner.run(tiny.losses(3))
        #expect(throws: EvaluationError.self) { try SuiteComparison(result([true]), loss) }
    }

    @Test func `less loss is better, and perplexity is compared by its ratio`() throws {
        let (tiny, other) = (try TinySuites(), try TinySuites(seed: 5))
        let suite = tiny.losses(30, asPerplexity: true)
        let (one, two) = (try tiny.runner.run(suite), try other.runner.run(suite))
        let comparison = try SuiteComparison(one, two)
        let metric = try #require(comparison.metrics.first { $0.name == "perplexity" })
        let ratio = try #require(two.figures["perplexity"]) / #require(one.figures["perplexity"]) - 1
        #expect(metric.traits.isRelative && abs(metric.difference - ratio) < 1e-3)
        #expect(comparison.wins.allSatisfy { $0.secondValue < $0.firstValue })
        #expect(comparison.wins.count + comparison.losses.count == 30)
        let same = try SuiteComparison(one, one)
        #expect(same.metrics[0].verdict == .undecided && same.wins.isEmpty && same.losses.isEmpty)
        #expect(same.sentence?.contains("no difference is shown") == true)
    }

    @Test func `a run folder gives its results by step, and says which files are damaged`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hone-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let eval = folder.appending(path: "eval")
        try FileManager.default.createDirectory(at: eval, withIntermediateDirectories: true)
        func write(_ json: JSON, _ name: String) throws {
            try Data(json.text().utf8).write(to: eval.appending(path: name))
        }
        try write(result([false, true]).json(withAnswers: true), "test-step-0.json")
        try write(result([true, true]).json(withAnswers: true), "test-step-12.json")
        try write(result([true], name: "a-step-b").json(withAnswers: true), "a-step-b-step-12.json")
        var members = try result([true, false]).json(withAnswers: true).object ?? [:]
        members["baseline"] = "few-shot"
        try write(.object(members), "baseline-few-shot-test.json")
        var held = HeldResult()
        (held.step, held.metrics) = (12, [("loss", 1.5)])
        try write(held.json, "held-step-12.json")
        try write(["nonsense": 1], "other-step-3.json")
        try Data("{".utf8).write(to: eval.appending(path: "test-step-9.json"))
        try Data("unrelated".utf8).write(to: eval.appending(path: "notes.txt"))
        let all = RunEvaluations(run: folder)
        #expect(all.steps == [0, 12] && Array(all.suites.keys) == ["a-step-b", "test"])
        #expect(all.first.map(\.accuracy) == [1, 0.5] && all.last.map(\.accuracy) == [1, 1])
        #expect(all.results(after: 0).map(\.name) == ["test"] && all.held[12]?.metrics.first?.value == 1.5)
        #expect(all.baselines["few-shot"]?["test"]?.accuracy == 0.5)
        #expect(all.problems.count == 2 && all.problems.allSatisfy { $0.contains("eval/") })
        #expect(RunEvaluations(run: folder.appending(path: "nowhere")).suites.isEmpty)
    }

    // MARK: Baselines

    private let info = RecordInfo(provenance: Provenance(file: "a.jsonl", line: 1, byteOffset: 0, ordinal: 0))

    @Test func `what a baseline is told stands before the question`() {
        let preamble = Preamble(
            system: "Be brief.",
            examples: [
                .init(prompt: .text("one"), answer: "1"),
                .init(
                    prompt: .messages([["role": "system", "content": "s"], ["role": "user", "content": "two"]]),
                    answer: "2"),
            ])
        let turns: [JSON] = [
            ["role": "system", "content": "own"], ["role": "user", "content": "three"],
            ["role": "assistant", "content": "3"],
        ]
        guard case .conversation(let told) = preamble.applied(to: .conversation(.init(messages: turns, info: info)))
        else { return #expect(Bool(false)) }
        let asked = told.messages.prefix(told.promptCount ?? 0).map { $0["content"]?.string ?? "" }
        #expect(asked == ["Be brief.", "one", "1", "two", "2", "three"])
        #expect(told.messages.map { $0["role"]?.string ?? "" }.filter { $0 == "system" }.count == 1)
        let open = ConversationRecord(messages: Array(turns[1...1]), info: info)
        guard case .conversation(let other) = preamble.applied(to: .conversation(open)) else { return }
        #expect(other.promptCount == 6)
        let completion = CompletionRecord(prompt: "three", completion: "3", info: info)
        guard case .completion(let text) = preamble.applied(to: .completion(completion)) else { return }
        #expect(text.prompt == "Be brief.\n\none1\n\ntwo\n2\n\nthree" && text.completion == "3")
        #expect(Preamble().applied(to: .completion(completion)) == .completion(completion))
    }

    @Test func `examples are drawn the same whatever the order, never from what is asked`() {
        let all = (0..<50).map { Preamble.Example(prompt: .text("Question  \($0)"), answer: "\($0)") }
        func drawn(_ rows: [Preamble.Example], seed: UInt64 = 1, count: Int = 5) -> [Preamble.Example] {
            var draw = FewShotDraw(count, seed: seed, excluding: (0..<40).map { "question \($0)" })
            for row in rows { draw.add(row) }
            return draw.examples
        }
        let examples = drawn(all)
        #expect(examples.count == 5 && Set(examples.map(\.answer)).count == 5)
        #expect(examples.allSatisfy { Int($0.answer) ?? 0 >= 40 })
        #expect(drawn(all.reversed()) == examples && drawn(all + all) == examples)
        #expect((2..<8).contains { drawn(all, seed: $0) != examples })
        #expect(drawn(all, count: 20).count == 10)
    }
}
