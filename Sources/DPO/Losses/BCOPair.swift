import TensorCore

extension PreferenceLoss {
    /// −ln σ(βr_c) − ln σ(−βr_r): a classifier of single answers (Jung et al., "Binary classifier optimization", 2024),
    /// without the running mean of rewards.
    public static let bcoPair = PreferenceLoss(
        "bco_pair", summary: "BCO: chosen and rejected answers told apart one by one", options: .ofRatios
    ) { terms, settings in
        let rewards = terms.ratios.map { $0.scaled(by: Float(settings.beta)) }
        return rewards.chosen.smoothedLogistic(0) + rewards.rejected.scaled(by: -1).smoothedLogistic(0)
    }
}
