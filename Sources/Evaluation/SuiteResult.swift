import Foundation
import OrderedCollections
public import Statistics
public import TextCore

/// What a suite says of a model.
public struct SuiteResult: Sendable {
    /// One question and its answer.
    public struct Outcome: Sendable, Hashable {
        /// Where the question is from.
        public var source: String
        /// What is expected.
        public var expected: String
        /// What the model wrote.
        public var answer: String
        /// What the verifier took for the answer.
        public var extracted: String?
        /// The score; `nil` when the verifier abstained or failed.
        public var score: Double?
        /// Whether the question counts as solved.
        public var passed: Bool
        /// Why, or why there is no score.
        public var note: String?
        /// Whether the model stopped by itself.
        public var stopped: Bool
    }

    /// The suite's name.
    public var name: String
    /// Questions asked, or rows measured.
    public var count: Int
    /// Mean score of the questions that have one; `nil` for a loss.
    public var score: Double?
    /// Share of all questions that were solved; `nil` for a loss.
    public var accuracy: Double?
    /// Where the true share lies with 95 % confidence; `nil` for a loss.
    public var interval: Interval?
    /// Questions that the verifier had no verdict on.
    public var unjudged = 0
    /// Share of answers that the model ended by itself.
    public var stoppedShare: Double?
    /// Mean loss in nats a token; `nil` for generated answers.
    public var loss: Double?
    /// Whether the suite reports the exponential of the loss.
    public var reportsPerplexity = false
    /// How well labels were told apart.
    public var classes: ClassTable?
    /// Seconds it took.
    public var seconds: Double
    /// Every answer.
    public var outcomes: [Outcome] = []

    /// The figures under their names, the first the one a suite is known by.
    public var metrics: [(name: String, value: Double)] {
        var metrics: [(String, Double)] = []
        if let accuracy { metrics.append(("accuracy", accuracy)) }
        if let score { metrics.append(("score", score)) }
        if let loss {
            metrics.append(reportsPerplexity ? ("perplexity", exp(loss)) : ("loss", loss))
        }
        if let interval {
            metrics.append(("accuracy_low", interval.lower))
            metrics.append(("accuracy_high", interval.upper))
        }
        if let stoppedShare { metrics.append(("stopped", stoppedShare)) }
        if let classes {
            metrics.append(("macro_f1", classes.macroF1))
            metrics.append(("base_rate", classes.baseRate))
        }
        return metrics
    }

    /// One line for people.
    public var summary: String {
        if let accuracy, let interval {
            var line =
                "\(name): \(percent(accuracy)) of \(count) right, 95 % interval \(percent(interval.lower)) to "
                + percent(interval.upper)
            if let classes { line += ", base rate \(percent(classes.baseRate))" }
            if unjudged > 0 { line += ", \(unjudged) not judged" }
            if let stoppedShare, stoppedShare < 1 { line += ", \(percent(1 - stoppedShare)) ran into the length limit" }
            return line
        }
        guard let loss else { return "\(name): nothing measured" }
        return reportsPerplexity
            ? "\(name): perplexity \(rounded(exp(loss))) over \(count) rows"
            : "\(name): loss \(rounded(loss)) nats a token over \(count) rows"
    }

    /// Everything for scripts; answers too if wanted.
    public func json(withAnswers: Bool) -> JSON {
        var members: OrderedDictionary<String, JSON> = ["suite": .string(name), "count": .integer(count)]
        for metric in metrics { members[metric.name] = .number(metric.value) }
        if accuracy != nil { members["unjudged"] = .integer(unjudged) }
        members["seconds"] = .number(seconds)
        members["class_table"] = classes?.json
        if withAnswers {
            members["answers"] = .array(
                outcomes.map { outcome in
                    [
                        "source": .string(outcome.source), "expected": .string(outcome.expected),
                        "answer": .string(outcome.answer),
                        "extracted": outcome.extracted.map { .string($0) } ?? .null,
                        "score": outcome.score.map { .number($0) } ?? .null, "passed": .bool(outcome.passed),
                        "note": outcome.note.map { .string($0) } ?? .null, "stopped": .bool(outcome.stopped),
                    ]
                })
        }
        return .object(members)
    }

    private func percent(_ share: Double) -> String { "\((share * 1000).rounded() / 10) %" }
    private func rounded(_ value: Double) -> String { "\((value * 10_000).rounded() / 10_000)" }
}
