import Foundation
public import Statistics

/// Which labels of a set are likely wrong, and how many.
///
/// A classifier judges every row without having seen it (cross-validation). A row whose probability of some class reaches
/// the mean that rows of this class have, is confidently of that class; where that is another class than its label says, the
/// label is in doubt. The shares of such rows, class by class, give the rate (confident learning: Northcutt, Jiang and
/// Chuang, 2021). As many rows as this rate says are suspects: those whose own label is the least likely one beside the
/// likeliest. Then all is done once more by classifiers that have not learnt from suspects.
///
/// Of more rows than `sampleLimit` a keyed sample is cross-validated, and a classifier that has learnt from the sample
/// judges the others.
public struct LabelNoise: Sendable {
    /// A row whose label is in doubt.
    public struct Suspect: Sendable, Hashable {
        /// Its number, from 0.
        public var row: Int
        /// The class that its label says.
        public var given: Int
        /// The class that it looks like.
        public var suggested: Int
        /// How sure it is that the suggested class is the better of the two, [0, 1].
        public var confidence: Double
        /// Of the `neighbourCount` rows with the most similar texts how many have the suggested label; counted for the
        /// first suspects only.
        public var neighboursForSuggested: Int?
        /// How many of them have the given label.
        public var neighboursForGiven: Int?
    }

    /// Share of the labels that look wrong, [0, 1].
    public let rate: Double
    /// 95 % bounds of the rate.
    public let interval: Interval
    /// Share of the rows whose label a classifier gets right that has not seen them.
    public let accuracy: Double
    /// Share of the rows that have the most frequent label.
    public let baseRate: Double
    /// Rows that were cross-validated.
    public let sampled: Int
    /// The rows in doubt, the surest first.
    public let suspects: [Suspect]
    /// The same of rows that nothing was learnt from, such as a suite's, by their name.
    let others: [(name: String, found: Judged)]

    /// What is found in rows that nothing was learnt from.
    struct Judged {
        var rows: Int
        var rate: Double
        var interval: Interval
        var accuracy: Double
        var suspects: [Suspect]
    }

    /// The most rows that are cross-validated.
    public static let sampleLimit = 100_000
    /// Neighbours that are asked about a suspect.
    public static let neighbourCount = 10

    /// Finds the labels of texts that are likely wrong.
    ///
    /// - Parameters:
    ///   - texts: the rows' texts.
    ///   - labels: the class of each, `0 ..< classCount`.
    ///   - classCount: how many classes there are.
    ///   - sampleLimit: the most rows that are cross-validated.
    ///   - settings: how classifiers are trained.
    /// - Throws: `TextStoreError` when there is no room for a temporary file.
    /// - Precondition: there are as many labels as texts, and each is below `classCount`.
    public init(
        texts: [String], labels: [Int], classCount: Int, sampleLimit: Int = LabelNoise.sampleLimit,
        settings: TextClassifier.Settings = .init()
    ) throws {
        precondition(texts.count == labels.count, "\(texts.count) texts have \(labels.count) labels")
        precondition(labels.allSatisfy { $0 >= 0 && $0 < classCount }, "a label is not below \(classCount)")
        let rows = LabelledTexts()
        for (text, label) in zip(texts, labels) { rows.append(text, label: label, source: "") }
        try self.init(rows, classCount: classCount, sampleLimit: sampleLimit, settings: settings)
    }

    /// - Parameter others: rows to judge and not to learn from, by name.
    /// - Throws: `TextStoreError`, and `CancellationError` where `isStopped` says so.
    init(
        _ rows: LabelledTexts, others: [(name: String, texts: LabelledTexts)] = [], classCount: Int,
        sampleLimit: Int = LabelNoise.sampleLimit, settings: TextClassifier.Settings = .init(),
        isStopped: () -> Bool = { false }
    ) throws {
        let sample = try LabelSample(rows, classCount: classCount, limit: sampleLimit, seed: settings.seed)
        func crossValidated(_ trusted: [Bool]?) throws -> (CrossValidation, ConfidentJoint) {
            if isStopped() { throw CancellationError() }
            let result = CrossValidation(
                features: sample.features, rows: sample.rows, labels: sample.labels, classCount: classCount,
                trusted: trusted, settings: settings)
            return (result, ConfidentJoint(result, labels: sample.labels))
        }
        var (validation, joint) = try crossValidated(nil)
        var trusted = Self.trusted(validation, sample.labels, joint)
        (validation, joint) = try crossValidated(trusted)
        var doubts = Doubt.all(validation, sample.labels, numbers: sample.numbers)
        var judged: [(name: String, found: Judged)] = []
        if sample.labels.count < rows.count || !others.isEmpty {
            trusted = Self.trusted(validation, sample.labels, joint)
            if isStopped() { throw CancellationError() }
            let classifier = TextClassifier(
                features: sample.features, rows: sample.rows, taken: trusted.indices.filter { trusted[$0] },
                labels: sample.labels, classCount: classCount, settings: settings)
            let judge = LabelJudge(features: sample.features, classifier: classifier, thresholds: joint.thresholds)
            if sample.labels.count < rows.count {
                doubts += try judge.judged(rows, isStopped: isStopped) { !sample.holds($0) }.doubts
            }
            for (name, texts) in others {
                let (found, joint) = try judge.judged(texts, isStopped: isStopped) { _ in true }
                let count = Int((joint.rate * Double(joint.rows)).rounded())
                judged.append(
                    (
                        name,
                        Judged(
                            rows: joint.rows, rate: joint.rate, interval: joint.interval,
                            accuracy: 1 - Double(found.count) / Double(max(1, joint.rows)),
                            suspects: found.sorted().prefix(count).map(Suspect.init))
                    ))
            }
        }
        self.others = judged
        rate = joint.rate
        interval = joint.interval
        accuracy = validation.accuracy(sample.labels)
        baseRate = sample.baseRate
        sampled = sample.labels.count
        let count = Int((joint.rate * Double(rows.count)).rounded())
        var suspects = doubts.sorted().prefix(count).map(Suspect.init)
        try Neighbours(sample, rows, suspects: suspects.prefix(200).map(\.row)).count(into: &suspects)
        self.suspects = suspects
    }

