import TensorCore

extension PreferenceLoss {
    /// −ln σ(β (s_c / |c| − s_r / |r|)): DPO on scores per token (Lambert et al., "Tülu 3", 2024).
    public static let sigmoidNorm = PreferenceLoss(
        "sigmoid_norm", summary: "DPO on scores divided by the answers' lengths", options: .ofScores,
        divergences: .all
    ) { terms, settings in
        (terms.scores / terms.counts).difference.scaled(by: Float(settings.beta)).smoothedLogistic(0)
    }
}
