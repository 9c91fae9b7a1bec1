public import Training

/// What was said of one answer.
public struct SampleRewards: Sendable, Hashable {
    /// The reward of each component; `nil` where it abstained or failed.
    public var parts: [Double?]
    /// Tokens of the answer.
    public var length: Int

    /// The rewards of several components.
    public init(parts: [Double?], length: Int) {
        self.parts = parts
        self.length = length
    }

    /// One reward; `nil` for none.
    public init(_ total: Double?, length: Int) { self.init(parts: [total], length: length) }
}

/// Turns rewards into advantages.
///
/// ```swift
/// var advantages = Advantages(rule: .grpo)
/// let outcome = advantages.compute([[SampleRewards(1, length: 7), SampleRewards(0, length: 9)]])
/// outcome.advantages  // [[0.707, -0.707]]
/// ```
public struct Advantages: Sendable {
    /// In which order several rewards are added and put on one scale. The raw value is its name in a recipe.
    public enum Combination: String, Sendable, Hashable, CaseIterable {
        /// The weighted sum of the rewards, and of that the advantage.
        case sumThenNormalize = "sum_then_normalize"
        /// Each reward by itself less its mean and divided by its deviation in the group, the weighted sum of these, and
        /// that again over all answers (GDPO, 2026).
        case normalizeThenSum = "normalize_then_sum"
    }

    /// What an answer is worth of which a component says nothing.
    public enum Missing: Sendable, Hashable {
        /// Nothing is known of it: it has no advantage, and it is no part of any mean.
        case leavesOut
        /// The component counts 0; only of an answer of which no component says anything nothing is known, and its
        /// advantage is 0. So TRL has it.
        case countsZero
    }

    /// What came of the rewards of a batch.
    public struct Outcome: Sendable {
        /// For each answer of each group its advantage; `nil` for one that must be left out of training.
        public var advantages: [[Double?]]
        /// For each answer the weighted sum of its rewards; `nil` where nothing is known.
        public var rewards: [[Double?]]
        /// `reward`, `reward_std`, `frac_reward_zero_std`, and `rewards/NAME/mean` and `/std` of each component.
        public var metrics: MetricSums
    }

    /// How rewards become advantages.
    public var rule: AdvantageRule
    /// The names of the components, for the metrics.
    public var names: [String]
    /// What each component counts; empty for 1 each.
    public var weights: [Double]
    /// In which order several rewards are added and scaled.
    public var combination: Combination
    /// What an answer is worth of which a component says nothing.
    public var missing: Missing
    /// The running means of `ema`, by the name of whoever's they are: to be kept in checkpoints.
    public var baselines: [String: Double] = [:]

    /// - Parameters:
    ///   - rule: how rewards become advantages; not read with `normalizeThenSum`, which says itself how.
    ///   - names: of the components, for the metrics.
    ///   - weights: what each component counts; empty for 1 each.
    ///   - combination: in which order several rewards are added and scaled.
    ///   - missing: what an answer is worth of which a component says nothing.
    public init(
        rule: AdvantageRule = .mean, names: [String] = [], weights: [Double] = [],
        combination: Combination = .sumThenNormalize, missing: Missing = .leavesOut
    ) {
        self.rule = rule
        self.names = names
        self.weights = weights
        self.combination = combination
        self.missing = missing
    }

    /// The advantages of a batch, and what is reported of its rewards.
    ///
    /// - Parameters:
    ///   - groups: the answers to each prompt.
    ///   - agents: whose running mean each group is compared with under `ema`; empty for one of all.
    /// - Precondition: all answers have as many parts.
    public mutating func compute(_ groups: [[SampleRewards]], agents: [String] = []) -> Outcome {
        let components = groups.lazy.flatMap { $0 }.first?.parts.count ?? 0
        precondition(
            groups.allSatisfy { $0.allSatisfy { $0.parts.count == components } }
                && (weights.isEmpty || weights.count == components), "answers with different components")
        precondition(agents.isEmpty || agents.count == groups.count, "as many agents as groups")
        let totals = groups.map { group in group.map { total($0.parts) } }
        let advantages =
            combination == .normalizeThenSum
            ? normalizedSums(groups) : applyRule(totals, lengths: groups.map { $0.map(\.length) }, agents)
        return Outcome(
            // Of an answer of which nothing is known TRL says that it was as expected, and trains on it with that.
            advantages: missing == .countsZero ? advantages.map { $0.map { $0 ?? 0 } } : advantages,
            rewards: totals, metrics: metrics(groups, totals))
    }

    private func weight(_ component: Int) -> Double { weights.isEmpty ? 1 : weights[component] }

