import LanguageModels
import TensorCore
import TextCore

/// The most memory that a process has resident while it trains a model.
struct MemoryBenchmark {
    private let training: TrainingBenchmark

    init(_ training: TrainingBenchmark) {
        var training = training
        training.checkpointing = true
        self.training = training
    }

    func run() throws -> Measurement {
        let weights = training.model.baseParameters.reduce(0.0) { $0 + Double($1.parameter.value.count) }
        var result = try training.run(1)
        let peak = Double(peakResidentMegabytes()) * 1_048_576
        result["times_bf16_weights"] = .number((peak / (2 * weights)).rounded(digits: 3))
        return result
    }
}
