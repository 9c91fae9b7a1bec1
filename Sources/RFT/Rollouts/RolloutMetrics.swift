import OrderedCollections
import Training
import Verifiers

/// What is reported of the answers of a step: TRL's names where TRL has them. Everything is over all answers that were
/// written for the step, also over those of prompts that were replaced.
enum RolloutMetrics {
    static func sums(_ groups: [JudgedGroup], rewards: RewardSet, replaces: Bool, step: Int) -> MetricSums {
        var metrics = MetricSums()
        let answers = groups.flatMap(\.answers)
        let scores = groups.flatMap(\.scores)
        addLengths(answers, to: &metrics)
        addRewards(groups, scores, rewards, to: &metrics)
        for (name, count) in RewardLedger(requested: answers.count, scores).counts {
            metrics.addTotal("ledger/\(name)", Double(count))
        }
        let count = Double(groups.count)
        for (name, share) in [
            ("groups/informative", groups.count { $0.isViable && !$0.isUniform }),
            ("groups/all_pass", groups.count { $0.isUniform && $0.passRate == 1 }),
            ("groups/all_fail", groups.count { $0.isUniform && $0.passRate == 0 }),
            ("groups/too_small", groups.count { !$0.isViable }),
        ] {
            metrics.add(name, sum: Double(share), weight: count)
        }
        metrics.add("groups/answered", sum: count, weight: 1)
        metrics.add("groups/trained", sum: Double(groups.count { $0.isTrained(replacing: replaces) }), weight: 1)
        let others = RewardMetrics(rewards, groups.map { $0.rewardGroup(version: step) }, groups.map(\.scores))
        for (name, value) in others.values where metrics[name] == nil { metrics.add(name, sum: value, weight: 1) }
        return metrics
    }

    private static func addLengths(_ answers: [EngineAnswer], to metrics: inout MetricSums) {
        let all = answers.map { Double($0.isSampled.count { $0 }) }
        let ended = answers.filter { !$0.stopReason.isTruncated }.map { Double($0.isSampled.count { $0 }) }
        metrics.add("completions/mean_length", sum: all.reduce(0, +), weight: Double(all.count))
        metrics.lower("completions/min_length", to: all.min() ?? 0)
        metrics.raise("completions/max_length", to: all.max() ?? 0)
        metrics.add("completions/clipped_ratio", sum: Double(all.count - ended.count), weight: Double(all.count))
        // Where none ended TRL says 0.
        metrics.add(
            "completions/mean_terminated_length", sum: ended.reduce(0, +), weight: Double(max(1, ended.count)))
        metrics.lower("completions/min_terminated_length", to: ended.min() ?? 0)
        metrics.raise("completions/max_terminated_length", to: ended.max() ?? 0)
    }

    private static func addRewards(
        _ groups: [JudgedGroup], _ scores: [RolloutScore], _ rewards: RewardSet, to metrics: inout MetricSums
    ) {
        for component in rewards.components {
            let outcomes = scores.compactMap { $0[component.id] }
            add(outcomes.compactMap(\.value), "rewards/\(component.id)", to: &metrics)
            let asked = outcomes.filter { $0.status != .skipped }
            let failed = asked.count { $0.status == .errored || $0.status == .timedOut }
            if failed > 0 {
                metrics.add("rewards/\(component.id)/failed", sum: Double(failed), weight: Double(asked.count))
            }
        }
        let spread = Spread(scores.compactMap(\.total))
        metrics.add("reward", sum: spread.mean * Double(spread.count), weight: Double(spread.count))
        metrics.add("reward_std", sum: spread.deviation, weight: spread.count > 0 ? 1 : 0)
        for group in groups {
            let isFlat = Spread(group.rewards).deviation < 1e-8
            metrics.add(
                "frac_reward_zero_std", sum: isFlat ? Double(group.scores.count) : 0, weight: Double(group.scores.count)
            )
        }
        let passed = scores.compactMap(\.passed)
        metrics.add("pass_rate", sum: Double(passed.count { $0 }), weight: Double(passed.count))
    }

    private static func add(_ values: [Double], _ name: String, to metrics: inout MetricSums) {
        let spread = Spread(values)
        metrics.add("\(name)/mean", sum: spread.mean * Double(spread.count), weight: Double(spread.count))
        metrics.add("\(name)/std", sum: spread.deviation, weight: spread.count > 0 ? 1 : 0)
    }
}
