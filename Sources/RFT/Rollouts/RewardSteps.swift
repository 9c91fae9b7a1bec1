public import LanguageModels
import OrderedCollections
public import ShardIO
import TensorCore
public import TextCore
public import Training
public import Verifiers

/// The optimiser steps of reward fine-tuning: prompts are drawn and answered, the answers judged, rewards become
/// advantages, and groups become batches.
///
/// Everything is a function of the weights, the rows, the seed and the number of the step. Answers that are trained on
/// more than once are part of a checkpoint's place; all others are written again by the run that goes on.
public final class RewardSteps<Source: ExampleStream> where Source.Example == RolloutPrompt {
    /// How steps are put together.
    public struct Settings: Sendable {
        /// Answers to each prompt.
        public var groupSize = 8
        /// Groups of a step.
        public var promptsPerStep = 16
        /// Optimiser steps on the same answers.
        public var iterations = 1
        /// Whether groups whose answers are all worth the same are replaced by others.
        public var replacesUninformative = true
        /// Prompts that may be answered for one step, as a multiple of `promptsPerStep`.
        public var maximumOversample = 3.0
        /// Answers with a score that a group needs.
        public var minimumGroup = 6
        /// Steps in a row without anything to train on after which the run ends.
        public var emptyStepLimit = 10
        /// What rewards become.
        public var advantages = Advantages()
        /// How answers change the policy.
        public var policy = PolicySettings()
        /// How much goes into a micro-batch.
        public var limit = Packing.MicroBatchLimit.tokens(4096)
        /// Of the run.
        public var seed: UInt64 = 0

        public init() {}
    }

    /// What the steps use of the world around them.
    public struct Services {
        /// Where every answer is written down; `nil` for nowhere.
        public var log: FrameLog?
        /// Told of what a person should know.
        public var note: (String) -> Void
        /// Told of what went wrong.
        public var warn: (String) -> Void
        /// Read between tokens.
        public var stop: StopSignal

        public init(
            log: FrameLog? = nil, note: @escaping (String) -> Void = { _ in },
            warn: @escaping (String) -> Void = { _ in }, stop: StopSignal = StopSignal()
        ) {
            self.log = log
            self.note = note
            self.warn = warn
            self.stop = stop
        }
    }

    private var prompts: BatchStream<Source, [RolloutPrompt]>
    private let engine: any RolloutEngine
    private let rewards: RewardSet
    private let model: LanguageModel
    private let objective: PolicyObjective
    private let settings: Settings
    /// May be replaced before the first step, as a log is opened when a run begins.
    public var services: Services
    private var curriculum: Curriculum?
    /// With the running means of rule `ema`.
    private var advantages: Advantages
    private var watch = FailureWatch()
    private var emptySteps = 0
    /// Whether it was said that the log cannot be written.
    private var hasWarnedOfLog = false
    /// Answers that are trained on again.
    private var pending: Window?

    /// Answers and how many steps have been done on them.
    private struct Window {
        var groups: [PolicyGroup]
        /// Steps done on them.
        var done: Int
        var metrics: MetricSums
        /// Where the prompts came from.
        var rows: [String]
        var tokens: Int
        /// Epochs before and after their prompts were drawn.
        var epochs: ClosedRange<Double>
    }

    public init(
        _ prompts: BatchStream<Source, [RolloutPrompt]>, engine: any RolloutEngine, rewards: RewardSet,
        model: LanguageModel, objective: PolicyObjective, settings: Settings, curriculum: Curriculum? = nil,
        services: Services = Services()
    ) {
        self.prompts = prompts
        self.engine = engine
        self.rewards = rewards
        self.model = model
        self.objective = objective
        self.settings = settings
        self.curriculum = curriculum
        advantages = settings.advantages
        self.services = services
    }

    // MARK: Steps

    /// The batches of step `step`, from 0.
    ///
    /// - Throws: what the engine throws, `VerifierFailure` where a recipe says that a failure ends the run, and
    ///   `TrainingError` when verifiers fail too often or nothing is left to train on; `CancellationError` when stopped.
    public func next(step: Int) throws -> StepBatch<PolicyBatch> {
        if pending == nil { pending = try collect(step) }
        guard var pending else { preconditionFailure("a step without answers") }
        pending.done += 1
        self.pending = pending.done < settings.iterations ? pending : nil
        let share = Double(pending.done) / Double(settings.iterations)
        let epochs = pending.epochs
        return StepBatch(
            microBatches: PolicyBatch.plan(pending.groups, settings: settings.policy, limit: settings.limit),
            tokens: pending.done == 1 ? pending.tokens : 0,
            epoch: epochs.lowerBound + share * (epochs.upperBound - epochs.lowerBound), position: position,
            metrics: pending.metrics, rows: pending.rows)
    }

