import CKernels
import Foundation

/// The function of a gated feed-forward layer's gate.
public enum Activation: String, Sendable, CaseIterable {
    /// x σ(x).
    case silu
    /// The tanh form of the Gaussian error linear unit.
    case geluTanh
    /// max(x, 0).
    case relu

    var kernel: hone_unary {
        switch self {
        case .silu: HONE_SILU
        case .geluTanh: HONE_GELU_TANH
        case .relu: HONE_RELU
        }
    }
}

/// activation(gate) · up (Shazeer, "GLU variants improve transformer", 2020): two tensors of one shape.
public func gated(_ activation: Activation, gate: Tensor, up: Tensor) -> Tensor {
    precondition(gate.shape == up.shape, "a gate of shape \(gate.shape) for \(up.shape)")
    let (g, u, count, kernel) = (gate.detached, up.detached, gate.count, activation.kernel)
    let result = Tensor(gate.shape) { output in
        Parallel.overBlocks(of: count) { range in
            let start = range.lowerBound
            Kernels.current.gated(kernel, Int64(range.count), g.floats + start, u.floats + start, output + start)
        }
    }
    return recorded(result, from: [gate, up]) { upstream in
        let gradient = upstream.gradient
        var upGradient = Tensor(u.shape) { _ in }
        let upFloats = upGradient.mutableFloats()
        let gateGradient = Tensor(g.shape) { output in
            Parallel.overBlocks(of: count) { range in
                let start = range.lowerBound
                Kernels.current.gated_gradient(
                    kernel, Int64(range.count), g.floats + start, u.floats + start, gradient.floats + start,
                    output + start, upFloats + start)
            }
        }
        return [gateGradient, upGradient]
    }
}

extension OperationSample {
    static let gates: [OperationSample] = Activation.allCases.map { activation in
        OperationSample(
            "gated \(activation)", inputs: [.random([3, 18]), .random([3, 18])],
            apply: { [gated(activation, gate: $0[0], up: $0[1])] },
            reference: { inputs in
                [
                    zip(inputs[0], inputs[1]).map { x, up in
                        switch activation {
                        case .silu: x / (1 + exp(-x)) * up
                        case .relu: max(x, 0) * up
                        case .geluTanh:
                            0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x))) * up
                        }
                    }
                ]
            })
    }
}
