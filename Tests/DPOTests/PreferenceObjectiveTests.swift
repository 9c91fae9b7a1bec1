import DPO
import Foundation
import LanguageModels
import TensorCore
import Testing
import Training

/// One loss, or a mixture, whose number does not depend on the micro-batch.
struct ObjectiveCase: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let settings: LossSettings

    init(_ name: String, _ losses: [LossSettings.Weighted]? = nil, _ change: (inout LossSettings) -> Void = { _ in }) {
        testDescription = name
        var settings = LossSettings(losses ?? [.init(name)])
        change(&settings)
        self.settings = settings
    }

    var needsReference: Bool {
        settings.losses.contains { PreferenceLossRegistry.standard[$0.name]?.needsReference == true }
    }

    static let all: [ObjectiveCase] =
        PreferenceLossRegistry.standard.losses.filter { !$0.dependsOnMicroBatch }.map { loss in
            ObjectiveCase(loss.name) { if loss.options.contains(.labelSmoothing) { $0.labelSmoothing = 0.1 } }
        } + [
            ObjectiveCase(
                "a mixture", [.init("sigmoid", weight: 0.8), .init("bco_pair", weight: 0.2), .init("sft")]),
            ObjectiveCase("sigmoid") { $0.lengthDiscount = 0.4 },
            ObjectiveCase("sigmoid") { $0.weighting = true },
            ObjectiveCase("simpo") { $0.sftWeight = 0.3 },
            ObjectiveCase("hinge") { $0.divergence = .forwardKL },
        ]
}

@Suite struct PreferenceObjectiveTests {
    private func objective(_ given: ObjectiveCase) throws -> PreferenceObjective {
        try PreferenceObjective(settings: given.settings, reference: given.needsReference ? .adapterOff : .none)
    }

    /// Sums of floats run in another order: 6e-8 a number, some tens of numbers, and losses up to 10².
    private func expectEqual(_ first: TinyPairs.Outcome, _ second: TinyPairs.Outcome) {
        #expect(abs(first.mean - second.mean) < 1e-5 * max(1, abs(second.mean)))
        #expect(abs(first.weight - second.weight) < 1e-9)
        let scale = second.gradients.reduce(0) { max($0, abs($1)) }
        #expect(scale > 0)
        let distance = zip(first.gradients, second.gradients).reduce(0) { max($0, abs($1.0 - $1.1)) }
        #expect(distance < 1e-4 * scale, "\(distance) of \(scale)")
        for (metric, other) in zip(first.metrics.values, second.metrics.values) {
            #expect(metric.name == other.name)
            #expect(abs(metric.value - other.value) < 1e-4 * max(1, abs(other.value)), "\(metric.name)")
        }
    }

    @Test(arguments: ObjectiveCase.all)
    func `a step of 8 is 4 times 2 is 8 times 1, also where rows have weights`(given: ObjectiveCase) throws {
        let (objective, model) = (try objective(given), try TinyPairs.adapted())
        let examples = TinyPairs.examples(8, weighted: true)
        func outcome(_ limit: Packing.MicroBatchLimit) throws -> TinyPairs.Outcome {
            try TinyPairs.outcome(
                objective, PreferenceBatch.microBatches(examples, limit: limit), model: model)
        }
        let whole = try outcome(.rows(8))
        for limit in [Packing.MicroBatchLimit.rows(4), .rows(2), .rows(1), .tokens(25)] {
            expectEqual(try outcome(limit), whole)
        }
    }

    @Test(arguments: ObjectiveCase.all)
    func `a shared prompt gives what two rows give`(given: ObjectiveCase) throws {
        let (objective, model) = (try objective(given), try TinyPairs.adapted())
        let examples = TinyPairs.examples(6)
        let shared = PreferenceBatch(examples)
        let separate = PreferenceBatch(examples, sharesPrefix: false)
        #expect(shared.answers.tokens.ids.count < separate.answers.tokens.ids.count)
        expectEqual(
            try TinyPairs.outcome(objective, [shared], model: model),
            try TinyPairs.outcome(objective, [separate], model: model))
    }