    /// Draws prompts, answers and judges them, until the step has enough groups that teach something.
    private func collect(_ step: Int) throws -> Window {
        let start = prompts.passes
        let wanted = settings.promptsPerStep
        let most =
            settings.replacesUninformative
            ? max(wanted, Int((settings.maximumOversample * Double(wanted)).rounded())) : wanted
        var all: [JudgedGroup] = []
        var kept = 0
        var times = Times()
        repeat {
            let drawn = try draw(min(wanted - kept, most - all.count))
            if drawn.isEmpty { break }
            let judged = try judge(drawn, step: step, first: all.count, &times)
            all += judged
            kept = all.count { $0.isTrained(replacing: settings.replacesUninformative) }
        } while settings.replacesUninformative && kept < wanted && all.count < most
        try observeFailures(all)

        let trained = all.indices.filter { all[$0].isTrained(replacing: settings.replacesUninformative) }
        let advantages = self.advantages(of: trained.map { all[$0] })
        for (index, values) in zip(trained, advantages) { all[index].advantages = values }
        learn(from: all)
        try write(all, step: step)

        var groups = trained.map { all[$0].policyGroup(version: step) }
        let clock = ContinuousClock()
        let began = clock.now
        try objective.complete(&groups, model: model, isReused: settings.iterations > 1)
        times.prepare += clock.now - began
        if groups.isEmpty {
            emptySteps += 1
            guard emptySteps < settings.emptyStepLimit else { throw nothingToLearn(all) }
        } else {
            emptySteps = 0
        }
        var metrics = RolloutMetrics.sums(
            all, rewards: rewards, replaces: settings.replacesUninformative, step: step)
        times.add(to: &metrics)
        if let curriculum {
            metrics.add("curriculum/level", sum: Double(curriculum.level), weight: 1)
            metrics.add("curriculum/resting", sum: Double(curriculum.restingCount), weight: 1)
        }
        return Window(
            groups: groups, done: 0, metrics: metrics, rows: trained.map { all[$0].prompt.source },
            tokens: all.reduce(0) { $0 + $1.tokensRead },
            epochs: start...max(start, prompts.passes))
    }

    /// Prompts that the curriculum lets through.
    private func draw(_ count: Int) throws -> [RolloutPrompt] {
        var drawn: [RolloutPrompt] = []
        let start = prompts.passes
        while drawn.count < count {
            if services.stop.isRequested { throw CancellationError() }
            for prompt in try prompts.next().microBatches.joined() {
                // Where everything rests, a prompt that rests is better than none.
                let isStarved = prompts.passes > start + 1
                if !isStarved, watch.quarantined.contains(prompt.item) { continue }
                if let curriculum, !isStarved, try !curriculum.draws(prompt, epoch: Int(prompts.passes)) { continue }
                drawn.append(prompt)
            }
        }
        return drawn
    }

    /// Answers to prompts and what verifiers say of them. A group is judged while others are still being written.
    private func judge(
        _ drawn: [RolloutPrompt], step: Int, first: Int, _ times: inout Times
    ) throws -> [JudgedGroup] {
        let clock = ContinuousClock()
        let began = clock.now
        let keyed = drawn.enumerated().map { index, prompt in
            // The same row gets other answers in another step, and the same ones when a run goes on.
            (prompt: prompt, key: UInt64(step) << 32 | UInt64(first + index))
        }
        let (rewards, epoch) = (self.rewards, Int(prompts.passes))
        var judging: [Int: Pending<Result<[[RolloutScore]], VerifierFailure>>] = [:]
        defer { for pending in judging.values { pending.cancel() } }
        let answers = try engine.answers(
            to: keyed, samples: settings.groupSize,
            onGroup: { index, answers in
                let group = JudgedGroup.rewardGroup(drawn[index], answers, version: step)
                judging[index] = rewards.begin([group], for: .training, epoch: epoch)
            }, shouldStop: { services.stop.isRequested })
        let written = clock.now
        times.generate += written - began
        var groups: [JudgedGroup] = []
        for (index, prompt) in drawn.enumerated() {
            guard let pending = judging[index] else {
                preconditionFailure("an engine that gives a group twice or never")
            }
            groups.append(
                JudgedGroup(
                    prompt: prompt, answers: answers[index],
                    scores: try pending.value(unless: { services.stop.wasRequested }).get()[0],
                    minimum: settings.minimumGroup))
        }
        times.wait += clock.now - written
        times.verify += groups.reduce(.zero) { $0 + .seconds($1.scores.reduce(0) { $0 + $1.seconds }) }
        return groups
    }

    // MARK: What is learned from a step, and what is said of it

    private func learn(from groups: [JudgedGroup]) {
        guard curriculum != nil else { return }
        for group in groups {
            if let rate = group.passRate {
                curriculum?.record(group.prompt, passRate: rate, epoch: Int(prompts.passes))
            }
        }
    }

    /// Ends the run when verifiers fail too often.
    private func observeFailures(_ groups: [JudgedGroup]) throws {
        switch watch.record(groups.map(\.scores)) {
        case .goOn: break
        case .warn(let message): services.note("! \(message)")
        case .abort(let message): throw TrainingError(message)
        }
    }

