public import Foundation
import OrderedCollections
public import TensorCore
import TextCore

/// Makes models from folders in the layout of Hugging Face.
public enum ModelLoader {
    /// What a folder's configuration says, without reading weights.
    ///
    /// - Throws: `ModelError` as `load` does.
    public static func configuration(
        folder: URL
    ) throws(ModelError) -> (configuration: DecoderConfiguration, files: ModelFiles) {
        let url = folder.appendingPathComponent("config.json")
        if !FileManager.default.fileExists(atPath: url.path), let other = WeightFormat(at: folder) {
            throw ModelError("has no config.json: \(other.refusal)", location: folder.path)
        }
        var files = ModelFiles()
        files.configuration = try json(at: url)
        let generation = folder.appendingPathComponent("generation_config.json")
        if FileManager.default.fileExists(atPath: generation.path) { files.generation = try json(at: generation) }
        return (try ModelRegistry.configuration(from: files.configuration, location: url.path), files)
    }

    /// The model in a folder, with every weight it needs and no other.
    ///
    /// Weights that have the right type in the file stay there and are read when they are used (see
    /// `SafetensorsFile.tensor(named:dtype:isMapped:)` for what that asks of the file); others are converted on all
    /// threads. So loading takes no longer than reading the files once.
    ///
    /// A folder in the layout of `transformers` for sequence classification with one label gives a model with a reward
    /// head.
    ///
    /// Matrices that bitsandbytes quantised (see `Quantization`) stay so in the layers of the blocks.
    ///
    /// - Parameters:
    ///   - dtype: how matrices are stored; norms, biases and the reward head are always `float32`. Only `float32` can be
    ///     trained whole.
    ///   - quantization: in what the matrices of the blocks' linear layers are quantised while they are read, one after
    ///     the other; `nil` to leave them as they are.
    ///   - precision: of the products with weights; unless given, `bfloat16` for matrices in `bfloat16`.
    /// - Throws: `ModelError` if a file is missing or damaged, the family or a setting is not supported, or tensors
    ///   are missing, unknown or of another shape (all of them at once).
    public static func load(
        folder: URL, dtype: DType = .float32, quantization: Quantization? = nil, precision: Precision? = nil
    ) throws(ModelError) -> LanguageModel {
        let (configuration, files) = try configuration(folder: folder)
        let checkpoint = try Checkpoint(folder: folder)
        try audit(checkpoint, configuration, location: folder.path)
        let model = try LanguageModel(configuration: configuration, files: files) { specification throws(ModelError) in
            let isMatrix = specification.shape.count > 1 && specification.name != LanguageModel.rewardHeadName
            let type = isMatrix ? dtype : .float32
            if let entry = try checkpoint.quantized(named: specification.name, shape: specification.shape) {
                let packed = try entry.packed()
                return Parameter(specification.isBlockMatrix ? packed : packed.converted(to: type))
            }
            if let quantization, specification.isBlockMatrix {
                return Parameter(
                    try quantized(specification.name, checkpoint, quantization, location: folder.path))
            }
            return Parameter(try checkpoint.tensor(named: specification.name, dtype: type))
        }
        try checkpoint.checkUnchanged()
        model.precision = precision ?? (dtype == .bfloat16 ? .bfloat16 : .float32)
        return model
    }

    private static func quantized(
        _ name: String, _ checkpoint: Checkpoint, _ quantization: Quantization, location: String
    ) throws(ModelError) -> Tensor {
        guard let packed = quantization.quantized(try checkpoint.copy(named: name)) else {
            throw ModelError(
                "tensor \(name): has infinite or NaN numbers, so no block of it can be scaled; the model is damaged",
                location: location)
        }
        return packed
    }

    /// Compares names and shapes both ways.
    private static func audit(
        _ checkpoint: Checkpoint, _ configuration: DecoderConfiguration, location: String
    ) throws(ModelError) {
        var problems: [String] = []
        var known: Set<String> = []
        for weight in configuration.weights {
            known.insert(weight.name)
            do {
                if try checkpoint.quantized(named: weight.name, shape: weight.shape) != nil {
                    known.formUnion(Checkpoint.companions(of: weight.name))
                    continue
                }
            } catch {
                known.formUnion(Checkpoint.companions(of: weight.name))
                problems.append(error.description)
                continue
            }
            guard let entry = checkpoint.entry(named: weight.name) else {
                problems.append("tensor \(weight.name) \(weight.shape) is missing")
                continue
            }
            if entry.shape != weight.shape {
                problems.append(
                    "tensor \(weight.name) is \(entry.shape), and the configuration asks for \(weight.shape)")
            }
        }
        for (entry, _) in checkpoint.entries where !known.contains(entry.name) {
            // Buffers that old checkpoints hold and that follow from the configuration.
            if entry.name.hasSuffix(".rotary_emb.inv_freq") { continue }
            if configuration.tiesEmbeddings, entry.name == "lm_head.weight" {
                if try !isTiedHead(entry, checkpoint) {
                    problems.append(
                        "tensor lm_head.weight differs from model.embed_tokens.weight, and `tie_word_embeddings` is "
                            + "true (or its default); set it to false in config.json to use both")
                }
                continue
            }
            problems.append("tensor \(entry.name) \(entry.shape) is not a weight of a \(configuration.modelType) model")
        }
        guard problems.isEmpty else { throw ModelError(problems.shown, location: location) }
    }

    private static func isTiedHead(_ head: SafetensorsFile.Entry, _ checkpoint: Checkpoint) throws(ModelError) -> Bool {
        guard checkpoint.entry(named: "model.embed_tokens.weight")?.shape == head.shape else { return false }
        let type = SafetensorsFile.dtype(of: head.type) ?? .float32
        return try checkpoint.tensor(named: head.name, dtype: type)
            .isEqual(to: checkpoint.tensor(named: "model.embed_tokens.weight", dtype: type))
    }

    /// A JSON file.
    ///
    /// - Throws: `ModelError` if it cannot be read or is not JSON, with line and column.
    static func json(at url: URL) throws(ModelError) -> JSON {
        let bytes = try readingFiles { () throws(TensorFileError) in
            let file = try TensorFile(reading: url.path)
            return try file.bytes(at: 0, count: min(file.size, jsonLimit + 1))
        }
        do {
            return try JSON(parsing: bytes, limits: JSONLimits(bytes: jsonLimit))
        } catch {
            throw ModelError("not JSON: \(error.message)", location: "\(url.path):\(error.line):\(error.column)")
        }
    }

    private static let jsonLimit = 16 << 20
}
