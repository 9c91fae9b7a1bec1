import TensorCore

/// The adapter of a model: which layers have one and how they were made.
public struct Adapter: Sendable {
    /// How it was made.
    public let configuration: AdapterConfiguration
    /// The layers with a difference, in the order of the model.
    public let paths: [String]

    /// The adapter's weights under the names that PEFT gives them, in the order of the model.
    func namedParameters(of model: LanguageModel) -> [(name: String, parameter: Parameter)] {
        model.linearLayers.flatMap { layer -> [(name: String, parameter: Parameter)] in
            guard let adapter = layer.adapter else { return [] }
            let path = "base_model.model." + layer.path
            var list = [(path + ".lora_A.weight", adapter.down), (path + ".lora_B.weight", adapter.up)]
            if let magnitude = adapter.magnitude { list.append((path + ".lora_magnitude_vector", magnitude)) }
            return list
        }
    }
}
