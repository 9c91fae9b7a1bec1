import Foundation
import TensorCore

extension PolicyLoss {
    /// −sg(φ(W)) A ln π with the ratio W of the whole answer and φ(W) = exp(λ + k ln W − λ W): answers count most that
    /// are about as likely as they were (variational sequence-level soft policy optimisation, 2026, as TRL has it).
    public static let vespo = PolicyLoss(
        "vespo", summary: "ln π weighted by a smooth function of the ratio of the whole answer",
        options: [.vespoPositiveK, .vespoPositiveLambda, .vespoNegativeK, .vespoNegativeLambda],
        correctsSampling: true,
        check: { settings in
            guard let mode = settings.samplingCorrection?.mode, mode.isOfSequence else { return [] }
            return [
                PolicyProblem(
                    .samplingCorrection,
                    "vespo takes the correction of each token into its own weight; write token_truncate or token_mask")
            ]
        },
        metrics: { terms, settings in
            let weights = terms.vespoWeights(settings)
            let sum = weights.reduce(0) { $0 + Double($1) }
            return [PolicyMetric("vespo/phi_seq_mean", .mean(sum: sum, weight: Double(weights.count)))]
        }
    ) { terms, settings in
        let weights = terms.vespoWeights(settings)
        let spread = terms.spread(Tensor(weights, shape: [weights.count]))
        return (terms.logProbability * (spread * terms.advantages)).scaled(by: -1)
    }
}

extension PolicyTerms {
    /// φ(W) of each answer.
    fileprivate func vespoWeights(_ settings: PolicySettings) -> [Float] {
        var logs = sums(logRatio.detached.clamped(to: -20...20)).scalars
        if let samplingLogRatio {
            let corrections = sums(samplingLogRatio.clamped(to: -18.420681...20)).scalars
            for (index, correction) in corrections.enumerated() { logs[index] += correction }
        }
        return zip(logs, answerAdvantages).map { log, advantage in
            let log = min(max(Double(log), -18.420680743952367), 20)
            let k = advantage >= 0 ? settings.vespoPositiveK : settings.vespoNegativeK
            let lambda = advantage >= 0 ? settings.vespoPositiveLambda : settings.vespoNegativeLambda
            return Float(exp(lambda + k * log - lambda * exp(log)))
        }
    }
}
