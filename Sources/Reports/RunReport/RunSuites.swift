import Foundation
import OrderedCollections
import TextCore

/// What the files of `eval/` tell of one suite: before training, after it, and of the baselines.
struct RunSuite {
    /// The result of one model.
    struct Result {
        /// The step after which it was measured; `nil` for a baseline.
        var step: Int?
        /// Questions.
        var count: Int
        /// The figures, the leading one first.
        var figures: OrderedDictionary<String, Double>
        var remarks: [String]
        var isRegression: Bool
        /// How well labels were told apart.
        var classes: JSON?
        /// How well the fields of JSON were found.
        var fields: JSON?
        var answers: [Answer]

        var leading: (name: String, value: Double)? { figures.elements.first.map { ($0.key, $0.value) } }
    }

    /// An answer to one question.
    struct Answer {
        var id: String
        var source: String
        var question: String?
        var expected: String
        var answer: String
        var passed: Bool
        var note: String?
    }

    var name: String
    var before: Result?
    var after: Result?
    var baselines: [(name: String, result: Result)] = []

    /// Reads the first and the last result of every suite, and those of baselines.
    static func all(_ files: inout RunFiles) -> [RunSuite] {
        var suites: OrderedDictionary<String, RunSuite> = [:]
        var steps: OrderedDictionary<String, [Int]> = [:]
        for name in files.names(in: "eval") where name.hasSuffix(".json") {
            let stem = name.dropLast(5)
            if name.hasPrefix("baseline-") {
                guard let result = read("eval/\(name)", step: nil, &files), let suite = result.suite else { continue }
                let words = stem.dropFirst("baseline-".count)
                let baseline = words.hasSuffix("-" + suite) ? words.dropLast(suite.count + 1) : words
                suites[suite, default: RunSuite(name: suite)].baselines.append((String(baseline), result.result))
            } else if let mark = stem.range(of: "-step-", options: .backwards), let step = Int(stem[mark.upperBound...])
            {
                steps[String(stem[..<mark.lowerBound]), default: []].append(step)
            }
        }
        for (name, numbers) in steps where name != "held" {
            guard let first = numbers.min(), let last = numbers.max() else { continue }
            var suite = suites[name] ?? RunSuite(name: name)
            if first == 0 { suite.before = read("eval/\(name)-step-0.json", step: 0, &files)?.result }
            if last > 0 { suite.after = read("eval/\(name)-step-\(last).json", step: last, &files)?.result }
            suites[name] = suite
        }
        return Array(suites.values)
    }

    private static func read(_ file: String, step: Int?, _ files: inout RunFiles) -> (suite: String?, result: Result)? {
        guard let json = files.json(file) else { return nil }
        guard let members = json.object, let count = members["count"]?.int else {
            files.note("\(ReportText.code(file)) is no result of a suite, and is left out.")
            return nil
        }
        var figures: OrderedDictionary<String, Double> = [:]
        for (name, value) in members where !["count", "unjudged", "seconds", "suite", "kind"].contains(name) {
            if let value = value.measured { figures[name] = value }
        }
        let answers = (members["answers"]?.array ?? []).compactMap { answer -> Answer? in
            guard let source = answer["source"]?.string, let passed = answer["passed"]?.bool else { return nil }
            return Answer(
                id: answer["id"]?.string ?? source, source: source,
                question: answer["question"]?.string ?? answer["prompt"]?.string,
                expected: answer["expected"]?.string ?? "", answer: answer["answer"]?.string ?? "", passed: passed,
                note: answer["note"]?.string)
        }
        let result = Result(
            step: step, count: count, figures: figures,
            remarks: (members["remarks"]?.array ?? []).compactMap(\.string),
            isRegression: members["regression"]?.bool ?? false, classes: members["class_table"],
            fields: members["field_table"], answers: answers)
        return (members["suite"]?.string, result)
    }

    /// Questions whose answers became right, and those whose became wrong, with both answers.
    var changes: (wins: [(before: Answer, after: Answer)], losses: [(before: Answer, after: Answer)], paired: Int)? {
        guard let before, let after, !before.answers.isEmpty, !after.answers.isEmpty else { return nil }
        var earlier = Dictionary(before.answers.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var wins: [(Answer, Answer)] = []
        var losses: [(Answer, Answer)] = []
        var paired = 0
        for answer in after.answers {
            guard let old = earlier.removeValue(forKey: answer.id) else { continue }
            paired += 1
            if answer.passed, !old.passed { wins.append((old, answer)) }
            if !answer.passed, old.passed { losses.append((old, answer)) }
        }
        return (wins, losses, paired)
    }
}

/// How the value of a metric is shown and read, by its name.
struct MetricWords {
    let isShare: Bool
    let higherIsBetter: Bool

    init(_ metric: String) {
        let name = metric.split(separator: ".").last.map(String.init) ?? metric
        let shares = [
            "accuracy", "f1", "share", "rate", "stopped", "valid", "exact", "score", "win", "passed", "pass@",
        ]
        let isCost = ["loss", "perplexity", "kl", "latency", "seconds", "cost"].contains { name.contains($0) }
        isShare = !isCost && shares.contains { name.contains($0) }
        higherIsBetter = !isCost && name != "entropy"
    }

    /// The value for people.
    func text(_ value: Double) -> String {
        isShare && (-1...1).contains(value) ? ReportText.percent(value) : ReportText.number(value)
    }

    /// The difference for people, with its sign.
    func difference(_ before: Double, _ after: Double) -> String {
        let difference = after - before
        guard difference.isFinite else { return "–" }
        if isShare { return ReportText.points(difference) }
        return (difference > 0 ? "+" : "") + ReportText.number(difference, digits: 3)
    }

    /// The name for people: `macro f1` for `macro_f1`.
    static func title(_ metric: String) -> String { metric.replacing("_", with: " ") }
}
