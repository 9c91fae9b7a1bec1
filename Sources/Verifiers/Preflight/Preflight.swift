import TextCore

/// Tries the rewards of a run before it begins: that right answers pass and cheats do not, that the reference matters,
/// that scores stay the same, that they come in time, and what the policy will make of them.
public struct Preflight: Sendable {
    public struct Settings: Sendable, Hashable {
        /// Rows at most on which right answers are tried; they are spread evenly over those given.
        public var rows = 2000
        /// Rows at most on which cheats are tried.
        public var cheatRows = 200
        /// Rows at most where a verifier waits for a network.
        public var slowRows = 8
        /// Prompts at most that the policy answers.
        public var policyRows = 64
        /// Answers to each prompt in the run.
        public var groupSize = 8
        /// Rollouts that are judged in a step of the run.
        public var rolloutsPerStep = 128

        public init() {}
    }

    /// Answers prompts as the policy that will be trained does: for each row, as many as it likes, all of one row
    /// with the row's item and samples from 0.
    public typealias Policy = (_ rows: [PreflightRow]) throws -> [[Rollout]]

    let set: RewardSet
    let settings: Settings

    public init(_ set: RewardSet, settings: Settings = Settings()) {
        self.set = set
        self.settings = settings
    }

    /// Tries everything.
    ///
    /// - Parameters:
    ///   - rows: rows of the run's data.
    ///   - policy: answers prompts, on the thread of the caller; `nil` leaves the policy out.
    /// - Throws: `VerifierFailure` of kind `configuration`, and what `policy` throws. Any other failure of a verifier
    ///   is a finding.
    public func report(on rows: [PreflightRow], policy: Policy? = nil) async throws -> PreflightReport {
        var trial = try await tried(rows)
        guard let policy else { return trial.finished() }
        let answers = try Self.answers(trial.prompts, policy)
        try await trial.judge(answers.rollouts, seconds: answers.seconds)
        return trial.finished()
    }

    /// Tries everything while the calling thread waits; for trainers that are not made of tasks.
    ///
    /// - Parameter isStopped: asked while it waits.
    /// - Throws: as `report(on:policy:)`, and `CancellationError` when stopped.
    public func reportAndWait(
        on rows: [PreflightRow], policy: Policy? = nil, unless isStopped: () -> Bool = { false }
    ) throws -> PreflightReport {
        var trial = try set.threads.start {
            do throws(VerifierFailure) {
                return Result<PreflightTrial, VerifierFailure>.success(try await tried(rows))
            } catch { return .failure(error) }
        }.value(unless: isStopped).get()
        guard let policy else { return trial.finished() }
        let answers = try Self.answers(trial.prompts, policy)
        let before = trial
        trial = try set.threads.start {
            var trial = before
            do throws(VerifierFailure) {
                try await trial.judge(answers.rollouts, seconds: answers.seconds)
                return Result<PreflightTrial, VerifierFailure>.success(trial)
            } catch {
                return .failure(error)
            }
        }.value(unless: isStopped).get()
        return trial.finished()
    }

    /// Everything that needs no policy.
    private func tried(_ rows: [PreflightRow]) async throws(VerifierFailure) -> PreflightTrial {
        var trial = PreflightTrial(try set.onTrial(), settings)
        let isSlow = set.components.contains { $0.verifier.traits.usesNetwork }
        trial.bind(Self.spread(rows, isSlow ? min(settings.rows, settings.slowRows) : settings.rows))
        try await trial.tryRightAnswers()
        try await trial.tryCheats(on: isSlow ? min(settings.cheatRows, settings.slowRows) : settings.cheatRows)
        try await trial.tryOtherRows()
        try await trial.tryTwice(on: isSlow ? 2 : 32)
        return trial
    }

    private static func answers(
        _ subjects: [PreflightSubject], _ policy: Policy
    ) throws -> (rollouts: [[Rollout]], seconds: Double) {
        let start = ContinuousClock.now
        let rollouts = try policy(subjects.map(\.row))
        precondition(
            rollouts.count == subjects.count, "the policy answered \(rollouts.count) of \(subjects.count) rows")
        return (rollouts, (ContinuousClock.now - start).inSeconds)
    }

