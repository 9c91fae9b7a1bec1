import DPO
import Foundation
import LanguageModels
import TensorCore
import Testing
import Training

@Suite struct RewardObjectiveTests {
    private func model() throws -> LanguageModel {
        let model = try TinyPairs.adapted()
        model.attachRewardHead(seed: 3)
        return model
    }

    /// softplus(−(1 − 0.5 − 0.2)) = 0.55435524 and 0.01 · 1.5² = 0.0225.
    @Test func `costs have their worked values, with margin and centring`() throws {
        let (chosen, rejected) = (Tensor([1], shape: [1]), Tensor([0.5], shape: [1]))
        func cost(_ centering: Double, margin: Double) throws -> Float {
            try RewardObjective(centering: centering).costs(chosen: chosen, rejected: rejected, margins: [margin])
                .scalar
        }
        #expect(abs(try cost(0, margin: 0) - Float(log1p(exp(-0.5)))) < 1e-6)
        #expect(abs(try cost(0, margin: 0.2) - 0.554_355_24) < 1e-6)
        #expect(abs(try cost(0.01, margin: 0.2) - 0.576_855_24) < 1e-6)
        #expect(throws: TrainingError.self) { try RewardObjective(centering: -1) }
    }

    @Test func `gradients are those of central differences`() throws {
        let objective = try RewardObjective(centering: 0.3)
        let margins = [0.1, 0, 0.7]
        func exact(_ chosen: [Double], _ rejected: [Double]) -> Double {
            margins.indices.reduce(0) {
                $0 + log1p(exp(rejected[$1] + margins[$1] - chosen[$1])) + 0.3 * pow(chosen[$1] + rejected[$1], 2)
            }
        }
        let (chosen, rejected) = ([0.4, -2, 3], [1.5, 0.2, -0.3])
        let (outputs, gradients) = pullback(
            at: [chosen, rejected].map { Tensor($0.map { Float($0) }, shape: [3]) },
            upstream: { [Tensor(repeating: 1, shape: $0[0].shape)] },
            { [objective.costs(chosen: $0[0], rejected: $0[1], margins: margins)] })
        #expect(abs(outputs[0].total - exact(chosen, rejected)) < 1e-5)
        for index in margins.indices {
            var (above, below) = (chosen, chosen)
            above[index] += 1e-5
            below[index] -= 1e-5
            let slope = (exact(above, rejected) - exact(below, rejected)) / 2e-5
            #expect(abs(Double(gradients[0]?.scalars[index] ?? .nan) - slope) < 1e-5)
            (above, below) = (rejected, rejected)
            above[index] += 1e-5
            below[index] -= 1e-5
            let other = (exact(chosen, above) - exact(chosen, below)) / 2e-5
            #expect(abs(Double(gradients[1]?.scalars[index] ?? .nan) - other) < 1e-5)
        }
    }

    @Test func `a reward is read after the last token of a row, and the cut changes nothing`() throws {
        let model = try model()
        var examples = TinyPairs.examples(6, weighted: true)
        examples[1].margin = 0.4
        let objective = try RewardObjective(centering: 0.05)
        let whole = try TinyPairs.outcome(objective, [PreferenceBatch(examples)], model: model)
        for batches in [
            PreferenceBatch.microBatches(examples, limit: .rows(2)),
            PreferenceBatch.microBatches(examples, limit: .rows(6), sharesPrefix: false),
        ] {
            let other = try TinyPairs.outcome(objective, batches, model: model)
            #expect(abs(other.mean - whole.mean) < 1e-5 && abs(other.weight - whole.weight) < 1e-9)
            for (a, b) in zip(other.gradients, whole.gradients) { #expect(abs(a - b) < 1e-4) }
            for (metric, same) in zip(other.metrics.values, whole.metrics.values) {
                #expect(metric.name == same.name && abs(metric.value - same.value) < 1e-5)
            }
        }
        #expect(
            whole.metrics.values.map(\.name) == ["min_reward", "mean_reward", "max_reward", "accuracy", "margin"])
        let rows = examples.map { PackedTokens([($0.prompt + $0.chosen).map(Int.init)]) }
        let rewards = rows.map { model.rewards(hidden: model.hiddenStates($0)).scalars.last ?? .nan }
        let others = examples.map { example -> Float in
            let row = PackedTokens([(example.prompt + example.rejected).map(Int.init)])
            return model.rewards(hidden: model.hiddenStates(row)).scalars.last ?? .nan
        }
        let margin = zip(rewards, others).reduce(0) { $0 + Double($1.0 - $1.1) } / 6
        #expect(abs(try #require(whole.metrics["margin"]) - margin) < 1e-5)
    }

    @Test func `the head is trained, and a model without one is refused`() throws {
        let batch = PreferenceBatch(TinyPairs.examples(2))
        let model = try model()
        #expect(model.trainableParameters.contains { $0.name.hasSuffix("score.weight") })
        let outcome = try TinyPairs.outcome(RewardObjective(), [batch], model: model)
        #expect(outcome.gradients.contains { $0 != 0 })
        #expect(throws: TrainingError.self) {
            try TinyPairs.outcome(RewardObjective(), [batch], model: TinyPairs.adapted())
        }
        let held = try RewardObjective().measure([batch], model: model)
        #expect(held.contains { $0.name == "preference_accuracy" })
    }
}
