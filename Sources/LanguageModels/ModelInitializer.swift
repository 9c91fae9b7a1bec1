import OrderedCollections
import TensorCore
public import TextCore

/// Makes models from scratch.
public enum ModelInitializer {
    /// A model with random weights: matrices from a normal distribution of deviation `initializer_range`, biases 0,
    /// norms at the identity. Each weight has a random stream of its own, keyed by its name.
    ///
    /// - Parameters:
    ///   - configuration: the content of a `config.json`.
    ///   - vocabularySize: V, which goes before the configuration's; `nil` for the configuration's.
    ///   - seed: of the random numbers.
    ///   - location: where the configuration is from, for messages.
    /// - Throws: `ModelError` if the configuration has an unknown family or a wrong or unsupported setting.
    public static func model(
        configuration: JSON, vocabularySize: Int? = nil, seed: UInt64, location: String = "config.json"
    ) throws(ModelError) -> LanguageModel {
        var members = configuration.object ?? [:]
        if let vocabularySize { members["vocab_size"] = .integer(vocabularySize) }
        var files = ModelFiles()
        files.configuration = .object(members)
        let decoder = try ModelRegistry.configuration(from: files.configuration, location: location)
        return try LanguageModel(configuration: decoder, files: files) { specification in
            switch specification.initial {
            case .constant(let value): return Parameter(Tensor(repeating: value, shape: specification.shape))
            case .normal:
                let stream = RandomStream(seed: seed, purpose: "initial weight " + specification.name)
                return Parameter(.normal(specification.shape, deviation: decoder.initializerRange, stream: stream))
            }
        }
    }
}