    /// Elements spread evenly over all, in order.
    static func spread<Element>(_ elements: [Element], _ count: Int) -> [Element] {
        guard elements.count > count else { return elements }
        return (0..<max(0, count)).map { elements[$0 * elements.count / count] }
    }
}

/// A row with what is known of it.
struct PreflightSubject: Sendable {
    let row: PreflightRow
    let rewards: BoundRewards
    /// The best right answer that is known.
    var gold: String?
    /// What it is worth; `nil` without one.
    var goldScore: RolloutScore?
    /// Whether it passes.
    var isSolved = false
}

/// What is tried, and what came of it so far.
struct PreflightTrial: Sendable {
    let set: RewardSet
    let settings: Preflight.Settings
    var subjects: [PreflightSubject] = []
    var report = PreflightReport()
    /// Seconds of the calls so far, by component.
    private var seconds: [String: [Double]] = [:]
    /// Seconds in which the policy writes the rollouts of a step, if that is known.
    private var generation: Double?

    init(_ set: RewardSet, _ settings: Preflight.Settings) {
        self.set = set
        self.settings = settings
    }

    /// Judges texts, each by itself.
    mutating func scores(
        _ texts: [(subject: PreflightSubject, text: String)], with other: RewardSet? = nil
    ) async throws(VerifierFailure) -> [RolloutScore] {
        let groups = texts.map { RewardGroup([$0.subject.row.rollout($0.text)], rewards: $0.subject.rewards) }
        return try await scores(groups, with: other).map { $0[0] }
    }

    /// Judges groups, and keeps how long it took.
    mutating func scores(
        _ groups: [RewardGroup], with other: RewardSet? = nil
    ) async throws(VerifierFailure) -> [[RolloutScore]] {
        let scores = try await (other ?? set).score(groups, for: .preflight)
        for part in scores.joined().flatMap(\.parts) where part.attempts > 0 {
            seconds[part.id, default: []].append(part.seconds)
        }
        return scores
    }

    /// Whether a rollout passes, or where verdicts do not say so earns as much as the right answer.
    func isSolved(_ score: RolloutScore, gold: Double?) -> Bool {
        guard score.status == .scored, score.failedGate == nil, let total = score.total else { return false }
        if let passed = score.passed { return passed }
        return gold.map { total >= $0 } ?? false
    }

    /// The report, with what all calls say of the time.
    func finished() -> PreflightReport {
        var trial = self
        trial.predictTime()
        trial.report.sortFindings()
        return trial.report
    }

    // MARK: References

    /// Binds the rows; those whose reference is bad are a finding.
    mutating func bind(_ rows: [PreflightRow]) {
        report.rows = rows.count
        // The first failure of each verifier stands for the others: they differ in the row's text alone.
        var failures: [(first: VerifierFailure, rows: [String])] = []
        for row in rows {
            do throws(VerifierFailure) {
                let rewards = try set.bind(row: row.row, completion: row.completion.map { .string($0) }, item: row.item)
                subjects.append(PreflightSubject(row: row, rewards: rewards))
            } catch {
                if let index = failures.firstIndex(where: { $0.first.verifier == error.verifier }) {
                    failures[index].rows.append(row.place)
                } else {
                    failures.append((error, [row.place]))
                }
            }
        }
        let bad = rows.count - subjects.count
        report.add(
            .references,
            bad == 0 ? "all \(rows.count) rows have what is needed" : "\(bad) of \(rows.count) rows cannot be judged")
        for failure in failures {
            let words = failure.first.description.split(whereSeparator: \.isNewline).joined(separator: " ")
            report.find(
                .error, .references, words.count > 400 ? words.prefix(400) + "…" : words, rows: failure.rows,
                fix: "Mend the rows, or say with `target` or `reference` where what they expect is.")
        }
    }

    // MARK: Scoring twice

