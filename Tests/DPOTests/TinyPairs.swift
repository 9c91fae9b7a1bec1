import DPO
import LanguageModels
import TensorCore
import TextCore
import Training

/// Random pairs, a random model of a few thousand parameters, and steps over them.
enum TinyPairs {
    static let vocabulary = 31

    private static func ids(_ purpose: String, _ row: Int, _ count: Int) -> [Int32] {
        let stream = RandomStream(seed: 6, purpose: purpose, index: row)
        return (0..<count).map { Int32(stream.word($0) % UInt32(vocabulary)) }
    }

    /// Pairs with prompts of 1 to 6 and answers of 1 to 9 tokens.
    static func examples(_ count: Int, weighted: Bool = false) -> [PreferenceExample] {
        (0..<count).map { row in
            let lengths = RandomStream(seed: 6, purpose: "lengths", index: row)
            return PreferenceExample(
                prompt: ids("prompt", row, 1 + Int(lengths.word(0)) % 6),
                chosen: ids("chosen", row, 1 + Int(lengths.word(1)) % 9),
                rejected: ids("rejected", row, 1 + Int(lengths.word(2)) % 9),
                weight: weighted ? 0.5 + Double(row % 3) : 1, source: "pairs.jsonl:\(row + 1)")
        }
    }

    static func model() throws -> LanguageModel {
        try ModelInitializer.model(
            configuration: [
                "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 31, "hidden_size": 16,
                "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
                "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000, "hidden_act": "silu",
                "tie_word_embeddings": false, "initializer_range": 0.2,
            ], seed: 2)
    }

    /// A model with an adapter: one that changes nothing yet, or one that has been trained.
    static func adapted(fresh: Bool = false) throws -> LanguageModel {
        let model = try model()
        try model.attachAdapter(AdapterConfiguration(rank: 3), seed: 4)
        guard !fresh else { return model }
        for (index, parameter) in model.trainableParameters.map(\.parameter).enumerated() {
            let stream = RandomStream(seed: 8, purpose: "adapter", index: index)
            parameter.value = .uniform(parameter.value.shape, from: -0.2, to: 0.2, stream: stream)
        }
        return model
    }

    /// What came of micro-batches together: loss, gradients and metrics of their step.
    struct Outcome {
        var loss = 0.0
        var weight = 0.0
        var gradients: [Float] = []
        var metrics = MetricSums()
        var mean: Double { loss / weight }
    }

    static func outcome<Goal: Objective>(
        _ objective: Goal, _ batches: [Goal.Batch], model: LanguageModel, isTraining: Bool = true
    ) throws -> Outcome {
        let parameters = model.trainableParameters.map(\.parameter)
        var gradients = Gradients(count: parameters.count)
        var outcome = Outcome()
        for (index, batch) in batches.enumerated() {
            let context = StepContext(seed: 1, microBatch: index, isTraining: isTraining)
            let (value, sums) = try valueAndGradient(of: parameters, addingTo: &gradients) {
                let loss = try objective.loss(batch, model: model, context: context)
                return (loss.sum, (loss.weight, loss.metrics))
            }
            outcome.loss += Double(value)
            outcome.weight += sums.0
            outcome.metrics.merge(sums.1)
        }
        outcome.gradients = zip(parameters, gradients.tensors).flatMap { parameter, gradient in
            (gradient ?? .zeros(parameter.value.shape)).scalars.map { $0 / Float(outcome.weight) }
        }
        return outcome
    }
}
