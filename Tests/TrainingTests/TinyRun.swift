import Foundation
import LanguageModels
import Synchronization
import TensorCore
import TextCore
import Training

/// A random model of a few thousand parameters, its data and its training: small enough to run hundreds of times.
enum TinyRun {
    static let vocabulary = 29

    static func model(seed: UInt64 = 1) throws -> LanguageModel {
        let model = try ModelInitializer.model(
            configuration: [
                "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 29, "hidden_size": 16,
                "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
                "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000, "hidden_act": "silu",
                "tie_word_embeddings": true, "initializer_range": 0.2,
            ], seed: seed)
        model.setTrainable(.full)
        return model
    }

    /// A batch of 4 rows cut into two micro-batches; a pure function of the step.
    static func batch(_ step: Int) -> StepBatch<PackedTokens> {
        let documents = (0..<4).map { row in
            let stream = RandomStream(seed: 9, purpose: "rows", step: step, index: row)
            return (0..<5 + row).map { Int(stream.word($0)) % vocabulary }
        }
        return StepBatch(
            microBatches: [PackedTokens(Array(documents[..<2])), PackedTokens(Array(documents[2...]))], tokens: 26,
            epoch: Double(step + 1) / 3, position: ["row": .integer(step * 4 + 4)], rows: rows(step))
    }

    /// Where the rows of a step came from.
    static func rows(_ step: Int) -> [String] { (1...4).map { "rows.jsonl:\(step * 4 + $0)" } }

    static func trainer(
        totalSteps: Int = 6, seed: UInt64 = 42, objective: NextToken = NextToken(),
        adapter: AdapterConfiguration? = nil,
        configure: (inout TrainerConfiguration) -> Void = { _ in }
    ) throws -> Trainer<NextToken> {
        var configuration = TrainerConfiguration(
            schedule: LearningRateSchedule(
                baseRate: 0.01, curve: .cosine, warmUp: .steps(1), totalSteps: totalSteps),
            stepsPerEpoch: 3, seed: seed)
        configure(&configuration)
        let model = try model()
        if let adapter { try model.attachAdapter(adapter, seed: 3) }
        return Trainer(
            model: model, objective: objective, settings: AdamW.Settings(betas: (0.9, 0.95), weightDecay: 0.1),
            configuration: configuration)
    }

    /// Every weight and moment, to the bit.
    static func bits(_ trainer: Trainer<NextToken>) -> [[UInt32]] {
        let weights = trainer.model.namedParameters.map(\.parameter.value)
        return (weights + trainer.optimizer.firstMoments + trainer.optimizer.secondMoments)
            .map { $0.scalars.map(\.bitPattern) }
    }

    /// A folder of its own in memory where there is one, removed after `body`: for tests that write thousands of files.
    static func withFastFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let memory = URL(fileURLWithPath: "/dev/shm", isDirectory: true)
        return try withFolder(in: FileManager.default.isWritableFile(atPath: memory.path) ? memory : nil, body)
    }

    /// A folder of its own, removed after `body`.
    static func withFolder<Result>(in parent: URL? = nil, _ body: (URL) throws -> Result) throws -> Result {
        let parent = parent ?? FileManager.default.temporaryDirectory
        let outer = parent.appendingPathComponent("hone-\(UUID().uuidString)")
        // Links to the newest checkpoint lie beside the folder of checkpoints, which tests must not share.
        let folder = outer.appendingPathComponent("run")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: outer) }
        return try body(folder)
    }
}

/// Cross-entropy over every token, times a factor that a test may make infinite at some steps.
struct NextToken: Objective {
    var factor: @Sendable (_ step: Int) -> Float = { _ in 1 }
    /// Steps whose loss is as usual, and whose gradient is infinite.
    var brokenGradients: Set<Int> = []
    /// Steps in which nothing carries loss.
    var emptySteps: Set<Int> = []

    func loss(_ batch: PackedTokens, model: LanguageModel, context: StepContext) throws -> LossSum {
        var positions: [Int] = []
        var start = 0
        for length in batch.lengths {
            positions.append(contentsOf: start..<start + length - 1)
            start += length
        }
        let hidden = model.hiddenStates(batch, options: context.forwardOptions)
        let labels = model.labelLogProbabilities(
            hidden: embedding(hidden, positions), labels: positions.map { Int32(batch.ids[$0 + 1]) })
        var metrics = MetricSums()
        metrics.add("entropy", sum: labels.entropy.detached.total, weight: Double(positions.count))
        var sum = labels.logProbability.sum().scaled(by: -factor(context.step))
        if brokenGradients.contains(context.step) {
            // Going forward the number stays small; going backward the last two factors come first.
            sum = sum.scaled(by: 1e-37).scaled(by: 1e38).scaled(by: 1e3)
        }
        if emptySteps.contains(context.step) { return LossSum(sum: sum.scaled(by: 0), weight: 0, metrics: metrics) }
        return LossSum(sum: sum, weight: Double(positions.count), metrics: metrics)
    }
}

/// A number that several threads may read.
final class SharedCount: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int {
        get { count.load(ordering: .sequentiallyConsistent) }
        set { count.store(newValue, ordering: .sequentiallyConsistent) }
    }
}
