import TensorCore

extension PreferenceLoss {
    /// (1 − m)(−ln σ(x)) + m e⁻ˣ with x = βΔ and m = σ(x / τ) (Lu et al., "Discovering preference optimization
    /// algorithms", 2024, equation 5).
    public static let discopop = PreferenceLoss(
        "discopop", summary: "DiscoPOP: logistic loss where the pair is wrong, exponential loss where it is right",
        options: .ofScores.union([.temperature]), divergences: .all,
        check: { settings in
            settings.temperature > 0 && settings.temperature.isFinite
                ? [] : [LossProblem(.temperature, "discopop divides by discopop_tau, so it must be above 0")]
        }
    ) { terms, settings in
        let logit = terms.scoreDifference.scaled(by: Float(settings.beta))
        let gate = logit.scaled(by: Float(1 / settings.temperature))
        // As one power: for a pair that is far wrong the gate is 0 where the exponential overflows.
        let exponential = (gate.logSigmoid() - logit).cappedExponential()
        return gate.scaled(by: -1).sigmoid() * logit.smoothedLogistic(0) + exponential
    }
}
