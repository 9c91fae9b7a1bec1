import TensorCore
import TextCore

extension ModelFamily {
    /// Mistral 7B and relatives: Llama with a sliding window in every layer, unless it is `null`.
    static let mistral = ModelFamily(
        modelType: "mistral", classPrefix: "Mistral", sample: sampleConfiguration("mistral", ["sliding_window": 5]),
        translate: { reader in
            var decoder = reader.decoder(FamilyDefaults(keyHeads: 8, contextLength: 131_072))
            let window = reader.json["sliding_window"] == nil ? 4096 : reader.optionalSize("sliding_window")
            for index in decoder.layers.indices { decoder.layers[index].window = window }
            return decoder
        })
}
