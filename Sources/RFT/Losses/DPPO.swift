import TensorCore

extension PolicyLoss {
    /// −ρ A, without the tokens whose probability has already moved by more than ε in the direction of A.
    ///
    /// A bound on probabilities and not on ratios: a rare token may become many times as likely before it counts as a
    /// step too far, and a frequent one may not be lost by a ratio that looks harmless.
    public static let dppo = PolicyLoss(
        "dppo", summary: "ratios, without tokens whose probability has moved too far",
        options: [.epsilon, .epsilonHigh], levels: [.token],
        metrics: { terms, settings in
            let dropped = terms.keptByProbability(settings).reduce(0) { $0 + Double(1 - $1) }
            return [PolicyMetric("dppo_mask_ratio", .mean(sum: dropped, weight: Double(terms.advantages.count)))]
        }
    ) { terms, settings in
        let kept = terms.keptByProbability(settings)
        return (terms.ratio * (terms.advantages * Tensor(kept, shape: [kept.count]))).scaled(by: -1)
    }
}

extension PolicyTerms {
    /// 1 for each token that counts, 0 for each that does not.
    fileprivate func keptByProbability(_ settings: PolicySettings) -> [Float] {
        let (now, before) = (logProbability.detached.exponential(), old.exponential())
        let moved = (now - before).scalars
        let (low, high) = (Float(-settings.epsilon), Float(settings.upperEpsilon))
        return zip(moved, advantages.scalars).map { moved, advantage in
            advantage > 0 && moved > high || advantage < 0 && moved < low ? 0 : 1
        }
    }
}
