public import Foundation
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
        let bytes = decoder.weights.reduce(0.0) { $0 + 4 * $1.shape.reduce(1.0) { $0 * Double($1) } }
        guard bytes < Double(ProcessInfo.processInfo.physicalMemory) else {
            throw ModelError(
                "a model of this configuration takes \(Int(bytes / 1e9)) GB in float32, more than this machine's memory",
                location: location)
        }
        return try LanguageModel(configuration: decoder, files: files) { specification in
            switch specification.initial {
            case .constant(let value): return Parameter(Tensor(repeating: value, shape: specification.shape))
            case .normal:
                let stream = RandomStream(seed: seed, purpose: "initial weight " + specification.name)
                return Parameter(.normal(specification.shape, deviation: decoder.initializerRange, stream: stream))
            }
        }
    }

    /// The same from a configuration file.
    ///
    /// - Throws: `ModelError` as above, and if the file cannot be read or is not JSON.
    public static func model(
        configurationFile url: URL, vocabularySize: Int? = nil, seed: UInt64
    ) throws(ModelError) -> LanguageModel {
        try model(
            configuration: try ModelLoader.json(at: url), vocabularySize: vocabularySize, seed: seed, location: url.path
        )
    }
}
