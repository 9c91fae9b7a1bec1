public import TensorCore

/// AdamW over named parameters: decoupled weight decay, bias-corrected moments (Loshchilov and Hutter, 2019).
///
/// Weight decay acts on matrices only. Norm weights, biases and the magnitudes of DoRA are vectors, and shrinking them
/// does not regularise, so every parameter of fewer than two dimensions is left out, whatever its name.
public final class AdamW {
    /// What does not change from step to step.
    public struct Settings: Sendable {
        /// Decay of the first and second moment, each in [0, 1).
        public var betas: (Double, Double)
        /// Added to the root of the second moment.
        public var epsilon: Double
        /// Weight decay of matrices, times the learning rate.
        public var weightDecay: Double

        /// The defaults are PyTorch's, but without weight decay.
        public init(betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8, weightDecay: Double = 0) {
            self.betas = betas
            self.epsilon = epsilon
            self.weightDecay = weightDecay
        }
    }

    /// What does not change from step to step.
    public let settings: Settings
    /// What is trained, in a fixed order.
    public let parameters: [(name: String, parameter: Parameter)]
    /// Updates so far.
    public private(set) var step = 0
    /// Running means of the gradients, as the parameters.
    public private(set) var firstMoments: [Tensor]
    /// Running means of the squared gradients, as the parameters.
    public private(set) var secondMoments: [Tensor]

    /// Moments of zero for every parameter.
    public init(_ parameters: [(name: String, parameter: Parameter)], settings: Settings = Settings()) {
        self.parameters = parameters
        self.settings = settings
        firstMoments = parameters.map { .zeros($0.parameter.value.shape) }
        secondMoments = firstMoments.map { .zeros($0.shape) }
    }

    /// Whether weight decay acts on a parameter of this shape.
    public static func decays(shape: [Int]) -> Bool { shape.count >= 2 }

    /// Changes every parameter that has a gradient.
    ///
    /// - Parameters:
    ///   - gradients: as the parameters; one without a gradient keeps its value and its moments.
    ///   - learningRate: of this step.
    ///   - gradientScale: multiplies the gradients first.
    public func update(gradients: Gradients, learningRate: Double, gradientScale: Double) {
        precondition(gradients.tensors.count == parameters.count, "gradients of other parameters")
        step += 1
        for (index, gradient) in gradients.tensors.enumerated() {
            guard let gradient else { continue }
            let parameter = parameters[index].parameter
            let decays = Self.decays(shape: parameter.value.shape)
            let change = AdamWStep(
                learningRate: learningRate, betas: settings.betas, epsilon: settings.epsilon,
                weightDecay: decays ? settings.weightDecay : 0, step: step, gradientScale: gradientScale)
            parameter.update { weight in
                change.update(
                    &weight, gradient: gradient, firstMoment: &firstMoments[index],
                    secondMoment: &secondMoments[index])
            }
        }
    }

    /// Puts back what a checkpoint holds. The shapes must be those of the parameters.
    package func restore(step: Int, firstMoments: [Tensor], secondMoments: [Tensor]) {
        precondition(
            firstMoments.map(\.shape) == self.firstMoments.map(\.shape)
                && secondMoments.map(\.shape) == self.secondMoments.map(\.shape), "moments of other parameters")
        self.step = step
        self.firstMoments = firstMoments
        self.secondMoments = secondMoments
    }
}
