import Foundation
import TensorCore

extension PreferenceLoss {
    /// KL((σ(βΔ), σ(−βΔ)) ‖ (1 − ε, ε)) (Ji et al., "Towards efficient exact optimization", 2024, equation 16).
    public static let exoPair = PreferenceLoss(
        "exo_pair", summary: "EXO: the reverse KL to labels that are wrong with probability label_smoothing",
        options: .ofScores.union([.labelSmoothing]), divergences: .all,
        check: { settings in
            settings.labelSmoothing > 0 && settings.labelSmoothing < 1
                ? []
                : [
                    LossProblem(
                        .labelSmoothing,
                        "exo_pair takes the logarithm of label_smoothing and of what is left of 1, so it must be "
                            + "between 0 and 1 without these; write 0.001 for labels that can be trusted")
                ]
        }
    ) { terms, settings in
        let logit = terms.scoreDifference.scaled(by: Float(settings.beta))
        let (ahead, behind) = (logit.logSigmoid(), logit.scaled(by: -1).logSigmoid())
        return ahead.exponential() * ahead.scaled(by: 1, plus: Float(-log1p(-settings.labelSmoothing)))
            + behind.exponential() * behind.scaled(by: 1, plus: Float(-log(settings.labelSmoothing)))
    }
}