    @Test func `a prompt without tokens leaves the first token of an answer unpredicted`() throws {
        let example = PreferenceExample(prompt: [], chosen: [1, 2, 3], rejected: [4])
        let batch = PreferenceBatch([example, TinyPairs.examples(1)[0]])
        #expect(batch.answers.labels.prefix(2) == [2, 3] && batch.answers.ranges[2].isEmpty)
        let outcome = try TinyPairs.outcome(
            PreferenceObjective(reference: .adapterOff), [batch], model: TinyPairs.adapted())
        #expect(outcome.loss.isFinite)
    }

    @Test func `at step one a fresh adapter gives ln 2 and no reward`() throws {
        let model = try TinyPairs.adapted(fresh: true)
        let batch = PreferenceBatch(TinyPairs.examples(8))
        let outcome = try TinyPairs.outcome(PreferenceObjective(reference: .adapterOff), [batch], model: model)
        #expect(outcome.mean == Double(8 * Float(log(2.0))) / 8)
        for name in ["rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies"] {
            #expect(outcome.metrics[name] == 0)
        }
        #expect(outcome.gradients.contains { $0 != 0 })
        #expect(outcome.metrics["preference_accuracy"] == nil)
        let held = try PreferenceObjective(reference: .adapterOff).measure([batch], model: model)
        #expect(held.first { $0.name == "preference_accuracy" }?.value == 0.5)
    }

