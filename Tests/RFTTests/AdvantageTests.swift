import RFT
import Testing
import Training

@Suite struct AdvantageTests {
    private func rewards(_ values: [Double?]) -> [SampleRewards] { values.map { SampleRewards($0, length: 1) } }

    private func advantages(
        _ rule: AdvantageRule, _ groups: [[Double?]], missing: Advantages.Missing = .leavesOut
    ) -> [[Double?]] {
        var advantages = Advantages(rule: rule, missing: missing)
        return advantages.compute(groups.map(rewards)).advantages
    }

    private func expectClose(
        _ found: [Double?], _ expected: [Double?], tolerance: Double = 1e-7,
        _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(found.count == expected.count, sourceLocation: location)
        for (found, expected) in zip(found, expected) {
            guard let found, let expected else {
                #expect(found == nil && expected == nil, sourceLocation: location)
                continue
            }
            #expect(abs(found - expected) <= tolerance, "\(found) is not \(expected)", sourceLocation: location)
        }
    }

    @Test func `groups are scaled as TRL scales them`() {
        expectClose(advantages(.grpo, [[1, 0, 0, 1]])[0], [0.86587543, -0.86587543, -0.86587543, 0.86587543])
        expectClose(
            advantages(.grpo, [[1, nil, 0, 0]], missing: .countsZero)[0], [1.15450057, 0, -0.57725029, -0.57725029],
            tolerance: 1e-6)
        expectClose(advantages(.grpo, [[0.1, 0.9, 0.5, 0.5]])[0], [-1.22436999, 1.22436999, 0, 0])
        expectClose(advantages(.rloo, [[1, 0, 0, 1]])[0], [2 / 3, -2 / 3, -2 / 3, 2 / 3])
    }

    @Test func `one success of eight counts seven times as much as each failure`() {
        let values = advantages(.grpo, [[1, 0, 0, 0, 0, 0, 0, 0]])[0]
        expectClose([values[0], values[1]], [2.4742, -0.3535], tolerance: 1e-3)
    }

    @Test func `every rule is what its formula says`() {
        let group: [Double?] = [1, 0.5, 0, 0]
        expectClose(advantages(.mean, [group])[0], [0.625, 0.125, -0.375, -0.375])
        expectClose(advantages(.maxRL, [group])[0], [0.625 / 0.375, 0.125 / 0.375, -1, -1])
        expectClose(advantages(.maxRL, [[0, -1]])[0], [0, 0])
        expectClose(advantages(.passK, [group])[0], [0.5, 0, 0, 0])
        expectClose(advantages(.passK, [[1, 1, 0]])[0], [0, 0, 0])
        var opo = Advantages(rule: .opo)
        let lengths = [SampleRewards(1, length: 10), SampleRewards(0, length: 30)]
        expectClose(opo.compute([lengths]).advantages[0], [0.75, -0.25])
        // The deviation over both prompts, the mean of each.
        let both = advantages(.batchStandardDeviation, [[1, 0], [3, 2]])
        let deviation = (5.0 / 3).squareRoot() + 1e-4
        expectClose(both[0] + both[1], [0.5, -0.5, 0.5, -0.5].map { $0 / deviation })
    }

    @Test func `a running mean is compared with before it moves, each agent with its own`() {
        var advantages = Advantages(rule: .ema)
        expectClose(
            advantages.compute([rewards([1]), rewards([1])], agents: ["a", "b"]).advantages.flatMap { $0 }, [1, 1])
        expectClose(advantages.compute([rewards([1])], agents: ["a"]).advantages[0], [0.95])
        #expect(abs(advantages.baselines["a"]! - 0.0975) < 1e-12)
        #expect(abs(advantages.baselines["b"]! - 0.05) < 1e-12)
    }

    @Test(arguments: AdvantageRule.allCases.filter { $0 != .ema })
    func `equal rewards give no advantage at all`(rule: AdvantageRule) {
        for reward in [0.0, 0.1, 1.0 / 3] {
            #expect(advantages(rule, [[reward, reward, reward], [reward]]).flatMap { $0 }.allSatisfy { $0 == 0 })
        }
    }

    @Test(arguments: AdvantageRule.allCases)
    func `what nothing is known of is in no mean`(rule: AdvantageRule) {
        let whole = advantages(rule, [[1, 0, 0.25]])[0]
        let holed = advantages(rule, [[1, nil, 0, 0.25]])[0]
        expectClose([holed[0], holed[2], holed[3]], whole)
        #expect(holed[1] == nil)
        #expect(advantages(rule, [[nil, nil]])[0] == [nil, nil])
    }

    @Test func `several rewards are added by their weights before or after they are scaled`() {
        let group = [[1.0, 10], [0, 30], [1, 20], [0, 20]].map { SampleRewards(parts: $0, length: 1) }
        var added = Advantages(rule: .mean, weights: [2, 0.1])
        // 3, 3, 4, 2 less their mean 3
        expectClose(added.compute([group]).advantages[0], [0, 0, 1, -1])
        var scaled = Advantages(weights: [2, 0.1], combination: .normalizeThenSum)
        let first = (1.0 / 3).squareRoot() + 1e-4
        let second = (200.0 / 3).squareRoot() + 1e-4
        let sums = zip([0.5, -0.5, 0.5, -0.5], [-10.0, 10, 0, 0]).map { 2 * $0 / first + 0.1 * $1 / second }
        let deviation = (sums.reduce(0) { $0 + $1 * $1 } / 3).squareRoot() + 1e-4
        expectClose(scaled.compute([group]).advantages[0], sums.map { $0 / deviation })
    }

    @Test func `a component that says nothing counts 0 for TRL, and leaves the answer out for us`() {
        let group = [[1.0, nil], [0, 1], [nil, nil]].map { SampleRewards(parts: $0, length: 1) }
        var ours = Advantages(rule: .mean)
        #expect(ours.compute([group]).rewards[0] == [nil, 1, nil])
        var theirs = Advantages(rule: .mean, missing: .countsZero)
        let outcome = theirs.compute([group])
        #expect(outcome.rewards[0] == [1, 1, nil])
        #expect(outcome.advantages[0] == [0, 0, 0])
    }

    @Test func `rewards are reported as TRL reports them`() {
        var advantages = Advantages(rule: .grpo, names: ["a", "b"], missing: .countsZero)
        let groups = [[[1.0, nil], [0, 2]], [[0.5, 0.5], [0.5, 0.5]]].map { group in
            group.map { SampleRewards(parts: $0, length: 1) }
        }
        let metrics = advantages.compute(groups).metrics
        #expect(metrics["rewards/a/mean"] == 0.5)
        #expect(abs(metrics["rewards/a/std"]! - (0.5 / 3).squareRoot()) < 1e-12)
        #expect(metrics["rewards/b/mean"] == 1)
        #expect(metrics["reward"] == 1.25)
        #expect(metrics["frac_reward_zero_std"] == 0.5)
    }

    @Test func `completions are counted by length and by how they ended`() {
        let samples = [(3, false), (5, true), (7, false)].map {
            PolicySample(completion: Array(repeating: 1, count: $0.0), isTruncated: $0.1)
        }
        let metrics = MetricSums.completions(of: [PolicyGroup(prompt: [1], samples: samples)])
        #expect(metrics["completions/mean_length"] == 5)
        #expect(metrics["completions/max_length"] == 7)
        #expect(metrics["completions/clipped_ratio"] == 1.0 / 3)
        #expect(metrics["completions/mean_terminated_length"] == 5)
        #expect(metrics["completions/min_terminated_length"] == 3)
    }
}
