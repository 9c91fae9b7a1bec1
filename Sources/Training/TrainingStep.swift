import TensorCore

/// What came of one optimiser step.
public enum StepOutcome: Sendable {
    /// The weights changed.
    case updated(StepReport)
    /// A number was not finite, or nothing carried loss: weights and moments are as before.
    case refused(RefusedStep)
    /// A stop was requested before all micro-batches were done: nothing happened.
    case interrupted
}

/// The numbers of one optimiser step.
public struct StepReport: Sendable {
    /// Σ loss / Σ weight over the step.
    public var loss: Double
    /// The norm of the gradient of that, before clipping.
    public var gradientNorm: Double
    /// The rate that was used.
    public var learningRate: Double
    /// Σ weight.
    public var weight: Double
    /// The objective's metrics and those of making the batch.
    public var metrics: MetricSums
    /// What of it is far above the steps before, and what the step was like; `nil` where all is usual.
    public var spike: (spike: Spike, anomaly: Anomaly)?
}

/// A step that changed nothing.
public struct RefusedStep: Sendable, CustomStringConvertible {
    /// Which step, why, and what to do.
    public var message: String
    /// The numbers of the step as they are, and what was not finite; `nil` where nothing in the step carried loss.
    public var numbers: (report: StepReport, anomaly: Anomaly)?

    public var description: String { message }
}

/// Sums over the micro-batches of a step.
struct StepSums {
    var loss = 0.0
    var weight = 0.0
    var metrics = MetricSums()
    var gradients: Gradients
    /// Loss and weight of each micro-batch.
    var parts: [(loss: Double, weight: Double)] = []

    init(parameterCount: Int) { gradients = Gradients(count: parameterCount) }

    /// Adds the gradient and the sums of one micro-batch.
    mutating func add(
        parameters: [Parameter], averaging: MetricAveraging, _ body: () throws -> LossSum
    ) throws {
        // Only numbers leave the closure: a tensor that did would keep the whole graph through the reverse pass.
        let (value, sums) = try valueAndGradient(of: parameters, addingTo: &gradients) {
            let loss = try body()
            return (loss.sum, (weight: loss.weight, metrics: loss.metrics))
        }
        loss += Double(value)
        weight += sums.weight
        parts.append((Double(value), sums.weight))
        metrics.merge(averaging == .pooled ? sums.metrics : sums.metrics.countedOnce)
    }
}
