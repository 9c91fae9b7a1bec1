import OrderedCollections
public import TextCore

/// Everything of a run that is not a weight or a moment. With these a run goes on as if it had never stopped: random
/// numbers and the order of the data are functions of the seed and the step.
public struct TrainingState: Sendable, Hashable {
    /// Optimiser steps done, refused ones included.
    public var step = 0
    /// Steps that changed the weights.
    public var updates = 0
    /// Epochs done.
    public var epoch = 0.0
    /// Tokens read, prompts included.
    public var tokens = 0
    /// Steps refused because a number was not finite.
    public var refused = 0
    /// How many of them were the last ones.
    public var refusedInARow = 0
    /// Steps that changed nothing because nothing in them carried loss.
    public var empty = 0
    /// Steps that are left out since the run went back from a spike.
    public var skips: [SkippedSteps] = []
    /// What the last losses and gradients were like, to tell a spike.
    public var spikes = SpikeDetector()
    /// Of the run.
    public var seed: UInt64 = 0
    /// The schedule as `name`, base rate, warm-up steps and total steps, to be compared on resume.
    public var schedule: JSON = .null
    /// Where in the data the next step begins.
    public var position: JSON = .null
    /// The best value so far of the metric that is watched, and the step it was measured after.
    public var best: Best?
    /// Measurements since then.
    public var evaluationsSinceBest = 0
    /// Whether a stop cut off the measurement after this step, so that it is still to be made.
    public var owesEvaluation = false

    /// The best measurement of a run.
    public struct Best: Sendable, Hashable {
        /// Its metric.
        public var metric: String
        /// Its value.
        public var value: Double
        /// Steps done when it was measured.
        public var step: Int

        /// A measurement.
        public init(metric: String, value: Double, step: Int) {
            self.metric = metric
            self.value = value
            self.step = step
        }
    }

    /// The state before the first step.
    public init() {}

    /// The state as an object. The seed is text, as JSON's numbers do not hold 64 bits everywhere.
    public var json: JSON {
        var members: OrderedDictionary<String, JSON> = [
            "step": .integer(step), "updates": .integer(updates), "epoch": .number(epoch), "tokens": .integer(tokens),
            "refused": .integer(refused), "refused_in_a_row": .integer(refusedInARow), "seed": .string(String(seed)),
            "schedule": schedule, "position": position,
        ]
        if let best {
            members["best"] = [
                "metric": .string(best.metric), "value": .number(best.value), "step": .integer(best.step),
            ]
        }
        members["evaluations_since_best"] = .integer(evaluationsSinceBest)
        if owesEvaluation { members["owes_evaluation"] = true }
        if empty > 0 { members["empty"] = .integer(empty) }
        if !skips.isEmpty { members["skips"] = .array(skips.map(\.json)) }
        if spikes != SpikeDetector() { members["spikes"] = spikes.json }
        return .object(members)
    }

    /// The state from its object.
    ///
    /// - Throws: `TrainingError` that names a member that is missing or of another kind.
    public init(json: JSON) throws {
        func integer(_ name: String) throws -> Int {
            // The next steps add to it.
            guard let value = json[name]?.int, (0...1 << 53).contains(value) else {
                throw TrainingError("`\(name)` should be a whole number from 0 to 2 to the power of 53")
            }
            return value
        }
        step = try integer("step")
        updates = try integer("updates")
        tokens = try integer("tokens")
        refused = try integer("refused")
        refusedInARow = try integer("refused_in_a_row")
        evaluationsSinceBest = try integer("evaluations_since_best")
        guard let epoch = json["epoch"]?.double else { throw TrainingError("`epoch` should be a number") }
        self.epoch = epoch
        guard let seed = json["seed"]?.string.flatMap({ UInt64($0) }) else {
            throw TrainingError("`seed` should be a whole number as text")
        }
        self.seed = seed
        schedule = json["schedule"] ?? .null
        position = json["position"] ?? .null
        owesEvaluation = json["owes_evaluation"]?.bool ?? false
        empty = json["empty"]?.int ?? 0
        spikes = SpikeDetector(json: json["spikes"] ?? .null)
        skips = try (json["skips"]?.array ?? []).map {
            guard let skip = SkippedSteps(json: $0) else {
                throw TrainingError("`skips` should name the first and the last step that are left out")
            }
            return skip
        }
        guard let best = json["best"] else { return }
        guard let metric = best["metric"]?.string, let value = best["value"]?.double, let step = best["step"]?.int
        else { throw TrainingError("`best` should have a metric, a value and a step") }
        self.best = Best(metric: metric, value: value, step: step)
    }
}
