import CKernels
import Foundation

extension Tensor {
    /// e^x over the sum of e^x, along the last dimension.
    public func softmax() -> Tensor { softmax(logarithm: false) }

    /// The logarithm of `softmax()`, without overflow.
    public func logSoftmax() -> Tensor { softmax(logarithm: true) }

    private func softmax(logarithm: Bool) -> Tensor {
        let (rows, columns, source) = (rows, columns, floats)
        let flag: Int32 = logarithm ? 1 : 0
        let result = Tensor(shape) { output in
            Parallel.overRows(rows, columns: columns) { range in
                let start = range.lowerBound * columns
                Kernels.current.softmax(Int64(range.count), Int64(columns), source + start, output + start, flag)
            }
        }
        return recorded(result, from: [self]) { upstream in
            let gradient = upstream.gradient
            return [
                Tensor(result.shape) { output in
                    Parallel.overRows(rows, columns: columns) { range in
                        let start = range.lowerBound * columns
                        Kernels.current.softmax_gradient(
                            Int64(range.count), Int64(columns), result.floats + start, gradient.floats + start,
                            output + start, flag)
                    }
                }
            ]
        }
    }
}

extension OperationSample {
    static let softmaxes: [OperationSample] = [
        OperationSample(
            "softmax", inputs: [.random([3, 21], from: -4, to: 4)], apply: { [$0[0].softmax()] },
            reference: { [softmax($0[0], columns: 21)] }),
        OperationSample(
            "logSoftmax", inputs: [.random([3, 21], from: -4, to: 4)], apply: { [$0[0].logSoftmax()] },
            reference: { [softmax($0[0], columns: 21).map { log($0) }] }),
    ]

    static func softmax(_ x: [Double], columns: Int) -> [Double] {
        stride(from: 0, to: x.count, by: columns).flatMap { start in
            let powers = x[start..<start + columns].map { exp($0) }
            let total = powers.reduce(0, +)
            return powers.map { $0 / total }
        }
    }
}
