import Foundation
import LanguageModels
import SFT
import TensorCore
import TextCore
import Training

/// Seconds of an optimiser step of SFT: rows of random tokens, every token trained, AdamW with clipping.
struct TrainingBenchmark {
    let model: LanguageModel
    let adapter: Bool
    let precision: BenchmarkPrecision
    let rows: Int
    let length: Int
    /// Steps that one repetition takes together.
    var stepsAtOnce = 1
    /// Whether blocks are computed again in the reverse pass.
    var checkpointing = false

    func run(_ repetitions: Int) throws -> Measurement {
        let trainer = makeTrainer()
        let batch = makeBatch()
        let rates = checkpointing ? [] : MachineRate.measure(precision)
        // Memory is taken in the first steps, so its counts are of the last.
        try step(trainer, batch)
        let timing = try Timing(repetitions) { for _ in 0..<stepsAtOnce { try step(trainer, batch) } }
        let before = BufferPool.shared.counters
        try step(trainer, batch)
        let after = BufferPool.shared.counters
        let seconds = timing.wall.median / Double(stepsAtOnce)
        var result = Measurement()
        result["seconds_per_step"] = .number(seconds.rounded(digits: 4))
        result["processor_seconds_per_step"] = .number(
            (timing.processor.median / Double(stepsAtOnce)).rounded(digits: 4))
        result["tokens_per_second"] = .number((Double(rows * length) / seconds).rounded(digits: 4))
        result["gigaflop_per_step"] = .number((operations / 1e9).rounded(digits: 4))
        for (shape, rate) in zip(MachineRate.shapes, rates) {
            result["machine_gigaflops_\(shape.0)x\(shape.1)x\(shape.2)"] = .number((rate / 1e9).rounded(digits: 4))
        }
        if let best = rates.max() {
            result["share_of_machine"] = .number((operations / seconds / best).rounded(digits: 3))
        }
        result["peak_rss_mb"] = .integer(peakResidentMegabytes())
        result["peak_tensors_mb"] = .integer(after.peakLiveBytes >> 20)
        result["peak_pool_mb"] = .integer(after.peakHeldBytes >> 20)
        result["buffers_taken_per_step"] = .integer(after.taken - before.taken)
        result["buffers_allocated_per_step"] = .integer(after.allocated - before.allocated)
        return result
    }

    /// Seconds of a step alone.
    func seconds(_ repetitions: Int) throws -> Double {
        let trainer = makeTrainer()
        let batch = makeBatch()
        return try Timing(repetitions) { try step(trainer, batch) }.wall.median
    }

    func makeTrainer(steps: Int = 1_000_000, checkpoints: Cadence = .never) -> Trainer<SFTObjective> {
        var configuration = TrainerConfiguration(
            schedule: LearningRateSchedule(baseRate: 1e-4, totalSteps: steps), stepsPerEpoch: steps,
            checkpoints: checkpoints)
        configuration.gradientCheckpointing = checkpointing
        return Trainer(model: model, objective: SFTObjective(), configuration: configuration)
    }

    private func step(_ trainer: Trainer<SFTObjective>, _ batch: StepBatch<TokenBatch>) throws {
        guard case .updated = try trainer.step(batch) else { throw TrainingError("a step changed nothing") }
    }

    func makeBatch() -> StepBatch<TokenBatch> {
        let vocabulary = model.configuration.vocabularySize
        let draws = Tensor.uniform(
            [rows * length], from: 0, to: 1, stream: RandomStream(seed: 11, purpose: "benchmark tokens")
        ).scalars
        let ids = draws.map { Int32(min(vocabulary - 1, 3 + Int($0 * Float(vocabulary - 3)))) }
        let examples = (0..<rows).map { TrainingExample(ids: Array(ids[$0 * length..<($0 + 1) * length])) }
        return StepBatch(microBatches: [TokenBatch(examples)], tokens: rows * length, epoch: 0)
    }

    /// Floating-point operations that a step cannot do without, two for each multiply and add: products with weights
    /// forward and back to the input, with gradients of weights where those are trained, and attention over the keys
    /// that each query sees.
    private var operations: Double {
        let configuration = model.configuration
        let tokens = Double(rows * length)
        let trained = Double(rows * (length - 1))
        let block = model.linearLayers.reduce(0.0) { $0 + Double($1.inputs * $1.outputs) }
        let head = Double(configuration.vocabularySize * configuration.width)
        let passes = adapter ? 2.0 : 3.0
        let products = 2 * passes * (block * tokens + head * trained)
        let lowRank = model.linearLayers.reduce(0.0) { total, layer in
            guard let adapter = layer.adapter else { return total }
            return total + Double(adapter.down.value.count + adapter.up.value.count)
        }
        let width = Double(configuration.heads * configuration.headSize * configuration.layers.count)
        let pairs = Double(rows) * Double(length) * Double(length + 1) / 2
        return products + 6 * lowRank * tokens + 3 * 4 * width * pairs
    }
}
