import CKernels
import Foundation

/// How hidden states become logits at the head.
public struct LogitTransform: Sendable, Hashable {
    /// Multiplies the logits: a model's logit scale, or one over a sampling temperature.
    public var scale: Float
    /// Logits become cap · tanh(logit / cap); `nil` for none.
    public var softCap: Float?

    /// scale · x, then the cap.
    public init(scale: Float = 1, softCap: Float? = nil) {
        self.scale = scale
        self.softCap = softCap
    }

    fileprivate var kernel: hone_logit_transform { hone_logit_transform(scale: scale, cap: softCap ?? 0) }
}

/// What the head says of some labels, at the positions that carry loss.
public struct LabelLogProbabilities: Sendable {
    /// ln p(label), [N], in nats; differentiable.
    public var logProbability: Tensor
    /// −Σ p ln p over the vocabulary, [N], in nats; differentiable.
    public var entropy: Tensor
    /// 1 where the label has the highest probability (of equals, the lowest index), else 0; [N].
    public var isTop1: Tensor
    /// The mean over the vocabulary of the transformed logits, [N]; not differentiable.
    public var meanLogit: Tensor
    /// ln Σ p² over the vocabulary, [N], in nats: the log-probability that two draws agree; not differentiable.
    public var logSquareSum: Tensor
}

/// The log-probability of labels under softmax(transform(hidden · weightᵀ)), without ever holding the logits whole.
///
/// Works on tiles of rows: each tile's logits are made, read and overwritten by their gradient, which is multiplied
/// back at once. Serves every loss over tokens.
///
/// - Parameters:
///   - hidden: [N, D]: only the positions that carry loss.
///   - weight: [V, D], the output embedding; any type, `float32` if trained.
///   - labels: N of them, in 0 ..< V.
///   - transform: scale and cap of the logits.
///   - expectsUniformGradient: promises that the loss is a constant times the plain sum of the log-probabilities,
///     as cross-entropy is; then a trained weight's gradient is taken on the way forward, and the logits are not
///     made twice. Wrong promises cost time, never correctness.
///   - precision: of the products with the weight, forward and back.
/// - Returns: values of shape [N]. Gradients flow to `hidden` and to a trained `weight`.
public func labelLogProbabilities(
    _ hidden: Tensor, _ weight: Tensor, labels: [Int32], transform: LogitTransform = LogitTransform(),
    expectsUniformGradient: Bool = false, precision: Precision = .float32
) -> LabelLogProbabilities {
    let head = LogitHead(hidden: hidden, weight: weight, labels: labels, transform: transform, precision: precision)
    let count = labels.count
    var statistics = (0..<6).map { _ in Tensor([count]) { _ in } }
    let pointers = statistics.indices.map { statistics[$0].mutableFloats() }
    let weightGradient = weight.isTracked && expectsUniformGradient
    let tracked = hidden.isTracked || weight.isTracked
    // With upstream gradient u, d loss / d hidden = u · G for a G that does not depend on u.
    var unit = Tensor(tracked ? head.hidden.shape : [0]) { _ in }
    var unitWeight = weightGradient ? Tensor.zeros(weight.shape) : Tensor([0]) { _ in }
    let (unitFloats, unitWeightFloats) = (unit.mutableFloats(), unitWeight.mutableFloats())
    let takesGradient = tracked && (weightGradient || !weight.isTracked)
    let ones = [Float](repeating: 1, count: count)
    head.forEachTile { rows, logits in
        head.statistics(rows, logits, pointers)
        guard takesGradient else { return }
        ones.withUnsafeBufferPointer {
            head.gradient(rows, logits, pointers, logProbability: $0.baseAddress! + rows.lowerBound, entropy: nil)
        }
        head.multiplyBack(
            rows, logits, hidden: hidden.isTracked ? unitFloats : nil, weight: weightGradient ? unitWeightFloats : nil)
    }
    let values = statistics
    let (unitHidden, heldWeight) = (unit, unitWeight)
    let outputs = recorded([values[0], values[1]], from: [hidden, weight]) { upstream in
        let upstreamValues = upstream.gradients[0]?.scalars ?? [Float](repeating: 0, count: count)
        if takesGradient, upstream.gradients[1] == nil {
            let uniform = upstreamValues.allSatisfy { $0 == upstreamValues.first }
            if uniform || !upstream.needs[1] {
                return [
                    upstream.needs[0] ? unitHidden.scalingRows(by: upstream.gradients[0]!) : nil,
                    upstream.needs[1] ? heldWeight.scaled(by: upstreamValues.first ?? 0) : nil,
                ]
            }
        }
        return head.gradients(
            Array(values[..<4]), logProbability: upstreamValues, entropy: upstream.gradients[1]?.scalars,
            needs: upstream.needs)
    }
    return LabelLogProbabilities(
        logProbability: outputs[0], entropy: outputs[1], isTop1: values[2], meanLogit: values[4],
        logSquareSum: values[5])
}

