import OrderedCollections
public import TextCore

/// A step with numbers that a person should look at: what was trained on, and what came of it, tensor by tensor.
public struct Anomaly: Sendable {
    /// What is wrong with the numbers.
    public enum Kind: String, Sendable {
        /// A loss, a weight or a gradient is not finite.
        case nonFinite = "nonfinite"
        /// The loss or the norm of the gradient is far above those of the steps before.
        case spike
    }

    /// A trained tensor and its gradient.
    public struct Entry: Sendable {
        /// The name of the parameter.
        public var name: String
        /// Of its value when the gradient was taken.
        public var value: TensorStatistics
        /// Of the gradient of the summed loss; `nil` where it has none.
        public var gradient: TensorStatistics?
    }

    /// What is wrong.
    public var kind: Kind
    /// The number of the step, from 1.
    public var step: Int
    /// What is wrong, in words.
    public var message: String
    /// Σ loss / Σ weight over the step, as it is.
    public var loss: Double
    /// The norm of the gradient of that.
    public var gradientNorm: Double
    /// Σ weight.
    public var weight: Double
    /// The rate that was used, or would have been.
    public var learningRate: Double
    /// The objective's metrics and those of making the batch.
    public var metrics: MetricSums
    /// Where the rows of the step came from.
    public var rows: [String]
    /// Where in the data the step after it begins.
    public var position: JSON
    /// Σ loss and Σ weight of each micro-batch.
    public var parts: [(loss: Double, weight: Double)]
    /// Every trained tensor.
    public var tensors: [Entry]

    /// The anomaly as an object: the content of `anomaly/step-N.json`.
    public var json: JSON {
        [
            "step": .integer(step), "kind": .string(kind.rawValue), "message": .string(message),
            "loss": JSON(metric: loss), "grad_norm": JSON(metric: gradientNorm),
            "weight": JSON(metric: weight), "learning_rate": .number(learningRate),
            "metrics": JSON(metrics: metrics.values), "rows": .array(rows.map { .string($0) }),
            "next_position": position,
            "micro_batches": .array(
                parts.map { ["loss": JSON(metric: $0.loss), "weight": JSON(metric: $0.weight)] }),
            "tensors": .array(
                tensors.map { entry in
                    [
                        "name": .string(entry.name), "value": entry.value.json,
                        "gradient": entry.gradient?.json ?? .null,
                    ]
                }),
        ]
    }
}
