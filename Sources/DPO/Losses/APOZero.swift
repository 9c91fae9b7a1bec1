import TensorCore

extension PreferenceLoss {
    /// 1 − σ(βr_c) + σ(βr_r) (D'Oosterlinck et al., "Anchored preference optimization", 2024, equation 7).
    public static let apoZero = PreferenceLoss(
        "apo_zero", summary: "APO-zero: chosen answers up, rejected down, for answers better than the model's own",
        options: .ofRatios
    ) { terms, settings in
        let rewards = terms.ratios.map { $0.scaled(by: Float(settings.beta)) }
        return rewards.chosen.scaled(by: -1).sigmoid() + rewards.rejected.sigmoid()
    }
}
