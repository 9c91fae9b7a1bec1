import CKernels
import Foundation

// Functions of one tensor, number by number. Each has the shape of its argument.

extension Tensor {
    private func unary(_ operation: hone_unary) -> Tensor {
        let kernels = Kernels.current
        let (source, count) = (floats, count)
        let result = Tensor(shape) { output in
            Parallel.overBlocks(of: count) { range in
                kernels.unary(operation, Int64(range.count), source + range.lowerBound, output + range.lowerBound)
            }
        }
        let (input, value) = (detached, result)
        return recorded(result, from: [self]) { upstream in
            let gradient = upstream.gradient
            return [
                Tensor(input.shape) { output in
                    Parallel.overBlocks(of: input.count) { range in
                        let start = range.lowerBound
                        Kernels.current.unary_gradient(
                            operation, Int64(range.count), input.floats + start, value.floats + start,
                            gradient.floats + start, output + start)
                    }
                }
            ]
        }
    }

    /// e to each number.
    public func exponential() -> Tensor { unary(HONE_EXP) }
    /// The natural logarithm; NaN below zero, minus infinity at zero.
    public func logarithm() -> Tensor { unary(HONE_LOG) }
    /// The hyperbolic tangent.
    public func tanh() -> Tensor { unary(HONE_TANH) }
    /// 1 / (1 + e⁻ˣ).
    public func sigmoid() -> Tensor { unary(HONE_SIGMOID) }
    /// ln σ(x), without overflow for any x.
    public func logSigmoid() -> Tensor { unary(HONE_LOG_SIGMOID) }
    /// x σ(x).
    public func silu() -> Tensor { unary(HONE_SILU) }
    /// The Gaussian error linear unit in its tanh form (Hendrycks and Gimpel, 2016).
    public func geluTanh() -> Tensor { unary(HONE_GELU_TANH) }
    /// max(x, 0); its derivative at 0 is 0.
    public func relu() -> Tensor { unary(HONE_RELU) }
    /// x².
    public func squared() -> Tensor { unary(HONE_SQUARE) }
    /// √x; NaN below zero.
    public func squareRoot() -> Tensor { unary(HONE_SQRT) }

    /// scale · x + offset.
    public func scaled(by scale: Float, plus offset: Float = 0) -> Tensor {
        let kernels = Kernels.current
        let (source, count) = (floats, count)
        let result = Tensor(shape) { output in
            Parallel.overBlocks(of: count) { range in
                kernels.affine(
                    Int64(range.count), scale, offset, source + range.lowerBound, output + range.lowerBound)
            }
        }
        return recorded(result, from: [self]) { [$0.gradient.scaled(by: scale)] }
    }
}

// Functions of two tensors. The second may have the shape of the first's last dimensions: it is then repeated.

private func apply(_ operation: hone_binary, _ a: Tensor, _ b: Tensor) -> Tensor {
    let period = b.count
    precondition(
        b.shape.count <= a.shape.count && a.shape.suffix(b.shape.count).elementsEqual(b.shape),
        "shapes \(a.shape) and \(b.shape) do not combine: the second must equal the end of the first")
    let kernels = Kernels.current
    let (left, right, count) = (a.floats, b.floats, a.count)
    return Tensor(a.shape) { output in
        if period == count || period == 1 {
            Parallel.overBlocks(of: count) { range in
                let start = range.lowerBound
                kernels.binary(
                    operation, Int64(range.count), period == 1 ? 1 : Int64(range.count), left + start,
                    period == 1 ? right : right + start, output + start)
            }
        } else {
            Parallel.overRows(count / max(1, period), columns: period) { range in
                let start = range.lowerBound * period
                kernels.binary(
                    operation, Int64(range.count * period), Int64(period), left + start, right, output + start)
            }
        }
    }
}

/// Sums a gradient over the dimensions along which an operand of `shape` was repeated.
private func unbroadcast(_ gradient: Tensor, to shape: [Int]) -> Tensor {
    if gradient.shape == shape { return gradient }
    let period = shape.reduce(1, *)
    if period == 1 { return Tensor(repeating: Float(gradient.total), shape: shape) }
    return gradient.reshaped([gradient.count / period, period]).columnSums().reshaped(shape)
}

extension Tensor {
    /// The sum of two tensors; `b` may have the shape of the end of `a`'s.
    public static func + (a: Tensor, b: Tensor) -> Tensor {
        let shape = b.shape
        return recorded(apply(HONE_ADD, a, b), from: [a, b]) { upstream in
            [upstream.gradient, upstream.needs[1] ? unbroadcast(upstream.gradient, to: shape) : nil]
        }
    }

    /// The difference of two tensors; `b` may have the shape of the end of `a`'s.
    public static func - (a: Tensor, b: Tensor) -> Tensor {
        let shape = b.shape
        return recorded(apply(HONE_SUBTRACT, a, b), from: [a, b]) { upstream in
            [upstream.gradient, upstream.needs[1] ? unbroadcast(upstream.gradient, to: shape).scaled(by: -1) : nil]
        }
    }

