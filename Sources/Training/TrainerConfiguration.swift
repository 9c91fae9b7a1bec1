/// What a `Trainer` needs to know besides model, data and loss.
public struct TrainerConfiguration: Sendable {
    /// The learning rate of every step, and how many steps there are.
    public var schedule: LearningRateSchedule
    /// Optimiser steps of an epoch; what the cadences count in.
    public var stepsPerEpoch: Int
    /// Of the run: data order, noise, dropout.
    public var seed: UInt64
    /// The largest norm that a gradient may have; a longer one is scaled down to it. `nil` for no limit.
    public var maxGradientNorm: Double?
    /// Whether blocks are computed again in the reverse pass, to save memory.
    public var gradientCheckpointing: Bool
    /// Steps that one event of type `step` covers.
    public var logEverySteps: Int
    /// How metrics of micro-batches become those of a step.
    public var metricAveraging: MetricAveraging
    /// When checkpoints are written; the end of the run always has one.
    public var checkpoints: Cadence
    /// When the model is measured; the end of the run always is.
    public var evaluations: Cadence
    /// Whether the model is measured before the first step too.
    public var evaluatesAtStart: Bool
    /// Whether the watched measurement is among those before the first step.
    public var watchesStart = true
    /// The measurement that decides which checkpoint is the best, and whether the run stops early.
    public var watched: WatchedMetric?
    /// Refused steps in a row that end the run.
    public var refusedStepLimit: Int
    /// What is done about a step whose loss or gradient is far above those before it; `nil` for nothing.
    public var spikes: SpikePolicy?

    /// A configuration whose defaults are TRL's where TRL has them.
    public init(
        schedule: LearningRateSchedule, stepsPerEpoch: Int, seed: UInt64 = 42, maxGradientNorm: Double? = 1,
        gradientCheckpointing: Bool = false, logEverySteps: Int = 1, metricAveraging: MetricAveraging = .pooled,
        checkpoints: Cadence = .never, evaluations: Cadence = .never, evaluatesAtStart: Bool = true,
        watched: WatchedMetric? = nil, refusedStepLimit: Int = 3,
        spikes: SpikePolicy? = SpikePolicy()
    ) {
        self.schedule = schedule
        self.stepsPerEpoch = max(1, stepsPerEpoch)
        self.seed = seed
        self.maxGradientNorm = maxGradientNorm
        self.gradientCheckpointing = gradientCheckpointing
        self.logEverySteps = max(1, logEverySteps)
        self.metricAveraging = metricAveraging
        self.checkpoints = checkpoints
        self.evaluations = evaluations
        self.evaluatesAtStart = evaluatesAtStart
        self.watched = watched
        self.refusedStepLimit = max(1, refusedStepLimit)
        self.spikes = spikes
    }

    /// Optimiser steps of the run.
    public var totalSteps: Int { schedule.totalSteps }

    /// Checkpoints of the whole run, about: the one at its end counts.
    public var checkpointCount: Int {
        switch checkpoints {
        case .never: return 1
        case .everySteps(let steps): return totalSteps / max(1, steps) + 1
        case .perEpoch(let count):
            let (most, overflow) = (totalSteps / stepsPerEpoch + 1).multipliedReportingOverflow(by: max(1, count))
            return min(totalSteps, overflow ? totalSteps : most) + 1
        }
    }
}

/// When something happens that happens again and again during a run.
public enum Cadence: Sendable, Hashable {
    /// Not during the run.
    case never
    /// After every so many steps.
    case everySteps(Int)
    /// So many times an epoch, as evenly as whole steps allow.
    case perEpoch(Int)

    /// Whether it is due once `done` steps are done.
    public func isDue(after done: Int, stepsPerEpoch: Int) -> Bool {
        switch self {
        case .never: false
        case .everySteps(let count): done % max(1, count) == 0
        case .perEpoch(let count): done * max(1, count) / stepsPerEpoch > (done - 1) * max(1, count) / stepsPerEpoch
        }
    }
}

/// A measurement that is watched over a run.
public struct WatchedMetric: Sendable, Hashable {
    /// `eval.loss`, or `suites.NAME.METRIC`.
    public var name: String
    /// Whether less is better.
    public var lowerIsBetter: Bool
    /// Measurements without a better one after which the run ends; `nil` for never.
    public var patience: Int?
    /// How much better than the best is better.
    public var minDelta: Double

    /// - Parameters:
    ///   - name: `eval.loss`, or `suites.NAME.METRIC`.
    ///   - lowerIsBetter: whether less is better; `nil` for yes if the name speaks of a loss, perplexity or divergence.
    ///   - patience: measurements without a better one after which the run ends; `nil` for never.
    ///   - minDelta: how much better than the best is better.
    public init(_ name: String, lowerIsBetter: Bool? = nil, patience: Int? = nil, minDelta: Double = 0) {
        self.name = name
        let last = name.split(separator: ".").last ?? ""
        self.lowerIsBetter = lowerIsBetter ?? ["loss", "perplexity", "kl"].contains { last.hasPrefix($0) }
        self.patience = patience
        self.minDelta = minDelta
    }

    /// Whether `value` is better than the best so far. What is not finite never is.
    func isImprovement(_ value: Double, over best: Double?) -> Bool {
        guard value.isFinite, let best else { return value.isFinite }
        return lowerIsBetter ? value < best - minDelta : value > best + minDelta
    }
}

/// One measurement of the model during a run.
public struct EvaluationReport: Sendable {
    /// The suite's name; `nil` for the loss on held-out rows.
    public var suite: String?
    /// Its numbers.
    public var metrics: [(name: String, value: Double)]

    /// A measurement.
    public init(suite: String? = nil, metrics: [(name: String, value: Double)]) {
        self.suite = suite
        self.metrics = metrics
    }

    /// The value of a metric by its full name: `eval.loss`, `suites.NAME.METRIC`.
    func value(of name: String) -> Double? {
        let prefix = suite.map { "suites.\($0)." } ?? "eval."
        return metrics.first { prefix + $0.name == name }?.value
    }
}
