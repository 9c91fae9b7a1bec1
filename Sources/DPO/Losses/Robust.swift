import TensorCore

extension PreferenceLoss {
    /// [−(1 − ε) ln σ(βΔ) + ε ln σ(−βΔ)] / (1 − 2ε): without bias where labels are flipped with probability ε
    /// (Chowdhury et al., "Provably robust DPO", 2024).
    public static let robust = PreferenceLoss(
        "robust", summary: "DPO for labels of which a share label_smoothing is wrong",
        options: .ofScores.union([.labelSmoothing]), divergences: .all,
        check: { settings in
            settings.labelSmoothing >= 0 && settings.labelSmoothing < 0.5
                ? []
                : [
                    LossProblem(
                        .labelSmoothing,
                        "robust divides by 1 − 2 · label_smoothing, so it must be at least 0 and less than 0.5")
                ]
        }
    ) { terms, settings in
        let (logit, smoothing) = (terms.scoreDifference.scaled(by: Float(settings.beta)), settings.labelSmoothing)
        let scale = 1 / (1 - 2 * smoothing)
        return logit.logSigmoid().scaled(by: Float((smoothing - 1) * scale))
            + logit.scaled(by: -1).logSigmoid().scaled(by: Float(smoothing * scale))
    }
}