/// The logits themselves, [N, V], for generation and for checks on small inputs. A row's do not depend on the other
/// rows. Not differentiable.
public func logits(
    _ hidden: Tensor, _ weight: Tensor, transform: LogitTransform = LogitTransform(), precision: Precision = .float32
) -> Tensor {
    logits(hidden, weight, transform: transform, precision: precision, packed: nil)
}

/// The same with a packed copy of the weight, where there is one.
package func logits(
    _ hidden: Tensor, _ weight: Tensor, transform: LogitTransform, precision: Precision, packed: PackedMatrix?
) -> Tensor {
    let product = linear(hidden.detached, weight.detached, bias: nil, precision: precision, packed: packed)
    guard let cap = transform.softCap else {
        return transform.scale == 1 ? product : product.scaled(by: transform.scale)
    }
    return product.scaled(by: transform.scale / cap).tanh().scaled(by: cap)
}

/// How the head cuts its rows. It depends on the vocabulary alone, and so do the bits.
enum LabelTiles {
    /// Rows of a tile: about 48 MiB of logits, more where packing the weight would cost too much for fewer.
    static func rows(vocabulary: Int) -> Int { max(128, min(1024, (12 << 20) / vocabulary / 16 * 16)) }

    /// Numbers from one row of a tile to the next: an odd number of cache lines. Vocabularies are multiples of large powers
    /// of two, and rows that far apart would share a few sets of the cache.
    static func stride(vocabulary: Int) -> Int { ((vocabulary + 15) / 16 | 1) * 16 }
}

/// The tiles of a call of `labelLogProbabilities`.
private struct LogitHead: Sendable {
    let hidden: Tensor
    let weight: Tensor
    let labels: [Int32]
    let transform: LogitTransform
    let precision: Precision

    var vocabulary: Int { weight.shape[0] }
    var width: Int { weight.shape[1] }

    init(hidden: Tensor, weight: Tensor, labels: [Int32], transform: LogitTransform, precision: Precision) {
        precondition(
            hidden.rows == labels.count && hidden.columns == weight.shape[1],
            "\(labels.count) labels for hidden states of \(hidden.shape) and a head of \(weight.shape)")
        for label in labels {
            precondition(label >= 0 && label < weight.shape[0], "label \(label) of a head of \(weight.shape)")
        }
        self.hidden = hidden.detached
        self.weight = weight.dtype == .float16 ? weight.converted(to: .float32) : weight.detached
        self.labels = labels
        self.transform = transform
        self.precision = precision
    }

    private var rowStride: Int { LabelTiles.stride(vocabulary: vocabulary) }

    func forEachTile(_ body: (Range<Int>, UnsafeMutablePointer<Float>) -> Void) {
        let step = LabelTiles.rows(vocabulary: vocabulary)
        let logits = Storage(byteCount: 4 * min(step, labels.count) * rowStride)
        let pointer = logits.pointer.assumingMemoryBound(to: Float.self)
        for start in stride(from: 0, to: labels.count, by: step) {
            let rows = start..<min(labels.count, start + step)
            MatrixProduct.multiply(
                .init(hidden.floats + start * width, .float32, stride: width), .init(weight), rows: rows.count,
                columns: vocabulary, depth: width, precision: precision, into: pointer, stride: rowStride)
            body(rows, pointer)
        }
    }

    /// Statistics in the order: log-probability, entropy, top-1, log of the sum of exponentials; and, where there is
    /// room for six, mean logit and log of the sum of squared probabilities.
    func statistics(
        _ rows: Range<Int>, _ logits: UnsafeMutablePointer<Float>, _ statistics: [UnsafeMutablePointer<Float>]
    ) {
        let transform = transform.kernel
        let others = statistics.count > 4 ? (statistics[4], statistics[5]) : nil
        forEachRow(rows) { row, label in
            Kernels.current.label_statistics(
                1, Int64(vocabulary), transform, logits + (row - rows.lowerBound) * rowStride, label,
                statistics[0] + row, statistics[1] + row, statistics[2] + row, statistics[3] + row,
                others.map { $0.0 + row }, others.map { $0.1 + row })
        }
    }

    func gradient(
        _ rows: Range<Int>, _ logits: UnsafeMutablePointer<Float>, _ statistics: [UnsafeMutablePointer<Float>],
        logProbability: UnsafePointer<Float>, entropy: UnsafePointer<Float>?
    ) {
        let transform = transform.kernel
        forEachRow(rows) { row, label in
            let local = row - rows.lowerBound
            Kernels.current.label_gradient(
                1, Int64(vocabulary), transform, logits + local * rowStride, label, statistics[3] + row,
                statistics[1] + row, logProbability + local, entropy.map { $0 + local })
        }
    }

