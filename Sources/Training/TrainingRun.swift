public import Foundation
public import OrderedCollections
import TensorCore
public import TextCore

/// What a run uses of the world around it. Every part may be left out.
public struct RunServices {
    /// Told of every event: a log, a progress display, both. What it throws ends the run.
    public var emit: (RunEvent) throws -> Void
    /// Where checkpoints go; none are written without.
    public var checkpoints: CheckpointStore?
    /// Called before each checkpoint: whatever the run has written elsewhere and a checkpoint relies on is then to be on
    /// the disk. What it throws makes that checkpoint one that failed.
    public var beforeCheckpoint: () throws -> Void
    /// Measures the model as it is. Throws `CancellationError` when a stop was requested meanwhile; the run then stops
    /// with a checkpoint, and measures again when it goes on.
    public var evaluate: ((TrainingState) throws -> [EvaluationReport])?
    /// Read between micro-batches.
    public var stop: StopSignal
    /// Keeps what a step with strange numbers was like, and says where.
    public var keep: ((Anomaly) throws -> URL)?
    /// Goes to the place in the data that a checkpoint holds; a run that cannot does not go back from a spike.
    public var seek: ((JSON) throws -> Void)?
    /// Told of what the run is doing, so that it notices when that comes to no end.
    public var watchdog: Watchdog?
    /// Further fields of the event `start`.
    public var startFields: OrderedDictionary<String, JSON>

    /// Services, each of which may be left out.
    public init(
        emit: @escaping (RunEvent) throws -> Void = { _ in }, checkpoints: CheckpointStore? = nil,
        beforeCheckpoint: @escaping () throws -> Void = {},
        evaluate: ((TrainingState) throws -> [EvaluationReport])? = nil, stop: StopSignal = StopSignal(),
        startFields: OrderedDictionary<String, JSON> = [:]
    ) {
        self.emit = emit
        self.checkpoints = checkpoints
        self.beforeCheckpoint = beforeCheckpoint
        self.evaluate = evaluate
        self.stop = stop
        self.startFields = startFields
    }
}

/// Why a run ended.
public enum RunEnding: Sendable, Hashable {
    /// All steps are done.
    case completed
    /// A stop was requested; the last checkpoint is of the last whole step.
    case stopped(String)
    /// The watched metric no longer improved.
    case earlyStopped(String)

    /// The reason as `events.jsonl` gives it.
    public var reason: String {
        switch self {
        case .completed: "completed"
        case .stopped(let reason), .earlyStopped(let reason): reason
        }
    }
}

extension Trainer {
    /// All steps from where `state` is to the end.
    ///
    /// - Parameters:
    ///   - services: what the run uses of the world around it.
    ///   - batches: from the number of a step (from 0) its batches.
    /// - Returns: why it ended.
    /// - Throws: `TrainingError` after too many refused steps in a row, `FileError` after three failed checkpoints in a
    ///   row; what `batches`, the objective or a service throws. The event `end` is written in any case.
    @discardableResult
    public func run(
        _ services: RunServices = RunServices(), batches: (Int) throws -> StepBatch<Goal.Batch>
    ) throws -> RunEnding {
        var loop = RunLoop(trainer: self, services: services)
        services.watchdog?.start()
        defer { services.watchdog?.end() }
        let saves = loop.saves
        beforeUpdate = { saves.holdUp { services.checkpoints?.waitUntilRead() } }
        defer { beforeUpdate = {} }
        do {
            let ending = try loop.run(batches: batches)
            try loop.emitEnd(ending.reason)
            return ending
        } catch {
            // The error that ended the run matters more than one of saying so, or of a checkpoint under way.
            try? loop.settle(isLast: false)
            try? loop.emitEnd("failed", message: "\(error)")
            throw error
        }
    }
}

/// The loop over steps with what happens between them.
struct RunLoop<Goal: Objective> {
    let trainer: Trainer<Goal>
    let services: RunServices
    var window = LogWindow()
    /// The checkpoint that is being written.
    let saves = SaveProgress()
    private var failedSaves = 0
    /// Steps done at the last measurement and the last checkpoint.
    var evaluatedAt: Int?
    var savedAt: Int?
    var bestIsUnsaved = false

    init(trainer: Trainer<Goal>, services: RunServices) {
        self.trainer = trainer
        self.services = services
        if trainer.state.step > 0 { savedAt = trainer.state.step }
    }

