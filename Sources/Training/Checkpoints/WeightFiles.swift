import Foundation
import LanguageModels
import TensorCore

/// The trained weights of a checkpoint, back into a model that is already there.
struct WeightFiles {
    private let location: String
    private let values: [(parameter: Parameter, value: Tensor)]

    /// Reads every trainable parameter of `model` from the safetensors files of `folder`, one file or several, of a
    /// whole model or of an adapter: parameters have the names that the files give them.
    init(_ folder: URL, for model: LanguageModel) throws {
        location = folder.path
        let names = DurableFiles.names(in: folder.path).filter {
            $0.hasSuffix(".safetensors") && $0 != OptimizerFile.name && $0 != CompanionFile.name
        }
        let files = try names.map { try SafetensorsFile(reading: folder.appendingPathComponent($0)) }
        values = try model.trainableParameters.map { name, parameter in
            guard let file = files.first(where: { $0.entry(named: name) != nil }) else {
                throw TrainingError(
                    "\(folder.path) has no \(name), which this run trains: it is of another model or adapter")
            }
            let tensor = try file.tensor(named: name, dtype: .float32)
            guard tensor.shape == parameter.value.shape else {
                throw TrainingError(
                    "\(folder.path): \(name) is \(tensor.shape), not \(parameter.value.shape): "
                        + "it is of another model or adapter")
            }
            return (parameter, tensor)
        }
    }

    func apply() {
        for (parameter, value) in values { parameter.value = value }
    }
}
