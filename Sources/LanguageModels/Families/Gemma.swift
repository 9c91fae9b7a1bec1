import TensorCore
import TextCore

extension ModelFamily {
    /// Gemma 2: norms around each part, soft-capped scores and logits, a window in every other layer.
    static let gemma2 = ModelFamily(
        modelType: "gemma2", classPrefix: "Gemma2",
        sample: sampleConfiguration("gemma2", ["sliding_window": 5, "query_pre_attn_scalar": 12]),
        translate: { reader in
            var decoder = reader.gemma(contextLength: 8192, theta: 10_000)
            decoder.attentionSoftCap = reader.softCap("attn_logit_softcapping", default: 50)
            decoder.logitTransform.softCap = reader.softCap("final_logit_softcapping", default: 30)
            reader.setGemmaWindows(&decoder, rotaryOfWindows: nil) { ($0 + 1) % 2 != 0 }
            return decoder
        })

    /// Gemma 3, text only: heads of queries and keys are normalised, layers with a window rotate by another base.
    static let gemma3 = ModelFamily(
        modelType: "gemma3_text", classPrefix: "Gemma3Text",
        sample: sampleConfiguration("gemma3_text", ["sliding_window": 5, "sliding_window_pattern": 2]),
        translate: { reader in
            var decoder = reader.gemma(contextLength: 131_072, theta: 1_000_000)
            decoder.queryKeyNorm = .perHead
            decoder.attentionSoftCap = reader.softCap("attn_logit_softcapping", default: nil)
            decoder.logitTransform.softCap = reader.softCap("final_logit_softcapping", default: nil)
            let key = reader["_sliding_window_pattern"] == nil ? "sliding_window_pattern" : "_sliding_window_pattern"
            let pattern = reader.size(key, default: 6)
            var local = RotaryConfiguration(
                rotatedSize: decoder.headSize, theta: reader.positive("rope_local_base_freq", default: 10_000))
            if reader["rope_parameters"]?["sliding_attention"] != nil {
                local = reader.rotary(headSize: decoder.headSize, theta: 10_000, layerType: "sliding_attention")
            }
            reader.setGemmaWindows(&decoder, rotaryOfWindows: local) { ($0 + 1) % pattern != 0 }
            return decoder
        })
}

extension ConfigurationReader {
    fileprivate mutating func gemma(contextLength: Int, theta: Double) -> DecoderConfiguration {
        var decoder = self.decoder(
            FamilyDefaults(
                keyHeads: 4, headSize: 256, contextLength: contextLength, theta: theta, tiesEmbeddings: true,
                activation: ("hidden_activation", "gelu_pytorch_tanh")))
        decoder.normOffset = 1
        decoder.normPlacement = .around
        decoder.scalesEmbedding = true
        decoder.attentionScale = Float(1 / positive("query_pre_attn_scalar", default: 256).squareRoot())
        decoder.setAttentionBias(flag("attention_bias", default: false))
        return decoder
    }

    /// A cap above zero; `null` switches it off.
    fileprivate mutating func softCap(_ key: String, default assumed: Double?) -> Float? {
        guard json[key] != nil else { return assumed.map { Float($0) } }
        guard let cap = optionalNumber(key) else { return nil }
        if cap <= 0 { problem("`\(key)` must be above 0 or null, not \(cap)") }
        return Float(cap)
    }

    fileprivate mutating func setGemmaWindows(
        _ decoder: inout DecoderConfiguration, rotaryOfWindows: RotaryConfiguration?, isWindowed: (Int) -> Bool
    ) {
        let window = size("sliding_window", default: 4096)
        let types = layerTypes(count: decoder.layers.count, known: ["full_attention", "sliding_attention"]) {
            isWindowed($0) ? "sliding_attention" : "full_attention"
        }
        for (index, type) in types.enumerated() where type == "sliding_attention" {
            decoder.layers[index].window = window
            if let rotaryOfWindows { decoder.layers[index].rotary = rotaryOfWindows }
        }
    }
}