    /// Scores some answers twice, the second time in the opposite order and on one thread, remembering nothing.
    mutating func tryTwice(on count: Int) async throws(VerifierFailure) {
        let chosen = Preflight.spread(subjects, count)
        let groups = chosen.map { subject in
            let texts = [subject.gold ?? "xqzt", "", subject.row.question]
            return RewardGroup(
                texts.enumerated().map { subject.row.rollout($1, sample: $0) }, rewards: subject.rewards)
        }
        guard !groups.isEmpty else { return }
        let first = try await scores(groups, with: try set.onTrial())
        let turned = groups.reversed().map { RewardGroup($0.rollouts.reversed(), rewards: $0.rewards) }
        let second = try await scores(turned, with: try set.onTrial(workers: 1))
        var differing: [String: [String]] = [:]
        for (index, subject) in chosen.enumerated() {
            let again = Array(second[chosen.count - 1 - index].reversed())
            for (one, other) in zip(first[index], again) {
                for (part, same) in zip(one.parts, other.parts)
                where part.value != same.value || part.status != same.status {
                    if differing[part.id]?.last != subject.row.place {
                        differing[part.id, default: []].append(subject.row.place)
                    }
                }
            }
        }
        report.add(
            .repetition,
            differing.isEmpty
                ? "the same on \(chosen.count) rows, in any order"
                : "differs for " + differing.keys.sorted().joined(separator: ", "))
        for component in set.components {
            guard let rows = differing[component.id] else { continue }
            let isMeantTo = !component.verifier.traits.isDeterministic
            report.find(
                isMeantTo ? .warning : .error, .repetition,
                "'\(component.id)' judges the same answer differently the second time, or in another order", rows: rows,
                fix: isMeantTo
                    ? "Set the judge's temperature to 0, or let it vote, so that luck is not what is learnt."
                    : "A verifier must not go by the time, by the order of a dictionary, or by what it saw before.")
        }
    }

    // MARK: Time

    /// Says how long the verifiers will take in each step.
    private mutating func predictTime() {
        var sum = 0.0
        var slowest = (id: "", seconds: 0.0)
        var words: [String] = []
        for (index, component) in set.components.enumerated() {
            guard let calls = seconds[component.id], let late = Statistics.quantile(calls, 0.95) else { continue }
            let isImmediate = subjects.first?.rewards.verifiers[index].isImmediate ?? false
            let lanes = isImmediate ? set.workers : component.concurrency
            let step = late * (Double(settings.rolloutsPerStep) / Double(lanes)).rounded(.up)
            sum += step
            if step > slowest.seconds { slowest = (component.id, step) }
            words.append("\(component.id) p95 \(duration(late))")
        }
        guard !words.isEmpty else { return }
        var result = words.joined(separator: ", ")
        result += "; at most \(duration(sum)) for \(settings.rolloutsPerStep) rollouts"
        if let generation { result += ", which take \(duration(generation)) to write" }
        report.add(.time, result)
        guard sum > max(1, generation ?? 10) else { return }
        report.find(
            .warning, .time,
            "each step may wait \(duration(sum)) for verifiers, most of it for '\(slowest.id)'",
            fix: "Put a cheap gate before it, raise its concurrency, or lower `prompts_per_step`.")
    }

    // MARK: The policy

    /// The rows that the policy answers.
    var prompts: [PreflightSubject] { Preflight.spread(subjects, settings.policyRows) }

    /// Judges what the policy answered to `prompts`.
    mutating func judge(_ rollouts: [[Rollout]], seconds: Double) async throws(VerifierFailure) {
        let groups = zip(prompts, rollouts).map { RewardGroup($1, rewards: $0.rewards) }
        guard groups.contains(where: { !$0.rollouts.isEmpty }) else { return }
        let forecast = PolicyForecast(
            set, groups, try await scores(groups), groupSize: settings.groupSize, seconds: seconds)
        report.forecast = forecast
        report.findings += forecast.findings()
        let passes = forecast.passRate.map { "passes \(percent($0)), " } ?? ""
        report.add(
            .policy, "\(passes)\(percent(forecast.informativeShare)) of groups of \(settings.groupSize) are informative"
        )
        generation = seconds * Double(settings.rolloutsPerStep) / Double(forecast.rollouts)
    }
}