    @Test func `a cached reference is the reference`() throws {
        for discount in [nil, 0.3] {
            var settings = LossSettings("sigmoid")
            settings.lengthDiscount = discount
            let model = try TinyPairs.adapted()
            let live = try PreferenceObjective(settings: settings, reference: .adapterOff)
            let cached = try PreferenceObjective(settings: settings, reference: .cached)
            var examples = TinyPairs.examples(7)
            for part in PreferenceBatch.microBatches(examples, limit: .rows(3)).enumerated() {
                let values = try live.referenceLogProbabilities(part.element, model: model)
                for (index, value) in values.enumerated() { examples[3 * part.offset + index].reference = value }
            }
            expectEqual(
                try TinyPairs.outcome(cached, [PreferenceBatch(examples)], model: model),
                try TinyPairs.outcome(live, [PreferenceBatch(examples)], model: model))
            examples[2].reference = nil
            let error = #expect(throws: TrainingError.self) {
                try TinyPairs.outcome(cached, [PreferenceBatch(examples)], model: model)
            }
            #expect(error?.message.hasPrefix("pairs.jsonl:3 has no log-probabilities") == true)
        }
    }

    @Test func `a model as reference is the adapter off, where it is the base`() throws {
        let model = try TinyPairs.adapted()
        let batch = PreferenceBatch(TinyPairs.examples(5))
        expectEqual(
            try TinyPairs.outcome(
                PreferenceObjective(reference: .model(try TinyPairs.model())), [batch], model: model),
            try TinyPairs.outcome(PreferenceObjective(reference: .adapterOff), [batch], model: model))
    }

    @Test func `the gradient is that of central differences`() throws {
        for given in ObjectiveCase.all where ["orpo", "a mixture", "ipo"].contains(given.testDescription) {
            let (objective, model) = (try objective(given), try TinyPairs.adapted())
            let batch = PreferenceBatch(TinyPairs.examples(4))
            let outcome = try TinyPairs.outcome(objective, [batch], model: model)
            let parameter = try #require(model.trainableParameters.last?.parameter)
            let start = outcome.gradients.count - parameter.value.count
            let original = parameter.value.scalars
            for index in stride(from: 0, to: original.count, by: 7) {
                func loss(_ step: Float) throws -> Double {
                    var moved = original
                    moved[index] += step
                    parameter.value = Tensor(moved, shape: parameter.value.shape)
                    return try TinyPairs.outcome(objective, [batch], model: model).mean
                }
                let slope = try (loss(0.01) - loss(-0.01)) / 0.02
                // Second order of the step, and float32 losses over 2 / 100.
                #expect(abs(Double(outcome.gradients[start + index]) - slope) < 3e-3 * max(1, abs(slope)))
            }
            parameter.value = Tensor(original, shape: parameter.value.shape)
        }
    }

    @Test func `cross-entropy is a mean over the step's tokens, or over those of each micro-batch`() throws {
        let model = try TinyPairs.adapted()
        let examples = TinyPairs.examples(6)
        let parts = PreferenceBatch.microBatches(examples, limit: .rows(2))
        func mean(_ tokenMean: PreferenceObjective.TokenMean, _ batches: [PreferenceBatch]) throws -> Double {
            try TinyPairs.outcome(
                PreferenceObjective(settings: LossSettings("sft"), reference: .none, tokenMean: tokenMean), batches,
                model: model
            ).mean
        }
        let separate = try parts.map { try mean(.step, [PreferenceBatch($0.examples)]) }
        #expect(abs(try mean(.microBatch, parts) - separate.reduce(0, +) / 3) < 1e-5)
        let tokens = parts.map { Double($0.examples.reduce(0) { $0 + $1.chosen.count }) }
        let pooled = zip(separate, tokens).reduce(0) { $0 + $1.0 * $1.1 } / tokens.reduce(0, +)
        #expect(abs(try mean(.step, parts) - pooled) < 1e-5)
        #expect(abs(try mean(.step, parts) - mean(.microBatch, parts)) > 1e-4)
    }

    @Test func `a reference follows the policy when that is due`() throws {
        let model = try TinyPairs.model()
        model.setTrainable(.full)
        let reference = model.frozenCopy()
        let objective = try PreferenceObjective(
            reference: .model(reference), synchronization: .init(everySteps: 2, alpha: 0.25))
        let start = reference.namedParameters.map(\.parameter.value.scalars)
        for (_, parameter) in model.trainableParameters {
            parameter.value = parameter.value.scaled(by: 1, plus: 1)
        }
        objective.updated(model, step: 1)
        #expect(reference.namedParameters.map(\.parameter.value.scalars) == start)
        objective.updated(model, step: 2)
        for (parameter, old) in zip(reference.namedParameters, start) {
            for (value, before) in zip(parameter.parameter.value.scalars, old) {
                #expect(abs(value - before - 0.25) < 1e-6)
            }
        }
        #expect(objective.companions.map(\.name) == reference.namedParameters.map(\.name))
        #expect(try PreferenceObjective(reference: .model(reference)).companions.isEmpty)
    }

    @Test func `what cannot be trained is refused with the reason`() throws {
        func message(_ body: () throws -> Void) -> String {
            do {
                try body()
                return "no error"
            } catch {
                return "\(error)"
            }
        }
        #expect(
            message { _ = try PreferenceObjective(reference: .none) }
                == "sigmoid compares with a reference, and there is none; use one, or cpo, simpo or orpo")
        #expect(
            message { _ = try PreferenceObjective(reference: .adapterOff, synchronization: .init()) }
                .hasPrefix("only a reference that is a model of its own"))
        let batch = PreferenceBatch(TinyPairs.examples(1))
        #expect(
            message {
                let model = try TinyPairs.model()
                _ = try PreferenceObjective(reference: .adapterOff)
                    .loss(batch, model: model, context: StepContext(seed: 1))
            }.hasPrefix("the model has no adapter"))
        var settings = LossSettings("robust")
        (settings.labelSmoothing, settings.beta) = (0.7, -1)
        #expect(
            message { _ = try PreferenceObjective(settings: settings, reference: .cached) }
                .split(separator: "\n").count == 2)
    }

    @Test func `rewards without a reference are what the loss takes for them`() throws {
        let model = try TinyPairs.adapted()
        let batch = PreferenceBatch(TinyPairs.examples(3))
        func metrics(_ name: String) throws -> MetricSums {
            try TinyPairs.outcome(
                PreferenceObjective(settings: LossSettings(name), reference: .none), [batch], model: model
            ).metrics
        }
        let labels = batch.answers.labelLogProbabilities(model).logProbability
        let sums: [Double] = batch.answers.ranges.prefix(3).map { labels.slice($0).total }
        let means: [Double] = zip(sums, batch.examples).map { $0 / Double($1.chosen.count) }
        let meanSum: Double = sums.reduce(0, +) / 3
        let meanOfMeans: Double = means.reduce(0, +) / 3
        let cpo = try #require(try metrics("cpo")["rewards/chosen"])
        #expect(abs(cpo - 0.1 * meanSum) < 1e-5)
        let simpo = try #require(try metrics("simpo")["rewards/chosen"])
        #expect(abs(simpo - 0.1 * meanOfMeans) < 1e-5)
        let orpo = try metrics("orpo")
        let logps = try #require(orpo["logps/chosen"])
        #expect(abs(logps - meanOfMeans) < 1e-5)
        #expect(orpo["nll_loss"] != nil && orpo["log_odds_ratio"] != nil)
    }
}
