import TensorCore

extension PreferenceLoss {
    /// max(0, 1 − β Δ) (Zhao et al., "SLiC-HF", 2023).
    public static let hinge = PreferenceLoss(
        "hinge", summary: "SLiC: nothing more to gain once the chosen answer is ahead by 1/β", options: .ofScores,
        divergences: .all
    ) { terms, settings in
        terms.scoreDifference.scaled(by: Float(-settings.beta), plus: 1).relu()
    }
}
