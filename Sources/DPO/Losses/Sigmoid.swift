import TensorCore

extension PreferenceLoss {
    /// −ln σ(β Δ) (Rafailov et al., "Direct preference optimization", 2023).
    public static let sigmoid = PreferenceLoss(
        "sigmoid", summary: "DPO: logistic loss on the difference of the scores", options: .ofScores,
        divergences: .all
    ) { terms, settings in
        terms.scoreDifference.scaled(by: Float(settings.beta)).smoothedLogistic(0)
    }
}
