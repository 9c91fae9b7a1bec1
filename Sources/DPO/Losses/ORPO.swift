import TensorCore

extension PreferenceLoss {
    /// −β ln σ(ln odds_c − ln odds_r) of mean log-probabilities, and cross-entropy over prompt and chosen answer
    /// (Hong et al., "ORPO", 2024, equations 4 and 7).
    public static let orpo = PreferenceLoss(
        "orpo", summary: "ORPO: supervised fine-tuning on the chosen rows with a penalty on the odds of the others",
        needsReference: false, options: [.sftWeight], tokenTerm: .rows, implicitReward: .mean,
        metrics: { terms, _ in
            let lead = logOddsRatio(terms).detached
            return [("log_odds_ratio", lead.logSigmoid()), ("log_odds_chosen", lead)]
        }
    ) { terms, settings in
        logOddsRatio(terms).logSigmoid().scaled(by: Float(-settings.beta))
    }

    /// ln(p_c / (1 − p_c)) − ln(p_r / (1 − p_r)) with ln p the mean log-probability of a token.
    private static func logOddsRatio(_ terms: PreferenceTerms) -> Tensor {
        terms.meanPolicy.map { $0 - $0.logOneMinusExponential() }.difference
    }
}
