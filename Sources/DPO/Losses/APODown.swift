import TensorCore

extension PreferenceLoss {
    /// σ(βr_c) + 1 − σ(β(r_c − r_r)) (D'Oosterlinck et al., "Anchored preference optimization", 2024, equation 8).
    public static let apoDown = PreferenceLoss(
        "apo_down", summary: "APO-down: both answers down, the rejected one more, for answers worse than the model's",
        options: .ofRatios
    ) { terms, settings in
        let beta = Float(settings.beta)
        return terms.ratios.chosen.scaled(by: beta).sigmoid() + terms.ratios.difference.scaled(by: -beta).sigmoid()
    }
}