    var configuration: TrainerConfiguration { trainer.configuration }

    mutating func run(batches: (Int) throws -> StepBatch<Goal.Batch>) throws -> RunEnding {
        try emitStart()
        do {
            return try steps(batches: batches)
        } catch is CancellationError where services.stop.isRequested {
            return try stopped()
        }
    }

    private mutating func steps(batches: (Int) throws -> StepBatch<Goal.Batch>) throws -> RunEnding {
        if configuration.evaluatesAtStart, trainer.state.step == 0 { try evaluate() }
        if trainer.state.owesEvaluation, let reason = try afterStep() { return .earlyStopped(reason) }
        while trainer.state.step < configuration.totalSteps {
            if services.stop.isRequested { return try stopped() }
            let clock = ContinuousClock()
            let start = clock.now
            BufferPool.shared.resetPeak()
            let (counted, allocated) = (ProductCounters.soFar, BufferPool.shared.counters.allocated)
            services.watchdog?.enter("making the batches of step \(trainer.state.step + 1)")
            let batch = try batches(trainer.state.step)
            if let place = trainer.state.skips.lastIndex(where: { $0.contains(trainer.state.step + 1) }) {
                try leaveOut(batch, place)
                if let reason = try afterStep() { return .earlyStopped(reason) }
                continue
            }
            let made = clock.now
            let before = trainer.state
            services.watchdog?.enter("step \(trainer.state.step + 1)")
            let outcome = try trainer.step(batch, stop: services.stop)
            let seconds = (clock.now - start) / .seconds(1)
            window.products.add(since: counted)
            window.allocations += BufferPool.shared.counters.allocated - allocated
            window.peakBytes = max(window.peakBytes, BufferPool.shared.counters.peakLiveBytes)
            // Where making a batch takes time of its own, what is left of the step is said too.
            if batch.metrics["seconds/generate"] != nil {
                window.add("seconds/train", (clock.now - made) / .seconds(1))
            }
            switch outcome {
            case .interrupted: return try stopped()
            case .updated(let report):
                window.add(report, seconds: seconds)
                if let (spike, anomaly) = report.spike, try spiked(spike, anomaly) { continue }
            case .refused(let step): try refuse(step, batch.metrics, seconds: seconds, before: before)
            }
            services.watchdog?.stepped(seconds: seconds)
            if let reason = try afterStep() { return .earlyStopped(reason) }
        }
        try flush()
        if evaluatedAt != trainer.state.step { try evaluate() }
        try save(required: true)
        return .completed
    }

    /// Logs, measures and saves as the cadences say; a reason to stop, if there is one.
    private mutating func afterStep() throws -> String? {
        let done = trainer.state.step
        // A step counts as done when the checkpoint before it is on the disk: a crash costs one step, not two.
        try settle(isLast: false)
        if done % configuration.logEverySteps == 0 { try flush() }
        if configuration.evaluations.isDue(after: done, stepsPerEpoch: configuration.stepsPerEpoch) { try evaluate() }
        let reason = earlyStop()
        let saves = configuration.checkpoints.isDue(after: done, stepsPerEpoch: configuration.stepsPerEpoch)
        let isAsked = services.stop.takeSaveRequest()
        if saves || isAsked || bestIsUnsaved || reason != nil { try save(required: reason != nil) }
        return reason
    }

    private func earlyStop() -> String? {
        guard let watched = configuration.watched, let patience = watched.patience, let best = trainer.state.best,
            trainer.state.evaluationsSinceBest >= patience
        else { return nil }
        return "\(watched.name) has not improved on \(best.value) of step \(best.step) in \(patience) measurements"
    }

    private mutating func stopped() throws -> RunEnding {
        try flush()
        try save(required: true)
        return .stopped(services.stop.reason)
    }

    private mutating func evaluate() throws {
        guard let evaluate = services.evaluate else { return }
        let clock = ContinuousClock()
        let start = clock.now
        trainer.state.owesEvaluation = true
        services.watchdog?.enter("measuring after step \(trainer.state.step)")
        let reports = try evaluate(trainer.state)
        trainer.state.owesEvaluation = false
        let seconds = (clock.now - start) / .seconds(1)
        for report in reports {
            var fields: OrderedDictionary<String, JSON> = ["step": .integer(trainer.state.step)]
            if let suite = report.suite { fields["suite"] = .string(suite) }
            fields["metrics"] = JSON(metrics: report.metrics)
            fields["seconds"] = .number(seconds)
            try services.emit(RunEvent(.eval, fields))
        }
        evaluatedAt = trainer.state.step
        try watch(reports)
    }

