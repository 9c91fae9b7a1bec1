import Foundation
import OrderedCollections
import Statistics
import TextCore

/// Compares what a model was trained on with what it is asked now.
public enum Drift {
    /// The chance of an alarm where nothing has changed: one in a hundred, as drift is looked for again and again.
    public static let level = 0.01
    /// The fewest rows of either side.
    public static let floor = 30

    /// Compares two samples, and production with a suite.
    ///
    /// - Parameters:
    ///   - train: rows that the model was trained on.
    ///   - production: rows that it is asked now.
    ///   - suite: rows that it is judged by.
    ///   - level: the chance of an alarm where nothing has changed, over all tests together.
    ///   - seed: what choices and random divisions are keyed by.
    /// - Throws: `DataCheckError` when a side has fewer than `floor` rows.
    public static func report(
        train: DriftSample, production: DriftSample, suite: DriftSample? = nil, level: Double = Drift.level,
        seed: UInt64 = 42
    ) throws(DataCheckError) -> DriftReport {
        for (name, sample) in [("training", train), ("production", production), ("suite", suite ?? train)]
        where sample.offered < floor {
            throw DataCheckError(
                "the \(name) file has \(counted(sample.offered, "row")), and drift is not to be seen in fewer than "
                    + "\(floor). Collect more rows.")
        }
        let (old, new) = (train.rows, production.rows)
        let (oldTexts, newTexts) = (old.map(\.text), new.map(\.text))
        let vocabulary = VocabularyDrift(oldTexts, newTexts, seed: seed)
        let classifier = ClassifierDrift(oldTexts, newTexts, seed: seed)
        let classes = ClassDrift(old, new, seed: seed)
        var tests = [
            lengthTest(oldTexts, newTexts), vocabularyTest(vocabulary), classifierTest(classifier),
        ]
        if let classes { tests.append(classes.test) }
        for (index, value) in Holm.adjusted(tests.map(\.pValue)).enumerated() { tests[index].adjusted = value }
        return DriftReport(
            counts: (train.offered, production.offered, old.count, new.count), tests: tests, level: level,
            newWords: vocabulary.newWords,
            telling: vocabulary.telling.map { ($0.word, $0.first, $0.second, $0.score > 0) },
            classes: classes?.shares ?? [],
            moved: classifier.moved.prefix(20).map {
                Finding.Row(
                    new[$0.row].source, excerpt: Excerpt.of(new[$0.row].text), other: new[$0.row].label,
                    score: Figure.rounded($0.probability, 3))
            },
            coverage: suite.map { SuiteCoverage(new, suite: $0.rows) })
    }

    private static func lengthTest(_ old: [String], _ new: [String]) -> DriftTest {
        let (before, now) = (old.map(words), new.map(words))
        let result = TwoSample.kolmogorovSmirnov(before, now)
        return DriftTest(
            subject: .length, effect: result.statistic, measure: "largest distance of shares (Kolmogorov and Smirnov)",
            floor: 0.1, pValue: result.pValue, adjusted: result.pValue,
            sentence: "texts have \(Quantiles(now).text(0.5)) words at the median and "
                + "\(Quantiles(now).text(0.9)) at the 90th percentile, before \(Quantiles(before).text(0.5)) and "
                + Quantiles(before).text(0.9))
    }

    private static func words(_ text: String) -> Double {
        var count = 0.0
        TextWords.forEach(text) { _, _ in count += 1 }
        return count
    }

    private static func vocabularyTest(_ drift: VocabularyDrift) -> DriftTest {
        DriftTest(
            subject: .vocabulary, effect: drift.divergence - drift.byChance,
            measure: "Jensen–Shannon divergence above chance, bits", floor: 0.005, pValue: drift.pValue,
            adjusted: drift.pValue,
            sentence:
                "\(Figure.percent(drift.newShare)) of the words are new (\(Figure.percent(drift.usualNewShare)) between "
                + "two halves of the training rows), and the divergence of words is "
                + "\(Figure.rounded(drift.divergence, 4)) bits, \(Figure.rounded(drift.byChance, 4)) by chance")
    }

    private static func classifierTest(_ drift: ClassifierDrift) -> DriftTest {
        DriftTest(
            subject: .classifier, effect: drift.separation - 0.5, measure: "area under the curve above one half",
            floor: 0.05, pValue: drift.pValue, adjusted: drift.pValue,
            sentence: "a classifier tells old from new in \(Figure.percent(drift.accuracy)) of "
                + "\(grouped(drift.held)) texts that it has not seen (50 % by chance)")
    }
}

/// How the classes of two sets of rows differ.
private struct ClassDrift {
    let test: DriftTest
    /// The classes whose shares changed the most.
    let shares: [(name: String, train: Double, production: Double)]

    /// `nil` where the labels are no classes, or there are none on one side.
    init?(_ old: [DriftSample.Row], _ new: [DriftSample.Row], seed: UInt64) {
        let (before, now) = (Self.counts(old), Self.counts(new))
        let (beforeTotal, nowTotal) = (before.values.reduce(0, +), now.values.reduce(0, +))
        guard beforeTotal >= Drift.floor, nowTotal >= Drift.floor else { return nil }
        let names = OrderedSet(before.keys).union(now.keys)
        guard names.count >= 2, names.count <= LabelColumns.classLimit, beforeTotal >= 3 * before.count else {
            return nil
        }
        let result = TwoSample.chiSquared(
            names.map { before[$0] ?? 0 }, names.map { now[$0] ?? 0 }, seed: seed)
        let all = names.map { name in
            (
                name: name, train: Double(before[name] ?? 0) / Double(beforeTotal),
                production: Double(now[name] ?? 0) / Double(nowTotal)
            )
        }
        // Half the sum of differences is the share of rows that would have to change their class. Even without drift it
        // is not 0; what is beyond is what counts.
        let distance = all.reduce(0) { $0 + abs($1.train - $1.production) } / 2
        let expected = all.reduce(0.0) { sum, item in
            let pooled =
                (item.train * Double(beforeTotal) + item.production * Double(nowTotal)) / Double(beforeTotal + nowTotal)
            let variance = pooled * (1 - pooled) * (1 / Double(beforeTotal) + 1 / Double(nowTotal))
            return sum + (variance * 2 / Double.pi).squareRoot() / 2
        }
        let most = all.enumerated().sorted {
            let (left, right) = (
                abs($0.element.train - $0.element.production), abs($1.element.train - $1.element.production)
            )
            return left != right ? left > right : $0.offset < $1.offset
        }.map(\.element)
        shares = Array(most.prefix(20))
        let first = most[0]
        test = DriftTest(
            subject: .classes, effect: max(0, distance - expected),
            measure: "share of rows in other classes, above chance",
            floor: 0.05, pValue: result.pValue, adjusted: result.pValue,
            sentence: "'\(first.name)' makes up \(Figure.percent(first.production)) of the rows, before "
                + "\(Figure.percent(first.train)); in all \(Figure.percent(distance)) of the rows would have to change their class "
                + "(\(Figure.percent(expected)) by chance)")
    }

    private static func counts(_ rows: [DriftSample.Row]) -> OrderedDictionary<String, Int> {
        var counts: OrderedDictionary<String, Int> = [:]
        for row in rows { if let label = row.label { counts[label.trimmed, default: 0] += 1 } }
        return counts
    }
}
