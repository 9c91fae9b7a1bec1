import Foundation
import LanguageModels
import SFT
import TensorCore
import Testing
import TextCore
import Training

@Suite struct SFTObjectiveTests {
    private func batches(
        _ limit: Packing.MicroBatchLimit, packedInto maxLength: Int? = nil, globalBatchSize: Int = 8
    ) -> BatchStream<HeldStream<TrainingExample>, TokenBatch> {
        BatchStream(
            HeldStream(TinyData.examples(16), shuffleSeed: nil),
            plan: .tokens(
                globalBatchSize: globalBatchSize, limit: limit, packing: maxLength.map { .bestFit(maxLength: $0) }))
    }

    /// The sums of floats run in another order, so the last bits of float32 (6e-8) differ, and four steps of an
    /// optimiser that divides by the gradient's size carry that on: 1e-4 on the loss, 1e-3 on the norm.
    private func expectEqual(_ first: [StepReport], _ second: [StepReport]) {
        #expect(first.count == second.count && !first.isEmpty)
        for (a, b) in zip(first, second) {
            #expect(abs(a.loss - b.loss) < 1e-4 * b.loss)
            #expect(abs(a.gradientNorm - b.gradientNorm) < 1e-3 * b.gradientNorm)
            #expect(a.weight == b.weight)
            for (metric, other) in zip(a.metrics.values, b.metrics.values) {
                #expect(metric.name == other.name && abs(metric.value - other.value) < 1e-3)
            }
        }
    }

    @Test(arguments: SFTObjective.Loss.allCases)
    func `a batch of 8 is 4 times 2 is 8 times 1, and a budget of tokens cuts as well`(loss: SFTObjective.Loss) throws {
        let objective = SFTObjective(loss: loss)
        let whole = try TinyData.reports(batches(.rows(8)), objective: objective)
        for limit in [Packing.MicroBatchLimit.rows(4), .rows(2), .rows(1), .tokens(24)] {
            expectEqual(try TinyData.reports(batches(limit), objective: objective), whole)
        }
    }

    @Test func `noise is the same however the batch is cut`() throws {
        let objective = SFTObjective(neftuneAlpha: 5)
        let whole = try TinyData.reports(batches(.rows(8)), objective: objective)
        expectEqual(try TinyData.reports(batches(.rows(3)), objective: objective), whole)
        let plain = try TinyData.reports(batches(.rows(8)))
        #expect(abs(plain[0].loss - whole[0].loss) > 1e-4)
    }

    @Test func `packed rows learn what single rows learn`() throws {
        let packed = batches(.rows(99), packedInto: 16, globalBatchSize: 99)
        #expect(try packed.stepsOfPasses(1) == [1])
        let single = batches(.rows(1), globalBatchSize: 99)
        expectEqual(try TinyData.reports(packed), try TinyData.reports(single))
    }

    @Test func `one, two and four threads give the same bits`() throws {
        let threads = Parallel.threads
        defer { Parallel.setThreads(threads) }
        let norms = try [1, 2, 4].map { count in
            Parallel.setThreads(count)
            return try TinyData.reports(batches(.rows(2))).map { [$0.loss.bitPattern, $0.gradientNorm.bitPattern] }
        }
        #expect(norms[0] == norms[1] && norms[0] == norms[2])
    }

    /// With all logits equal, p is 1/2 for each of two tokens: the loss is p · −ln p, half of cross-entropy.
    @Test func `on two equal logits dft is half of cross-entropy`() throws {
        let model = try ModelInitializer.model(
            configuration: [
                "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 2, "hidden_size": 8,
                "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1,
                "max_position_embeddings": 16, "rms_norm_eps": 1e-5, "hidden_act": "silu",
                "tie_word_embeddings": false, "initializer_range": 0.2,
            ], seed: 1)
        model.outputEmbedding.value = .zeros([2, 8])
        let batch = TokenBatch([TrainingExample(ids: [0, 1, 1, 0])])
        let context = StepContext(seed: 0)
        let nll = try SFTObjective(loss: .nll).loss(batch, model: model, context: context)
        let dft = try SFTObjective(loss: .dft).loss(batch, model: model, context: context)
        #expect(nll.weight == 3 && abs(Double(nll.sum.scalar) - 3 * log(2.0)) < 1e-6)
        #expect(abs(dft.sum.scalar - nll.sum.scalar / 2) < 1e-6)
        #expect(abs(try #require(nll.metrics["entropy"]) - log(2.0)) < 1e-6)
    }

