import Evaluation
import Foundation
import OrderedCollections
import SFT
import Testing
import TextCore
import Training
import Verifiers

/// Results of suites: what they keep of each row, and what files keep of them.
@Suite struct SuiteResultTests {
    /// A verifier that finds one of three labels in the number of the question, wrongly for some.
    private func labelled(_ tiny: TinySuites, _ count: Int) throws -> SuiteResult {
        let labels = ["red", "green", "blue"]
        let suite = try tiny.questions(count, labels: labels) { index in
            BoundVerifier(
                name: "colours",
                immediate: { _ throws(VerifierFailure) in
                    if index == 4 { throw VerifierFailure(.timeout, "late") }
                    let answer = labels[(index * index) % 3]
                    return .check(answer == labels[index % 3], extracted: answer)
                })
        }
        return try tiny.runner.run(suite)
    }

    private func same(_ one: SuiteResult, _ other: SuiteResult) {
        #expect(one.name == other.name && one.kind == other.kind && one.count == other.count)
        #expect(one.figures == other.figures && one.unjudged == other.unjudged && one.classes == other.classes)
        #expect(one.fields == other.fields && one.isRegression == other.isRegression && one.remarks == other.remarks)
        #expect(one.outcomes == other.outcomes && one.rows == other.rows && one.seconds == other.seconds)
    }

    @Test func `every kind of result reads back what it wrote`() throws {
        let tiny = try TinySuites()
        var answers = try labelled(tiny, 12)
        answers.isRegression = true
        answers.remarks = ["a remark"]
        let results = [
            answers, try tiny.runner.run(tiny.losses(5)), try tiny.runner.run(tiny.losses(5, asPerplexity: true)),
        ]
        for result in results {
            let text = result.json(withAnswers: true).text(.pretty)
            same(result, try SuiteResult(json: JSON(parsing: text)))
            let short = try SuiteResult(json: JSON(parsing: result.json(withAnswers: false).text()))
            #expect(short.figures == result.figures && short.outcomes.isEmpty && short.rows.isEmpty)
            #expect(short.observations(of: result.leadingMetric) == nil)
        }
    }

