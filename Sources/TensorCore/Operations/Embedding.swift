import CKernels

/// Rows of a matrix by number: [V, D] and T indices → [T, D], always `float32`.
///
/// - Parameters:
///   - weight: [V, D], of any type; `float32` if it is trained.
///   - indices: each in 0 ..< V; the same may come several times, and its gradients add up in order.
public func embedding(_ weight: Tensor, _ indices: [Int]) -> Tensor {
    let (vocabulary, columns) = (weight.shape[0], weight.shape.dropFirst().reduce(1, *))
    for index in indices {
        precondition(index >= 0 && index < vocabulary, "row \(index) of a matrix of shape \(weight.shape)")
    }
    let source = weight.detached
    let result = Tensor([indices.count] + weight.shape.dropFirst()) { output in
        Parallel.overRows(indices.count, columns: columns) { range in
            for row in range {
                let target = output + row * columns
                switch source.dtype {
                case .float32: target.update(from: source.floats + indices[row] * columns, count: columns)
                case .quantized: preconditionFailure("an embedding is not quantised")
                case .bfloat16:
                    Kernels.current.from_bfloat16(
                        Int64(columns), source.bytes.assumingMemoryBound(to: UInt16.self) + indices[row] * columns,
                        target)
                case .float16:
                    Kernels.current.from_float16(
                        Int64(columns), source.bytes.assumingMemoryBound(to: UInt16.self) + indices[row] * columns,
                        target)
                }
            }
        }
    }
    let shape = weight.shape
    return recorded(result, from: [weight]) { upstream in
        // A matrix that is also the output embedding has a gradient already, and a few rows of another are added to that.
        var whole = upstream.takeGradient(ofInput: 0) ?? .zeros(shape)
        let (gradient, target) = (upstream.gradient.floats, whole.mutableFloats())
        for (row, index) in indices.enumerated() {
            Kernels.current.accumulate(Int64(columns), 1, gradient + row * columns, target + index * columns)
        }
        return [whole]
    }
}

extension OperationSample {
    static let embeddings: [OperationSample] = [
        OperationSample(
            "embedding", inputs: [.random([5, 18])], apply: { [embedding($0[0], [3, 0, 3, 4])] },
            reference: { inputs in [[3, 0, 3, 4].flatMap { inputs[0][$0 * 18..<$0 * 18 + 18] }] })
    ]
}
