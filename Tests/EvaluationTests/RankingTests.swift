import Evaluation
import Foundation
import LanguageModels
import OrderedCollections
import ShardIO
import Statistics
import TensorCore
import Testing
import TextCore
import Tokenization
import Training

/// Suites on which nothing is written: multiple choice, pairs, divergence.
@Suite struct RankingTests {
    private func question(_ text: String) throws -> ChoiceQuestion { try ChoiceQuestion(row: JSON(parsing: text)) }

    @Test func `every usual form of multiple choice is read`() throws {
        let rows = [
            #"{"question": "q", "choices": ["w", "x", "y", "z"], "answer": 2, "subject": "law"}"#,
            #"{"question": "q", "choices": ["w", "x", "y", "z"], "answer": "C"}"#,
            #"{"question": "q", "choices": ["w", "x", "y", "z"], "answer": "y"}"#,
            #"{"question": "q", "A": "w", "B": "x", "C": "y", "D": "z", "answer": "C"}"#,
            #"{"question": "q", "choices": {"text": ["w", "x", "y", "z"], "label": ["A", "B", "C", "D"]}, "answerKey": "C"}"#,
            #"{"question": "q", "choices": {"text": ["w", "x", "y", "z"], "label": ["1", "2", "3", "4"]}, "answerKey": "3"}"#,
            #"{"question": {"stem": "q", "choices": [{"text": "w", "label": "A"}, {"text": "x", "label": "B"}, {"text": "y", "label": "C"}, {"text": "z", "label": "D"}]}, "answerKey": "C"}"#,
            #"{"question_stem": "q", "choices": {"text": ["w", "x", "y", "z"], "label": ["A", "B", "C", "D"]}, "answerKey": "C"}"#,
            #"{"question": "q", "mc1_targets": {"choices": ["w", "x", "y", "z"], "labels": [0, 0, 1, 0]}}"#,
            #"{"query": "q", "options": ["w", "x", "y", "z"], "gold": 2}"#,
        ]
        for row in rows {
            let read = try question(row)
            #expect(read.question == "q" && read.choices == ["w", "x", "y", "z"] && read.answer == 2, "\(row)")
            #expect(!read.isContinued)
        }
        let endings = try question(#"{"ctx": "a man", "endings": ["sits", "flies"], "label": "1"}"#)
        #expect(endings.isContinued && endings.question == "a man" && endings.answer == 1)
        let pair = try question(#"{"goal": "g", "sol1": "one", "sol2": "two", "label": 1}"#)
        #expect(pair.choices == ["one", "two"] && pair.question == "g" && pair.answer == 1)
        let options = #"{"sentence": "s", "option1": "one", "option2": "two", "answer": "#
        #expect(try question(options + "\"2\"}").answer == 1 && question(options + "1}").answer == 0)
        let asked = try question(rows[0]).asked(.letters)
        #expect(asked.question == "q\nA. w\nB. x\nC. y\nD. z" && asked.answers == ["A", "B", "C", "D"])
    }

    @Test func `a row that leaves open what is right is refused with what to do`() throws {
        let cases: [(row: String, message: String)] = [
            ("4", "a row is an object"), (#"{"question": "q", "answer": 1}"#, "there are no choices"),
            (#"{"question": "q", "choices": ["w"], "answer": 0}"#, "leave nothing to choose"),
            (#"{"choices": ["w", "x"], "answer": 0}"#, "there is no question"),
            (#"{"question": "q", "choices": ["w", "x"]}"#, "the right answer is missing"),
            (#"{"question": "q", "choices": ["w", "x"], "answer": 2}"#, "count from 0"),
            (#"{"question": "q", "choices": ["w", "x"], "answer": -1}"#, "count from 0"),
            (#"{"question": "q", "choices": ["w", "x"], "answer": "nothing"}"#, "none of the choices"),
            (#"{"question": "q", "choices": ["1", "2"], "answer": "1"}"#, "a place or a text"),
            (#"{"question": "q", "option1": "w", "option2": "x", "answer": 0}"#, "are numbered 1, 2"),
            (#"{"question": "q", "choices": [["w"], "x"], "answer": 0}"#, "a list of texts"),
            (#"{"question": "q", "choices": "w, x", "answer": 0}"#, "write a list of texts"),
        ]
        for (row, message) in cases {
            let error = #expect(throws: EvaluationError.self) { try question(row) }
            #expect(error?.message.contains(message) == true, "\(row): \(error?.message ?? "")")
        }
    }

    /// A suite of questions whose choices are what the model's own probabilities order.
    private func suite(_ tiny: TinySuites, form: ChoiceQuestion.Form = .text) throws -> Suite {
        let encoder = ExampleEncoder(
            tokenizer: tiny.tokenizer, template: nil, trainOn: .assistant, stopIDs: tiny.stopIDs)
        let items = try (0..<12).map { index in
            let row: JSON = [
                "question": .string("question \(index)"),
                "choices": ["red", "a longer answer", .string("blue \(index)")],
                "answer": .integer(index % 3),
            ]
            return try ChoiceQuestion(row: row).item(
                id: "\(index)", source: "mc.jsonl:\(index + 1)", form: form, encoder: encoder)
        }
        return Suite(name: "mc", judgement: .multipleChoice, items: items)
    }

    @Test func `the likeliest choice is the one whose tokens are, added up one by one`() throws {
        let tiny = try TinySuites()
        let suite = try suite(tiny)
        let result = try tiny.runner.run(suite)
        #expect(result.count == 12 && result.outcomes.count == 12)
        var (right, rightByLength) = (0.0, 0.0)
        for (item, outcome) in zip(suite.items, result.outcomes) {
            let sums = item.given.map { given -> Double in
                let ids = item.prompt + given.ids.map(Int.init)
                let logits = tiny.model.logits(hidden: tiny.model.hiddenStates(PackedTokens([ids]))).logSoftmax()
                return given.ids.indices.reduce(0.0) { sum, index in
                    let row = item.prompt.count + index - 1
                    return sum + Double(logits.scalars[row * logits.columns + Int(given.ids[index])])
                }
            }
            let best = try #require(sums.indices.max { sums[$0] < sums[$1] })
            let means = zip(sums, item.given).map { $0 / Double($1.text.utf8.count) }
            #expect(outcome.answer == item.given[best].text && outcome.passed == (best == item.right))
            right += best == item.right ? 1 : 0
            rightByLength += means.indices.max { means[$0] < means[$1] } == item.right ? 1 : 0
            let others = sums.indices.filter { $0 != item.right }.map { sums[$0] }.max() ?? 0
            #expect(abs((outcome.values["margin"]?.value ?? 0) - (sums[item.right] - others)) < 1e-3)
        }
        #expect(result.accuracy == right / 12 && result.figures["accuracy_norm"] == rightByLength / 12)
        #expect(abs((result.baseRate ?? 0) - 1 / 3) < 1e-12)
        #expect(result.leadingMetric == "accuracy" && result.observations(of: "accuracy")?.count == 12)
        let read = try SuiteResult(json: JSON(parsing: result.json(withAnswers: true).text()))
        #expect(read.outcomes == result.outcomes && read.figures == result.figures)
    }

    @Test func `letters are scored under a template too`() throws {
        let tiny = try TinySuites()
        let encoder = ExampleEncoder(
            tokenizer: tiny.tokenizer, template: try ChatTemplate(source: TinySuites.template, name: "tiny"),
            trainOn: .assistant, stopIDs: tiny.stopIDs)
        let question = ChoiceQuestion(question: "why?", choices: ["so", "thus"], answer: 1)
        let item = try question.item(id: "a", source: "a:1", form: .letters, encoder: encoder)
        #expect(tiny.tokenizer.decode(item.prompt) == "[user] why?\nA. so\nB. thus\n[assistant] ")
        #expect(item.given.map { tiny.tokenizer.decode($0.ids.map(Int.init)) } == ["A", "B"])
        #expect(item.given.map(\.text) == ["so", "thus"] && item.right == 1)
    }

    @Test func `equal answers are half a win, and swapped ones win the other way`() throws {
        let tiny = try TinySuites()
        func suite(_ pairs: [(String, String)]) -> Suite {
            let items = pairs.enumerated().map { index, pair in
                var item = SuiteItem(
                    id: "\(index)", source: "pairs.jsonl:\(index + 1)", prompt: tiny.tokenizer.encode("say \(index) "))
                item.given = [pair.0, pair.1].map { text in
                    let ids = tiny.tokenizer.encode(text).map { Int32($0) }
                    return .init(ids: ids, text: text, length: Double(ids.count))
                }
                return item
            }
            return Suite(name: "pairs", judgement: .preference, items: items)
        }
        let pairs = (0..<9).map { ("one \($0)", "another \($0 * 7)") }
        let forward = try tiny.runner.run(suite(pairs))
        let backward = try tiny.runner.run(suite(pairs.map { ($1, $0) }))
        for name in ["accuracy", "accuracy_norm"] {
            let (one, other) = (try #require(forward.figures[name]), try #require(backward.figures[name]))
            #expect(abs(one + other - 1) < 1e-12)
        }
        let ties = try tiny.runner.run(suite([("same", "same"), ("equal", "equal")]))
        #expect(ties.accuracy == 0.5 && ties.baseRate == 0.5)
        #expect(ties.observations(of: "accuracy")?.map(\.value) == [0.5, 0.5])
    }

    @Test func `divergence is none from the model itself, and what the definition says from another`() throws {
        let tiny = try TinySuites()
        let other = try TinySuites(seed: 9)
        let suite = Suite(
            name: "drift", judgement: .divergence, items: tiny.losses(6).items)
        var runner = tiny.runner
        let without = try runner.run(suite)
        #expect(without.figures.isEmpty && without.remarks.first?.contains("no base") == true)
        runner.base = .model(tiny.model)
        #expect(try runner.run(suite).figures["kl"] == 0)
        runner.base = .model(other.model)
        let result = try runner.run(suite)
        var (sum, count) = (0.0, 0.0)
        for index in 0..<6 {
            let example = tiny.example(index)
            let tokens = PackedTokens([example.ids.map(Int.init)])
            let p = tiny.model.logits(hidden: tiny.model.hiddenStates(tokens)).logSoftmax()
            let q = other.model.logits(hidden: other.model.hiddenStates(tokens)).logSoftmax()
            for position in 1..<example.ids.count where example.trained[position] {
                let row = (position - 1) * p.columns..<position * p.columns
                sum += row.reduce(0.0) { total, cell in
                    let (left, right) = (Double(p.scalars[cell]), Double(q.scalars[cell]))
                    return total + exp(left) * (left - right)
                }
                count += 1
            }
        }
        let value = try #require(result.figures["kl"])
        #expect(abs(value - sum / count) < 1e-4 && value > 0.01)
        let rows = try #require(result.observations(of: "kl"))
        #expect(abs(mean(rows) - value) < 1e-9 && rows.count == 6)
    }

    @Test func `an adapter's divergence is from the model without it`() throws {
        let tiny = try TinySuites()
        let suite = Suite(name: "drift", judgement: .divergence, items: tiny.losses(3).items)
        let plain = tiny.model.frozenCopy()
        try tiny.model.attachAdapter(AdapterConfiguration(rank: 2), seed: 4)
        for (index, parameter) in tiny.model.trainableParameters.map(\.parameter).enumerated() {
            parameter.value = .uniform(
                parameter.value.shape, from: -0.3, to: 0.3,
                stream: RandomStream(seed: 8, purpose: "adapter", index: index))
        }
        var runner = tiny.runner
        runner.base = .adapterOff
        let off = try #require(try runner.run(suite).figures["kl"])
        runner.base = .model(plain)
        #expect(try abs(off - #require(runner.run(suite).figures["kl"])) < 1e-6)
        #expect(off > 0.001)
    }
}
