public import LanguageModels
public import TensorCore
public import TextCore

/// A loss over part of a step as a sum and its weight: the step divides once, by the weight of all its parts.
public struct LossSum {
    /// The summed loss, a scalar, tracked unless nothing depends on the weights.
    public var sum: Tensor
    /// What it is summed over (tokens, pairs, completions).
    public var weight: Double
    /// What is reported besides.
    public var metrics: MetricSums
    /// What each example of the batch has of a figure, in the batch's order; only where nothing is trained.
    public var rows: [RowFigures]

    /// A sum, its weight, and metrics.
    public init(sum: Tensor, weight: Double, metrics: MetricSums = MetricSums(), rows: [RowFigures] = []) {
        self.sum = sum
        self.weight = weight
        self.metrics = metrics
        self.rows = rows
    }
}

/// One figure of every example, such that the figure of all of them is Σ sum / Σ weight.
public struct RowFigures: Sendable, Hashable {
    /// What it is called: the name of the metric.
    public var name: String
    /// The examples' parts of the sum.
    public var sums: [Double]
    /// What each part is summed over, as many.
    public var weights: [Double]

    /// - Precondition: as many weights as sums.
    public init(_ name: String, sums: [Double], weights: [Double]) {
        precondition(sums.count == weights.count, "\(weights.count) weights for \(sums.count) sums of \(name)")
        self.name = name
        self.sums = sums
        self.weights = weights
    }
}

/// What was measured on held-out examples.
public struct Measurement: Sendable {
    /// `loss` first; empty when nothing carries loss.
    public var metrics: [(name: String, value: Double)] = []
    /// The same for each example, for the figures that an objective tells apart.
    public var rows: [RowFigures] = []

    /// Nothing yet.
    public init() {}
}

/// What a model is trained for: from a micro-batch and the model, a loss.
///
/// The gradient of a step is that of Σ sum / Σ weight over its micro-batches, so that how a batch is cut changes
/// nothing. An objective that must divide by something of its micro-batch alone returns the quotient with weight 1.
public protocol Objective<Batch> {
    /// A micro-batch.
    associatedtype Batch

    /// The loss of one micro-batch.
    ///
    /// It is a function of its arguments alone; random numbers come from the context.
    func loss(_ batch: Batch, model: LanguageModel, context: StepContext) throws -> LossSum

    /// Weights of its own that change while a run lasts, such as a reference that follows the model: they are kept in
    /// checkpoints under these names. None unless an objective says otherwise.
    var companions: [(name: String, parameter: Parameter)] { get }

    /// Called after every step that changed the weights, `step` being the number of steps done.
    func updated(_ model: LanguageModel, step: Int)
}

extension Objective {
    public var companions: [(name: String, parameter: Parameter)] { [] }

    public func updated(_ model: LanguageModel, step: Int) {}
}

/// What an objective may know of the step it is part of.
public struct StepContext: Sendable {
    /// Of the run.
    public var seed: UInt64
    /// Optimiser steps before this one.
    public var step: Int
    /// Micro-batches of this step before this one.
    public var microBatch: Int
    /// Whether weights are being trained: noise and dropout are for training only.
    public var isTraining: Bool
    /// Whether blocks are computed again in the reverse pass, to save memory.
    public var gradientCheckpointing: Bool

    /// The place of a micro-batch in a run.
    public init(
        seed: UInt64, step: Int = 0, microBatch: Int = 0, isTraining: Bool = true, gradientCheckpointing: Bool = false
    ) {
        self.seed = seed
        self.step = step
        self.microBatch = microBatch
        self.isTraining = isTraining
        self.gradientCheckpointing = gradientCheckpointing
    }

    /// Random numbers of this step; `index` tells apart rows or micro-batches.
    public func stream(_ purpose: String, index: Int) -> RandomStream {
        RandomStream(seed: seed, purpose: purpose, step: step, index: index)
    }

    /// Options for a forward pass of the policy: checkpointing, and dropout while training.
    ///
    /// The masks of dropout are keyed by the micro-batch, so with dropout the cut of the batch does change results.
    public var forwardOptions: ForwardOptions {
        var options = ForwardOptions()
        options.checkpointing = gradientCheckpointing && isTraining
        options.dropoutStream = isTraining ? stream("dropout", index: microBatch) : nil
        return options
    }
}

/// All micro-batches of one optimiser step.
public struct StepBatch<MicroBatch> {
    /// Their gradients are added up; none is empty of rows.
    public var microBatches: [MicroBatch]
    /// Tokens read, prompts included: what `num_tokens` counts.
    public var tokens: Int
    /// Epochs done once this step is over.
    public var epoch: Double
    /// Where in the data the next step begins, as a checkpoint records it.
    public var position: JSON
    /// Metrics of making the batch (rewards of rollouts), pooled with those of the loss.
    public var metrics: MetricSums
    /// Where its rows came from, as `file:line`, so that a step can be looked into.
    public var rows: [String]

    /// The batches of one step.
    public init(
        microBatches: [MicroBatch], tokens: Int, epoch: Double, position: JSON = .null,
        metrics: MetricSums = MetricSums(), rows: [String] = []
    ) {
        self.microBatches = microBatches
        self.tokens = tokens
        self.epoch = epoch
        self.position = position
        self.metrics = metrics
        self.rows = rows
    }
}

/// Something a run cannot go on with; the message says what happened, why it matters and what to do.
public struct TrainingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What happened.
    public var message: String

    /// An error with a message.
    public init(_ message: String) { self.message = message.clipped(to: 4000) }

    public var description: String { message }
}
