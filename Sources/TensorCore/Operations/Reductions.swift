import CKernels

extension Tensor {
    /// The sum of all numbers, in double precision and a fixed order.
    public var total: Double { blockwise { Kernels.current.sum($0, $1) } }

    /// The sum of the squares of all numbers, in double precision and a fixed order.
    public var sumOfSquares: Double { blockwise { Kernels.current.sum_of_squares($0, $1) } }

    /// Whether no number is infinite or NaN.
    public var isFinite: Bool { blockwise { Kernels.current.all_finite($0, $1) == 0 ? 1 : 0 } == 0 }

    private func blockwise(_ body: (Int64, UnsafePointer<Float>) -> Double) -> Double {
        let source = floats
        let block = 65_536
        var partial = [Double](repeating: 0, count: (count + block - 1) / block)
        let count = count
        partial.withUnsafeMutableBufferPointer { partial in
            let partial = partial.baseAddress
            Parallel.forEach((count + block - 1) / block) { index in
                let start = index * block
                partial![index] = body(Int64(min(block, count - start)), source + start)
            }
        }
        return partial.reduce(0, +)
    }

    /// The sum of all numbers, a scalar.
    public func sum() -> Tensor {
        let shape = shape
        return recorded(Tensor(Float(total)), from: [self]) { upstream in
            [Tensor(repeating: upstream.gradient.scalar, shape: shape)]
        }
    }

    /// The sum over the last dimension: [N, D] → [N].
    public func rowSums() -> Tensor {
        let (rows, columns, source, shape) = (rows, columns, floats, shape)
        let result = Tensor(Array(shape.dropLast())) { output in
            Parallel.overRows(rows, columns: columns) { range in
                Kernels.current.row_sums(
                    Int64(range.count), Int64(columns), source + range.lowerBound * columns, nil,
                    output + range.lowerBound)
            }
        }
        return recorded(result, from: [self]) { upstream in
            [Tensor(repeating: 1, shape: shape).scalingRows(by: upstream.gradient)]
        }
    }

    /// The sum over all dimensions but the last: [N, D] → [D].
    public func columnSums() -> Tensor {
        let (rows, columns, source, shape) = (rows, columns, floats, shape)
        let result = Tensor([columns]) { output in
            output.update(repeating: 0, count: columns)
            // Cut along the columns, so that each sum runs over the rows in order.
            let step = max(64, (columns / 8 + 15) / 16 * 16)
            Parallel.forEach((columns + step - 1) / step) { index in
                let start = index * step
                Kernels.current.add_column_sums(
                    Int64(rows), Int64(min(step, columns - start)), Int64(columns), source + start, nil,
                    output + start)
            }
        }
        return recorded(result, from: [self]) { upstream in
            [Tensor.zeros(shape) + upstream.gradient]
        }
    }

    /// Each row times its own factor: [N, D] · [N].
    public func scalingRows(by factors: Tensor) -> Tensor {
        let (rows, columns) = (rows, columns)
        precondition(factors.count == rows, "\(factors.shape) factors for the rows of \(shape)")
        let (source, scale, input) = (floats, factors.floats, detached)
        let result = Tensor(shape) { output in
            Parallel.overRows(rows, columns: columns) { range in
                let start = range.lowerBound * columns
                Kernels.current.scale_rows(
                    Int64(range.count), Int64(columns), source + start, scale + range.lowerBound, output + start)
            }
        }
        let held = factors.detached
        return recorded(result, from: [self, factors]) { upstream in
            [
                upstream.needs[0] ? upstream.gradient.scalingRows(by: held) : nil,
                upstream.needs[1] ? (upstream.gradient * input).rowSums().reshaped(held.shape) : nil,
            ]
        }
    }
}

extension OperationSample {
    static let reductions: [OperationSample] = [
        OperationSample(
            "sum", inputs: [.random([3, 7])], apply: { [$0[0].sum()] }, reference: { [[$0[0].reduce(0, +)]] }),
        OperationSample(
            "rowSums", inputs: [.random([3, 19])], apply: { [$0[0].rowSums()] },
            reference: { inputs in [(0..<3).map { inputs[0][$0 * 19..<$0 * 19 + 19].reduce(0, +) }] }),
        OperationSample(
            "columnSums", inputs: [.random([5, 18])], apply: { [$0[0].columnSums()] },
            reference: { inputs in
                [(0..<18).map { column in (0..<5).reduce(0) { $0 + inputs[0][$1 * 18 + column] } }]
            }),
        OperationSample(
            "scalingRows", inputs: [.random([3, 17]), .random([3])], apply: { [$0[0].scalingRows(by: $0[1])] },
            reference: { inputs in [inputs[0].indices.map { inputs[0][$0] * inputs[1][$0 / 17] }] }),
    ]
}
