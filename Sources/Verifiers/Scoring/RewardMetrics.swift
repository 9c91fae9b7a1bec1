public import OrderedCollections

/// The figures of one step's scores, by name. A figure that cannot be computed is left out.
///
/// Of the whole: `reward`, `reward_std` (over all rollouts, n − 1 below), `frac_reward_zero_std`, `pass@1`, `pass@k`
/// for powers of two up to the group's size (unbiased), `groups/all_fail`, `groups/all_pass`, `groups/equal_other` and
/// `groups/informative` (shares of groups), `groups/size` (rollouts with a reward, on average),
/// `completions/distinct_ratio`, `completions/mean_length_passed` and `_failed`, `stop_reason/NAME`,
/// `correlation/length_reward`. Of a component: `rewards/ID/mean`, `std`, `p10`, `p50`, `p90`, `share` (of what all
/// rewards and shaping give), `abstain_rate`, `error_rate`, `timeout_rate`, `skip_rate`, `cache_hits` (shares of
/// rollouts), `latency_p50`, `latency_p95` (seconds, of calls that were made), the numbers that its verifier keeps,
/// and `correlation/ID/OTHER` of two rewards.
public struct RewardMetrics: Sendable, Hashable {
    /// In the order in which they are shown.
    public private(set) var values: OrderedDictionary<String, Double> = [:]

    /// - Parameters:
    ///   - groups: what was judged.
    ///   - scores: what `set` said of each, in the same order.
    public init(_ set: RewardSet, _ groups: [RewardGroup], _ scores: [[RolloutScore]]) {
        precondition(
            groups.map(\.rollouts.count) == scores.map(\.count), "there is not one score for each rollout")
        let rollouts = groups.flatMap(\.rollouts)
        let all = scores.flatMap { $0 }
        addTotals(all, scores)
        addPasses(scores)
        addCompletions(groups, rollouts, all)
        for component in set.components { add(component, all) }
        addShares(set, all)
        addCorrelations(set, all)
    }

    public subscript(name: String) -> Double? { values[name] }

    private mutating func add(_ name: String, _ value: Double?) {
        if let value, value.isFinite { values[name] = value }
    }

    private mutating func addTotals(_ all: [RolloutScore], _ groups: [[RolloutScore]]) {
        let totals = all.compactMap(\.total)
        add("reward", Statistics.mean(totals))
        add("reward_std", Statistics.deviation(totals))
        let scored = groups.map { $0.filter { $0.total != nil } }.filter { !$0.isEmpty }
        guard !scored.isEmpty else { return }
        var (flat, failed, passed) = (0, 0, 0)
        for group in scored where group.allSatisfy({ $0.total == group[0].total }) {
            flat += 1
            if group.allSatisfy({ $0.passed == true }) { passed += 1 }
            if group.allSatisfy({ $0.passed == false }) { failed += 1 }
        }
        let count = Double(scored.count)
        add("frac_reward_zero_std", Double(flat) / count)
        add("groups/informative", 1 - Double(flat) / count)
        add("groups/all_fail", Double(failed) / count)
        add("groups/all_pass", Double(passed) / count)
        add("groups/equal_other", Double(flat - failed - passed) / count)
        add("groups/size", Statistics.mean(scored.map { Double($0.count) }))
    }

    private mutating func addPasses(_ groups: [[RolloutScore]]) {
        let counts = groups.map { group in
            let known = group.compactMap(\.passed)
            return (right: known.count { $0 }, all: known.count)
        }
        let largest = counts.map(\.all).max() ?? 0
        var k = 1
        while k <= largest {
            let enough = counts.filter { $0.all >= k }
            add("pass@\(k)", Statistics.mean(enough.map { Statistics.passAt(k, right: $0.right, of: $0.all) }))
            k *= 2
        }
    }

    private mutating func addCompletions(_ groups: [RewardGroup], _ rollouts: [Rollout], _ all: [RolloutScore]) {
        let ratios = groups.filter { !$0.rollouts.isEmpty }.map { group in
            // By bytes: two texts that only look alike are two.
            Double(Set(group.rollouts.map { Array($0.fullText.utf8) }).count) / Double(group.rollouts.count)
        }
        add("completions/distinct_ratio", Statistics.mean(ratios))
        let pairs = Array(zip(rollouts, all))
        func lengths(_ passed: Bool) -> [Double] {
            pairs.filter { $0.1.passed == passed }.map { Double($0.0.tokenCount) }
        }
        add("completions/mean_length_passed", Statistics.mean(lengths(true)))
        add("completions/mean_length_failed", Statistics.mean(lengths(false)))
        for reason in Rollout.StopReason.allCases {
            let count = rollouts.count { $0.stopReason == reason }
            if count > 0 { add("stop_reason/\(reason.rawValue)", Double(count) / Double(rollouts.count)) }
        }
        let scored = pairs.filter { $0.1.total != nil }
        add(
            "correlation/length_reward",
            Statistics.correlation(scored.map { Double($0.0.tokenCount) }, scored.compactMap(\.1.total)))
    }

    private mutating func add(_ component: RewardComponent, _ all: [RolloutScore]) {
        let outcomes = all.compactMap { $0[component.id] }
        guard !outcomes.isEmpty else { return }
        let name = "rewards/\(component.id)"
        let values = outcomes.compactMap(\.value)
        add("\(name)/mean", Statistics.mean(values))
        add("\(name)/std", Statistics.deviation(values))
        for share in [10, 50, 90] { add("\(name)/p\(share)", Statistics.quantile(values, Double(share) / 100)) }
        for (label, status) in [
            ("abstain_rate", ComponentOutcome.Status.abstained), ("error_rate", .errored), ("timeout_rate", .timedOut),
            ("skip_rate", .skipped),
        ] {
            add("\(name)/\(label)", Double(outcomes.count { $0.status == status }) / Double(outcomes.count))
        }
        add("\(name)/cache_hits", Double(outcomes.count(where: \.fromCache)) / Double(outcomes.count))
        let seconds = outcomes.filter { $0.attempts > 0 }.map(\.seconds)
        add("\(name)/latency_p50", Statistics.quantile(seconds, 0.5))
        add("\(name)/latency_p95", Statistics.quantile(seconds, 0.95))
        for key in Set(outcomes.flatMap(\.metrics.keys)).sorted() {
            add("\(name)/\(key)", Statistics.mean(outcomes.compactMap { $0.metrics[key] }))
        }
    }

    /// Who earns the reward: correctness, or format and shaping.
    private mutating func addShares(_ set: RewardSet, _ all: [RolloutScore]) {
        let parts = set.components.filter { $0.role == .reward || $0.role == .shaping }
        let scored = all.filter { $0.status == .scored && $0.failedGate == nil }
        let earned = parts.map { part in
            scored.reduce(0) { $0 + abs(part.weight * ($1[part.id]?.value ?? 0)) }
        }
        let sum = earned.reduce(0, +)
        guard parts.count > 1, sum > 0 else { return }
        for (part, value) in zip(parts, earned) { add("rewards/\(part.id)/share", value / sum) }
    }

    private mutating func addCorrelations(_ set: RewardSet, _ all: [RolloutScore]) {
        let ids = set.rewardIDs
        for (index, first) in ids.enumerated() {
            for second in ids[(index + 1)...] {
                let pairs = all.compactMap { score -> (Double, Double)? in
                    guard let a = score[first]?.value, let b = score[second]?.value else { return nil }
                    return (a, b)
                }
                add("correlation/\(first)/\(second)", Statistics.correlation(pairs.map(\.0), pairs.map(\.1)))
            }
        }
    }
}
