import Foundation
import LanguageModels
import TensorCore

/// The moments of an optimiser in a safetensors file: `first.NAME` and `second.NAME` for every parameter.
struct OptimizerFile {
    static let name = "optimizer.safetensors"

    private(set) var first: [Tensor] = []
    private(set) var second: [Tensor] = []

    static func write(_ optimizer: AdamW, to url: URL) throws {
        var items: [SafetensorsWriter.Item] = []
        for (index, parameter) in optimizer.parameters.enumerated() {
            items.append(SafetensorsWriter.Item("first." + parameter.name, optimizer.firstMoments[index]))
            items.append(SafetensorsWriter.Item("second." + parameter.name, optimizer.secondMoments[index]))
        }
        try SafetensorsWriter.write(items, to: url)
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
