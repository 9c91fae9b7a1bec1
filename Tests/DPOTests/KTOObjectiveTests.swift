import DPO
import Foundation
import LanguageModels
import TensorCore
import Testing
import Training

@Suite struct KTOObjectiveTests {
    private static func rows(_ count: Int) -> [UnpairedExample] { Array(TinyPairs.examples(count).unpaired) }

    private func cost(_ loss: KTOSettings.Loss, ratio: Float, isDesirable: Bool, divergence: Double) -> Float {
        var settings = KTOSettings()
        settings.loss = loss
        return settings.costs(Tensor([ratio], shape: [1]), isDesirable: [isDesirable], divergence: divergence).scalar
    }

    @Test func `costs have their worked values`() {
        #expect(abs(cost(.kto, ratio: 1, isDesirable: true, divergence: 0.5) - 0.487_502_60) < 1e-7)
        #expect(abs(cost(.kto, ratio: -1, isDesirable: false, divergence: 0.5) - 0.462_570_15) < 1e-7)
        let sigmoid = Float(1 / (1 + exp(-0.1)))
        #expect(abs(cost(.apoZeroUnpaired, ratio: 1, isDesirable: true, divergence: 9) - (1 - sigmoid)) < 1e-7)
        #expect(abs(cost(.apoZeroUnpaired, ratio: 1, isDesirable: false, divergence: 9) - sigmoid) < 1e-7)
    }

    @Test func `gradients are those of central differences, and weights are factors`() {
        var settings = KTOSettings()
        (settings.desirableWeight, settings.undesirableWeight) = (1.5, 0.25)
        let verdicts = [true, false, true, false]
        let ratios: [Double] = [-3, 2, 0.5, -7]
        func exact(_ ratios: [Double]) -> Double {
            zip(ratios, verdicts).reduce(0) { sum, row in
                let x = 0.1 * (row.0 - 0.5)
                return sum + (row.1 ? 1.5 * (1 - 1 / (1 + exp(-x))) : 0.25 * (1 - 1 / (1 + exp(x))))
            }
        }
        let (outputs, gradients) = pullback(
            at: [Tensor(ratios.map { Float($0) }, shape: [4])],
            upstream: { [Tensor(repeating: 1, shape: $0[0].shape)] },
            { [settings.costs($0[0], isDesirable: verdicts, divergence: 0.5)] })
        #expect(abs(outputs[0].total - exact(ratios)) < 1e-6)
        for index in ratios.indices {
            var (above, below) = (ratios, ratios)
            above[index] += 1e-5
            below[index] -= 1e-5
            let slope = (exact(above) - exact(below)) / 2e-5
            #expect(abs(Double(gradients[0]?.scalars[index] ?? .nan) - slope) < 1e-6)
        }
    }

    @Test(arguments: KTOSettings.Loss.allCases)
    func `a step of 12 is 4 times 3 is 12 times 1`(loss: KTOSettings.Loss) throws {
        var settings = KTOSettings()
        settings.loss = loss
        settings.desirableWeight = 1.2
        let objective = try KTOObjective(settings: settings, reference: .adapterOff)
        let model = try TinyPairs.adapted()
        func outcome(_ limit: Packing.MicroBatchLimit) throws -> TinyPairs.Outcome {
            try TinyPairs.outcome(
                objective, UnpairedBatch.microBatches(Self.rows(6), limit: limit), model: model)
        }
        let whole = try outcome(.rows(12))
        for limit in [Packing.MicroBatchLimit.rows(4), .rows(1), .tokens(20)] {
            let other = try outcome(limit)
            #expect(abs(other.mean - whole.mean) < 1e-6 && other.weight == whole.weight)
            for (a, b) in zip(other.gradients, whole.gradients) { #expect(abs(a - b) < 1e-6) }
            for (metric, same) in zip(other.metrics.values, whole.metrics.values) {
                #expect(metric.name == same.name && abs(metric.value - same.value) < 1e-5)
            }
        }
        let names = Set(whole.metrics.values.map(\.name))
        #expect(names.isSuperset(of: ["kl", "entropy", "rewards/margins", "logps/rejected", "logits/chosen"]))
    }

    @Test func `the divergence is that of prompts with the answer of the row before`() throws {
        let model = try TinyPairs.adapted()
        let rows = Self.rows(4)
        let batch = try #require(UnpairedBatch.microBatches(rows, limit: .rows(99), pairing: .previousRow).first)
        let turned = rows.indices.map { index in
            PackedAnswers.Group(
                prompt: rows[index].prompt, answers: [rows[(index + rows.count - 1) % rows.count].completion])
        }
        let answers = PackedAnswers(turned)
        var off = ForwardOptions()
        off.adapterEnabled = false
        let policy = answers.labelLogProbabilities(model).logProbability.total
        let reference = answers.labelLogProbabilities(model, options: off).logProbability.total
        let outcome = try TinyPairs.outcome(KTOObjective(reference: .adapterOff), [batch], model: model)
        let expected = max(0, (policy - reference) / Double(rows.count))
        #expect(abs(try #require(outcome.metrics["kl"]) - expected) < 1e-5)
    }

    @Test func `rows of one prompt do not stand in for other prompts`() {
        let pair = TinyPairs.examples(2)
        let rows = pair[0].unpaired + pair[1].unpaired
        func completions(_ pairing: UnpairedBatch.Pairing) -> [[Int32]] {
            let step = UnpairedBatch.microBatches(rows, limit: .rows(99), pairing: pairing)[0].step
            return step.mismatched[0].ranges.map { Array(step.mismatched[0].labels[$0]) }
        }
        #expect(
            completions(.otherPrompt) == [
                rows[3].completion, rows[3].completion, rows[1].completion, rows[1].completion,
            ])
        #expect(
            completions(.previousRow) == [
                rows[3].completion, rows[0].completion, rows[1].completion, rows[2].completion,
            ])
    }

    @Test func `the estimate is made anew each time a step is taken`() throws {
        let model = try TinyPairs.adapted()
        let batches = UnpairedBatch.microBatches(Self.rows(4), limit: .rows(3))
        let objective = try KTOObjective(reference: .adapterOff)
        let first = try TinyPairs.outcome(objective, batches, model: model)
        for (_, parameter) in model.trainableParameters { parameter.value = .zeros(parameter.value.shape) }
        let second = try TinyPairs.outcome(objective, batches, model: model)
        #expect(second.metrics["kl"] == 0 && abs(second.mean - 0.5) < 1e-6 && abs(first.mean - 0.5) > 1e-6)
    }

    @Test func `settings out of range are refused`() throws {
        #expect(throws: TrainingError.self) { try KTOObjective(reference: .none) }
        #expect(throws: TrainingError.self) { try KTOObjective(reference: .cached) }
        var settings = KTOSettings()
        #expect(settings.problems(rowsPerStep: 2).isEmpty && settings.problems(rowsPerStep: 1).count == 1)
        (settings.beta, settings.desirableWeight) = (0, -1)
        #expect(settings.problems().count == 2)
        #expect(KTOSettings().imbalance(desirable: 100, undesirable: 100) == nil)
        #expect(KTOSettings().imbalance(desirable: 10, undesirable: 100)?.contains("10.00 to 13.33") == true)
    }
}
