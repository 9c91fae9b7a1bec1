import CKernels
import Foundation

/// One step of AdamW (Loshchilov and Hutter, 2019) with decoupled weight decay, as PyTorch computes it:
/// the weight shrinks by rate · decay first, then moves by rate · m̂ / (√v̂ + ε).
public struct AdamWStep: Sendable {
    /// Learning rate of this step.
    public var learningRate: Double
    /// Decay of the first and second moment, each in [0, 1).
    public var betas: (Double, Double)
    /// ε, added to the root of the second moment.
    public var epsilon: Double
    /// Weight decay.
    public var weightDecay: Double
    /// Number of this step, from 1, for the bias corrections.
    public var step: Int
    /// Multiplies the gradient first: one over the weight of the step, times the clipping factor.
    public var gradientScale: Double

    /// The settings of a step.
    public init(
        learningRate: Double, betas: (Double, Double), epsilon: Double, weightDecay: Double, step: Int,
        gradientScale: Double = 1
    ) {
        self.learningRate = learningRate
        self.betas = betas
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.step = step
        self.gradientScale = gradientScale
    }

    /// Updates a weight and its moments in place, in one pass over memory. All have one shape and are `float32`.
    public func update(
        _ parameter: inout Tensor, gradient: Tensor, firstMoment: inout Tensor, secondMoment: inout Tensor
    ) {
        precondition(
            parameter.shape == gradient.shape && firstMoment.shape == gradient.shape
                && secondMoment.shape == gradient.shape, "a gradient of \(gradient.shape) for \(parameter.shape)")
        var settings = hone_adamw(
            learning_rate: Float(learningRate), beta1: Float(betas.0), beta2: Float(betas.1), epsilon: Float(epsilon),
            weight_decay: Float(weightDecay), bias_correction1: Float(1 - pow(betas.0, Double(step))),
            bias_correction2: Float(1 - pow(betas.1, Double(step))), gradient_scale: Float(gradientScale))
        let source = gradient.floats
        let (weights, first, second) = (
            parameter.mutableFloats(), firstMoment.mutableFloats(), secondMoment.mutableFloats()
        )
        withUnsafePointer(to: &settings) { settings in
            Parallel.overBlocks(of: gradient.count) { range in
                let start = range.lowerBound
                Kernels.current.adamw(
                    settings, Int64(range.count), source + start, weights + start, first + start, second + start)
            }
        }
    }
}
