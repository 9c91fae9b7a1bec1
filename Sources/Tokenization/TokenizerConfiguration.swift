internal import Foundation
internal import OrderedCollections
internal import TextCore

/// What stands beside `tokenizer.json` in a model folder: the names of the special tokens and the chat templates.
struct TokenizerConfiguration {
    var beginningToken: String?
    var endToken: String?
    var paddingToken: String?
    var unknownToken: String?
    var beginningID: Int?
    var endIDs: [Int] = []
    var paddingID: Int?
    /// Whether to start (end) with the token, where the configuration says so.
    var addsBeginning: Bool?
    var addsEnd: Bool?
    var chatTemplate: String?
    var namedChatTemplates: [String: String] = [:]
    /// Added tokens that `tokenizer.json` may lack.
    var addedTokens: [AddedToken] = []

    /// Bytes of a file of settings, in which templates and thousands of added tokens may stand.
    private static let largestFile = 16 << 20

    /// Reads `tokenizer_config.json`, `special_tokens_map.json`, `generation_config.json`, `config.json` and the
    /// template files, each where it exists.
    ///
    /// - Throws: `TokenizationError` for a file that is malformed.
    init(folder: URL) throws(TokenizationError) {
        if let reader = try Self.reader("tokenizer_config.json", in: folder) { try readTokenizerConfig(reader) }
        if let reader = try Self.reader("special_tokens_map.json", in: folder) { try readNames(reader) }
        for name in ["generation_config.json", "config.json"] {
            if let reader = try Self.reader(name, in: folder) { readIDs(reader) }
        }
        try readTemplateFiles(in: folder)
    }

    private static func reader(_ name: String, in folder: URL) throws(TokenizationError) -> ComponentReader? {
        let url = folder.appendingPathComponent(name)
        guard FileManager.default.fileExists(atPath: url.path) else { return nil }
        return try ComponentReader(
            try parseJSON(try readFile(url, limit: largestFile), name: url.path), at: "\(url.path):")
    }

    private mutating func readTokenizerConfig(_ reader: ComponentReader) throws(TokenizationError) {
        try readNames(reader)
        if reader.json["add_bos_token"]?.isNull == false {
            addsBeginning = try reader.bool("add_bos_token", default: false)
        }
        if reader.json["add_eos_token"]?.isNull == false { addsEnd = try reader.bool("add_eos_token", default: false) }
        try readChatTemplate(reader)
        for (key, value) in reader.json["added_tokens_decoder"]?.object ?? [:] {
            let place = "\(reader.path("added_tokens_decoder")).\(key)"
            guard let id = Int(key), (0..<Vocabulary.maximumSize).contains(id) else {
                throw TokenizationError("the key of an added token is its number", at: place)
            }
            addedTokens.append(try AddedToken(try ComponentReader(value, at: place), id: id))
        }
    }

    /// The token names; of several files the first that says a name counts.
    private mutating func readNames(_ reader: ComponentReader) throws(TokenizationError) {
        if beginningToken == nil { beginningToken = try Self.tokenName("bos_token", of: reader) }
        if endToken == nil { endToken = try Self.tokenName("eos_token", of: reader) }
        if paddingToken == nil { paddingToken = try Self.tokenName("pad_token", of: reader) }
        if unknownToken == nil { unknownToken = try Self.tokenName("unk_token", of: reader) }
    }

    /// A token as a string or as an object with `content`.
    private static func tokenName(_ key: String, of reader: ComponentReader) throws(TokenizationError) -> String? {
        guard let value = reader.json[key], !value.isNull else { return nil }
        guard value.object != nil else { return try reader.string(key) }
        return try ComponentReader(value, at: reader.path(key)).string("content")
    }

    private mutating func readIDs(_ reader: ComponentReader) {
        beginningID = beginningID ?? reader.json["bos_token_id"]?.int
        paddingID = paddingID ?? reader.json["pad_token_id"]?.int
        guard endIDs.isEmpty, let value = reader.json["eos_token_id"] else { return }
        endIDs = value.array?.compactMap(\.int) ?? value.int.map { [$0] } ?? []
    }

    private mutating func readChatTemplate(_ reader: ComponentReader) throws(TokenizationError) {
        guard let value = reader.json["chat_template"], !value.isNull else { return }
        guard value.array != nil else {
            chatTemplate = try reader.string("chat_template")
            return
        }
        for entry in try reader.components("chat_template") {
            namedChatTemplates[try entry.string("name")] = try entry.string("template")
        }
        chatTemplate = namedChatTemplates["default"]
    }

    /// `chat_template.jinja` and `additional_chat_templates/NAME.jinja` win over the configuration, as in transformers.
    private mutating func readTemplateFiles(in folder: URL) throws(TokenizationError) {
        let url = folder.appendingPathComponent("chat_template.jinja")
        if FileManager.default.fileExists(atPath: url.path) {
            chatTemplate = try Self.text(of: url)
        }
        let more = folder.appendingPathComponent("additional_chat_templates", isDirectory: true)
        let files = (try? FileManager.default.contentsOfDirectory(at: more, includingPropertiesForKeys: nil)) ?? []
        for file in files where file.pathExtension == "jinja" {
            namedChatTemplates[file.deletingPathExtension().lastPathComponent] = try Self.text(of: file)
        }
    }

    private static func text(of url: URL) throws(TokenizationError) -> String {
        guard let text = String(validating: try readFile(url, limit: TemplateLimits().sourceBytes), as: UTF8.self)
        else {
            throw TokenizationError("the template is not valid UTF-8", at: url.path)
        }
        return text
    }
}
