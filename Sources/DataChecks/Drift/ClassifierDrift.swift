import Statistics

/// Whether a classifier can tell two sets of texts apart that it has not seen, and by which rows (Lopez-Paz and Oquab,
/// "Revisiting classifier two-sample tests", 2017).
struct ClassifierDrift {
    /// Share of the held-out texts that it puts on the right side; 0.5 by chance.
    let accuracy: Double
    /// The chance that a newer text looks newer than an older one; 0.5 by chance.
    let separation: Double
    /// The share of random divisions of the held-out texts that are told apart as well.
    let pValue: Double
    /// Held-out texts.
    let held: Int
    /// The newer rows by how new they look to a classifier that has not seen them, the newest first, with the
    /// probability.
    let moved: [(row: Int, probability: Double)]

    /// The most texts of a side.
    static let limit = 5000

    /// - Parameters:
    ///   - first: the older texts.
    ///   - second: the newer ones.
    ///   - seed: what choices are keyed by.
    init(_ first: [String], _ second: [String], seed: UInt64) {
        var random = CounterRandom(seed, 0xC257)
        // As many of either side, so that chance is a half.
        let size = min(first.count, second.count, Self.limit)
        let older = Array(random.permutation(first.count).prefix(size))
        let newer = Array(random.permutation(second.count).prefix(size))
        let grams = GramRows((older.map { first[$0] } + newer.map { second[$0] }))
        let features = TextFeatures(grams, limit: TextClassifier.featureLimit(2))
        let rows = features.rows(grams)
        let labels = [Int32](repeating: 0, count: size) + [Int32](repeating: 1, count: size)
        // Both halves have as many of either side.
        let half = size / 2
        let parts = [
            Array(0..<half) + Array(size..<(size + half)), Array(half..<size) + Array((size + half)..<(2 * size)),
        ]
        var probabilities = [Float](repeating: 0, count: 2 * size)
        probabilities.withUnsafeMutableBufferPointer { probabilities in
            // Each piece writes the part that it has not learnt from.
            nonisolated(unsafe) let probabilities = probabilities
            onTwoThreads(2) { part in
                let classifier = TextClassifier(
                    features: features, rows: rows, taken: parts[part], labels: labels, classCount: 2,
                    settings: TextClassifier.Settings(penalty: 1, seed: seed))
                var result: [Float] = [0, 0]
                for row in parts[1 - part] {
                    result.withUnsafeMutableBufferPointer { classifier.probabilities(of: rows, row, into: $0) }
                    probabilities[row] = result[1]
                }
            }
        }
        // The test looks at one half only: the scores of two classifiers are not independent.
        let olderScores = parts[1].filter { $0 < size }.map { Double(probabilities[$0]) }
        let newerScores = parts[1].filter { $0 >= size }.map { Double(probabilities[$0]) }
        held = parts[1].count
        let right = olderScores.count { $0 < 0.5 } + newerScores.count { $0 > 0.5 }
        let undecided = (olderScores + newerScores).count { $0 == 0.5 }
        accuracy = (Double(right) + Double(undecided) / 2) / Double(max(1, held))
        let test = TwoSample.permutation(newerScores, olderScores, score: .ranks, resamples: 1999, seed: seed)
        separation = test.statistic + 0.5
        pValue = test.pValue
        moved = (size..<(2 * size)).map { (newer[$0 - size], Double(probabilities[$0])) }
            .sorted { $0.1 != $1.1 ? $0.1 > $1.1 : $0.0 < $1.0 }
    }
}
