import TensorCore
import TextCore

extension ModelFamily {
    /// OLMo 2: norms after each part, queries and keys normalised over all heads at once.
    static let olmo2 = ModelFamily(
        modelType: "olmo2", classPrefix: "Olmo2", sample: sampleConfiguration("olmo2", ["attention_bias": true]),
        translate: { reader in
            var decoder = reader.decoder(FamilyDefaults(contextLength: 2048, normEpsilon: 1e-5))
            reader.refuseWindows()
            decoder.setAttentionBias(reader.flag("attention_bias", default: false))
            decoder.normPlacement = .after
            decoder.queryKeyNorm = .whole
            return decoder
        })
}