    /// The weighted sum of the parts of an answer.
    private func total(_ parts: [Double?]) -> Double? { weightedSum(parts) }

    private func weightedSum(_ parts: [Double?]) -> Double? {
        let known = parts.enumerated().compactMap { component, part in part.map { weight(component) * $0 } }
        guard !known.isEmpty, missing == .countsZero || known.count == parts.count else { return nil }
        return known.reduce(0, +)
    }

    // MARK: Rules

    private mutating func applyRule(_ totals: [[Double?]], lengths: [[Int]], _ agents: [String]) -> [[Double?]] {
        let batch = Spread(totals.lazy.flatMap { $0 }.compactMap { $0 })
        return totals.indices.map { group in
            if rule == .ema { return followBaseline(totals[group], agent: agents.isEmpty ? "" : agents[group]) }
            return advantages(totals[group], lengths[group], batch)
        }
    }

    private func advantages(_ rewards: [Double?], _ lengths: [Int], _ batch: Spread) -> [Double?] {
        let known = rewards.compactMap { $0 }
        let group = Spread(known)
        func each(_ body: (Double) -> Double) -> [Double?] { rewards.map { $0.map(body) } }
        // Equal rewards differ from their mean by rounding, which must not look like a signal.
        guard known.contains(where: { $0 != known[0] }) else { return each { _ in 0 } }
        switch rule {
        case .mean, .ema: return each { $0 - group.mean }
        case .grpo: return each { ($0 - group.mean) / (group.deviation + 1e-4) }
        case .batchStandardDeviation: return each { ($0 - group.mean) / (batch.deviation + 1e-4) }
        case .rloo: return each { ($0 - group.mean) * Double(group.count) / Double(group.count - 1) }
        case .maxRL: return each { group.mean > 0 ? ($0 - group.mean) / group.mean : 0 }
        case .opo:
            let pairs = zip(rewards, lengths).compactMap { reward, length in reward.map { ($0, Double(length)) } }
            let length = pairs.reduce(0) { $0 + $1.1 }
            let baseline = length > 0 ? pairs.reduce(0) { $0 + $1.0 * $1.1 } / length : group.mean
            return each { $0 - baseline }
        case .passK:
            let best = known.sorted(by: >)
            return each { $0 == best[0] ? best[0] - best[1] : 0 }
        }
    }

    private mutating func followBaseline(_ rewards: [Double?], agent: String) -> [Double?] {
        rewards.map { reward in
            guard let reward else { return nil }
            let baseline = baselines[agent, default: 0]
            baselines[agent] = 0.95 * baseline + 0.05 * reward
            return reward - baseline
        }
    }

    private func normalizedSums(_ groups: [[SampleRewards]]) -> [[Double?]] {
        let sums: [[Double?]] = groups.map { group in
            let components = group.first?.parts.indices ?? 0..<0
            let spreads = components.map { component in Spread(group.compactMap { $0.parts[component] }) }
            return group.map { sample in
                weightedSum(
                    sample.parts.enumerated().map { component, part in
                        part.map { ($0 - spreads[component].mean) / (spreads[component].deviation + 1e-4) }
                    })
            }
        }
        let all = Spread(sums.lazy.flatMap { $0 }.compactMap { $0 })
        return sums.map { $0.map { $0.map { ($0 - all.mean) / (all.deviation + 1e-4) } } }
    }

    // MARK: Metrics

    private func metrics(_ groups: [[SampleRewards]], _ totals: [[Double?]]) -> MetricSums {
        var metrics = MetricSums()
        let samples = groups.flatMap { $0 }
        for (component, name) in names.enumerated() where component < samples.first?.parts.count ?? 0 {
            let spread = Spread(samples.compactMap { $0.parts[component] })
            metrics.add("rewards/\(name)/mean", sum: spread.mean, weight: spread.count > 0 ? 1 : 0)
            metrics.add("rewards/\(name)/std", sum: spread.deviation, weight: spread.count > 0 ? 1 : 0)
        }
        let all = Spread(totals.lazy.flatMap { $0 }.compactMap { $0 })
        metrics.add("reward", sum: all.mean, weight: all.count > 0 ? 1 : 0)
        metrics.add("reward_std", sum: all.deviation, weight: all.count > 0 ? 1 : 0)
        // As TRL: over answers, so that groups of different sizes count as much as they have.
        for group in totals {
            let isFlat = Spread(group.compactMap { $0 }).deviation < 1e-8
            metrics.add("frac_reward_zero_std", sum: isFlat ? Double(group.count) : 0, weight: Double(group.count))
        }
        return metrics
    }
}
