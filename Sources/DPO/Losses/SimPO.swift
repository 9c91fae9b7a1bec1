import TensorCore

extension PreferenceLoss {
    /// −(1 − ε) ln σ(x) − ε ln σ(−x) with x = β(l_c / |c| − l_r / |r|) − γ (Meng et al., "SimPO", 2024).
    ///
    /// With α ≠ 0 a mean log-probability l becomes (1 − e^(−αl)) / α (Gupta et al., "AlphaPO", 2025).
    public static let simpo = PreferenceLoss(
        "simpo", summary: "SimPO: mean log-probabilities without a reference, the chosen one ahead by gamma/beta",
        needsReference: false, options: [.labelSmoothing, .gamma, .alphaPO, .weighting, .sftWeight],
        implicitReward: .mean,
        check: { settings in
            var problems = checkSmoothing(settings)
            if !(settings.gamma >= 0 && settings.gamma.isFinite) {
                problems.append(LossProblem(.gamma, "gamma is a lead that the chosen answer shall have: 0 or more"))
            }
            if !settings.alphaPO.isFinite {
                problems.append(LossProblem(.alphaPO, "alphapo_alpha must be a number; 0 leaves AlphaPO out"))
            }
            return problems
        }
    ) { terms, settings in
        terms.meanPolicy.map { alphaReward($0, alpha: settings.alphaPO) }.difference
            .scaled(by: Float(settings.beta), plus: Float(-settings.gamma)).smoothedLogistic(settings.labelSmoothing)
    }

    /// (1 − e^(−αl)) / α, which for α = 0 is l.
    static func alphaReward(_ mean: Tensor, alpha: Double) -> Tensor {
        guard alpha != 0 else { return mean }
        return mean.scaled(by: Float(-alpha)).cappedExponential().scaled(by: Float(-1 / alpha), plus: Float(1 / alpha))
    }
}
