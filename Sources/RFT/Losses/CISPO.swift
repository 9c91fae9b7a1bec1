import TensorCore

extension PolicyLoss {
    /// −sg(min(ρ, ε_high)) A ln π: no token is left out, but none counts more than ε_high (MiniMax, "MiniMax-M1", 2025).
    public static let cispo = PolicyLoss(
        "cispo", summary: "ln π weighted by the ratio, which is capped at epsilon_high", options: [.epsilonHigh],
        levels: [.token, .sequence],
        check: { settings in
            guard settings.epsilonHigh == nil else { return [] }
            return [
                PolicyProblem(
                    .epsilonHigh,
                    "of cispo epsilon_high is the highest ratio itself, and epsilon would be too low for that; write "
                        + "epsilon_high: 5")
            ]
        },
        metrics: { terms, settings in
            let cap = Float(settings.upperEpsilon)
            let capped = zip(terms.ratio.detached.scalars, terms.advantages.scalars).filter { $0 > cap && $1 > 0 }
            return [
                PolicyMetric(
                    "cispo_clip_ratio", .mean(sum: Double(capped.count), weight: Double(terms.advantages.count)))
            ]
        }
    ) { terms, settings in
        let weight = terms.ratio.detached.clamped(to: 0...Float(settings.upperEpsilon))
        return (terms.logProbability * (weight * terms.advantages)).scaled(by: -1)
    }
}
