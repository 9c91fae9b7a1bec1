import OrderedCollections
import Statistics
public import TextCore

/// What a test of two sets of rows says.
public struct DriftTest: Sendable, Hashable {
    /// What it looks at.
    public enum Subject: String, Sendable, Hashable, CaseIterable {
        /// How many words a text has.
        case length
        /// Which words there are, and how often.
        case vocabulary
        /// How often each class comes up.
        case classes
        /// Whether a classifier tells old texts from new ones.
        case classifier
    }

    /// What it looks at.
    public var subject: Subject
    /// How much the sets differ, in the test's own measure.
    public var effect: Double
    /// What the measure is called.
    public var measure: String
    /// The effect from which on a difference matters, whatever its p-value: of many rows every difference is certain.
    public var floor: Double
    /// The chance of such a difference when there is none.
    public var pValue: Double
    /// The same, corrected for the number of tests (Holm).
    public var adjusted: Double
    /// What it found, in a sentence.
    public var sentence: String

    /// Whether the sets differ beyond chance at this level.
    public func isCertain(level: Double) -> Bool { adjusted <= level }

    /// Whether they differ beyond chance and enough to matter.
    public func isDrift(level: Double) -> Bool { isCertain(level: level) && effect >= floor }
}

/// How production differs from the rows that a model was trained on, and what is to be done about it.
public struct DriftReport: Sendable {
    /// What is to be done.
    public enum Advice: String, Sendable, Hashable, CaseIterable {
        /// Nothing.
        case keep
        /// Look again later: there is a difference, but a small one.
        case watch
        /// The suite no longer stands for production, though the training rows do.
        case refreshSuite = "refresh_suite"
        /// The model should be trained on what is asked now.
        case retrain
    }

    /// Rows of the two files, and how many of them were looked at.
    public internal(set) var counts: (train: Int, production: Int, sampledTrain: Int, sampledProduction: Int)
    /// The tests.
    public internal(set) var tests: [DriftTest]
    /// The level that the tests hold together: the chance of an alarm without drift.
    public internal(set) var level: Double
    /// New words that come up more than once, the most frequent first.
    public internal(set) var newWords: [(word: String, count: Int)]
    /// Words that come up more often, `isMore`, or less often than before.
    public internal(set) var telling: [(word: String, train: Int, production: Int, isMore: Bool)]
    /// Classes with their shares before and now, the most changed first.
    public internal(set) var classes: [(name: String, train: Double, production: Double)]
    /// The rows of production that look the least like those trained on.
    public internal(set) var moved: [Finding.Row]
    /// How much of production the suite covers; `nil` without one.
    public internal(set) var coverage: SuiteCoverage?

    /// Whether production differs enough to matter.
    public var hasDrifted: Bool { tests.contains { $0.isDrift(level: level) } }

    /// What is to be done.
    public var advice: Advice {
        if hasDrifted { return .retrain }
        if coverage?.isRotten == true { return .refreshSuite }
        return tests.contains { $0.isCertain(level: level) } ? .watch : .keep
    }

    /// Whether something is to be done.
    public var needsAction: Bool { advice == .retrain || advice == .refreshSuite }

    /// One line: what was found and what is to be done.
    public var summary: String {
        let drifted = tests.filter { $0.isDrift(level: level) }.map(\.subject.words)
        switch advice {
        case .retrain: return "drift in \(drifted.joined(separator: ", ")): retrain"
        case .refreshSuite: return "no drift, but the suite no longer covers production: refresh the suite"
        case .watch: return "a certain but small difference: keep the model and look again"
        case .keep: return "no sign of drift: keep the model"
        }
    }

