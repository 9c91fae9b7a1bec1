import TensorCore

extension PreferenceLoss {
    /// (l_c / |c| − l_r / |r| − 1 / (2β))², and cross-entropy over the chosen answers: CPO with the loss of IPO.
    public static let cpoIPO = PreferenceLoss(
        "cpo_ipo", summary: "CPO with the square of IPO: the lead per token shall be 1/(2β), not more",
        needsReference: false, options: [.weighting, .sftWeight], defaultSFTWeight: 1, implicitReward: .mean
    ) { terms, settings in
        terms.meanPolicy.difference.scaled(by: 1, plus: Float(-1 / (2 * settings.beta))).squared()
    }
}
