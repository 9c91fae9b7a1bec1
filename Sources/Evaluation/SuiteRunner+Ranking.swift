import LanguageModels
import OrderedCollections
import TensorCore
import Training

extension SuiteRunner {
    /// Which of the given answers the model thinks the likeliest, by the whole and by length.
    func rank(_ suite: Suite) throws -> SuiteResult {
        var result = SuiteResult(name: suite.name, kind: suite.kind, count: suite.items.count)
        let lengths = suite.items.map { item in item.prompt.count + item.given.reduce(0) { $0 + $1.ids.count } }
        for part in Packing.microBatches(lengths: lengths, limit: .tokens(4096)) {
            if stop.isRequested { throw CancellationError() }
            let items = Array(suite.items[part])
            for (item, sums) in zip(items, try logProbabilities(items)) {
                result.outcomes.append(Self.outcome(item, sums))
            }
        }
        guard !result.outcomes.isEmpty else { return result }
        result.addShares()
        // A tie is half a win: the score says so, and the share of questions follows it.
        result.figures["accuracy"] = result.figures["score"]
        result.figures["score"] = nil
        let normalized = result.outcomes.compactMap { $0.values["accuracy_norm"]?.value }
        result.figures["accuracy_norm"] = normalized.reduce(0, +) / Double(normalized.count)
        result.figures["margin"] =
            result.outcomes.compactMap { $0.values["margin"]?.value }.reduce(0, +) / Double(result.count)
        result.figures["base_rate"] = Self.baseRate(suite.items)
        return result
    }

    /// ln π of each given answer of each question.
    private func logProbabilities(_ items: [SuiteItem]) throws -> [[Double]] {
        for item in items {
            let longest = item.given.map(\.ids).max { $0.count < $1.count } ?? []
            try model.check(item.prompt + longest.map(Int.init), location: item.source)
        }
        let answers = PackedAnswers(
            items.map { item in
                PackedAnswers.Group(prompt: item.prompt.map { Int32($0) }, answers: item.given.map(\.ids))
            })
        let sums = answers.answerLogProbabilities(model).scalars
        var result = items.map { [Double](repeating: 0, count: $0.given.count) }
        for (place, sum) in zip(answers.places, sums) { result[place.group][place.answer] = Double(sum) }
        return result
    }

    private static func outcome(_ item: SuiteItem, _ sums: [Double]) -> SuiteResult.Outcome {
        let means = zip(sums, item.given).map { $0 / max(1, $1.length) }
        let best = sums.indices.max { sums[$0] < sums[$1] } ?? 0
        let points = points(sums, right: item.right)
        var outcome = SuiteResult.Outcome(
            id: item.id, source: item.source, question: item.shownQuestion, expected: item.given[item.right].text,
            answer: item.given[best].text,
            score: points, passed: points == 1, stopped: true)
        outcome.values["accuracy"] = .init(points)
        outcome.values["accuracy_norm"] = .init(Self.points(means, right: item.right))
        let others = sums.indices.filter { $0 != item.right }.map { sums[$0] }
        outcome.values["margin"] = .init(sums[item.right] - (others.max() ?? 0))
        return outcome
    }

    /// 1 when the right one is above all others, shared among those that are equal.
    private static func points(_ values: [Double], right: Int) -> Double {
        guard values.allSatisfy({ $0 <= values[right] }) else { return 0 }
        return 1 / Double(values.count { $0 == values[right] })
    }

    /// What guessing would score, or always taking the place that is right the most often, whichever is more.
    private static func baseRate(_ items: [SuiteItem]) -> Double {
        let guess = items.reduce(0) { $0 + 1 / Double(max(1, $1.given.count)) } / Double(items.count)
        guard Set(items.map(\.right)).count > 1 else { return guess }
        let places = items.reduce(into: [Int: Int]()) { $0[$1.right, default: 0] += 1 }
        return max(guess, Double(places.values.max() ?? 0) / Double(items.count))
    }
}
