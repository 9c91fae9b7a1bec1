import Foundation
import LanguageModels
import TextCore
import Tokenization

/// What a run is made from: hashes that resuming compares one by one.
struct Fingerprint {
    /// Named hashes.
    let json: JSON

    /// - Parameter data: the identities of the sources that are trained on.
    /// - Throws: when a file cannot be read.
    init(_ loaded: LoadedRecipe, text: ModelText, data identities: [String]) throws {
        let recipe = loaded.recipe
        let model: JSON
        if let path = recipe.model.path {
            model = try Self.hash(Self.weightFiles(in: path.absolute))
        } else {
            model = try Self.hash([recipe.model.initial?.config.absolute].compactMap { $0 })
        }
        json = [
            "hone": .string(HoneVersion.current), "recipe": .string(loaded.fingerprint), "model": model,
            "adapter": try recipe.adapter.initFrom.map { try Self.hash(Self.weightFiles(in: $0.absolute)) } ?? .null,
            "data": .string(SHA256.digest(of: identities.joined(separator: "\n")).hexadecimal),
            "tokenizer": try Self.hash([text.tokenizerFolder.appending(path: "tokenizer.json").path]),
            "chat_template": text.template.map {
                .string(SHA256.digest(of: $0.source).hexadecimal)
            } ?? .null,
        ]
    }

    /// The weights and configurations of a model's or an adapter's folder.
    static func weightFiles(in folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter {
            $0.hasSuffix(".safetensors") || $0 == "config.json" || $0 == "adapter_config.json"
        }.sorted().map { folder + "/" + $0 }
    }

    /// One hash over the content of files, in order. Weights go into it as digests of their blocks, which take no longer
    /// than reading them once.
    static func hash(_ paths: [String]) throws -> JSON {
        var hash = SHA256()
        for path in paths {
            if path.hasSuffix(".safetensors"), FileManager.default.fileExists(atPath: path) {
                hash.update(try SafetensorsFile(reading: URL(fileURLWithPath: path)).blockDigests())
                continue
            }
            guard let file = FileHandle(forReadingAtPath: path) else {
                throw CommandFailure(message: "\(path): no such file", status: .missing)
            }
            while let chunk = try file.read(upToCount: 1 << 20), !chunk.isEmpty {
                chunk.withUnsafeBytes { hash.update($0) }
            }
        }
        return .string(hash.finalized().hexadecimal)
    }
}
