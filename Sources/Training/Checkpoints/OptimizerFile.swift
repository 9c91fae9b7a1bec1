import Foundation
import LanguageModels
import TensorCore

/// The moments of an optimiser in a safetensors file: `first.NAME` and `second.NAME` for every parameter.
struct OptimizerFile {
    static let name = "optimizer.safetensors"

    private(set) var first: [Tensor] = []
    private(set) var second: [Tensor] = []

    static func file(_ optimizer: AdamW) -> SavedFile {
        var items: [SafetensorsWriter.Item] = []
        for (index, parameter) in optimizer.parameters.enumerated() {
            items.append(SafetensorsWriter.Item("first." + parameter.name, optimizer.firstMoments[index]))
            items.append(SafetensorsWriter.Item("second." + parameter.name, optimizer.secondMoments[index]))
        }
        return SafetensorsWriter.file(name, items)
    }

    /// Reads the moments of every parameter of `optimizer`.
    init(_ url: URL, for optimizer: AdamW) throws {
        let file = try SafetensorsFile(reading: url)
        for (name, parameter) in optimizer.parameters {
            let shape = parameter.value.shape
            for kind in ["first", "second"] {
                guard let entry = file.entry(named: "\(kind).\(name)"), entry.shape == shape else {
                    throw TrainingError(
                        "\(url.path) has no \(kind) moment of \(name) of shape \(shape): "
                            + "it is of a run that trained other parameters")
                }
                let tensor = try file.tensor(named: entry.name, dtype: .float32)
                if kind == "first" { first.append(tensor) } else { second.append(tensor) }
            }
        }
    }
}

/// The weights of an objective in a safetensors file, by their names; there is none for an objective without any.
struct CompanionFile {
    static let name = "companions.safetensors"

    private let values: [(parameter: Parameter, value: Tensor)]

    static func file(_ companions: [(name: String, parameter: Parameter)]) -> SavedFile? {
        guard !companions.isEmpty else { return nil }
        return SafetensorsWriter.file(name, companions.map { SafetensorsWriter.Item($0.name, $0.parameter.value) })
    }

    init(_ url: URL, for companions: [(name: String, parameter: Parameter)]) throws {
        guard !companions.isEmpty else {
            values = []
            return
        }
        let file = try SafetensorsFile(reading: url)
        values = try companions.map { name, parameter in
            guard let entry = file.entry(named: name), entry.shape == parameter.value.shape else {
                throw TrainingError(
                    "\(url.path) has no \(name) of shape \(parameter.value.shape): it is of a run whose objective kept "
                        + "other weights")
            }
            return (parameter, try file.tensor(named: name, dtype: parameter.value.dtype))
        }
    }

    func apply() {
        for (parameter, value) in values { parameter.value = value }
    }
}
