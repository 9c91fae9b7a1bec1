import TensorCore
import TextCore

extension ModelFamily {
    /// SmolLM 3: Llama in which some layers, every fourth unless listed, do not rotate queries and keys.
    static let smolLM3 = ModelFamily(
        modelType: "smollm3", classPrefix: "SmolLM3",
        sample: sampleConfiguration(
            "smollm3", ["no_rope_layer_interval": 2, "use_sliding_window": true, "sliding_window": 6]),
        translate: { reader in
            var decoder = reader.decoder(
                FamilyDefaults(keyHeads: 4, contextLength: 32_768, theta: 2_000_000, tiesEmbeddings: true))
            decoder.setAttentionBias(reader.flag("attention_bias", default: false))
            decoder.hasFeedForwardBias = reader.flag("mlp_bias", default: false)
            let rotates = reader.rotatingLayers(count: decoder.layers.count)
            let window = reader.flag("use_sliding_window", default: false) ? reader.optionalSize("sliding_window") : nil
            let types = reader.layerTypes(
                count: decoder.layers.count, known: ["full_attention", "sliding_attention"]
            ) { window != nil && !rotates[$0] ? "sliding_attention" : "full_attention" }
            for index in decoder.layers.indices {
                if !rotates[index] { decoder.layers[index].rotary = nil }
                if types[index] == "sliding_attention" { decoder.layers[index].window = window }
            }
            return decoder
        })
}

extension ConfigurationReader {
    /// `no_rope_layers` has 1 for a layer that rotates, whatever its name says.
    fileprivate mutating func rotatingLayers(count: Int) -> [Bool] {
        let interval = size("no_rope_layer_interval", default: 4)
        let byInterval = (0..<count).map { ($0 + 1) % interval != 0 }
        guard let list = self["no_rope_layers"] else { return byInterval }
        guard let numbers = list.array?.map(\.int), numbers.count == count, numbers.allSatisfy({ $0 == 0 || $0 == 1 })
        else {
            problem("`no_rope_layers` must be a list of \(count) numbers, 1 for a layer with rotary embedding, else 0")
            return byInterval
        }
        return numbers.map { $0 == 1 }
    }
}