    private mutating func watch(_ reports: [EvaluationReport]) throws {
        guard let watched = configuration.watched, trainer.state.step > 0 || configuration.watchesStart else { return }
        guard let value = reports.lazy.compactMap({ $0.value(of: watched.name) }).first else {
            throw TrainingError(
                "the watched metric \(watched.name) was not measured; there are "
                    + reports.flatMap { report in
                        report.metrics.map { (report.suite.map { "suites.\($0)." } ?? "eval.") + $0.name }
                    }.joined(separator: ", "))
        }
        if watched.isImprovement(value, over: trainer.state.best?.value) {
            trainer.state.best = TrainingState.Best(metric: watched.name, value: value, step: trainer.state.step)
            trainer.state.evaluationsSinceBest = 0
            bestIsUnsaved = trainer.state.step > 0
        } else {
            trainer.state.evaluationsSinceBest += 1
        }
    }

    /// Begins to write a checkpoint, and waits for it where it is the last of the run.
    private mutating func save(required: Bool) throws {
        guard let store = services.checkpoints else { return }
        if savedAt != trainer.state.step || bestIsUnsaved {
            // Metrics of a window are not in a checkpoint, so the window ends here.
            try flush()
            try settle(isLast: false)
            try checkWeights()
            saves.begin(step: trainer.state.step)
            let isBest = bestIsUnsaved
            (savedAt, bestIsUnsaved) = (trainer.state.step, false)
            do {
                try saves.holdUp {
                    try services.beforeCheckpoint()
                    try store.begin(
                        model: trainer.model, optimizer: trainer.optimizer, state: trainer.state,
                        companions: trainer.objective.companions, isBest: isBest)
                }
            } catch {
                try saveFailed(error, isLast: required)
            }
        }
        if required { try settle(isLast: true) }
    }

    /// Waits for the checkpoint that is being written, if one is. One that failed is told of; the third in a row ends the
    /// run, and so does the last of all.
    mutating func settle(isLast: Bool) throws {
        guard let store = services.checkpoints, let step = saves.step else { return }
        do {
            services.watchdog?.enter("writing the checkpoint of step \(step)")
            let folder = try saves.holdUp { try store.finish() }
            failedSaves = 0
            let (seconds, heldUp) = saves.end()
            try services.emit(
                RunEvent(
                    .checkpoint,
                    [
                        "step": .integer(step), "path": .string(folder.path), "seconds": .number(seconds),
                        "held_up_seconds": .number(heldUp),
                    ]))
        } catch  where saves.step != nil {
            try saveFailed(error, isLast: isLast)
        }
    }

    private mutating func saveFailed(_ error: any Error, isLast: Bool) throws {
        let step = saves.step ?? trainer.state.step
        saves.end()
        failedSaves += 1
        if savedAt == step { savedAt = nil }
        let older = "Older ones are unharmed"
        let goesOn = !isLast && failedSaves < 3
        try services.emit(
            RunEvent(
                .checkpointFailed,
                [
                    "step": .integer(step), "failures": .integer(failedSaves),
                    "message": .string(
                        "no checkpoint of step \(step): \(error). \(older)"
                            + (goesOn ? "; the run goes on and tries again" : "")),
                ]))
        if goesOn { return }
        let what = isLast ? "the last checkpoint" : "\(failedSaves) checkpoints in a row"
        throw FileError(
            "\(what) could not be written, and what is learnt from here on would be lost: \(error). \(older); make room "
                + "and go on with --resume", code: (error as? FileError)?.code ?? EIO)
    }

    /// Writes the line of the steps since the last one; `state` is the one after them, the run's own by default.
    mutating func flush(_ state: TrainingState? = nil) throws {
        let state = state ?? trainer.state
        guard let metrics = window.metrics(of: state) else { return }
        var fields: OrderedDictionary<String, JSON> = [
            "step": .integer(state.step), "metrics": metrics, "seconds": .number(window.seconds),
        ]
        // Beside the metrics, which are the same however often a run is repeated, on however many threads.
        fields["memory"] = [
            "peak_bytes": .integer(window.peakBytes), "peak_resident_bytes": .integer(ProcessMemory.peakResidentBytes),
            "allocations": .integer(window.allocations),
        ]
        fields["work"] = [
            "products": .integer(window.products.products),
            "multiplications": .integer(window.products.multiplications),
        ]
        // Two runs saw the same rows in the same order when these are equal.
        if let digest = state.position["rows"]?["digest"] { fields["stream_digest"] = digest }
        window = LogWindow()
        try services.emit(RunEvent(.step, fields))
    }

