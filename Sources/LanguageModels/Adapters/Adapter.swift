import TensorCore

/// The adapter of a model: which layers have one and how they were made.
public struct Adapter: Sendable {
    /// How it was made.
    public let configuration: AdapterConfiguration
    /// The layers with a difference, in the order of the model.
    public let paths: [String]

    /// The adapter's weights under the names that PEFT gives them, in the order of the model; then the reward head, one
    /// of PEFT's `modules_to_save`.
    func namedParameters(of model: LanguageModel) -> [(name: String, parameter: Parameter)] {
        let differences = model.linearLayers.flatMap { layer -> [(name: String, parameter: Parameter)] in
            guard let adapter = layer.adapter else { return [] }
            let path = Self.prefix + layer.path
            var list = [(path + ".lora_A.weight", adapter.down), (path + ".lora_B.weight", adapter.up)]
            if let magnitude = adapter.magnitude { list.append((path + ".lora_magnitude_vector", magnitude)) }
            return list
        }
        return differences + (model.rewardHead.map { [(Self.prefix + LanguageModel.rewardHeadName, $0.weight)] } ?? [])
    }

    /// What PEFT puts before the name of a module.
    static let prefix = "base_model.model."

}
