import Foundation
public import LanguageModels
import OrderedCollections
import TensorCore
import TextCore

/// Trains a model for an objective: gradients over micro-batches, one division, a finite check, clipping, AdamW.
///
/// `step` does one optimiser step and nothing else; `run` does all of them, with events, measurements, checkpoints and
/// a clean stop. Either way every step is a function of the weights, the moments, the batch, the seed and the number
/// of the step, so runs repeat to the bit, on any number of threads.
public final class Trainer<Goal: Objective> {
    /// What is trained.
    public let model: LanguageModel
    /// What for.
    public let objective: Goal
    /// The moments.
    public let optimizer: AdamW
    /// How.
    public let configuration: TrainerConfiguration
    /// How far it is.
    public internal(set) var state: TrainingState
    /// Called before weights change: whoever still reads them is waited for.
    var beforeUpdate: () -> Void = {}

    /// - Parameters:
    ///   - model: whose trainable parameters are trained; which those are must not change afterwards.
    ///   - objective: what for.
    ///   - settings: of the optimiser.
    ///   - configuration: how.
    public init(
        model: LanguageModel, objective: Goal, settings: AdamW.Settings = AdamW.Settings(),
        configuration: TrainerConfiguration
    ) {
        self.model = model
        self.objective = objective
        self.optimizer = AdamW(model.trainableParameters, settings: settings)
        self.configuration = configuration
        state = TrainingState()
        state.seed = configuration.seed
        let schedule = configuration.schedule
        state.schedule = [
            "name": .string(schedule.curve.name), "learning_rate": .number(schedule.baseRate),
            "min_ratio": .number(schedule.options.minRatio), "cycles": .number(schedule.options.cycles),
            "warmup_steps": .integer(schedule.warmUpSteps), "total_steps": .integer(schedule.totalSteps),
        ]
    }

    /// Goes back to a checkpoint: weights, moments, schedule, place in the data.
    ///
    /// - Parameter acceptsOtherSchedule: whether the rest of the run may have another learning rate or length than what
    ///   came before.
    /// - Throws: `TrainingError` when the checkpoint does not fit the model, or is of a run with another seed or
    ///   schedule, which could not go on as it began.
    public func restore(_ checkpoint: Checkpoint, acceptsOtherSchedule: Bool = false) throws {
        guard checkpoint.state.seed == state.seed,
            acceptsOtherSchedule || checkpoint.state.schedule == state.schedule
        else {
            throw TrainingError(
                "\(checkpoint.folder.path) is of a run with seed \(checkpoint.state.seed) and schedule "
                    + "\(checkpoint.state.schedule.text()); this run has seed \(state.seed) and "
                    + "\(state.schedule.text()), so the rest would not be the rest of that run. "
                    + "Use the recipe of that run, or start anew from its weights")
        }
        try checkpoint.restore(model, optimizer, companions: objective.companions)
        let schedule = state.schedule
        state = checkpoint.state
        state.schedule = schedule
    }

    /// One optimiser step: all micro-batches, then the update.
    ///
    /// - Parameters:
    ///   - batch: the step's micro-batches.
    ///   - stop: read before every micro-batch.
    /// - Throws: what the objective throws; nothing has then changed.
    public func step(_ batch: StepBatch<Goal.Batch>, stop: StopSignal? = nil) throws -> StepOutcome {
        BufferPool.shared.beginStep()
        let parameters = optimizer.parameters.map(\.parameter)
        var sums = StepSums(parameterCount: parameters.count)
        for (index, microBatch) in batch.microBatches.enumerated() {
            if let stop, stop.isRequested { return .interrupted }
            let context = StepContext(
                seed: configuration.seed, step: state.step, microBatch: index,
                gradientCheckpointing: configuration.gradientCheckpointing)
            try sums.add(parameters: parameters, averaging: configuration.metricAveraging) {
                try objective.loss(microBatch, model: model, context: context)
            }
        }
        let outcome = update(sums, batch)
        state.step += 1
        state.tokens += batch.tokens
        state.epoch = batch.epoch
        state.position = batch.position
        if case .updated = outcome { objective.updated(model, step: state.step) }
        return outcome
    }

    /// Goes past a step without training on it.
    func skip(_ batch: StepBatch<Goal.Batch>) {
        state.step += 1
        state.epoch = batch.epoch
        state.position = batch.position
    }

    /// Takes the gradient of a micro-batch and forgets it: weights, moments and state stay as they are, and random numbers
    /// are those of the first step. With the largest micro-batch of a run this needs what the run will need, so a run
    /// that memory is too short for ends before its first step.
    ///
    /// - Parameters:
    ///   - batch: a micro-batch.
    ///   - accumulates: whether gradients of other micro-batches are held meanwhile.
    /// - Returns: the most bytes of tensors in use at once, weights that stay in their file not counted.
    /// - Throws: what the objective throws.
    public func rehearse(_ batch: Goal.Batch, accumulates: Bool) throws -> Int {
        BufferPool.shared.beginStep()
        BufferPool.shared.resetPeak()
        let parameters = optimizer.parameters.map(\.parameter)
        var sums = StepSums(parameterCount: parameters.count)
        if accumulates { sums.gradients.tensors = parameters.map { .zeros($0.value.shape) } }
        let context = StepContext(
            seed: configuration.seed, step: state.step, gradientCheckpointing: configuration.gradientCheckpointing)
        try sums.add(parameters: parameters, averaging: configuration.metricAveraging) {
            try objective.loss(batch, model: model, context: context)
        }
        return BufferPool.shared.counters.peakLiveBytes
    }

