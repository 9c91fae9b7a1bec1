public import OrderedCollections
public import TextCore

/// What a policy's first rollouts let expect of a run.
public struct PolicyForecast: Sendable, Hashable {
    /// Prompts that were answered.
    public internal(set) var prompts = 0
    /// Answers.
    public internal(set) var rollouts = 0
    /// Of each prompt with verdicts, the share of its answers that pass.
    public internal(set) var passRates: [Double] = []
    /// Answers to each prompt in the run.
    public internal(set) var groupSize = 0
    /// Expected share of prompts whose answers differ in reward, at `groupSize`: the mean of 1 − p^G − (1−p)^G over
    /// `passRates`; the share that was seen where verdicts do not say what passes.
    public internal(set) var informativeShare = 0.0
    /// Share of answers that were cut off.
    public internal(set) var truncatedShare = 0.0
    /// By component that looks for an answer in the text: the share of rollouts in which it found none.
    public internal(set) var extractionFailures: OrderedDictionary<String, Double> = [:]
    /// Rollouts that could not be judged.
    public internal(set) var ledger = RewardLedger()
    /// Mean of the rewards; `nil` where there are none.
    public internal(set) var reward: Double?
    /// Tokens of an answer, on average.
    public internal(set) var meanLength = 0.0
    /// Seconds that the answers took.
    public internal(set) var seconds = 0.0

    /// Names and bounds of the histogram's bars: above the first, up to and with the second.
    private static let bars: [(name: String, above: Double, upTo: Double)] = [
        ("none", -1, 0), ("up to 1/4", 0, 0.25), ("up to 1/2", 0.25, 0.5), ("up to 3/4", 0.5, 0.75),
        ("below all", 0.75, 1 - 1e-12), ("all", 1 - 1e-12, 1),
    ]

    /// How many prompts have which pass rate.
    public var histogram: [(name: String, count: Int)] {
        Self.bars.map { bar in (bar.name, passRates.count { $0 > bar.above && $0 <= bar.upTo }) }
    }

    /// Mean of the pass rates; `nil` where verdicts do not say what passes.
    public var passRate: Double? { Statistics.mean(passRates) }

    init() {}

    /// - Parameters:
    ///   - groups: the answers of each prompt.
    ///   - scores: what `set` said of them.
    ///   - groupSize: answers to each prompt in the run.
    init(
        _ set: RewardSet, _ groups: [RewardGroup], _ scores: [[RolloutScore]], groupSize: Int, seconds: Double
    ) {
        let all = groups.flatMap(\.rollouts)
        let judged = scores.flatMap { $0 }
        prompts = groups.count
        rollouts = all.count
        self.groupSize = groupSize
        self.seconds = seconds
        ledger = RewardLedger(requested: all.count, judged)
        reward = Statistics.mean(judged.compactMap(\.total))
        meanLength = Statistics.mean(all.map { Double($0.tokenCount) }) ?? 0
        truncatedShare = Double(all.count(where: \.stopReason.isTruncated)) / Double(max(1, all.count))
        passRates = scores.compactMap { group in
            Statistics.mean(group.compactMap(\.passed).map { $0 ? 1 : 0 })
        }
        if passRates.isEmpty {
            let rewards = scores.map { $0.compactMap(\.total) }.filter { $0.count > 1 }
            let differing = rewards.count { totals in totals.contains { $0 != totals[0] } }
            informativeShare = Double(differing) / Double(max(1, rewards.count))
        } else {
            informativeShare =
                Statistics.mean(passRates.map { Statistics.informativeShare(rate: $0, size: groupSize) }) ?? 0
        }
        countExtractions(set, groups, judged)
    }

    /// Of verifiers that say what they took for the answer whenever they find one.
    private mutating func countExtractions(_ set: RewardSet, _ groups: [RewardGroup], _ judged: [RolloutScore]) {
        for (index, component) in set.components.enumerated() where component.role == .reward {
            let outcomes = judged.compactMap { $0[component.id] }.filter { $0.status == .scored }
            let isLooking =
                outcomes.contains { $0.extracted != nil }
                || groups.contains { $0.rewards.verifiers[index].probes.contains(where: \.passes) }
            guard isLooking, !outcomes.isEmpty else { continue }
            let missing = outcomes.count { ($0.extracted ?? "").isEmpty && !component.isPassed($0) }
            extractionFailures[component.id] = Double(missing) / Double(outcomes.count)
        }
    }

