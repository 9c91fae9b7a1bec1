import TensorCore
import TextCore

extension ModelFamily {
    /// Qwen 2 and 2.5: queries, keys and values have a bias.
    static let qwen2 = ModelFamily(
        modelType: "qwen2", classPrefix: "Qwen2",
        sample: sampleConfiguration(
            "qwen2",
            ["tie_word_embeddings": true, "use_sliding_window": true, "sliding_window": 4, "max_window_layers": 2]),
        translate: { reader in
            var decoder = reader.decoder(FamilyDefaults(keyHeads: 32, contextLength: 32_768))
            reader.setQwenWindows(&decoder)
            decoder.hasQueryKeyValueBias = true
            return decoder
        })

    /// Qwen 3 (dense): every head of queries and keys is normalised.
    static let qwen3 = ModelFamily(
        modelType: "qwen3", classPrefix: "Qwen3", sample: sampleConfiguration("qwen3", ["attention_bias": true]),
        translate: { reader in
            var decoder = reader.decoder(FamilyDefaults(keyHeads: 32, headSize: 128, contextLength: 32_768))
            reader.setQwenWindows(&decoder)
            decoder.setAttentionBias(reader.flag("attention_bias", default: false))
            decoder.queryKeyNorm = .perHead
            return decoder
        })
}

extension ConfigurationReader {
    /// Layers from `max_window_layers` on have the window, if it is used at all; `layer_types` says otherwise.
    fileprivate mutating func setQwenWindows(_ decoder: inout DecoderConfiguration) {
        let window = flag("use_sliding_window", default: false) ? optionalSize("sliding_window") ?? 4096 : nil
        // Zero is a legal number of layers without a window.
        let first = self["max_window_layers"]?.int ?? 28
        let types = layerTypes(count: decoder.layers.count, known: ["full_attention", "sliding_attention"]) {
            window != nil && $0 >= first ? "sliding_attention" : "full_attention"
        }
        for (index, type) in types.enumerated() where type == "sliding_attention" {
            decoder.layers[index].window = window
        }
    }
}