    private func update(_ sums: StepSums, _ batch: StepBatch<Goal.Batch>) -> StepOutcome {
        guard sums.weight != 0 else {
            state.empty += 1
            return .refused(
                RefusedStep(
                    message: "step \(state.step + 1) has nothing that carries loss; the weights stay as they are"))
        }
        let norm = sums.gradients.norm / abs(sums.weight)
        let rate = configuration.schedule.rate(at: state.step)
        var report = StepReport(
            loss: sums.loss / sums.weight, gradientNorm: norm, learningRate: rate, weight: sums.weight,
            metrics: sums.metrics)
        report.metrics.merge(batch.metrics)
        guard sums.loss.isFinite, sums.weight.isFinite, norm.isFinite else {
            state.refused += 1
            state.refusedInARow += 1
            let anomaly = anomaly(.nonFinite, explain(sums, norm: norm), report, sums, batch)
            return .refused(RefusedStep(message: anomaly.message, numbers: (report, anomaly)))
        }
        if let policy = configuration.spikes,
            let spike = state.spikes.observe(
                loss: report.loss, gradientNorm: norm,
                isWarmingUp: state.step < configuration.schedule.warmUpSteps, threshold: policy.threshold)
        {
            // Before the update, which the spike may spoil.
            report.spike = (
                spike, anomaly(.spike, "step \(state.step + 1) spikes: \(spike.words)", report, sums, batch)
            )
        }
        // As PyTorch clips: the small number keeps the quotient finite.
        let clip = configuration.maxGradientNorm.map { min(1, $0 / (norm + 1e-6)) } ?? 1
        beforeUpdate()
        optimizer.update(gradients: sums.gradients, learningRate: rate, gradientScale: clip / sums.weight)
        state.updates = optimizer.step
        state.refusedInARow = 0
        return .updated(report)
    }

    private func explain(_ sums: StepSums, norm: Double) -> String {
        let broken = zip(optimizer.parameters, sums.gradients.tensors).filter { $1.map { !$0.isFinite } ?? false }
        let first = broken.first.map { "; \(broken.count) gradients are not finite, first that of \($0.0.name)" } ?? ""
        return "step \(state.step + 1) was refused, as its update would have spoilt the weights: loss "
            + "\(sums.loss / sums.weight), gradient norm \(norm.isNaN ? "nan" : "\(norm)")\(first). If it happens again, lower "
            + "train.learning_rate or look at the rows of this step"
    }

    private func anomaly(
        _ kind: Anomaly.Kind, _ message: String, _ report: StepReport, _ sums: StepSums, _ batch: StepBatch<Goal.Batch>
    ) -> Anomaly {
        Anomaly(
            kind: kind, step: state.step + 1, message: message, loss: report.loss, gradientNorm: report.gradientNorm,
            weight: report.weight, learningRate: report.learningRate, metrics: report.metrics, rows: batch.rows,
            position: batch.position, parts: sums.parts,
            tensors: zip(optimizer.parameters, sums.gradients.tensors).map { parameter, gradient in
                Anomaly.Entry(
                    name: parameter.name, value: TensorStatistics(parameter.parameter.value),
                    gradient: gradient.map { TensorStatistics($0) })
            })
    }

    /// The first trained parameter whose value or moments are not finite: such a model is worth nothing, and so is a
    /// checkpoint of it.
    var firstBrokenParameter: String? {
        for (index, (name, parameter)) in optimizer.parameters.enumerated() {
            let tensors = [parameter.value, optimizer.firstMoments[index], optimizer.secondMoments[index]]
            if !tensors.allSatisfy(\.isFinite) { return name }
        }
        return nil
    }
}

extension Objective {
    /// The loss and the metrics over held-out batches, without training: sums over all of them, divided once.
    ///
    /// - Parameters:
    ///   - batches: micro-batches.
    ///   - model: the model as it is.
    ///   - seed: of the run.
    /// - Returns: `loss` first; nothing when no batch carries loss.
    /// - Throws: what the objective throws.
    public func measure(
        _ batches: some Sequence<Batch>, model: LanguageModel, seed: UInt64 = 0
    ) throws -> [(name: String, value: Double)] {
        try measurement(of: batches, model: model, seed: seed).metrics
    }

    /// The same with what each example has of it.
    ///
    /// - Parameters:
    ///   - batches: micro-batches.
    ///   - model: the model as it is.
    ///   - seed: of the run.
    /// - Throws: what the objective throws.
    public func measurement(
        of batches: some Sequence<Batch>, model: LanguageModel, seed: UInt64 = 0
    ) throws -> Measurement {
        var metrics = MetricSums()
        var result = Measurement()
        for (index, batch) in batches.enumerated() {
            let context = StepContext(seed: seed, microBatch: index, isTraining: false)
            let part = try loss(batch, model: model, context: context)
            metrics.add("loss", sum: Double(part.sum.scalar), weight: part.weight)
            metrics.merge(part.metrics)
            for figures in part.rows {
                if let place = result.rows.firstIndex(where: { $0.name == figures.name }) {
                    result.rows[place].sums += figures.sums
                    result.rows[place].weights += figures.weights
                } else {
                    result.rows.append(figures)
                }
            }
        }
        result.metrics = metrics.values
        return result
    }
}
