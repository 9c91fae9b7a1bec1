import LanguageModels
import RFT
import TensorCore
import TextCore
import Training

/// A random model of a few thousand parameters, random answers, and steps over them.
enum TinyPolicy {
    static let vocabulary = 31

    static func model(seed: UInt64 = 2, spread: Double = 0.2) throws -> LanguageModel {
        let model = try ModelInitializer.model(
            configuration: [
                "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 31, "hidden_size": 16,
                "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
                "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000, "hidden_act": "silu",
                "tie_word_embeddings": false, "initializer_range": .number(spread),
            ], seed: seed)
        model.setTrainable(.full)
        return model
    }

    private static func ids(_ purpose: String, _ index: Int, _ count: Int) -> [Int32] {
        let stream = RandomStream(seed: 6, purpose: purpose, index: index)
        return (0..<count).map { Int32(stream.word($0) % UInt32(vocabulary)) }
    }

    /// Groups of 1 to 4 answers of 1 to 9 tokens, some of them not trained, with everything that a setting may need.
    static func groups(_ count: Int) -> [PolicyGroup] {
        (0..<count).map { group in
            let stream = RandomStream(seed: 6, purpose: "sizes", index: group)
            let samples = (0..<1 + Int(stream.word(0)) % 4).map { sample in
                answer(10 * group + sample, length: 1 + Int(stream.word(1 + sample)) % 9)
            }
            return PolicyGroup(prompt: ids("prompt", group, 1 + Int(stream.word(9)) % 5), samples: samples)
        }
    }

    private static func answer(_ index: Int, length: Int) -> PolicySample {
        let stream = RandomStream(seed: 6, purpose: "values", index: index)
        func values(_ first: Int, from low: Float, to high: Float) -> [Float] {
            (0..<length).map { low + (high - low) * stream.uniform(first + $0) }
        }
        var sample = PolicySample(
            completion: ids("answer", index, length),
            isTrained: (0..<length).map { $0 == 0 || stream.uniform(20 + $0) < 0.8 },
            samplingLogProbabilities: values(40, from: -5, to: -2), advantage: Double(stream.uniform(0)) * 4 - 2,
            isTruncated: stream.uniform(1) < 0.2)
        sample.oldLogProbabilities = values(60, from: -4.5, to: -2.5)
        sample.referenceLogProbabilities = values(80, from: -4.5, to: -2.5)
        sample.entropies = values(100, from: 2.5, to: 3.4)
        return sample
    }

    /// What came of micro-batches together: loss, gradients and metrics of their step.
    struct Outcome {
        var loss = 0.0
        var weight = 0.0
        var gradients: [Float] = []
        var metrics = MetricSums()
        var mean: Double { loss / weight }
    }

    static func outcome(
        _ objective: PolicyObjective, _ groups: [PolicyGroup], model: LanguageModel,
        limit: Packing.MicroBatchLimit = .rows(1000)
    ) throws -> Outcome {
        let parameters = model.trainableParameters.map(\.parameter)
        var gradients = Gradients(count: parameters.count)
        var outcome = Outcome()
        let batches = PolicyBatch.plan(groups, settings: objective.settings, limit: limit)
        for (index, batch) in batches.enumerated() {
            let context = StepContext(seed: 1, microBatch: index)
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

    /// Settings of each loss that differ from the defaults in everything that a loss has in common with others.
    static func settings(_ loss: PolicyLoss) -> PolicySettings {
        var settings = PolicySettings(loss.name)
        if loss.options.contains(.epsilonHigh) { settings.epsilonHigh = loss.name == "cispo" ? 2 : 0.3 }
        settings.maximumCompletionLength = 12
        settings.temperature = 0.8
        return settings
    }

    static func relativeDistance(_ a: [Float], _ b: [Float]) -> Double {
        var (difference, size) = (0.0, 1e-30)
        for (a, b) in zip(a, b) {
            difference += Double(a - b) * Double(a - b)
            size += Double(b) * Double(b)
        }
        return (difference / size).squareRoot()
    }
}