    /// Which rows a classifier may learn from: all but as many as look wrong.
    private static func trusted(_ validation: CrossValidation, _ labels: [Int32], _ joint: ConfidentJoint) -> [Bool] {
        var trusted = [Bool](repeating: true, count: labels.count)
        let count = Int((joint.rate * Double(labels.count)).rounded())
        for doubt in Doubt.all(validation, labels, numbers: Array(labels.indices)).sorted().prefix(count) {
            trusted[doubt.row] = false
        }
        return trusted
    }
}

/// A row to which another label is likelier than its own.
struct Doubt: Comparable {
    var row: Int
    var given: Int
    var suggested: Int
    /// ln of the given label's probability over the likeliest one's; below 0.
    var logRatio: Float

    init?(row: Int, given: Int, probabilities: ArraySlice<Float>) {
        let first = probabilities.startIndex
        var best = first
        for index in probabilities.indices where probabilities[index] > probabilities[best] { best = index }
        guard best != first + given else { return nil }
        self.row = row
        self.given = given
        suggested = best - first
        logRatio = log(max(probabilities[first + given], 1e-12) / probabilities[best])
    }

    static func all(_ validation: CrossValidation, _ labels: [Int32], numbers: [Int]) -> [Doubt] {
        labels.indices.compactMap {
            Doubt(row: numbers[$0], given: Int(labels[$0]), probabilities: validation[$0])
        }
    }

    static func < (left: Doubt, right: Doubt) -> Bool {
        left.logRatio != right.logRatio ? left.logRatio < right.logRatio : left.row < right.row
    }
}

extension LabelNoise.Suspect {
    init(_ doubt: Doubt) {
        self.init(
            row: doubt.row, given: doubt.given, suggested: doubt.suggested,
            confidence: 1 / (1 + exp(Double(doubt.logRatio))))
    }
}

/// How many rows of each label are confidently of another class.
struct ConfidentJoint {
    /// By class the mean probability of it among the rows that have its label.
    let thresholds: [Float]
    /// Rows by their label.
    private var counts: [Int]
    private var confident: [Int]
    private var elsewhere: [Int]

    init(thresholds: [Float]) {
        self.thresholds = thresholds
        counts = [Int](repeating: 0, count: thresholds.count)
        confident = counts
        elsewhere = counts
    }

    init(_ validation: CrossValidation, labels: [Int32]) {
        let classCount = validation.classCount
        var sums = [Double](repeating: 0, count: classCount)
        var counts = [Int](repeating: 0, count: classCount)
        for (row, label) in labels.enumerated() {
            let own = validation[row]
            sums[Int(label)] += Double(own[own.startIndex + Int(label)])
            counts[Int(label)] += 1
        }
        self.init(thresholds: zip(sums, counts).map { $1 > 0 ? Float($0 / Double($1)) : .infinity })
        for (row, label) in labels.enumerated() { add(Int(label), validation[row]) }
    }

    /// Counts a row.
    mutating func add(_ label: Int, _ probabilities: ArraySlice<Float>) {
        counts[label] += 1
        var best: Int?
        var largest: Float = 0
        for (candidate, probability) in probabilities.enumerated()
        where probability >= thresholds[candidate] && probability > largest {
            best = candidate
            largest = probability
        }
        guard let best else { return }
        confident[label] += 1
        if best != label { elsewhere[label] += 1 }
    }

    /// Counts what another one has counted.
    mutating func add(_ other: ConfidentJoint) {
        for label in counts.indices {
            counts[label] += other.counts[label]
            confident[label] += other.confident[label]
            elsewhere[label] += other.elsewhere[label]
        }
    }

    /// Rows that were counted.
    var rows: Int { counts.reduce(0, +) }

    /// Share of the labels that look wrong.
    var rate: Double {
        let total = Double(max(1, rows))
        return counts.indices.reduce(0) { sum, label in
            guard confident[label] > 0 else { return sum }
            return sum + Double(elsewhere[label]) / Double(confident[label]) * Double(counts[label]) / total
        }
    }

    /// 95 % bounds of the rate.
    var interval: Interval {
        let trials = confident.reduce(0, +)
        return .wilson(successes: rate * Double(trials), trials: trials)
    }
}

extension CrossValidation {
    /// Share of the rows whose label is the likeliest.
    func accuracy(_ labels: [Int32]) -> Double {
        let right = labels.indices.count { Doubt(row: $0, given: Int(labels[$0]), probabilities: self[$0]) == nil }
        return Double(right) / Double(max(1, labels.count))
    }
}
