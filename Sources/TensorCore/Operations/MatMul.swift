/// x · weightᵀ (+ bias): the linear layer, with the weight stored as checkpoints have it.
///
/// - Parameters:
///   - x: [N, in], `float32`; more leading dimensions count as rows.
///   - weight: [out, in]; `float32`, or any other type when it is frozen.
///   - bias: [out].
///   - rowwise: whether a row's result must not depend, to the bit, on the other rows of `x`, as generation needs it; up
///     to 32 rows it never does. Many rows are then slower.
/// - Returns: [N, out].
public func linear(_ x: Tensor, _ weight: Tensor, bias: Tensor? = nil, rowwise: Bool = false) -> Tensor {
    if let matrix = weight.quantized {
        let product = linear(x, matrix, rowwise: rowwise)
        return bias.map { product + $0 } ?? product
    }
    let (outputs, depth) = (weight.shape[0], weight.shape[1])
    precondition(
        weight.shape.count == 2 && x.columns == depth, "a weight of shape \(weight.shape) for \(x.shape)")
    precondition(weight.dtype == .float32 || !weight.isTracked, "a weight that is trained is float32")
    let rows = x.rows
    let (input, matrix) = (x.detached, weight.detached)
    let result = Tensor(x.shape.dropLast() + [outputs]) { output in
        MatrixProduct.multiplyByWeight(input.floats, rows: rows, matrix, into: output, rowwise: rowwise)
    }
    let product = recorded(result, from: [x, weight]) { upstream in
        let gradient = upstream.gradient
        return [
            upstream.needs[0]
                ? Tensor(input.shape) { output in
                    let wide = matrix.converted(to: .float32)
                    MatrixProduct.multiply(
                        gradient.floats, wide.floats, into: output, m: rows, n: depth, k: outputs)
                } : nil,
            upstream.needs[1]
                ? Tensor([outputs, depth]) { output in
                    MatrixProduct.multiply(
                        gradient.floats, input.floats, transposed: .first, into: output, m: outputs, n: depth, k: rows)
                } : nil,
        ]
    }
    return bias.map { product + $0 } ?? product
}

/// The product of two matrices: [M, K] · [K, N] → [M, N].
public func matmul(_ a: Tensor, _ b: Tensor) -> Tensor {
    precondition(
        a.shape.count == 2 && b.shape.count == 2 && a.shape[1] == b.shape[0],
        "shapes \(a.shape) and \(b.shape) do not multiply")
    let (m, k, n) = (a.shape[0], a.shape[1], b.shape[1])
    let (left, right) = (a.detached, b.detached)
    let result = Tensor([m, n]) {
        MatrixProduct.multiply(left.floats, right.floats, into: $0, m: m, n: n, k: k)
    }
    return recorded(result, from: [a, b]) { upstream in
        let gradient = upstream.gradient
        return [
            upstream.needs[0]
                ? Tensor([m, k]) {
                    MatrixProduct.multiply(
                        gradient.floats, right.floats, transposed: .second, into: $0, m: m, n: k, k: n)
                } : nil,
            upstream.needs[1]
                ? Tensor([k, n]) {
                    MatrixProduct.multiply(
                        left.floats, gradient.floats, transposed: .first, into: $0, m: k, n: n, k: m)
                } : nil,
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
            "linear, many rows, each for itself", inputs: [.random([150, 300]), .random([5, 300])],
            apply: { [TensorCore.linear($0[0], $0[1], rowwise: true)] },
            reference: { inputs in [Self.linear(inputs[0], inputs[1], depth: 300, bias: nil)] }),
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
