import Foundation
import LanguageModels
import TextCore

/// Where the measured model comes from.
struct BenchmarkModel {
    /// `nil` for random weights in the shape of SmolLM2-135M.
    let folder: String?

    func load() throws -> LanguageModel {
        guard let folder else { return try Self.random(Self.configuration()) }
        return try ModelLoader.load(folder: URL(fileURLWithPath: folder))
    }

    /// The folder with the tokenizer: the model's own, or that of the peers.
    func tokenizerFolder(shared: String) -> URL {
        if let folder, FileManager.default.fileExists(atPath: folder + "/tokenizer.json") {
            return URL(fileURLWithPath: folder)
        }
        return URL(fileURLWithPath: shared).appending(path: "peers/tokenizer")
    }

    /// Two layers, in which what an operation costs besides its arithmetic shows.
    static func tiny() throws -> LanguageModel {
        try random(
            configuration(width: 128, feedForward: 384, heads: 4, keyHeads: 4, layers: 2, vocabulary: 1024))
    }

    private static func random(_ configuration: JSON) throws -> LanguageModel {
        try ModelInitializer.model(configuration: configuration, seed: 7)
    }

    /// A model of the shape of Qwen2.5-0.5B, but for the biases of its projections.
    static func halfBillion() throws -> LanguageModel {
        try random(
            configuration(
                width: 896, feedForward: 4864, heads: 14, keyHeads: 2, layers: 24, vocabulary: 151_936))
    }

    private static func configuration(
        width: Int = 576, feedForward: Int = 1536, heads: Int = 9, keyHeads: Int = 3, layers: Int = 30,
        vocabulary: Int = 49152
    ) -> JSON {
        [
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": .integer(width),
            "intermediate_size": .integer(feedForward), "num_attention_heads": .integer(heads),
            "num_key_value_heads": .integer(keyHeads), "head_dim": .integer(width / heads),
            "num_hidden_layers": .integer(layers), "vocab_size": .integer(vocabulary), "hidden_act": "silu",
            "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true,
            "attention_bias": false, "mlp_bias": false, "initializer_range": 0.02, "bos_token_id": 0,
            "eos_token_id": 2, "torch_dtype": "float32",
        ]
    }
}

/// The model as a folder, because a peer reads nothing else.
struct FolderForPeer {
    /// `nil` where each process makes the model for itself.
    let path: String?
    private let isTemporary: Bool

    init(model: String?, isNeeded: Bool, shared: String) throws {
        guard isNeeded, model == nil else {
            (path, isTemporary) = (model, false)
            return
        }
        let folder = FileManager.default.temporaryDirectory.appending(path: "hone-bench-\(UUID().uuidString)")
        try BenchmarkModel(folder: nil).load().save(to: folder)
        let tokenizer = URL(fileURLWithPath: shared).appending(path: "peers/tokenizer")
        for name in (try? FileManager.default.contentsOfDirectory(atPath: tokenizer.path)) ?? [] {
            try FileManager.default.copyItem(at: tokenizer.appending(path: name), to: folder.appending(path: name))
        }
        (path, isTemporary) = (folder.path, true)
    }

    func remove() {
        if isTemporary, let path { try? FileManager.default.removeItem(atPath: path) }
    }
}