    private func emitStart() throws {
        let state = trainer.state
        var fields: OrderedDictionary<String, JSON> = [
            "step": .integer(state.step), "total_steps": .integer(configuration.totalSteps),
            "steps_per_epoch": .integer(configuration.stepsPerEpoch), "num_tokens": .integer(state.tokens),
            "seed": .string(String(state.seed)), "schedule": state.schedule,
            "trainable_parameters": .integer(
                trainer.optimizer.parameters.reduce(0) { $0 + $1.parameter.value.count }),
        ]
        for (name, value) in services.startFields { fields[name] = value }
        try services.emit(RunEvent(.start, fields))
    }

    func emitEnd(_ reason: String, message: String? = nil) throws {
        var fields: OrderedDictionary<String, JSON> = [
            "step": .integer(trainer.state.step), "reason": .string(reason),
            "refused_steps": .integer(trainer.state.refused),
        ]
        if trainer.state.empty > 0 { fields["empty_steps"] = .integer(trainer.state.empty) }
        if !trainer.state.skips.isEmpty { fields["skips"] = .array(trainer.state.skips.map(\.json)) }
        if let message { fields["message"] = .string(message) }
        if let best = trainer.state.best {
            fields["best"] = [
                "metric": .string(best.metric), "value": .number(best.value), "step": .integer(best.step),
            ]
        }
        try services.emit(RunEvent(.end, fields))
    }
}

/// The checkpoint that is being written, and how long the run waited for it.
final class SaveProgress {
    /// Its step; `nil` when none is being written.
    private(set) var step: Int?
    private var start = ContinuousClock.now
    private var heldUp = Duration.zero

    func begin(step: Int) { (self.step, start, heldUp) = (step, .now, .zero) }

    /// Does something that the run must wait for.
    func holdUp<Result>(_ body: () throws -> Result) rethrows -> Result {
        let start = ContinuousClock.now
        defer { heldUp += .now - start }
        return try body()
    }

    @discardableResult
    func end() -> (seconds: Double, heldUp: Double) {
        step = nil
        return ((.now - start) / .seconds(1), heldUp / .seconds(1))
    }
}

/// The steps that one event of type `step` covers.
struct LogWindow {
    var seconds = 0.0
    /// The most bytes of tensors in use at once.
    var peakBytes = 0
    /// Matrix products of the steps, what making their batches took counted in.
    var products = ProductCounters()
    /// Buffers for which the system had to give pages.
    var allocations = 0
    private var steps = 0
    private var loss = 0.0
    private var last: (gradientNorm: Double, learningRate: Double)?
    private var sums = MetricSums()

    /// Adds a number of a step, such as the time of a part of it.
    mutating func add(_ name: String, _ value: Double) { sums.add(name, sum: value, weight: 1) }

    /// Adds a step that changed nothing: what making its batch told is reported all the same.
    mutating func add(unlearned metrics: MetricSums, seconds: Double) {
        self.seconds += seconds
        sums.merge(metrics)
    }

    mutating func add(_ report: StepReport, seconds: Double) {
        self.seconds += seconds
        steps += 1
        loss += report.loss
        last = (report.gradientNorm, report.learningRate)
        sums.merge(report.metrics)
    }

    /// The window's metrics under TRL's names, or `nil` when no step is in it. The loss is the mean over steps; norm
    /// and rate are those of the last step.
    func metrics(of state: TrainingState) -> JSON? {
        var members: OrderedDictionary<String, JSON> = [:]
        if let last, steps > 0 {
            members["loss"] = JSON(metric: loss / Double(steps))
            members["grad_norm"] = JSON(metric: last.gradientNorm)
            members["learning_rate"] = .number(last.learningRate)
        } else if sums["reward"] == nil {
            return nil
        }
        for (name, value) in sums.values { members[name] = JSON(metric: value) }
        members["num_tokens"] = .integer(state.tokens)
        members["epoch"] = .number(state.epoch)
        return .object(members)
    }
}
