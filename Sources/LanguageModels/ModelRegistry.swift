public import TextCore

/// One family of models: how its `config.json` becomes a `DecoderConfiguration`.
public struct ModelFamily: Sendable {
    /// The `model_type` of its configurations.
    public let modelType: String
    /// How the names of its classes in `transformers` begin, before `ForSequenceClassification`.
    let classPrefix: String
    /// A small configuration with every feature of the family, for the checks that run over the registry.
    package let sample: JSON
    let translate: @Sendable (inout ConfigurationReader) -> DecoderConfiguration
}

/// All families. A new one is a file in `Families` and a row here.
public enum ModelRegistry {
    /// The known families.
    public static let families: [ModelFamily] = [
        .llama, .mistral, .qwen2, .qwen3, .smolLM3, .gemma2, .gemma3, .phi3, .olmo2,
    ]

    /// What a `config.json` says.
    ///
    /// - Parameter location: where it is from, for messages.
    /// - Throws: `ModelError` for an unknown `model_type`, and otherwise with every wrong, missing or unsupported
    ///   setting at once.
    public static func configuration(
        from json: JSON, location: String = "config.json"
    ) throws(ModelError) -> DecoderConfiguration {
        let known = families.map(\.modelType)
        guard let type = json["model_type"]?.string else {
            throw ModelError(
                "`model_type` is missing, so the family is unknown; Hone has \(known.joined(separator: ", "))",
                location: location)
        }
        guard let family = families.first(where: { $0.modelType == type }) else {
            let hint = nearestName(to: type, among: known).map { " Did you mean \"\($0)\"?" } ?? ""
            throw ModelError(
                "model_type \"\(type)\" is not a family that Hone has: \(known.joined(separator: ", ")).\(hint)",
                location: location)
        }
        var reader = ConfigurationReader(json, location: location)
        var configuration = family.translate(&reader)
        configuration.hasRewardHead = reader.hasRewardHead()
        try reader.finish()
        return configuration
    }
}
