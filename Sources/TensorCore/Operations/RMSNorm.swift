import CKernels

/// Root-mean-square normalisation (Zhang and Sennrich, 2019): x / √(mean(x²) + ε) · (weight + offset) for each row.
///
/// - Parameters:
///   - x: [N, D]; more leading dimensions count as rows. A weight shorter than the last dimension normalises
///     each stretch of its length (as heads are normalised).
///   - weight: [D].
///   - epsilon: ε, at least 0.
///   - offset: added to the weight; 1 in Gemma, whose checkpoints store the weight less one.
public func rmsNorm(_ x: Tensor, weight: Tensor, epsilon: Float, offset: Float = 0) -> Tensor {
    let columns = weight.count
    precondition(
        weight.shape.count == 1 && x.columns % columns == 0, "a norm of \(weight.shape) for \(x.shape)")
    let rows = x.count / columns
    let (input, scale) = (x.detached, weight.detached)
    var inverse = Tensor([rows]) { _ in }
    let inverseFloats = inverse.mutableFloats()
    let result = Tensor(x.shape) { output in
        Parallel.overRows(rows, columns: columns) { range in
            let start = range.lowerBound * columns
            Kernels.current.rms_norm(
                Int64(range.count), Int64(columns), epsilon, offset, input.floats + start, scale.floats,
                output + start, inverseFloats + range.lowerBound)
        }
    }
    let held = inverse
    return recorded(result, from: [x, weight]) { upstream in
        let gradient = upstream.gradient
        // Sums for the weight: one partial sum for each piece of rows, added in order.
        let pieces = upstream.needs[1] ? min(8, max(1, rows / 64)) : max(1, rows * columns / 16_384)
        let step = (rows + pieces - 1) / pieces
        var partial = Tensor.zeros([upstream.needs[1] ? pieces : 1, columns])
        let sums = partial.mutableFloats()
        let down = Tensor(input.shape) { output in
            Parallel.forEach(pieces) { piece in
                let first = min(rows, piece * step)
                let start = first * columns
                Kernels.current.rms_norm_gradient(
                    Int64(min(rows, first + step) - first), Int64(columns), offset, input.floats + start,
                    scale.floats, held.floats + first, gradient.floats + start, output + start,
                    upstream.needs[1] ? sums + piece * columns : nil)
            }
        }
        return [down, upstream.needs[1] ? partial.columnSums() : nil]
    }
}

extension OperationSample {
    static let norms: [OperationSample] = [
        OperationSample(
            "rmsNorm", inputs: [.random([4, 19]), .random([19])],
            apply: { [TensorCore.rmsNorm($0[0], weight: $0[1], epsilon: 0.01)] },
            reference: { [rmsNorm($0[0], $0[1], epsilon: 0.01, offset: 0)] }),
        OperationSample(
            "rmsNorm of heads, offset 1", inputs: [.random([3, 16]), .random([8])],
            apply: { [TensorCore.rmsNorm($0[0], weight: $0[1], epsilon: 0.01, offset: 1)] },
            reference: { [rmsNorm($0[0], $0[1], epsilon: 0.01, offset: 1)] }),
    ]

    private static func rmsNorm(_ x: [Double], _ weight: [Double], epsilon: Double, offset: Double) -> [Double] {
        stride(from: 0, to: x.count, by: weight.count).flatMap { start in
            let row = x[start..<start + weight.count]
            let mean = row.reduce(0) { $0 + $1 * $1 } / Double(weight.count)
            return zip(row, weight).map { $0 / (mean + epsilon).squareRoot() * ($1 + offset) }
        }
    }
}