    @Test func `the mean over the rows of every metric is the metric`() throws {
        let tiny = try TinySuites()
        let answers = try labelled(tiny, 30)
        for metric in ["accuracy", "score", "stopped", "macro_f1"] {
            let observations = try #require(answers.observations(of: metric), "no rows of \(metric)")
            #expect(observations.count == (metric == "score" ? 29 : 30))
            #expect(abs(mean(observations) - answers.figures[metric]!) < 1e-12, "\(metric)")
        }
        #expect(answers.observations(of: "macro_f1")?.map(\.value).max() != answers.figures["macro_f1"])
        #expect(answers.observations(of: "accuracy_low") == nil && answers.observations(of: "perplexity") == nil)
        let result = try tiny.runner.run(tiny.losses(20, asPerplexity: true))
        for metric in ["loss", "perplexity"] {
            let observations = try #require(result.observations(of: metric))
            #expect(abs(mean(observations) / result.figures[metric]! - 1) < 1e-5, "\(metric)")
        }
        // Tokens that are trained, and so predicted.
        #expect(
            result.observations(of: "loss")?.map(\.weight) == (0..<20).map { Double(tiny.example($0).trainedCount) })
    }

    @Test func `the loss of a row is what it is measured alone`() throws {
        let tiny = try TinySuites()
        let together = try #require(try tiny.runner.run(tiny.losses(8)).observations(of: "loss"))
        for (index, row) in together.enumerated() {
            let alone = try SFTObjective().measure([tiny.example(index)].batches(ofTokens: 4096), model: tiny.model)
            #expect(abs(row.value - alone[0].value) < 1e-5)
        }
    }

    @Test func `macro F1 is told by what leaving a row out changes`() throws {
        let tiny = try TinySuites()
        var result = try labelled(tiny, 11)
        let values = try #require(result.observations(of: "macro_f1"))
        let whole = try #require(result.figures["macro_f1"])
        func f1(without index: Int) -> Double {
            var left = result.outcomes
            left.remove(at: index)
            return ClassTable(left.map { ($0.label ?? "", $0.extracted) }).macroF1
        }
        let changes = (0..<11).map { 11 * whole - 10 * f1(without: $0) }
        let shift = whole - changes.reduce(0, +) / 11
        for (value, change) in zip(values, changes) { #expect(abs(value.value - change - shift) < 1e-9) }
        result.outcomes[0].label = nil
        #expect(result.observations(of: "macro_f1") == nil)
    }

    @Test func `rows keep their names whatever folder they lie in, and no two have the same`() {
        let here = RowIdentity.names([("/a/test.jsonl:1", "x"), ("/a/test.jsonl:2", "x"), ("/a/test.jsonl:2", "x")])
        let there = RowIdentity.names([
            ("/b/c/test.jsonl:1", "x"), ("/b/c/test.jsonl:2", "x"), ("/b/test.jsonl:2", "y"),
        ])
        #expect(Set(here).count == 3 && here[0] == there[0] && here[1] == there[1] && here[2] != there[2])
        #expect(here[0].hasPrefix("test.jsonl:1#") && here[2] == here[1] + "~2")
    }

    @Test func `what is no result is refused with what is wrong`() throws {
        let cases: [(text: String, message: String)] = [
            ("[]", "no result of a suite"), (#"{"suite": "a"}"#, "no `suite` and `count`"),
            (#"{"suite": "a", "count": -1}"#, "no `suite` and `count`"),
            (#"{"suite": "a", "count": 1, "kind": "dream"}"#, "of kind 'dream'"),
            (#"{"suite": "a", "count": 1, "answers": [{"source": "x", "answer": "", "passed": true}]}"#, "no `id`"),
            (#"{"suite": "a", "count": 1, "answers": [4]}"#, "answer 1 of suite a"),
            (#"{"suite": "a", "count": 1, "kind": "loss", "rows": [{"id": "x", "source": "y", "loss": 3}]}"#, "`loss`"),
        ]
        for (text, message) in cases {
            let error = #expect(throws: EvaluationError.self) { try SuiteResult(json: JSON(parsing: text)) }
            #expect(error?.message.contains(message) == true, "\(text): \(error?.message ?? "")")
        }
        // What a class table cannot be is left out, and never trapped on.
        let table =
            #"{"suite": "a", "count": 1, "class_table": {"unanswered": 0, "classes": [{"label": "x", "support": -3, "predicted": 1, "correct": -9}]}}"#
        #expect(try SuiteResult(json: JSON(parsing: table)).classes == nil)
    }

    @Test func `numbers that are none come back as they were`() throws {
        let tiny = try TinySuites()
        var result = try tiny.runner.run(tiny.losses(2))
        result.figures["loss"] = .nan
        result.rows[0].values["loss"] = .init(.infinity, weight: 3)
        let read = try SuiteResult(json: JSON(parsing: result.json(withAnswers: true).text()))
        #expect(read.figures["loss"]?.isNaN == true && read.rows == result.rows)
    }

    @Test func `held-out rows keep their figures`() throws {
        let tiny = try TinySuites()
        let examples = (0..<6).map { tiny.example($0) }
        let measurement = try SFTObjective().measurement(of: examples.batches(ofTokens: 20), model: tiny.model)
        var held = HeldResult(measurement, rows: examples.map { ($0.source, "\($0.ids)") })
        held.step = 7
        let read = try HeldResult(json: JSON(parsing: held.json.text()))
        #expect(read.step == 7 && read.rows == held.rows && read.metrics.map(\.name) == held.metrics.map(\.name))
        let losses = try #require(read.observations(of: "loss"))
        #expect(losses.count == 6 && abs(mean(losses) - read.metrics[0].value) < 1e-6)
        #expect(read.observations(of: "entropy") == nil)
        #expect(throws: EvaluationError.self) { try HeldResult(json: ["rows": []]) }
    }
}
