import LanguageModels
import SFT
import TensorCore
import TextCore
import Training

/// Random rows, a random model of a few thousand parameters, and a run over them.
enum TinyData {
    static let vocabulary = 31

    /// Rows of 3 to 16 tokens; the first third of each is a prompt.
    static func examples(_ count: Int) -> [TrainingExample] {
        (0..<count).map { row in
            let stream = RandomStream(seed: 4, purpose: "example", index: row)
            let length = 3 + Int(stream.word(0)) % 14
            let ids = (0..<length).map { Int32(stream.word($0 + 1) % UInt32(vocabulary)) }
            return TrainingExample(
                ids: ids, trained: ids.indices.map { $0 >= max(1, length / 3) }, source: "rows.jsonl:\(row + 1)")
        }
    }

    static func model() throws -> LanguageModel {
        let model = try ModelInitializer.model(
            configuration: [
                "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 31, "hidden_size": 16,
                "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
                "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000, "hidden_act": "silu",
                "tie_word_embeddings": false, "initializer_range": 0.2,
            ], seed: 2)
        model.setTrainable(.full)
        return model
    }

    /// Reports of the first steps of a run.
    static func reports(
        _ batches: BatchStream<HeldStream<TrainingExample>, TokenBatch>, objective: SFTObjective = SFTObjective(),
        steps: Int = 4
    ) throws -> [StepReport] {
        var batches = batches
        let schedule = LearningRateSchedule(baseRate: 0.01, totalSteps: steps)
        let trainer = Trainer(
            model: try model(), objective: objective,
            configuration: TrainerConfiguration(schedule: schedule, stepsPerEpoch: 1))
        return try (0..<steps).compactMap { _ in
            guard case .updated(let report) = try trainer.step(batches.next()) else { return nil }
            return report
        }
    }
}