    /// Why, a sentence each, and what to do, a step each.
    public var reasons: (why: [String], steps: [String]) {
        var why = tests.filter { $0.isCertain(level: level) }.map { test in
            test.sentence + (test.isDrift(level: level) ? "." : ": certain, but too small to matter.")
        }
        if why.isEmpty { why.append("No test finds a difference beyond chance.") }
        var steps: [String] = []
        switch advice {
        case .retrain:
            let subjects = Set(tests.filter { $0.isDrift(level: level) }.map(\.subject))
            if subjects == [.classes] {
                why.append("The texts look as before: it is how often each class comes up that has changed.")
            } else if subjects == [.length] {
                why.append("Words and classes look as before: only the length has changed.")
            }
            steps = [
                "Label some hundred rows of production, first those that are shown as moved the most.",
                "Put a part of them into the suite and measure the model as it is: it may still be good enough.",
                "If it is not, add the others to the training rows, train, and let the gate decide.",
            ]
        case .refreshSuite:
            steps = [
                "Label rows of the largest uncovered groups and add them to the suite.",
                "Measure the model on the new suite before deciding anything else.",
            ]
        case .watch: steps = ["Look again with the next batch of production rows."]
        case .keep: break
        }
        if let coverage {
            why.append(
                "The suite covers \(Figure.percent(1 - coverage.uncovered)) of production (about "
                    + "\(Figure.percent(1 - SuiteCoverage.usual)) when nothing has changed).")
        }
        return (why, steps)
    }
}

extension DriftTest.Subject {
    /// What it is called in a sentence.
    var words: String {
        switch self {
        case .length: "length"
        case .vocabulary: "words"
        case .classes: "classes"
        case .classifier: "texts as a whole"
        }
    }
}

extension DriftReport {
    /// The report for scripts.
    public var json: JSON {
        let reasons = reasons
        var members: OrderedDictionary<String, JSON> = [
            "advice": .string(advice.rawValue), "drift": .bool(hasDrifted), "summary": .string(summary),
            "rows": [
                "train": .integer(counts.train), "production": .integer(counts.production),
                "sampled_train": .integer(counts.sampledTrain),
                "sampled_production": .integer(counts.sampledProduction),
            ],
            "level": .number(level),
            "tests": .array(
                tests.map { test in
                    [
                        "subject": .string(test.subject.rawValue), "measure": .string(test.measure),
                        "effect": .number(Figure.rounded(test.effect, 6)), "floor": .number(test.floor),
                        "p": .number(Figure.rounded(test.pValue, 6)),
                        "p_adjusted": .number(Figure.rounded(test.adjusted, 6)),
                        "drift": .bool(test.isDrift(level: level)), "sentence": .string(test.sentence),
                    ]
                }),
            "why": .array(reasons.why.map { .string($0) }), "steps": .array(reasons.steps.map { .string($0) }),
            "new_words": .object(
                OrderedDictionary(newWords.map { ($0.word, .integer($0.count)) }, uniquingKeysWith: { $1 })),
            "telling_words": .array(
                telling.map {
                    ["word": .string($0.word), "train": .integer($0.train), "production": .integer($0.production)]
                }),
            "classes": .array(
                classes.map {
                    [
                        "name": .string($0.name), "train": .number(Figure.rounded($0.train, 4)),
                        "production": .number(Figure.rounded($0.production, 4)),
                    ]
                }),
            "moved": .array(moved.map(Self.json)),
        ]
        if let coverage {
            members["suite"] = [
                "uncovered": .number(Figure.rounded(coverage.uncovered, 4)),
                "lower": .number(Figure.rounded(coverage.interval.lower, 4)),
                "upper": .number(Figure.rounded(coverage.interval.upper, 4)), "usual": .number(SuiteCoverage.usual),
                "threshold": .number(Figure.rounded(coverage.threshold, 4)), "rows": .integer(coverage.rows),
                "suite_rows": .integer(coverage.suiteRows), "worst": .array(coverage.worst.map(Self.json)),
                "groups": .array(
                    coverage.clusters.map { ["count": .integer($0.count), "example": Self.json($0.example)] }),
            ]
        }
        return .object(members)
    }

    private static func json(_ row: Finding.Row) -> JSON {
        var members: OrderedDictionary<String, JSON> = ["source": .string(row.source), "excerpt": .string(row.excerpt)]
        if let other = row.other { members["other"] = .string(other) }
        if let score = row.score { members["score"] = .number(score) }
        return .object(members)
    }
}
