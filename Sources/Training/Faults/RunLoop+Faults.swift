import Foundation
import OrderedCollections
import TextCore

extension RunLoop {
    // MARK: Numbers that are not finite

    /// Tells of a step that changed nothing. With numbers that are not finite it has a line of its own in the log, where
    /// they stand as they are; too many of these in a row end the run.
    ///
    /// - Parameter before: the state before the step.
    mutating func refuse(
        _ step: RefusedStep, _ metrics: MetricSums, seconds: Double, before: TrainingState
    ) throws {
        guard let (report, anomaly) = step.numbers else {
            window.add(unlearned: metrics, seconds: seconds)
            return try warn("empty", step.message)
        }
        // The steps before it would share its NaN.
        try flush(before)
        window.add(report, seconds: seconds)
        try flush()
        try keep(anomaly)
        let limit = configuration.refusedStepLimit
        guard trainer.state.refusedInARow >= limit else { return }
        let what = limit == 1 ? "A step had" : "\(limit) steps in a row had"
        throw TrainingError(
            "\(what) numbers that are not finite, so the run has diverged. The last: \(step.message). "
                + "The checkpoints are from before; resume from one with a lower train.learning_rate")
    }

    /// Refuses to save weights that are not finite: the checkpoints of before are worth more.
    func checkWeights() throws {
        guard let name = trainer.firstBrokenParameter else { return }
        throw TrainingError(
            "after step \(trainer.state.step) the weights or moments of \(name) are not finite, so the run has diverged, "
                + "and a checkpoint of it would be worth nothing. The checkpoints are from before; resume from one "
                + "with a lower train.learning_rate")
    }

    // MARK: Spikes

    /// Tells of a spike, and goes back from it where the run is to.
    ///
    /// - Returns: whether the run is now somewhere else.
    mutating func spiked(_ spike: Spike, _ anomaly: Anomaly) throws -> Bool {
        try keep(anomaly)
        guard let policy = configuration.spikes, policy.action == .rollback else { return false }
        guard trainer.state.skips.count < policy.maximumRollbacks else {
            try warn(
                "spike", "the run has gone back \(policy.maximumRollbacks) times, and goes on in spite of the spike")
            return false
        }
        // The one that is being written may be the one to go back to.
        try settle(isLast: false)
        guard let (checkpoint, store, seek) = try target(of: policy) else {
            try warn("spike", "there is no checkpoint to go back to, so the run goes on in spite of the spike")
            return false
        }
        try goBack(to: checkpoint, store, seek, policy, spike)
        return true
    }

    /// The newest checkpoint from before the steps that are to be left out; else the newest from before the spike.
    private func target(
        of policy: SpikePolicy
    ) throws -> (Checkpoint, CheckpointStore, (JSON) throws -> Void)? {
        guard let store = services.checkpoints, let seek = services.seek else { return nil }
        let last = trainer.state.step - 1
        let checkpoint =
            store.newestValid(through: trainer.state.step - policy.skippedSteps) ?? store.newestValid(through: last)
        guard let checkpoint, !checkpoint.state.position.isNull else { return nil }
        return (checkpoint, store, seek)
    }

    private mutating func goBack(
        to checkpoint: Checkpoint, _ store: CheckpointStore, _ seek: (JSON) throws -> Void, _ policy: SpikePolicy,
        _ spike: Spike
    ) throws {
        let last = trainer.state.step
        let first = max(last - policy.skippedSteps, checkpoint.state.step) + 1
        let earlier = trainer.state.skips
        try flush()
        // Before anything else: what these checkpoints hold is no longer what the steps of their numbers will lead to.
        let moved = try store.setAside(after: checkpoint.state.step, best: checkpoint.state.best?.step)
        try trainer.restore(checkpoint)
        try seek(checkpoint.state.position)
        let skip = SkippedSteps(
            first: first, last: last, checkpoint: checkpoint.state.step, reason: "step \(last) spiked: \(spike.words)")
        trainer.state.skips = earlier + [skip]
        savedAt = checkpoint.state.step
        evaluatedAt = nil
        bestIsUnsaved = false
        var fields: OrderedDictionary<String, JSON> = [
            "from": .integer(last), "first_skipped": .integer(first), "last_skipped": .integer(last),
        ]
        if !moved.isEmpty { fields["set_aside"] = .array(moved.map { .string($0) }) }
        let steps = first == last ? "step \(last)" : "steps \(first) to \(last)"
        try warn(
            "rollback",
            "back at step \(checkpoint.state.step), because step \(last) spiked; \(steps) will be left out"
                + (moved.isEmpty ? "" : ". Later checkpoints are set aside as rolled-back-step-N"), fields)
    }

