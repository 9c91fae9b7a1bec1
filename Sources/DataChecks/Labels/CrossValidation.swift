import Statistics

/// The probability of each class for rows, each judged by a classifier that has not seen it.
package struct CrossValidation: Sendable {
    let classCount: Int
    /// [rows, classes].
    private(set) var probabilities: [Float]

    /// - Parameters:
    ///   - rows: the rows' features.
    ///   - labels: the class of each.
    ///   - trusted: whether a classifier may learn from a row; all are judged.
    ///   - folds: how many parts the rows are split in, each with its share of every class.
    package init(
        features: TextFeatures, rows: SparseRows, labels: [Int32], classCount: Int, trusted: [Bool]? = nil,
        folds: Int = 5, settings: TextClassifier.Settings
    ) {
        self.classCount = classCount
        let fold = Self.folds(labels, classCount: classCount, folds: folds, seed: settings.seed)
        probabilities = [Float](repeating: 0, count: labels.count * classCount)
        probabilities.withUnsafeMutableBufferPointer { buffer in
            // Each fold writes the rows that it holds out, and no other does.
            nonisolated(unsafe) let buffer = buffer
            onTwoThreads(folds) { held in
                let taken = labels.indices.filter { fold[$0] != held && trusted?[$0] ?? true }
                let classifier = TextClassifier(
                    features: features, rows: rows, taken: taken, labels: labels, classCount: classCount,
                    settings: settings)
                for row in labels.indices where fold[row] == held {
                    classifier.probabilities(
                        of: rows, row,
                        into: UnsafeMutableBufferPointer(
                            rebasing: buffer[(row * classCount)..<((row + 1) * classCount)]))
                }
            }
        }
    }

    /// Which part each row belongs to.
    private static func folds(_ labels: [Int32], classCount: Int, folds: Int, seed: UInt64) -> [Int] {
        var random = CounterRandom(seed, 0xF01D)
        var next = (0..<classCount).map { _ in random.below(folds) }
        var fold = [Int](repeating: 0, count: labels.count)
        for row in random.permutation(labels.count) {
            let label = Int(labels[row])
            fold[row] = next[label]
            next[label] = (next[label] + 1) % folds
        }
        return fold
    }

    package subscript(row: Int) -> ArraySlice<Float> { probabilities[(row * classCount)..<((row + 1) * classCount)] }
}