    @Test func `the gradient of dft is that of cross-entropy with each token weighted by its probability`() throws {
        let model = try TinyData.model()
        let batch = TokenBatch(TinyData.examples(3))
        let parameters = model.trainableParameters.map(\.parameter)
        var dft = Gradients(count: parameters.count)
        _ = try valueAndGradient(of: parameters, addingTo: &dft) {
            (try SFTObjective(loss: .dft).loss(batch, model: model, context: StepContext(seed: 0)).sum, ())
        }
        let hidden = embedding(model.hiddenStates(batch.tokens), batch.positions)
        let weights = model.labelLogProbabilities(hidden: hidden, labels: batch.labels).logProbability.exponential()
        var weighted = Gradients(count: parameters.count)
        _ = valueAndGradient(of: parameters, addingTo: &weighted) {
            let hidden = embedding(model.hiddenStates(batch.tokens), batch.positions)
            let labels = model.labelLogProbabilities(hidden: hidden, labels: batch.labels)
            return ((labels.logProbability * weights).sum().scaled(by: -1), ())
        }
        for (first, second) in zip(dft.tensors, weighted.tensors) {
            let (first, second) = (try #require(first).scalars, try #require(second).scalars)
            for (a, b) in zip(first, second) { #expect(abs(a - b) < 1e-5) }
        }
    }

    @Test func `noise is uniform within its bound, which each document's own length sets`() {
        let batch = TokenBatch([
            TrainingExample(ids: Array(repeating: 1, count: 400)),
            TrainingExample(ids: Array(repeating: 1, count: 100)),
        ])
        let noise = SFTObjective.noise(alpha: 5, batch: batch, width: 64, context: StepContext(seed: 3, step: 2))
        #expect(noise.shape == [500, 64])
        for (rows, length) in [(0..<400, 400.0), (400..<500, 100.0)] {
            let bound = 5 / (length * 64).squareRoot()
            let values = noise.slice(rows).scalars.map(Double.init)
            let mean = values.reduce(0, +) / Double(values.count)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
            #expect(values.allSatisfy { abs($0) <= bound })
            #expect((values.map(abs).max() ?? 0) > 0.99 * bound)
            // Five deviations of the mean of uniform numbers, and two per cent of their variance m² / 3.
            #expect(abs(mean) < 5 * bound / 3.0.squareRoot() / Double(values.count).squareRoot())
            #expect(abs(variance * 3 / bound / bound - 1) < 0.02)
        }
        func scalars(_ context: StepContext) -> [Float] {
            SFTObjective.noise(alpha: 5, batch: batch, width: 64, context: context).scalars
        }
        #expect(scalars(StepContext(seed: 3, step: 2, microBatch: 7)) == noise.scalars)
        #expect(scalars(StepContext(seed: 3, step: 3)) != noise.scalars)
        #expect(scalars(StepContext(seed: 4, step: 2)) != noise.scalars)
    }

    @Test func `held-out loss has no noise and is divided once`() throws {
        let model = try TinyData.model()
        let noisy = SFTObjective(neftuneAlpha: 5)
        let whole = try noisy.measure(TinyData.examples(16).batches(ofTokens: 4096), model: model)
        let parts = try SFTObjective().measure(TinyData.examples(16).batches(ofTokens: 40), model: model)
        #expect(whole.map(\.name) == ["loss", "entropy", "mean_token_accuracy"])
        for (a, b) in zip(whole, parts) { #expect(abs(a.value - b.value) < 1e-5) }
    }

    @Test func `a micro-batch without a trained token adds nothing`() throws {
        let example = TrainingExample(ids: [1, 2, 3], trained: [true, false, false])
        let loss = try SFTObjective().loss(
            TokenBatch([example]), model: TinyData.model(), context: StepContext(seed: 0))
        #expect(loss.weight == 0 && loss.sum.scalar == 0)
    }
}
