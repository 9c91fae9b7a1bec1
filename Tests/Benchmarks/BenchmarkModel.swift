import Foundation
import LanguageModels
import TensorCore
import TextCore

/// Where the measured model comes from.
struct BenchmarkModel {
    /// A decoder in the layout of Llama.
    struct Shape {
        var width = 576
        var feedForward = 1536
        var heads = 9
        var keyHeads = 3
        var layers = 30
        var vocabulary = 49152

        /// SmolLM2-135M.
        static let smollm = Shape()
        /// The peers' `small-20m`.
        static let small = Shape(width: 288, feedForward: 768, heads: 6, keyHeads: 6, layers: 6)
        /// Two layers, in which what an operation costs besides its arithmetic shows.
        static let tiny = Shape(width: 128, feedForward: 384, heads: 4, keyHeads: 4, layers: 2, vocabulary: 1024)
        /// The peers' `qwen2.5-0.5b`.
        static let half = Shape(width: 896, feedForward: 4864, heads: 14, keyHeads: 2, layers: 24)
        /// Qwen2.5-0.5B, but for the biases of its projections.
        static let qwen = Shape(
            width: 896, feedForward: 4864, heads: 14, keyHeads: 2, layers: 24, vocabulary: 151_936)

        var configuration: JSON {
            [
                "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": .integer(width),
                "intermediate_size": .integer(feedForward), "num_attention_heads": .integer(heads),
                "num_key_value_heads": .integer(keyHeads), "head_dim": .integer(width / heads),
                "num_hidden_layers": .integer(layers), "vocab_size": .integer(vocabulary), "hidden_act": "silu",
                "max_position_embeddings": 16384, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
                "tie_word_embeddings": true, "attention_bias": false, "mlp_bias": false, "initializer_range": 0.02,
                "bos_token_id": 0, "eos_token_id": 2, "torch_dtype": "float32",
            ]
        }
    }

    /// What is trained.
    enum Adapter { case none, full, lora, qlora }

    /// `nil` for random weights of the shape.
    var folder: String?
    var shape = Shape.smollm
    var precision = BenchmarkPrecision.float32

    func load(_ adapter: Adapter) throws -> LanguageModel {
        let model = try loaded(adapter)
        switch adapter {
        case .none: break
        case .full: model.setTrainable(.full)
        case .lora, .qlora: try model.attachAdapter(AdapterConfiguration(rank: 16, alpha: 32), seed: 3)
        }
        return model
    }

    private func loaded(_ adapter: Adapter) throws -> LanguageModel {
        guard let folder else {
            let model = try ModelInitializer.model(configuration: shape.configuration, seed: 7)
            model.precision = precision.products
            return model
        }
        // Weights that are trained are float32 in any case.
        let isNarrow = precision == .bf16 && adapter != .full
        return try ModelLoader.load(
            folder: URL(fileURLWithPath: folder), dtype: isNarrow ? .bfloat16 : .float32,
            quantization: adapter == .qlora ? Quantization(numberType: .bfloat16) : nil,
            precision: precision.products)
    }

    /// The folder with the tokenizer: the model's own, or that of the peers.
    func tokenizerFolder(shared: String) -> URL {
        if let folder, FileManager.default.fileExists(atPath: folder + "/tokenizer.json") {
            return URL(fileURLWithPath: folder)
        }
        return URL(fileURLWithPath: shared).appending(path: "peers/tokenizer")
    }
}

/// Models of random weights as folders, because peers read nothing else and a measured process should not pay for drawing
/// them.
final class ModelFolders {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "hone-bench-\(UUID().uuidString)")
    private let shared: String
    private var made: [Int: String] = [:]

    init(shared: String) { self.shared = shared }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// The folder of a model of this shape, stored in bf16 as models are.
    func path(of shape: BenchmarkModel.Shape) throws -> String {
        if let path = made[shape.width] { return path }
        let place = folder.appending(path: "\(shape.width)")
        try BenchmarkModel(shape: shape).load(.none).save(to: place, dtype: .bfloat16)
        let tokenizer = URL(fileURLWithPath: shared).appending(path: "peers/tokenizer")
        for name in (try? FileManager.default.contentsOfDirectory(atPath: tokenizer.path)) ?? [] {
            try FileManager.default.copyItem(at: tokenizer.appending(path: name), to: place.appending(path: name))
        }
        made[shape.width] = place.path
        return place.path
    }
}
