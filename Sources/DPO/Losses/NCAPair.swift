import TensorCore

extension PreferenceLoss {
    /// −ln σ(βr_c) − ½ ln σ(−βr_c) − ½ ln σ(−βr_r) (Chen et al., "Noise contrastive alignment", 2024).
    public static let ncaPair = PreferenceLoss(
        "nca_pair", summary: "NCA: each answer against noise, so that the chosen one does not fall",
        options: .ofRatios
    ) { terms, settings in
        let rewards = terms.ratios.map { $0.scaled(by: Float(settings.beta)) }
        let (chosen, rejected) = (rewards.chosen, rewards.rejected)
        return chosen.smoothedLogistic(0) + chosen.scaled(by: -1).smoothedLogistic(0).scaled(by: 0.5)
            + rejected.scaled(by: -1).smoothedLogistic(0).scaled(by: 0.5)
    }
}
