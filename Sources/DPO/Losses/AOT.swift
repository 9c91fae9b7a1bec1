import TensorCore

extension PreferenceLoss {
    /// Alignment via optimal transport (Melnyk et al., 2024): the whole distribution of the policy's leads shall be
    /// above that of the reference, so the two are sorted and compared rank by rank within a micro-batch.
    public static let aot = PreferenceLoss(
        "aot", summary: "AOT: sorted leads of the policy against sorted leads of the reference",
        options: [.labelSmoothing, .lengthDiscount, .sftWeight], dependsOnMicroBatch: true, check: checkSmoothing
    ) { terms, settings in
        let reference = terms.reference?.difference ?? .zeros(terms.policy.chosen.shape)
        return (terms.policy.difference.sortedAscending() - reference.sortedAscending())
            .scaled(by: Float(settings.beta)).smoothedLogistic(settings.labelSmoothing)
    }

    /// Whether `label_smoothing` is a probability below 1.
    @Sendable static func checkSmoothing(_ settings: LossSettings) -> [LossProblem] {
        settings.labelSmoothing >= 0 && settings.labelSmoothing < 1
            ? [] : [LossProblem(.labelSmoothing, "label_smoothing is a probability: at least 0 and less than 1")]
    }
}

extension Tensor {
    /// The numbers of a vector in rising order; gradients go back to where each came from.
    func sortedAscending() -> Tensor {
        let values = scalars
        return embedding(self, values.indices.sorted { (values[$0], $0) < (values[$1], $1) })
    }
}
