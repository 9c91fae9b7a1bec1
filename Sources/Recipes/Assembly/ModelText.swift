import Foundation
import LanguageModels
import OrderedCollections
import TextCore
import Tokenization
import Training

/// How a model reads and writes text: its tokenizer, chat template, stop tokens and context. No weights.
struct ModelText {
    let tokenizer: Tokenizer
    let template: ChatTemplate?
    /// Tokens that end the model's turn.
    let stopIDs: Set<Int>
    /// Tokens the model can read at once; `nil` where its configuration does not say.
    let contextLength: Int?
    /// Rows of the embedding; ids beyond it cannot be read.
    let vocabularySize: Int?
    /// Where the tokenizer's files are.
    let tokenizerFolder: URL

    /// Reads a model folder.
    ///
    /// - Parameter chatTemplate: Jinja source that replaces the model's own.
    /// - Throws: `TokenizationError`, `TemplateError`, `CommandFailure` for a configuration that cannot be read.
    init(folder: URL, tokenizerFolder: URL? = nil, chatTemplate: (name: String, source: String)? = nil) throws {
        try self.init(
            tokenizerFolder: tokenizerFolder ?? folder,
            configuration: try Self.json(folder.appending(path: "config.json")),
            generation: try? Self.json(folder.appending(path: "generation_config.json")), chatTemplate: chatTemplate)
    }

    /// Reads what a recipe names: a model folder, or a configuration and a tokenizer for new weights.
    init(_ settings: ModelSettings) throws {
        let source = try Self.chatTemplate(settings.chatTemplate)
        if let path = settings.path {
            try self.init(folder: path.url, chatTemplate: source)
        } else {
            guard let initial = settings.initial else { preconditionFailure("a checked recipe has a model") }
            let folder =
                Self.isFile(initial.tokenizer.url)
                ? initial.tokenizer.url.deletingLastPathComponent() : initial.tokenizer.url
            try self.init(
                tokenizerFolder: folder, configuration: try Self.json(initial.config.url), generation: nil,
                chatTemplate: source, isNew: true)
        }
    }

    private init(
        tokenizerFolder: URL, configuration: JSON, generation: JSON?, chatTemplate: (name: String, source: String)?,
        isNew: Bool = false
    ) throws {
        self.tokenizerFolder = tokenizerFolder
        tokenizer = try Tokenizer(folder: tokenizerFolder)
        if let chatTemplate {
            template = try ChatTemplate(source: chatTemplate.source, name: chatTemplate.name)
        } else {
            template = try tokenizer.chatTemplate.map {
                try ChatTemplate(source: $0, name: tokenizerFolder.lastPathComponent + "/chat_template")
            }
        }
        let text = configuration["text_config"] ?? configuration
        contextLength = text["max_position_embeddings"]?.int
        // A model made from scratch gets the tokenizer's vocabulary, whatever its configuration says.
        vocabularySize = isNew ? tokenizer.vocabularySize : text["vocab_size"]?.int
        var stopIDs = Set([tokenizer.endOfSequenceID].compactMap { $0 })
        for value in [generation?["eos_token_id"], text["eos_token_id"]] {
            stopIDs.formUnion((value?.array ?? [value ?? .null]).compactMap(\.int))
        }
        let known = tokenizer
        self.stopIDs = stopIDs.filter { known.token(for: $0) != nil }
    }

    /// How rows become tokens.
    func encoder(trainOn: TrainOn) -> ExampleEncoder {
        ExampleEncoder(tokenizer: tokenizer, template: template, trainOn: trainOn, stopIDs: stopIDs)
    }

    private static func chatTemplate(_ choice: ChatTemplateChoice) throws -> (name: String, source: String)? {
        switch choice {
        case .auto: return nil
        case .file(let path):
            do throws(RegularFile.Problem) {
                let bytes = try RegularFile.bytes(at: path.absolute, limit: TemplateLimits().sourceBytes)
                guard let source = String(validating: bytes, as: UTF8.self) else {
                    throw .unreadable("it is not UTF-8 text")
                }
                return (path.name, source)
            } catch {
                throw CommandFailure(
                    message: "\(path): this chat template cannot be read: \(error)",
                    status: error == .missing ? .missing : .data)
            }
        }
    }

    private static func isFile(_ url: URL) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) && !isFolder.boolValue
    }

    /// The configuration of a model to be made, with the numbers of the tokenizer's start, end and padding tokens.
    static func configuration(_ url: URL, for tokenizer: Tokenizer) throws -> JSON {
        guard case .object(var members) = try json(url) else {
            throw CommandFailure(message: "\(url.path): a configuration is a JSON object", status: .data)
        }
        members["bos_token_id"] = tokenizer.beginningOfSequenceID.map { .integer($0) } ?? .null
        members["eos_token_id"] = tokenizer.endOfSequenceID.map { .integer($0) } ?? .null
        members["pad_token_id"] = tokenizer.paddingID.map { .integer($0) } ?? .null
        return .object(members)
    }

    static func json(_ url: URL) throws -> JSON {
        let bytes: [UInt8]
        do throws(RegularFile.Problem) {
            bytes = try RegularFile.bytes(at: url.path, limit: 16 << 20)
        } catch .missing {
            throw CommandFailure(
                message: "\(url.path): no such file, so this is no model folder; it holds `config.json`, weights in "
                    + "`model.safetensors` and `tokenizer.json`", status: .missing)
        } catch {
            throw CommandFailure(message: "\(url.path): \(error)", status: .data)
        }
        do {
            return try JSON(parsing: bytes)
        } catch {
            throw CommandFailure(message: "\(url.path):\(error)", status: .data)
        }
    }
}
