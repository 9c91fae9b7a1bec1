import TensorCore

extension PreferenceLoss {
    /// (s_c / |c| − s_r / |r| − 1 / (2β))² (Azar et al., "A general theoretical paradigm", 2023, equation 17), on
    /// scores per token, as its authors advise.
    public static let ipo = PreferenceLoss(
        "ipo", summary: "identity preference optimisation: the lead per token shall be 1/(2β), not more",
        options: .ofScores, divergences: .all
    ) { terms, settings in
        (terms.scores / terms.counts).difference.scaled(by: 1, plus: Float(-1 / (2 * settings.beta))).squared()
    }
}
