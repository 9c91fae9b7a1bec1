import Foundation
import Statistics

/// A classifier of short texts: multinomial logistic regression over hashed words and parts of words, trained in seconds.
///
/// Stochastic gradient descent with a falling rate (Bottou, "Stochastic gradient descent tricks", 2012): the penalty
/// λ |w|² / 2 is a common factor of all weights, so that a step costs as much as the row has features. The order of the
/// rows comes from a seed, so the same texts give the same bits.
public struct TextClassifier: Sendable {
    /// How it is trained.
    public struct Settings: Sendable, Hashable {
        /// Passes over the rows.
        public var epochs: Int
        /// λ times the number of rows: how strongly weights are held near 0.
        public var penalty: Double
        /// The first step's length.
        public var rate: Double
        /// Of the order of the rows.
        public var seed: UInt64

        /// How a classifier is trained; the defaults suit texts of a few words to a few pages.
        public init(epochs: Int = 12, penalty: Double = 0.1, rate: Double = 4, seed: UInt64 = 42) {
            self.epochs = epochs
            self.penalty = penalty
            self.rate = rate
            self.seed = seed
        }
    }

    /// Classes it tells apart.
    public let classCount: Int
    private let features: TextFeatures
    private let model: LinearModel

    /// The most weights a classifier has, 64 MiB of them.
    static let weightLimit = 1 << 24

    /// Trains on texts.
    ///
    /// - Parameters:
    ///   - texts: what is to be told apart.
    ///   - labels: the class of each, `0 ..< classCount`.
    ///   - classCount: how many classes there are.
    ///   - settings: how.
    /// - Precondition: there are as many labels as texts, and each is below `classCount`.
    public init(texts: [String], labels: [Int], classCount: Int, settings: Settings = Settings()) {
        precondition(texts.count == labels.count, "\(texts.count) texts have \(labels.count) labels")
        precondition(labels.allSatisfy { $0 >= 0 && $0 < classCount }, "a label is not below \(classCount)")
        let grams = GramRows(texts)
        let features = TextFeatures(grams, limit: Self.featureLimit(classCount))
        self.init(
            features: features, rows: features.rows(grams), taken: Array(0..<texts.count),
            labels: labels.map(Int32.init(truncatingIfNeeded:)), classCount: classCount, settings: settings)
    }

    /// Trains on some of the rows.
    init(
        features: TextFeatures, rows: SparseRows, taken: [Int], labels: [Int32], classCount: Int, settings: Settings
    ) {
        self.features = features
        self.classCount = classCount
        var model = LinearModel(features: features.count, classes: classCount)
        model.train(on: rows, taken: taken, labels: labels, settings: settings)
        self.model = model
    }

    /// The most features that so many classes leave room for.
    package static func featureLimit(_ classCount: Int) -> Int { weightLimit / ((classCount + 3) / 4 * 4) }

    /// The probability of each class, in the order of the texts.
    public func probabilities(of texts: [String]) -> [[Float]] {
        let rows = features.rows(GramRows(texts))
        return (0..<rows.count).map { row in
            var result = [Float](repeating: 0, count: classCount)
            result.withUnsafeMutableBufferPointer { probabilities(of: rows, row, into: $0) }
            return result
        }
    }

    /// Writes the probability of each class for a row that these features made.
    func probabilities(of rows: SparseRows, _ row: Int, into result: UnsafeMutableBufferPointer<Float>) {
        model.probabilities(of: rows, row, into: result)
    }
}

/// The weights of a classifier: a row of classes for each feature.
private struct LinearModel: Sendable {
    private let classes: Int
    /// Groups of four classes.
    private let width: Int
    private var weights: [SIMD4<Float>]
    private var bias: [SIMD4<Float>]
    /// What all weights are to be multiplied by.
    private var scale: Float = 1

    init(features: Int, classes: Int) {
        self.classes = classes
        width = (classes + 3) / 4
        weights = [SIMD4<Float>](repeating: .zero, count: features * width)
        bias = [SIMD4<Float>](repeating: .zero, count: width)
    }

    mutating func train(
        on rows: SparseRows, taken: [Int], labels: [Int32], settings: TextClassifier.Settings
    ) {
        guard !taken.isEmpty else { return }
        let lambda = Float(settings.penalty / Double(taken.count))
        let first = Float(settings.rate)
        var probabilities = [Float](repeating: 0, count: width * 4)
        var step = 0
        for epoch in 0..<settings.epochs {
            var random = CounterRandom(settings.seed, 0x7EC7, UInt64(epoch))
            for place in random.permutation(taken.count) {
                let row = taken[place]
                let rate = first / (1 + first * lambda * Float(step) + Float(step) / Float(taken.count))
                probabilities.withUnsafeMutableBufferPointer { learn(rows, row, Int(labels[row]), rate, lambda, $0) }
                step += 1
            }
        }
        for index in weights.indices { weights[index] *= scale }
        scale = 1
    }

    private mutating func learn(
        _ rows: SparseRows, _ row: Int, _ label: Int, _ rate: Float, _ lambda: Float,
        _ gradient: UnsafeMutableBufferPointer<Float>
    ) {
        self.probabilities(of: rows, row, into: gradient)
        gradient[label] -= 1
        scale *= 1 - rate * lambda
        let width = width
        let factor = rate / scale
        gradient.withMemoryRebound(to: SIMD4<Float>.self) { gradient in
            guard let gradient = gradient.baseAddress else { return }
            for group in 0..<width { bias[group] -= gradient[group] * (rate * 0.1) }
            weights.withUnsafeMutableBufferPointer { weights in
                guard let weights = weights.baseAddress else { return }
                for entry in rows.offsets[row]..<rows.offsets[row + 1] {
                    let target = weights + Int(rows.indices[entry]) * width
                    let value = rows.values[entry] * factor
                    for group in 0..<width { target[group] -= gradient[group] * value }
                }
            }
        }
    }

    /// - Parameter result: as many numbers as there are classes, or as there are with the last group of four filled up.
    func probabilities(of rows: SparseRows, _ row: Int, into result: UnsafeMutableBufferPointer<Float>) {
        let width = width
        withUnsafeTemporaryAllocation(of: SIMD4<Float>.self, capacity: width) { sums in
            guard let sums = sums.baseAddress else { return }
            weights.withUnsafeBufferPointer { weights in
                guard let weights = weights.baseAddress else {
                    for group in 0..<width { sums[group] = .zero }
                    return
                }
                for group in 0..<width { sums[group] = .zero }
                for entry in rows.offsets[row]..<rows.offsets[row + 1] {
                    let source = weights + Int(rows.indices[entry]) * width
                    let value = rows.values[entry]
                    for group in 0..<width { sums[group] += source[group] * value }
                }
            }
            for group in 0..<width { sums[group] = sums[group] * scale + bias[group] }
            softmax(UnsafeRawPointer(sums).assumingMemoryBound(to: Float.self), into: result)
        }
    }

    private func softmax(_ logits: UnsafePointer<Float>, into result: UnsafeMutableBufferPointer<Float>) {
        var largest = -Float.infinity
        for index in 0..<classes { largest = max(largest, logits[index]) }
        var sum: Float = 0
        for index in 0..<classes {
            let value = exp(logits[index] - largest)
            result[index] = value
            sum += value
        }
        let factor = 1 / sum
        for index in 0..<classes { result[index] *= factor }
        for index in classes..<max(classes, result.count) { result[index] = 0 }
    }
}
