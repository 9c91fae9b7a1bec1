import Foundation
import LanguageModels
import OrderedCollections
import ShardIO
import TextCore
import Tokenization

/// What a run is made from, as resuming compares it: the recipe's values, and hashes of what files hold.
struct Fingerprint {
    /// Named values and hashes.
    let json: JSON

    /// - Parameters:
    ///   - sources: what is trained on.
    ///   - leftOut: the rows of them that are not.
    /// - Throws: when a file cannot be read.
    init(
        _ loaded: LoadedRecipe, text: ModelText, sources: [any FramedSource], leftOut: LeftOutRows? = nil
    ) throws {
        let recipe = loaded.recipe
        let model: JSON
        if let path = recipe.model.path {
            model = try Self.hashes(Self.weightFiles(in: path.absolute))
        } else {
            model = try Self.hashes([recipe.model.initial?.config.absolute].compactMap { $0 })
        }
        var members: OrderedDictionary<String, JSON> = [
            "hone": .string(HoneVersion.current),
            "recipe": ["values": loaded.fingerprintValues, "sha256": .string(loaded.fingerprint)], "model": model,
            "adapter": try recipe.adapter.initFrom.map { try Self.hashes(Self.weightFiles(in: $0.absolute)) } ?? .null,
            "data": .array(sources.map { Self.named($0.path, $0.identity) }),
            "held_out": .array(
                try (recipe.data.eval.map(\.path) + recipe.evaluation.suites.map(\.path)).map {
                    Self.named($0.absolute, try DataSourceOpener.open(path: $0.absolute).identity)
                }),
            "tokenizer": try Self.hashes([text.tokenizerFolder.appending(path: "tokenizer.json").path]),
            "chat_template": text.template.map {
                .string(SHA256.digest(of: $0.source).hexadecimal)
            } ?? .null,
        ]
        // Runs that leave nothing out have the fingerprint that they always had.
        if let leftOut { members["left_out"] = .string(leftOut.identity) }
        json = .object(members)
    }

    /// A source by its name, for people, and by what it holds.
    private static func named(_ path: String, _ identity: String) -> JSON {
        .string("\(URL(fileURLWithPath: path).lastPathComponent) \(identity)")
    }

    /// The hash of each file by its name.
    static func hashes(_ paths: [String]) throws -> JSON {
        .object(
            OrderedDictionary(
                try paths.map { (URL(fileURLWithPath: $0).lastPathComponent, try hash([$0])) },
                uniquingKeysWith: { $1 }))
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
