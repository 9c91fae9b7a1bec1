import Foundation
import TextCore
import Tokenization

/// What a run is made from: hashes that resuming compares one by one.
struct Fingerprint {
    /// Named hashes.
    let json: JSON

    /// - Throws: when a file cannot be read.
    init(_ loaded: LoadedRecipe, text: ModelText) throws {
        let recipe = loaded.recipe
        let files = (recipe.data.train + recipe.data.eval).map(\.path.absolute)
        let model: JSON
        if let path = recipe.model.path {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path.absolute)) ?? []
            let wanted = names.filter { $0.hasSuffix(".safetensors") || $0 == "config.json" }.sorted()
            model = try Self.hash(wanted.map { path.absolute + "/" + $0 })
        } else {
            model = try Self.hash([recipe.model.initial?.config.absolute].compactMap { $0 })
        }
        json = [
            "hone": .string(HoneVersion.current), "recipe": .string(loaded.fingerprint), "model": model,
            "data": try Self.hash(files),
            "tokenizer": try Self.hash([text.tokenizerFolder.appending(path: "tokenizer.json").path]),
            "chat_template": text.template.map {
                .string(SHA256.digest(of: $0.source).hexadecimal)
            } ?? .null,
        ]
    }

    /// One hash over the content of files, in order.
    private static func hash(_ paths: [String]) throws -> JSON {
        var hash = SHA256()
        for path in paths {
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
