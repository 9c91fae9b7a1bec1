/// x · weightᵀ (+ bias): the linear layer, with the weight stored as checkpoints have it.
///
/// A row's result depends, to the bit, on that row and the weight alone.
///
/// - Parameters:
///   - x: [N, in], `float32`, or `bfloat16` in that precision; more leading dimensions count as rows.
///   - weight: [out, in]; `float32`, or any other type when it is frozen.
///   - bias: [out].
///   - precision: of this product and of the two that give the gradients. In `bfloat16` what is kept of `x` for the
///     gradient of the weight is rounded too; for a frozen weight nothing is kept.
/// - Returns: [N, out].
public func linear(_ x: Tensor, _ weight: Tensor, bias: Tensor? = nil, precision: Precision = .float32) -> Tensor {
    linear(x, weight, bias: bias, precision: precision, packed: nil)
}

/// The same with a packed copy of the weight, where there is one.
package func linear(
    _ x: Tensor, _ weight: Tensor, bias: Tensor?, precision: Precision, packed: PackedMatrix?
) -> Tensor {
    let (outputs, depth) = (weight.shape[0], weight.shape[1])
    precondition(
        weight.shape.count == 2 && x.columns == depth, "a weight of shape \(weight.shape) for \(x.shape)")
    precondition(weight.dtype == .float32 || !weight.isTracked, "a weight that is trained is float32")
    precondition(bias.map { $0.shape == [outputs] } ?? true, "a bias of another shape than [\(outputs)]")
    let (rows, shape) = (x.rows, x.shape)
    let input = rounded(x.detached, to: precision)
    let matrix = weight.dtype == .float16 ? weight.converted(to: .float32) : weight.detached
    let offset = bias?.detached
    let result = Tensor(shape.dropLast() + [outputs]) { output in
        MatrixProduct.multiply(
            MatrixProduct.Factor(input), MatrixProduct.Factor(matrix), packed: packed, rows: rows, columns: outputs,
            depth: depth, precision: precision, bias: offset?.floats, into: output)
    }
    let kept = weight.isTracked ? input : nil
    let inputs = [x, weight] + (bias.map { [$0] } ?? [])
    return recorded(result, from: inputs) { upstream in
        let gradient = rounded(upstream.gradient, to: precision)
        var gradients: [Tensor?] = [
            upstream.needs[0]
                ? Tensor(shape) { output in
                    MatrixProduct.multiply(
                        MatrixProduct.Factor(gradient), MatrixProduct.Factor(matrix, turned: true), rows: rows,
                        columns: depth, depth: outputs, precision: precision, into: output)
                } : nil
        ]
        gradients.append(
            kept.map { input in
                Tensor([outputs, depth]) { output in
                    MatrixProduct.multiply(
                        MatrixProduct.Factor(gradient, turned: true), MatrixProduct.Factor(input, turned: true),
                        rows: outputs, columns: depth, depth: rows, precision: precision, into: output)
                }
            })
        if upstream.needs.count > 2 {
            gradients.append(upstream.needs[2] ? upstream.gradient.reshaped([rows, outputs]).columnSums() : nil)
        }
        return gradients
    }
}

/// The product of two matrices: [M, K] · [K, N] → [M, N].
public func matmul(_ a: Tensor, _ b: Tensor) -> Tensor {
    precondition(
        a.shape.count == 2 && b.shape.count == 2 && a.shape[1] == b.shape[0],
        "shapes \(a.shape) and \(b.shape) do not multiply")
    let (m, k, n) = (a.shape[0], a.shape[1], b.shape[1])
    let (left, right) = (a.detached, b.detached)
    @Sendable func product(_ a: MatrixProduct.Factor, _ b: MatrixProduct.Factor, _ shape: [Int], depth: Int) -> Tensor {
        Tensor(shape) {
            MatrixProduct.multiply(a, b, rows: shape[0], columns: shape[1], depth: depth, into: $0)
        }
    }
    let result = product(MatrixProduct.Factor(left), MatrixProduct.Factor(right, turned: true), [m, n], depth: k)
    return recorded(result, from: [a, b]) { upstream in
        let gradient = upstream.gradient
        return [
            upstream.needs[0]
                ? product(MatrixProduct.Factor(gradient), MatrixProduct.Factor(right), [m, k], depth: n) : nil,
            upstream.needs[1]
                ? product(
                    MatrixProduct.Factor(left, turned: true), MatrixProduct.Factor(gradient, turned: true), [k, n],
                    depth: m) : nil,
        ]
    }
}

extension OperationSample {
    static let products: [OperationSample] = [
        OperationSample(
            "linear", inputs: [.random([5, 18]), .random([7, 18]), .random([7])],
            apply: { [TensorCore.linear($0[0], $0[1], bias: $0[2])] },
            reference: { inputs in [Self.linear(inputs[0], inputs[1], depth: 18, bias: inputs[2])] }),
        OperationSample(
            "linear, many rows", inputs: [.random([40, 6]), .random([5, 6])],
            apply: { [TensorCore.linear($0[0], $0[1])] },
            reference: { inputs in [Self.linear(inputs[0], inputs[1], depth: 6, bias: nil)] }),
        OperationSample(
            "linear, more rows than a piece", inputs: [.random([150, 70]), .random([50, 70]), .random([50])],
            checked: 40,
            apply: { [TensorCore.linear($0[0], $0[1], bias: $0[2])] },
            reference: { inputs in [Self.linear(inputs[0], inputs[1], depth: 70, bias: inputs[2])] }),
        OperationSample(
            "matmul", inputs: [.random([4, 3]), .random([3, 5])], apply: { [matmul($0[0], $0[1])] },
            reference: { inputs in
                let (a, b) = (inputs[0], inputs[1])
                let product = (0..<20).map { (index: Int) -> Double in
                    let (row, column) = (index / 5, index % 5)
                    return (0..<3).reduce(0.0) { $0 + a[row * 3 + $1] * b[$1 * 5 + column] }
                }
                return [product]
            }),
    ]

    static func linear(_ x: [Double], _ weight: [Double], depth: Int, bias: [Double]?) -> [Double] {
        let outputs = weight.count / depth
        return (0..<x.count / depth).flatMap { row in
            (0..<outputs).map { output in
                (0..<depth).reduce(bias?[output] ?? 0) { $0 + x[row * depth + $1] * weight[output * depth + $1] }
            }
        }
    }
}
