import Evaluation
import OrderedCollections
import Testing
import TextCore
import Tokenization
import Training
import Verifiers

/// What is said of answers beside whether they are right: fields, formats, costs, wins, latency.
@Suite struct AnswerJudgeTests {
    private func items(_ tiny: TinySuites, _ references: [JSON], verifier name: String) throws -> Suite {
        let verifier = try VerifierRegistry.builtin.make(name)
        var suite = Suite(
            name: "extract", judgement: .answers(AnswerLimits()),
            items: try references.enumerated().map { index, reference in
                var item = SuiteItem(
                    id: "row \(index)", source: "extract.jsonl:\(index + 1)", prompt: [1],
                    verifier: try verifier.bound(to: reference), expected: reference.text())
                if name == "json_f1" {
                    let counts = try JSONFieldCounts(options: [:], reference: reference)
                    item.countFields = { rollout in
                        let found = counts.counts(rollout)
                        return (
                            found.isValid,
                            found.fields.map {
                                .init(path: $0.path, matched: $0.matched, answered: $0.answered, expected: $0.expected)
                            }
                        )
                    }
                }
                return item
            })
        suite.extracts = name == "json_valid"
        return suite
    }

    private func answers(_ texts: [String]) -> [SuiteAnswer] {
        texts.map { SuiteAnswer(text: $0, tokenCount: 3, stopped: true) }
    }

