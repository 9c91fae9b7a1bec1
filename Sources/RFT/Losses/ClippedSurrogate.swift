import TensorCore

extension PolicyTerms {
    /// −min(ρ A, clip(ρ, 1 − ε, 1 + ε_high) A) of each token (Schulman et al., "Proximal policy optimization", 2017),
    /// with ρ bounded by δ before, and the whole by c |A| where A is negative, if the settings say so.
    func clippedSurrogate(_ settings: PolicySettings) -> Tensor {
        let bounded = settings.delta.map { ratio.clamped(to: 0...Float($0)) } ?? ratio
        let clipped = ratio.clamped(to: Float(1 - settings.epsilon)...Float(1 + settings.upperEpsilon))
        var value = Tensor.minimum(bounded * advantages, clipped * advantages)
        if let dualClip = settings.dualClip {
            value = .maximum(value, byAdvantage { $0 < 0 ? Float(dualClip) * $0 : -Float.greatestFiniteMagnitude })
        }
        return value.scaled(by: -1)
    }

    /// How much of what was clipped: of tokens below the lower bound whose advantage is negative, above the upper one
    /// whose advantage is positive, and either. The extremes are over answers.
    func clipMetrics(_ settings: PolicySettings) -> [PolicyMetric] {
        let (low, high) = (Float(1 - settings.epsilon), Float(1 + settings.upperEpsilon))
        let (ratios, advantages) = (ratio.detached.scalars, advantages.scalars)
        var isLow: [Double] = []
        var isHigh: [Double] = []
        for (ratio, advantage) in zip(ratios, advantages) {
            isLow.append(ratio < low && advantage < 0 ? 1 : 0)
            isHigh.append(ratio > high && advantage > 0 ? 1 : 0)
        }
        let lowShares = answers.map { range in isLow[range].reduce(0, +) / Double(range.count) }
        let highShares = answers.map { range in isHigh[range].reduce(0, +) / Double(range.count) }
        // A ratio of an answer counts once, however long the answer.
        let (lows, highs) = level == .token ? (isLow, isHigh) : (lowShares, highShares)
        let (lowSum, highSum, weight) = (lows.reduce(0, +), highs.reduce(0, +), Double(lows.count))
        return [
            PolicyMetric("clip_ratio/low_mean", .mean(sum: lowSum, weight: weight)),
            PolicyMetric("clip_ratio/low_min", .smallest(lowShares.min() ?? 0)),
            PolicyMetric("clip_ratio/high_mean", .mean(sum: highSum, weight: weight)),
            PolicyMetric("clip_ratio/high_max", .largest(highShares.max() ?? 0)),
            PolicyMetric("clip_ratio/region_mean", .mean(sum: lowSum + highSum, weight: weight)),
        ]
    }
}

extension PolicyLoss {
    /// A loss that clips, known by how its numbers are put together.
    static func clipped(
        _ name: String, summary: String, aggregation: PolicySettings.Aggregation,
        levels: [PolicySettings.ImportanceLevel] = [.token, .sequence]
    ) -> PolicyLoss {
        PolicyLoss(
            name, summary: summary, options: [.epsilon, .epsilonHigh, .delta, .dualClip], aggregation: aggregation,
            levels: levels, metrics: { $0.clipMetrics($1) }, perToken: { $0.clippedSurrogate($1) })
    }
}