    private func write(_ groups: [JudgedGroup], step: Int) throws {
        guard let log = services.log else { return }
        let lines = groups.enumerated().flatMap { index, group in
            group.lines(step: step + 1, replaces: settings.replacesUninformative).map { line in
                guard case .object(var members) = line.json else { return line.text }
                members["group"] = .integer(index)
                return JSON.object(members).text()
            }
        }
        do {
            try log.append(lines)
        } catch {
            guard error.kind == .unwritable else { throw error }
            // What is learned does not depend on the log: a full disk ends no run.
            if !hasWarnedOfLog { services.warn("\(error) The run goes on, and answers of these steps are not logged.") }
            hasWarnedOfLog = true
        }
    }

    private func nothingToLearn(_ groups: [JudgedGroup]) -> TrainingError {
        let scores = groups.flatMap(\.scores)
        let rewards = Set(scores.compactMap(\.total)).sorted()
        let shown = rewards.prefix(4).map { "\($0)" }.joined(separator: ", ")
        return TrainingError(
            "\(settings.emptyStepLimit) steps in a row had no group to learn from: in the last, \(scores.count) answers to "
                + "\(groups.count) prompts have the rewards \(rewards.isEmpty ? "none" : shown). Answers are compared with "
                + "the others to their prompt, so all of them right, or all wrong, teaches nothing. Look at rollouts.jsonl.zst in "
                + "the run folder; warm the model up with `method: sft`, take easier or harder prompts, or a reward with "
                + "more than two values")
    }

    /// Advantages of the valid answers of each group.
    private func advantages(of groups: [JudgedGroup]) -> [[Double]] {
        let isSplit = advantages.combination == .normalizeThenSum
        let outcome = advantages.compute(
            groups.map { group in
                let matrix = isSplit ? rewards.matrix(of: group.valid.map { group.scores[$0] }) : []
                return group.valid.enumerated().map { row, index in
                    let length = group.answers[index].isSampled.count { $0 }
                    return isSplit
                        ? SampleRewards(parts: matrix[row], length: length)
                        : SampleRewards(group.scores[index].total, length: length)
                }
            })
        return outcome.advantages.map { $0.map { $0 ?? 0 } }
    }

    // MARK: Checkpoints

    /// The place before the next step, as a checkpoint records it.
    public var position: JSON {
        var members = prompts.position.object ?? [:]
        var own: OrderedDictionary<String, JSON> = ["log_bytes": .integer(services.log?.size ?? 0)]
        if let curriculum { own["curriculum"] = curriculum.state }
        if !advantages.baselines.isEmpty {
            own["baselines"] = .object(
                OrderedDictionary(
                    advantages.baselines.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) },
                    uniquingKeysWith: { $1 }))
        }
        own["empty_steps"] = .integer(emptySteps)
        // Rows that are no longer drawn, and what led to it.
        own["failures"] = watch.state
        if let pending {
            own["pending"] = [
                "done": .integer(pending.done),
                "epochs": [.number(pending.epochs.lowerBound), .number(pending.epochs.upperBound)],
                "groups": .array(pending.groups.map(\.json)), "metrics": pending.metrics.json,
                "rows": .array(pending.rows.map { .string($0) }),
            ]
        }
        members["rollouts"] = .object(own)
        return .object(members)
    }

    /// Goes to a place that `position` gave.
    ///
    /// - Throws: what the stream throws; `TrainingError` for a place that is none.
    public func seek(to position: JSON) throws {
        guard case .object(var members) = position, let own = members.removeValue(forKey: "rollouts") else {
            throw TrainingError("the checkpoint holds no place of a reward run; resume from another")
        }
        try prompts.seek(to: .object(members))
        curriculum?.restore(own["curriculum"] ?? .null)
        advantages.baselines = (own["baselines"]?.object ?? [:]).reduce(into: [:]) { $0[$1.key] = $1.value.double }
        emptySteps = own["empty_steps"]?.int ?? 0
        watch = FailureWatch()
        watch.restore(own["failures"] ?? .null)
        pending = nil
        guard let waiting = own["pending"] else { return }
        let groups = (waiting["groups"]?.array ?? []).compactMap { PolicyGroup(json: $0) }
        let epochs = (waiting["epochs"]?.array ?? []).compactMap(\.double)
        guard let done = waiting["done"]?.int, groups.count == waiting["groups"]?.array?.count, epochs.count == 2,
            epochs[0] <= epochs[1]
        else { throw TrainingError("the checkpoint's answers cannot be read; resume from another") }
        pending = Window(
            groups: groups, done: done, metrics: MetricSums(json: waiting["metrics"] ?? .null),
            rows: (waiting["rows"]?.array ?? []).compactMap(\.string), tokens: 0,
            epochs: epochs[0]...epochs[1])
    }
}

/// Where the time of a step went.
private struct Times {
    var generate = Duration.zero
    var verify = Duration.zero
    var wait = Duration.zero
    var prepare = Duration.zero

    func add(to metrics: inout MetricSums) {
        for (name, time) in [("generate", generate), ("verify", verify), ("wait", wait), ("prepare", prepare)] {
            metrics.add("seconds/\(name)", sum: time / .seconds(1), weight: 1)
        }
    }
}