    @Test func `fields of JSON are counted over all answers, and by field`() throws {
        let tiny = try TinySuites()
        let suite = try items(
            tiny,
            [
                ["name": "a", "items": [["price": 1], ["price": 2]]], ["name": "b", "items": [["price": 3]]],
                ["name": "c", "items": [["price": 4]]], ["name": "d", "items": [["price": 5]]],
            ], verifier: "json_f1")
        let result = try AnswerJudge(suite: suite).result(
            answers([
                #"{"name": "a", "items": [{"price": 1}, {"price": 9}]}"#, #"{"name": "b", "items": [{"price": 3}]}"#,
                #"{"name": "x", "items": [{"price": 4}], "more": 1}"#, "no JSON",
            ]))
        let table = try #require(result.fields)
        let rows = Dictionary(table.rows.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        // By hand: names a and b of three answered and four expected; prices 1, 3 and 4 of four and five.
        #expect(rows["name"] == .init(path: "name", matched: 2, answered: 3, expected: 4))
        #expect(rows["items[].price"] == .init(path: "items[].price", matched: 3, answered: 4, expected: 5))
        #expect(rows["more"] == .init(path: "more", matched: 0, answered: 1, expected: 0))
        let f1 = 2 * 5.0 / (8 + 9)
        #expect(abs(table.microF1 - f1) < 1e-12 && abs((result.figures["field_f1"] ?? 0) - f1) < 1e-12)
        let macro = (4.0 / 7 + 6.0 / 9 + 0) / 3
        #expect(abs((result.figures["field_macro_f1"] ?? 0) - macro) < 1e-12)
        #expect(result.figures["valid"] == 0.75 && result.figures["exact"] == 0.25)
        #expect(abs(mean(try #require(result.observations(of: "field_f1"))) - f1) < 1e-12)
        #expect(try SuiteResult(json: JSON(parsing: result.json(withAnswers: true).text())).fields == table)
        #expect(result.baseRate == 0.25)
    }

    @Test func `the share of answers in the format is told`() throws {
        let tiny = try TinySuites()
        let suite = try items(tiny, [.null, .null, .null, .null], verifier: "json_valid")
        let result = try AnswerJudge(suite: suite).result(answers(["{}", "[1]", "{", "so: {}"]))
        #expect(result.figures["valid"] == 0.5 && result.accuracy == 0.5)
        #expect(result.observations(of: "valid")?.map(\.value) == [1, 1, 0, 0])
    }

    @Test func `costs and times of answers are means and quantiles of them`() throws {
        let tiny = try TinySuites()
        let suite = try items(tiny, [JSON](repeating: .null, count: 21), verifier: "json_valid")
        var given = answers([String](repeating: "{}", count: 21))
        for index in 0..<20 { given[index].seconds = Double(20 - index) / 100 }
        for index in given.indices { given[index].cost = 0.001 * Double(index) }
        given[20].failure = "the server is on fire"
        let result = try AnswerJudge(suite: suite).result(given)
        #expect(abs((result.figures["latency_p50"] ?? 0) - 100) < 1e-9)
        #expect(abs((result.figures["latency_p95"] ?? 0) - 190) < 1e-9)
        #expect(abs((result.figures["latency_ms"] ?? 0) - 105) < 1e-9)
        #expect(abs((result.figures["tokens_per_second"] ?? 0) - 60 / 2.1) < 1e-9)
        #expect(abs((result.figures["cost"] ?? 0) - 0.01) < 1e-12)
        #expect(result.observations(of: "latency_p95")?.count == 20)
        // A question without an answer is not judged, and not forgotten.
        #expect(result.unjudged == 1 && result.outcomes[20].note == "no answer: the server is on fire")
        #expect(result.accuracy == 20.0 / 21)
    }

    /// A judge of style that likes long answers, and ties with itself.
    private struct LikesLong: GroupVerifier {
        static let name = "likes_long"
        static let summary = "the longer answer wins"
        init(_ configuration: NoConfiguration) {}
        func verify(_ group: [GroupMember], against reference: NoReference, in context: VerificationContext)
            async throws(VerifierFailure) -> [Result<Verdict, VerifierFailure>]
        {
            context.metric("judge_first_place", 0.75)
            guard group.count == 2 else { throw VerifierFailure(.item, "a group of \(group.count)") }
            let lengths = group.map { $0.rollout.fullText.count }
            let points = lengths[0] > lengths[1] ? 1.0 : lengths[0] == lengths[1] ? 0.5 : 0
            return [points, 1 - points].map { .success(.score(Score($0, passed: $0 > 0.5))) }
        }
    }

    @Test func `answers are compared with the baseline's, and with themselves where there is none`() throws {
        let verifier = AnyVerifier(LikesLong(NoConfiguration()))
        var suite = Suite(
            name: "style", judgement: .answers(AnswerLimits()),
            items: try (0..<4).map {
                SuiteItem(
                    id: "\($0)", source: "style.jsonl:\($0 + 1)", prompt: [1], verifier: try verifier.bound(to: .null))
            })
        suite.comparesWithBaseline = true
        let first = answers(["aa", "aa", "aa", "aa"])
        let start = try AnswerJudge(suite: suite).result(first)
        #expect(start.figures["win_rate"] == 0.5 && start.accuracy == 0)
        let baseline = Dictionary(uniqueKeysWithValues: start.outcomes.map { ($0.id, $0.answer) })
        let later = try AnswerJudge(suite: suite, baseline: baseline).result(answers(["aaa", "aaaa", "aa", "a"]))
        #expect(later.figures["win_rate"] == 0.625 && later.accuracy == 0.5)
        #expect(later.figures["judge_first_place"] == 0.75 && later.remarks.first?.contains("75.0 %") == true)
        let interval = (later.figures["win_rate_low"] ?? 1, later.figures["win_rate_high"] ?? 0)
        #expect(interval.0 < 0.625 && interval.1 > 0.625)
        #expect(later.observations(of: "win_rate")?.map(\.value) == [1, 1, 0.5, 0])
    }

    @Test func `timing requests changes no score`() throws {
        let tiny = try TinySuites()
        let suite = try tiny.questions(6) { _ in
            BoundVerifier(
                name: "even", immediate: { rollout throws(VerifierFailure) in .check(rollout.fullText.count % 2 == 0) })
        }
        let plain = try tiny.runner.run(suite)
        var runner = tiny.runner
        runner.latencySamples = 4
        let timed = try runner.run(suite)
        #expect(timed.outcomes.map(\.answer) == plain.outcomes.map(\.answer) && timed.accuracy == plain.accuracy)
        #expect(plain.figures["latency_p50"] == nil && timed.observations(of: "latency_ms")?.count == 4)
        #expect(timed.figures["tokens_per_second"] ?? 0 > 0)
        let (median, tail) = (timed.figures["latency_p50"] ?? 0, timed.figures["latency_p95"] ?? 0)
        #expect(median > 0 && tail >= median)
        var later = plain
        try runner.addLatency(to: &later, of: suite)
        #expect(later.figures["latency_p95"] != nil && later.figures["accuracy"] == plain.figures["accuracy"])
        #expect(later.observations(of: "latency_ms")?.count == 4)
    }
}
