import TensorCore
import TextCore

extension ModelFamily {
    /// Phi-3 and Phi-4 mini: queries, keys and values in one matrix, gate and up in another.
    static let phi3 = ModelFamily(
        modelType: "phi3", classPrefix: "Phi3",
        sample: sampleConfiguration("phi3", ["sliding_window": 7, "partial_rotary_factor": 0.75]),
        translate: { reader in
            var decoder = reader.decoder(FamilyDefaults(contextLength: 4096, normEpsilon: 1e-5))
            decoder.hasFusedProjections = true
            let window = reader.optionalSize("sliding_window")
            for index in decoder.layers.indices { decoder.layers[index].window = window }
            return decoder
        })
}