    /// The product number by number; `b` may have the shape of the end of `a`'s.
    public static func * (a: Tensor, b: Tensor) -> Tensor {
        let (left, right) = (a.detached, b.detached)
        return recorded(apply(HONE_MULTIPLY, left, right), from: [a, b]) { upstream in
            [
                upstream.needs[0] ? upstream.gradient * right : nil,
                upstream.needs[1] ? unbroadcast(upstream.gradient * left, to: right.shape) : nil,
            ]
        }
    }

    /// The quotient number by number; `b` may have the shape of the end of `a`'s.
    public static func / (a: Tensor, b: Tensor) -> Tensor {
        let right = b.detached
        let quotient = apply(HONE_DIVIDE, a.detached, right)
        return recorded(quotient, from: [a, b]) { upstream in
            let down = upstream.gradient / right
            return [down, upstream.needs[1] ? unbroadcast(down * quotient, to: right.shape).scaled(by: -1) : nil]
        }
    }

    /// The larger of each two numbers of tensors of one shape; where equal, the gradient goes to the first.
    public static func maximum(_ a: Tensor, _ b: Tensor) -> Tensor { extremum(HONE_MAXIMUM, a, b) }

    /// The smaller of each two numbers of tensors of one shape; where equal, the gradient goes to the first.
    public static func minimum(_ a: Tensor, _ b: Tensor) -> Tensor { extremum(HONE_MINIMUM, a, b) }

    private static func extremum(_ operation: hone_binary, _ a: Tensor, _ b: Tensor) -> Tensor {
        precondition(a.shape == b.shape, "shapes \(a.shape) and \(b.shape) differ")
        let result = apply(operation, a, b)
        let (left, value) = (a.detached, result)
        return recorded(result, from: [a, b]) { upstream in
            let chosen = Tensor(zip(left.scalars, value.scalars).map { $0 == $1 ? 1 : 0 }, shape: left.shape)
            let first = upstream.gradient * chosen
            return [first, upstream.gradient - first]
        }
    }

    /// Numbers limited to `range`; no gradient flows where the limit holds.
    public func clamped(to range: ClosedRange<Float>) -> Tensor {
        let low = Tensor(repeating: range.lowerBound, shape: shape)
        let high = Tensor(repeating: range.upperBound, shape: shape)
        return .minimum(.maximum(self, low), high)
    }
}

extension OperationSample {
    static let elementwise: [OperationSample] = [
        unary("exponential", { $0.exponential() }, exp),
        unary("logarithm", from: 0.3, to: 3, { $0.logarithm() }, log),
        unary("tanh", { $0.tanh() }, Foundation.tanh),
        unary("sigmoid", { $0.sigmoid() }) { 1 / (1 + exp(-$0)) },
        unary("logSigmoid", from: -30, to: 30, { $0.logSigmoid() }) { $0 < -20 ? $0 : -log1p(exp(-$0)) },
        unary("silu", { $0.silu() }) { $0 / (1 + exp(-$0)) },
        unary("geluTanh", { $0.geluTanh() }) { x in
            0.5 * x * (1 + Foundation.tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        },
        unary("relu", { $0.relu() }) { max($0, 0) },
        unary("squared", { $0.squared() }) { $0 * $0 },
        unary("squareRoot", from: 0.3, to: 3, { $0.squareRoot() }) { $0.squareRoot() },
        unary("scaled", { $0.scaled(by: -1.5, plus: 0.25) }) { -1.5 * $0 + 0.25 },
        unary("clamped", { $0.clamped(to: -0.7...0.9) }) { min(max($0, -0.7), 0.9) },
        binary("add", { $0 + $1 }, +),
        binary("subtract", { $0 - $1 }, -),
        binary("multiply", { $0 * $1 }, *),
        binary("divide", from: 0.5, { $0 / $1 }, /),
        binary("add row", second: [5], { $0 + $1 }, +),
        binary("multiply row", second: [5], { $0 * $1 }, *),
        binary("divide by scalar", from: 0.5, second: [], { $0 / $1 }, /),
        binary("subtract scalar", second: [], { $0 - $1 }, -),
        binary("maximum", { .maximum($0, $1) }, max),
        binary("minimum", { .minimum($0, $1) }, min),
    ]

    private static func unary(
        _ name: String, from low: Float = -2.5, to high: Float = 2.5, _ apply: @escaping @Sendable (Tensor) -> Tensor,
        _ function: @escaping @Sendable (Double) -> Double
    ) -> OperationSample {
        OperationSample(
            name, inputs: [.random([3, 19], from: low, to: high)], apply: { [apply($0[0])] },
            reference: { [$0[0].map(function)] })
    }

    private static func binary(
        _ name: String, from low: Float = -2.5, second: [Int] = [4, 5],
        _ apply: @escaping @Sendable (Tensor, Tensor) -> Tensor,
        _ function: @escaping @Sendable (Double, Double) -> Double
    ) -> OperationSample {
        OperationSample(
            name, inputs: [.random([4, 5], from: low, to: 2.5), .random(second, from: low, to: 2.5)],
            apply: { [apply($0[0], $0[1])] },
            reference: { inputs in
                [inputs[0].indices.map { function(inputs[0][$0], inputs[1][$0 % inputs[1].count]) }]
            })
    }
}
