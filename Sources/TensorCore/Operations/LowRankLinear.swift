/// A low-rank difference beside a weight: scale · up · down (Hu et al., "LoRA", 2021).
public struct LowRankDifference {
    /// A, [r, in], `float32`.
    public var down: Tensor
    /// B, [out, r], `float32`.
    public var up: Tensor
    /// s.
    public var scale: Float

    /// - Parameters:
    ///   - down: A, [r, in].
    ///   - up: B, [out, r].
    ///   - scale: s.
    public init(down: Tensor, up: Tensor, scale: Float) {
        (self.down, self.up, self.scale) = (down, up, scale)
    }
}

/// x · weightᵀ + scale · (x · downᵀ) · upᵀ (+ bias): the linear layer with a low-rank difference, as one operation.
///
/// The same bits as two linear layers and a sum, without what lies between them: the second product is added to the
/// first where that stands, and both gradients of `x` to one.
///
/// - Parameters:
///   - x: [N, in], `float32`, or `bfloat16` in that precision.
///   - weight: [out, in]; frozen.
///   - bias: [out]; frozen.
///   - precision: of all products.
///   - packed: a packed copy of the weight, where there is one.
/// - Returns: [N, out].
package func linear(
    _ x: Tensor, _ weight: Tensor, bias: Tensor?, difference: LowRankDifference, precision: Precision,
    packed: PackedMatrix?
) -> Tensor {
    let (outputs, depth) = (weight.shape[0], weight.shape[1])
    let (rank, scale) = (difference.down.shape[0], difference.scale)
    precondition(
        x.columns == depth && difference.down.shape == [rank, depth] && difference.up.shape == [outputs, rank],
        "a difference of \(difference.down.shape) and \(difference.up.shape) beside \(weight.shape) for \(x.shape)")
    precondition(!weight.isTracked && bias?.isTracked != true, "what has a low-rank difference is frozen")
    let (rows, shape) = (x.rows, x.shape)
    let input = rounded(x.detached, to: precision)
    let matrix = weight.dtype == .float16 ? weight.converted(to: .float32) : weight.detached
    let (down, up, offset) = (difference.down.detached, difference.up.detached, bias?.detached)
    let inner = Tensor([rows, rank]) { output in
        MatrixProduct.multiply(
            MatrixProduct.Factor(input), MatrixProduct.Factor(down), rows: rows, columns: rank, depth: depth,
            precision: precision, into: output)
    }.scaled(by: scale)
    let result = Tensor(shape.dropLast() + [outputs]) { output in
        MatrixProduct.multiply(
            MatrixProduct.Factor(input), MatrixProduct.Factor(matrix), packed: packed, rows: rows, columns: outputs,
            depth: depth, precision: precision, bias: offset?.floats, into: output)
        MatrixProduct.multiply(
            MatrixProduct.Factor(inner), MatrixProduct.Factor(up), rows: rows, columns: outputs, depth: rank,
            precision: precision, into: output, adding: true)
    }
    return recorded(result, from: [x, difference.down, difference.up]) { upstream in
        let gradient = rounded(upstream.gradient, to: precision)
        let innerGradient = Tensor([rows, rank]) { output in
            MatrixProduct.multiply(
                MatrixProduct.Factor(gradient), MatrixProduct.Factor(up, turned: true), rows: rows, columns: rank,
                depth: outputs, precision: precision, into: output)
        }.scaled(by: scale)
        return [
            upstream.needs[0]
                ? Tensor(shape) { output in
                    MatrixProduct.multiply(
                        MatrixProduct.Factor(gradient), MatrixProduct.Factor(matrix, turned: true), rows: rows,
                        columns: depth, depth: outputs, precision: precision, into: output)
                    MatrixProduct.multiply(
                        MatrixProduct.Factor(innerGradient), MatrixProduct.Factor(down, turned: true), rows: rows,
                        columns: depth, depth: rank, precision: precision, into: output, adding: true)
                } : nil,
            upstream.needs[1]
                ? Tensor([rank, depth]) { output in
                    MatrixProduct.multiply(
                        MatrixProduct.Factor(innerGradient, turned: true), MatrixProduct.Factor(input, turned: true),
                        rows: rank, columns: depth, depth: rows, precision: precision, into: output)
                } : nil,
            upstream.needs[2]
                ? Tensor([outputs, rank]) { output in
                    MatrixProduct.multiply(
                        MatrixProduct.Factor(gradient, turned: true), MatrixProduct.Factor(inner, turned: true),
                        rows: outputs, columns: rank, depth: rows, precision: precision, into: output)
                } : nil,
        ]
    }
}

extension OperationSample {
    static let lowRank: [OperationSample] = {
        let weight = Tensor.uniform([7, 18], from: -1, to: 1, stream: RandomStream(seed: 2, purpose: "frozen weight"))
        let bias = Tensor.uniform([7], from: -1, to: 1, stream: RandomStream(seed: 2, purpose: "frozen bias"))
        return [sample(weight, bias)]
    }()

    private static func sample(_ weight: Tensor, _ bias: Tensor) -> OperationSample {
        OperationSample(
            "linear with a low-rank difference",
            inputs: [.random([5, 18]), .random([2, 18]), .random([7, 2])],
            apply: {
                [
                    TensorCore.linear(
                        $0[0], weight, bias: bias,
                        difference: LowRankDifference(down: $0[1], up: $0[2], scale: 0.5), precision: .float32,
                        packed: nil)
                ]
            },
            reference: { inputs in
                let base = linear(
                    inputs[0], weight.scalars.map { Double($0) }, depth: 18, bias: bias.scalars.map { Double($0) })
                let inner = linear(inputs[0], inputs[1], depth: 18, bias: nil).map { 0.5 * $0 }
                return [zip(base, linear(inner, inputs[2], depth: 2, bias: nil)).map { $0 + $1 }]
            })
    }
}
