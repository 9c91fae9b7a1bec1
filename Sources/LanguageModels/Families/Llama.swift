import TensorCore
import TextCore

extension ModelFamily {
    /// Llama 2 and 3, SmolLM 2, and the many that share the architecture.
    static let llama = ModelFamily(
        modelType: "llama", classPrefix: "Llama",
        sample: sampleConfiguration(
            "llama",
            [
                "rope_theta": 10000.0, "attention_bias": true, "mlp_bias": true,
                "rope_scaling": [
                    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 16,
                ],
            ]),
        translate: { reader in
            var decoder = reader.decoder(FamilyDefaults(contextLength: 2048))
            reader.refuseWindows()
            decoder.setAttentionBias(reader.flag("attention_bias", default: false))
            decoder.hasFeedForwardBias = reader.flag("mlp_bias", default: false)
            return decoder
        })
}
