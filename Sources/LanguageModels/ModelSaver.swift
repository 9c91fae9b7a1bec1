public import Foundation
import OrderedCollections
public import TensorCore
import TextCore

extension LanguageModel {
    /// Writes the model as a Hugging Face folder: `config.json` as it was read, weights (tied ones once), and the
    /// tokenizer's files from another folder. The adapter, if any, is not written (see `saveAdapter`, `mergeAdapter`).
    /// With a reward head the folder is one for `AutoModelForSequenceClassification`.
    ///
    /// - Parameters:
    ///   - dtype: the type of the numbers in the file; `nil` for the type each weight has, where quantised matrices are
    ///     written as bitsandbytes does.
    ///   - copyingTokenizerFrom: a folder with the tokenizer's files; `nil` for none.
    ///   - shardLimit: bytes of numbers in one file.
    /// - Throws: `ModelError` if a file cannot be read or written.
    public func save(
        to folder: URL, dtype: DType? = nil, copyingTokenizerFrom tokenizer: URL? = nil,
        shardLimit: Int = 5_000_000_000
    ) throws(ModelError) {
        try Self.makeFolder(folder)
        try SafetensorsWriter.removeWeights(in: folder)
        for file in savedFiles(dtype: dtype, shardLimit: shardLimit) { try file.write(into: folder) }
        if let tokenizer { try Self.copyTokenizer(from: tokenizer, to: folder) }
    }

    /// The files that `save` writes, those of the tokenizer left out: they can be written elsewhere, and later.
    public func savedFiles(dtype: DType? = nil, shardLimit: Int = 5_000_000_000) -> [SavedFile] {
        let items = baseParameters.flatMap { name, parameter in
            if dtype == nil, let matrix = parameter.value.quantized { return matrix.items(of: name) }
            return [SafetensorsWriter.Item(name, parameter.value.detached, dtype: dtype)]
        }
        let configuration = savedConfiguration(
            dtype: dtype ?? outputEmbedding.value.dtype, quantization: dtype == nil ? quantization : nil)
        return SafetensorsWriter.modelFiles(items, shardLimit: shardLimit)
            + [SafetensorsWriter.jsonFile("config.json", configuration)]
            + (files.generation.map { [SafetensorsWriter.jsonFile("generation_config.json", $0)] } ?? [])
    }

    private func savedConfiguration(dtype: DType, quantization: Quantization?) -> JSON {
        guard var members = files.configuration.object else { return files.configuration }
        members[members["torch_dtype"] == nil ? "dtype" : "torch_dtype"] = .string(dtype.rawValue)
        members["quantization_config"] = quantization?.configuration
        return .object(members)
    }

    static func makeFolder(_ folder: URL) throws(ModelError) {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw ModelError("the folder cannot be made: \(error.localizedDescription)", location: folder.path)
        }
    }

    /// Files that belong to a tokenizer, under the names that Hugging Face gives them.
    private static let tokenizerFiles = [
        "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json",
        "vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json",
    ]

    /// The files of a tokenizer, those that exist.
    ///
    /// - Throws: `ModelError` if one cannot be read.
    public static func tokenizerFiles(in folder: URL) throws(ModelError) -> [SavedFile] {
        var found: [SavedFile] = []
        for name in tokenizerFiles {
            let url = folder.appendingPathComponent(name)
            guard FileManager.default.fileExists(atPath: url.path) else { continue }
            found.append(
                SavedFile(
                    name,
                    bytes: try readingFiles { () throws(TensorFileError) in
                        let file = try TensorFile(reading: url.path)
                        return try file.bytes(at: 0, count: file.size)
                    }))
        }
        return found
    }

    /// Copies the files of a tokenizer, those that exist.
    ///
    /// - Throws: `ModelError` if a file cannot be copied.
    public static func copyTokenizer(from source: URL, to folder: URL) throws(ModelError) {
        if source.standardizedFileURL == folder.standardizedFileURL { return }
        for name in tokenizerFiles {
            let (from, to) = (source.appendingPathComponent(name), folder.appendingPathComponent(name))
            guard FileManager.default.fileExists(atPath: from.path) else { continue }
            do {
                if FileManager.default.fileExists(atPath: to.path) { try FileManager.default.removeItem(at: to) }
                try FileManager.default.copyItem(at: from, to: to)
            } catch {
                throw ModelError(
                    "cannot be copied to \(folder.path): \(error.localizedDescription)", location: from.path)
            }
        }
    }
}