    /// Gradients of logits to gradients of hidden states (written) and of the weight (added to).
    func multiplyBack(
        _ rows: Range<Int>, _ logits: UnsafePointer<Float>, hidden target: UnsafeMutablePointer<Float>?,
        weight weightTarget: UnsafeMutablePointer<Float>?
    ) {
        let gradient = { MatrixProduct.Factor(logits, .float32, stride: rowStride, turned: $0) }
        if let target {
            MatrixProduct.multiply(
                gradient(false), .init(weight, turned: true), rows: rows.count, columns: width, depth: vocabulary,
                precision: precision, into: target + rows.lowerBound * width)
        }
        if let weightTarget {
            let states = hidden.floats + rows.lowerBound * width
            MatrixProduct.multiply(
                gradient(true), .init(states, .float32, stride: width, turned: true), rows: vocabulary, columns: width,
                depth: rows.count, precision: precision, into: weightTarget, adding: true)
        }
    }

    /// The general reverse pass: makes the logits again.
    func gradients(
        _ statistics: [Tensor], logProbability: [Float], entropy: [Float]?, needs: [Bool]
    ) -> [Tensor?] {
        var hiddenGradient = Tensor(needs[0] ? hidden.shape : [0]) { _ in }
        var weightGradient = Tensor.zeros(needs[1] ? weight.shape : [0])
        let (hiddenFloats, weightFloats) = (hiddenGradient.mutableFloats(), weightGradient.mutableFloats())
        // The kernel overwrites what it is given; the forward values stay as they are.
        var copies = statistics.map { Tensor($0.scalars, shape: $0.shape) }
        let pointers = copies.indices.map { copies[$0].mutableFloats() }
        forEachTile { rows, logits in
            self.statistics(rows, logits, pointers)
            logProbability.withUnsafeBufferPointer { first in
                if let entropy {
                    entropy.withUnsafeBufferPointer { second in
                        gradient(
                            rows, logits, pointers, logProbability: first.baseAddress! + rows.lowerBound,
                            entropy: second.baseAddress! + rows.lowerBound)
                    }
                } else {
                    gradient(
                        rows, logits, pointers, logProbability: first.baseAddress! + rows.lowerBound, entropy: nil)
                }
            }
            multiplyBack(
                rows, logits, hidden: needs[0] ? hiddenFloats : nil, weight: needs[1] ? weightFloats : nil)
        }
        return [needs[0] ? hiddenGradient : nil, needs[1] ? weightGradient : nil]
    }

    private func forEachRow(_ rows: Range<Int>, _ body: (_ row: Int, _ label: UnsafePointer<Int32>) -> Void) {
        labels.withUnsafeBufferPointer { labels in
            let labels = labels.baseAddress!
            Parallel.overRows(rows.count, columns: vocabulary) { range in
                for row in range { body(rows.lowerBound + row, labels + rows.lowerBound + row) }
            }
        }
    }
}

extension OperationSample {
    static let heads: [OperationSample] = [
        sample("labelLogProbabilities", transform: LogitTransform(), uniform: false),
        sample(
            "labelLogProbabilities, scaled and capped", transform: LogitTransform(scale: 0.7, softCap: 1.5),
            uniform: false),
        sample("labelLogProbabilities, one pass", transform: LogitTransform(), uniform: true),
    ]

    private static func sample(_ name: String, transform: LogitTransform, uniform: Bool) -> OperationSample {
        let labels: [Int32] = [3, 0, 18]
        return OperationSample(
            name, inputs: [.random([3, 6]), .random([19, 6])],
            apply: { inputs in
                let result = labelLogProbabilities(
                    inputs[0], inputs[1], labels: labels, transform: transform, expectsUniformGradient: uniform)
                // The promise is about the sum alone, so only the sum is checked under it.
                return uniform ? [result.logProbability.sum()] : [result.logProbability, result.entropy]
            },
            reference: { inputs in
                let scores = Self.linear(inputs[0], inputs[1], depth: 6, bias: nil).map { x in
                    let scaled = x * Double(transform.scale)
                    return transform.softCap.map { Double($0) * tanh(scaled / Double($0)) } ?? scaled
                }
                let p = softmax(scores, columns: 19)
                let logs = labels.enumerated().map { log(p[$0 * 19 + Int($1)]) }
                let entropies = (0..<3).map { row in -p[row * 19..<row * 19 + 19].reduce(0) { $0 + $1 * log($1) } }
                return uniform ? [[logs.reduce(0, +)]] : [logs, entropies]
            })
    }
}
