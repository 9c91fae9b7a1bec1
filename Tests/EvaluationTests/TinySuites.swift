import Evaluation
import Foundation
import LanguageModels
import TensorCore
import TextCore
import Tokenization
import Training
import Verifiers

/// A random model of a few thousand parameters, a tokenizer of bytes, and suites over them.
struct TinySuites {
    let tokenizer: Tokenizer
    let model: LanguageModel
    let stopIDs: Set<Int>

    /// Other seeds give other models.
    init(seed: UInt64 = 2) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hone-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let trainer = BPETrainer(vocabularySize: 258, endOfSequence: "<end>", chatTemplate: Self.template)
        try trainer.train(on: ["a"]).write(to: folder)
        tokenizer = try Tokenizer(folder: folder)
        stopIDs = Set([tokenizer.endOfSequenceID].compactMap(\.self))
        model = try ModelInitializer.model(
            configuration: [
                "model_type": "llama", "architectures": ["LlamaForCausalLM"],
                "vocab_size": .integer(tokenizer.vocabularySize), "hidden_size": 16, "intermediate_size": 24,
                "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
                "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000, "hidden_act": "silu",
                "tie_word_embeddings": false, "initializer_range": 0.2,
            ], seed: seed)
        model.setTrainable(.none)
    }

    static let template =
        "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% if m.role == 'assistant' %}<end>{% endif %}"
        + "{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}"

    var runner: SuiteRunner { SuiteRunner(model: model, tokenizer: tokenizer, stopIDs: stopIDs) }

    /// A row of random letters, whose first third is a prompt.
    func example(_ index: Int) -> TrainingExample {
        let stream = RandomStream(seed: 4, purpose: "example", index: index)
        let length = 3 + Int(stream.word(0)) % 14
        let ids = (0..<length).map { Int32(stream.word($0 + 1) % 250) }
        return TrainingExample(
            ids: ids, trained: ids.indices.map { $0 >= max(1, length / 3) }, source: "/data/rows.jsonl:\(index + 1)")
    }

    /// A suite of losses.
    func losses(_ count: Int, asPerplexity: Bool = false) -> Suite {
        let names = RowIdentity.names((0..<count).map { ("/data/rows.jsonl:\($0 + 1)", "row \($0)") })
        return Suite(
            name: "general", judgement: .loss(asPerplexity: asPerplexity),
            items: (0..<count).map {
                SuiteItem(id: names[$0], source: "/data/rows.jsonl:\($0 + 1)", prompt: [], row: example($0))
            }
        )
    }

    /// Questions on each of which the model writes a few tokens, and what is right is decided by `verifier`.
    func questions(
        _ count: Int, labels: [String] = [], limit: Int = 6, verifier: (Int) throws -> BoundVerifier?
    ) throws -> Suite {
        let names = RowIdentity.names((0..<count).map { ("/data/test.jsonl:\($0 + 1)", "question \($0)") })
        let items = try (0..<count).map { index in
            SuiteItem(
                id: names[index], source: "/data/test.jsonl:\(index + 1)",
                prompt: tokenizer.encode("question \(index) "),
                verifier: try verifier(index), question: Rollout("", item: names[index]), expected: "answer",
                label: labels.isEmpty ? nil : labels[index % labels.count])
        }
        return Suite(name: "test", judgement: .answers(AnswerLimits(maxNewTokens: limit)), items: items)
    }
}

/// The weighted mean of observations.
func mean(_ observations: [RowObservation]) -> Double {
    observations.reduce(0) { $0 + $1.value * $1.weight } / observations.reduce(0) { $0 + $1.weight }
}