    /// What it means for the run.
    func findings() -> [PreflightFinding] {
        var findings: [PreflightFinding] = []
        func find(_ severity: PreflightFinding.Severity, _ message: String, _ fix: String) {
            findings.append(PreflightFinding(severity, .policy, message, fix: fix))
        }
        for (id, share) in extractionFailures where share >= 0.5 {
            let missing = Int((share * Double(rollouts)).rounded())
            find(
                .warning, "'\(id)' finds no answer in \(missing) of \(rollouts) of the policy's rollouts",
                "Warm-start with SFT on answers of the wanted form, show the form in the prompt, or relax `extract`.")
        }
        if truncatedShare > 0.2 {
            find(
                .warning, "\(percent(truncatedShare)) of the rollouts are cut off before they end",
                "Raise `rollout.max_new_tokens`, or reward short answers with verifier `length`.")
        }
        if ledger.errorShare > 0.05 {
            find(
                ledger.errorShare > 0.25 ? .error : .warning,
                "verifiers failed on \(percent(ledger.errorShare)) of the rollouts: \(ledger.text)",
                "Look at the messages of `hone verify`, and at `timeout` and `retries` of the verifier.")
        }
        guard informativeShare < 0.1, rollouts > 0 else { return findings }
        let low = (passRate ?? 0) < 0.5
        let reason = passRate.map { "; it solves \(percent($0)) of the rollouts" } ?? ""
        // Nothing among n leaves a share of up to 3/n likely (95 %), so few rollouts are no proof.
        let mayBe = Statistics.informativeShare(rate: min(1, 3 / Double(rollouts)), size: groupSize)
        find(
            informativeShare == 0 && mayBe < 0.1 ? .error : .warning,
            "only \(percent(informativeShare)) of the groups of \(groupSize) can be expected to differ in reward, and "
                + "the others teach nothing\(reason)",
            low
                ? "Begin with SFT, take easier rows, or give credit for part of the answer."
                : "Take harder rows: most of these are solved already.")
        return findings
    }

    /// The forecast for people.
    public var text: String {
        var lines = ["The policy on \(prompts) prompts, \(rollouts) rollouts, in \(duration(seconds)):"]
        if let passRate {
            lines.append("  passes \(percent(passRate)); prompts by the share of their rollouts that pass:")
            let most = max(1, histogram.map(\.count).max() ?? 1)
            for bar in histogram {
                let name = bar.name + String(repeating: " ", count: max(0, 9 - bar.name.count))
                let mark = String(repeating: "#", count: bar.count * 40 / most)
                lines.append("    \(name)  \(mark)\(mark.isEmpty ? "" : " ")\(bar.count)")
            }
        }
        if let reward { lines.append("  reward \((reward * 1000).rounded() / 1000)") }
        lines.append("  informative groups of \(groupSize): \(percent(informativeShare))")
        lines.append("  cut off: \(percent(truncatedShare)); tokens: \((meanLength * 10).rounded() / 10) on average")
        for (id, share) in extractionFailures { lines.append("  no answer for '\(id)': \(percent(share))") }
        return lines.joined(separator: "\n")
    }

    /// The forecast for programs.
    public var json: JSON {
        [
            "prompts": .integer(prompts), "rollouts": .integer(rollouts), "group_size": .integer(groupSize),
            "pass_rate": RolloutLine.number(passRate), "pass_rates": .array(passRates.map(JSON.number)),
            "histogram": .array(histogram.map { ["pass_rate": .string($0.name), "prompts": .integer($0.count)] }),
            "informative_share": .number(informativeShare), "reward": RolloutLine.number(reward),
            "truncated_share": .number(truncatedShare), "mean_length": .number(meanLength),
            "extraction_failures": .object(extractionFailures.mapValues(JSON.number)), "seconds": .number(seconds),
            "ledger": .object(
                OrderedDictionary(uniqueKeysWithValues: ledger.counts.map { ($0.name, JSON.integer($0.count)) })),
        ]
    }
}