    /// Goes past a step that is to be left out.
    mutating func leaveOut(_ batch: StepBatch<Goal.Batch>, _ place: Int) throws {
        trainer.skip(batch)
        let room = SkippedSteps.rowLimit - trainer.state.skips[place].rows.count
        trainer.state.skips[place].rows += batch.rows.prefix(max(0, room))
        try warn(
            "skipped", "step \(trainer.state.step) is left out: \(trainer.state.skips[place].reason)",
            ["rows": .array(batch.rows.map { .string($0) })])
    }

    // MARK: What is said

    /// Writes down what a step was like, and says so. A disk that refuses it does not end the run.
    private func keep(_ anomaly: Anomaly) throws {
        var fields: OrderedDictionary<String, JSON> = [:]
        var message = anomaly.message
        do {
            if let url = try services.keep?(anomaly) { fields["path"] = .string(url.path) }
        } catch {
            message += " (what it was like could not be written down: \(error))"
        }
        try warn(anomaly.kind.rawValue, message, fields)
    }

    private func warn(_ fault: String, _ message: String, _ more: OrderedDictionary<String, JSON> = [:]) throws {
        var event = RunEvent.warning(message, step: trainer.state.step)
        event.fields["fault"] = .string(fault)
        for (name, value) in more { event.fields[name] = value }
        try services.emit(event)
    }
}

extension SkippedSteps {
    /// Whether a step, counted from 1, is left out.
    func contains(_ step: Int) -> Bool { (first...last).contains(step) }
}

extension CheckpointStore {
    /// The newest whole checkpoint of a step that is not later than `step`.
    func newestValid(through step: Int) -> Checkpoint? {
        for candidate in steps.reversed() where candidate <= step {
            if let checkpoint = try? Checkpoint(url(ofStep: candidate)) { return checkpoint }
        }
        return nil
    }

    /// Gives every later checkpoint another name, so that nothing takes it for one of this run. None is deleted.
    ///
    /// - Parameters:
    ///   - step: the last that stays.
    ///   - best: the step whose checkpoint is now the best, for the link to it.
    /// - Returns: the new names.
    func setAside(after step: Int, best: Int?) throws -> [String] {
        let later = steps.filter { $0 > step }
        // The newest first: a crash in between leaves a run that goes on from one that is still there.
        let names = try later.reversed().map { step in
            var name = "rolled-back-step-\(step)"
            var count = 1
            while FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path) {
                count += 1
                name = "rolled-back-step-\(step)-\(count)"
            }
            try files.rename(url(ofStep: step).path, to: folder.appendingPathComponent(name).path)
            return name
        }
        let parent = folder.deletingLastPathComponent()
        for (link, step) in [("last", steps.last), ("best", best)] {
            let path = parent.appendingPathComponent(link).path
            // Follows the link: `false` where its checkpoint has gone.
            guard !later.isEmpty, !FileManager.default.fileExists(atPath: path) else { continue }
            if let step, steps.contains(step) {
                try files.link(path, to: "\(folder.lastPathComponent)/step-\(step)")
            } else {
                try? FileManager.default.removeItem(atPath: path)
            }
        }
        return names
    }
}
