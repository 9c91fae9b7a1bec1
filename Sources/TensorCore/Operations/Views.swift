// Tensors over the numbers of another: free where rows stay together, copies where not.

extension Tensor {
    /// The same numbers under another shape, without a copy.
    ///
    /// - Precondition: the products of the shapes are equal.
    public func reshaped(_ target: [Int]) -> Tensor {
        precondition(target.reduce(1, *) == count, "a tensor of shape \(shape) cannot become \(target)")
        let original = shape
        return recorded(
            Tensor(storage: storage, offset: offset, shape: target, dtype: dtype), from: [self]
        ) { [$0.gradient.reshaped(original)] }
    }

    /// Some consecutive rows of the first dimension, without a copy: [N, …] → [range.count, …].
    public func slice(_ range: Range<Int>) -> Tensor {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= shape[0], "rows \(range) of a tensor of shape \(shape)")
        let stride = shape.dropFirst().reduce(1, *)
        let original = shape
        let view = Tensor(
            storage: storage, offset: offset + range.lowerBound * stride,
            shape: [range.count] + shape.dropFirst(), dtype: dtype)
        return recorded(view, from: [self]) { upstream in
            var whole = Tensor.zeros(original)
            let gradient = upstream.gradient
            (whole.mutableFloats() + range.lowerBound * stride).update(from: gradient.floats, count: gradient.count)
            return [whole]
        }
    }

    /// Some consecutive columns: [N, D] → [N, range.count]. A copy.
    public func columns(_ range: Range<Int>) -> Tensor {
        let (rows, width, source) = (rows, columns, floats)
        precondition(
            range.lowerBound >= 0 && range.upperBound <= width, "columns \(range) of a tensor of shape \(shape)")
        let original = shape
        let result = Tensor(shape.dropLast() + [range.count]) { output in
            Parallel.overRows(rows, columns: range.count) { block in
                for row in block {
                    (output + row * range.count).update(
                        from: source + row * width + range.lowerBound, count: range.count)
                }
            }
        }
        return recorded(result, from: [self]) { upstream in
            let gradient = upstream.gradient.floats
            var whole = Tensor.zeros(original)
            let target = whole.mutableFloats()
            for row in 0..<rows {
                (target + row * width + range.lowerBound).update(from: gradient + row * range.count, count: range.count)
            }
            return [whole]
        }
    }

    /// Tensors below each other along the first dimension. A copy.
    public static func concatenated(_ tensors: [Tensor]) -> Tensor {
        precondition(!tensors.isEmpty, "nothing to concatenate")
        let tail = Array(tensors[0].shape.dropFirst())
        for tensor in tensors {
            precondition(
                Array(tensor.shape.dropFirst()) == tail, "rows of \(tensor.shape) below rows of \(tensors[0].shape)")
        }
        let lengths = tensors.map { $0.shape[0] }
        let result = Tensor([lengths.reduce(0, +)] + tail) { output in
            var position = output
            for tensor in tensors {
                position.update(from: tensor.floats, count: tensor.count)
                position += tensor.count
            }
        }
        return recorded(result, from: tensors) { upstream in
            var start = 0
            return lengths.map { length in
                defer { start += length }
                return upstream.gradient.slice(start..<start + length)
            }
        }
    }

    /// The rows and columns of a matrix exchanged: [N, D] → [D, N]. A copy.
    public func transposed() -> Tensor {
        precondition(shape.count == 2, "a tensor of shape \(shape) is no matrix")
        let (rows, width, source) = (shape[0], shape[1], floats)
        let result = Tensor([width, rows]) { output in
            Parallel.overRows(width, columns: rows) { block in
                for column in block {
                    for row in 0..<rows { output[column * rows + row] = source[row * width + column] }
                }
            }
        }
        return recorded(result, from: [self]) { [$0.gradient.transposed()] }
    }
}

extension OperationSample {
    static let views: [OperationSample] = [
        OperationSample(
            "reshaped", inputs: [.random([4, 6])], apply: { [$0[0].reshaped([3, 8])] }, reference: { [$0[0]] }),
        OperationSample(
            "slice", inputs: [.random([5, 6])], apply: { [$0[0].slice(1..<4)] },
            reference: { [Array($0[0][6..<24])] }),
        OperationSample(
            "columns", inputs: [.random([3, 6])], apply: { [$0[0].columns(2..<5)] },
            reference: { inputs in [(0..<3).flatMap { inputs[0][$0 * 6 + 2..<$0 * 6 + 5] }] }),
        OperationSample(
            "concatenated", inputs: [.random([2, 3]), .random([1, 3])],
            apply: { [.concatenated($0)] }, reference: { [$0[0] + $0[1]] }),
        OperationSample(
            "transposed", inputs: [.random([3, 4])], apply: { [$0[0].transposed()] },
            reference: { inputs in [(0..<12).map { inputs[0][$0 % 3 * 4 + $0 / 3] }] }),
    ]
}
