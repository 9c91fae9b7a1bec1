import TensorCore

extension PreferenceLoss {
    /// (r_c − ½/β)² + (r_r + ½/β)² (Wu et al., "Self-play preference optimization", 2024), the winner's probability
    /// taken as 1.
    public static let sppoHard = PreferenceLoss(
        "sppo_hard", summary: "SPPO: log-ratios of +1/(2β) for the chosen and −1/(2β) for the rejected answer",
        options: .ofRatios
    ) { terms, settings in
        let target = Float(0.5 / settings.beta)
        return terms.ratios.chosen.scaled(by: 1, plus: -target).squared()
            + terms.ratios.rejected.scaled(by: 1, plus: target).squared()
    }
}
