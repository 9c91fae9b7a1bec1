internal import Foundation
internal import TextCore

/// The parts of one `tokenizer.json`, checked.
struct TokenizerFile {
    let model: BytePairModel
    let addedTokens: [AddedToken]
    let normalizer: Normalizer
    let preTokenizer: PreTokenizer
    let postProcessor: PostProcessor
    let decoder: Decoder

    /// Bytes of `tokenizer.json`: the largest vocabularies take 40 MB.
    static let largestFile = 256 << 20
    /// Bytes of the contents of all added tokens; every byte takes some of the memory in which they are found.
    private static let largestAddedTokens = 16 << 20

    private static let topLevelKeys = [
        "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder",
        "model",
    ]

    /// - Parameter moreTokens: added tokens from elsewhere; those whose text the file has already are left out.
    /// - Throws: `TokenizationError` that names the file and the place in it.
    init(bytes: [UInt8], name: String, moreTokens: [AddedToken]) throws(TokenizationError) {
        var bytes = bytes
        let vocabulary = try VocabularyScanner.takeVocabulary(from: &bytes, name: name)
        let root = try ComponentReader(try parseJSON(bytes, name: name), at: "\(name):")
        // `truncation` and `padding` are defaults of the program that wrote the file; here the caller decides.
        try root.allow(Self.topLevelKeys)
        var tokens: [AddedToken] = []
        if !root.json["added_tokens", default: .null].isNull {
            for reader in try root.components("added_tokens") { tokens.append(try AddedToken(reader)) }
        }
        let known = Set(tokens.map { Array($0.content.utf8) })
        tokens += moreTokens.filter { !known.contains(Array($0.content.utf8)) }
        let addedBytes = tokens.reduce(0) { $0 + $1.content.utf8.count }
        guard addedBytes <= Self.largestAddedTokens else {
            throw root.error(
                "the added tokens have \(addedBytes) bytes together; the limit is \(Self.largestAddedTokens)",
                key: "added_tokens")
        }
        let modelReader = try ComponentReader(try root.value("model"), at: root.path("model"))
        guard let vocabulary else { throw modelReader.error("the key `vocab` is missing") }
        addedTokens = try Self.reconcile(tokens, with: vocabulary, location: root.path("added_tokens"))
        model = try Self.model(modelReader, vocabulary: vocabulary, addedTokens: addedTokens)
        // The pre-tokenizer works on what the normalizer makes.
        var growth = TextGrowth()
        normalizer = try Normalizer(try Self.component("normalizer", of: root), &growth)
        preTokenizer = try PreTokenizer(try Self.component("pre_tokenizer", of: root), &growth)
        decoder = try Decoder(try Self.component("decoder", of: root))
        let addedIDs = Set(addedTokens.map(\.id))
        postProcessor = try PostProcessor(
            try Self.component("post_processor", of: root),
            hasID: { vocabulary[$0] != nil || addedIDs.contains($0) })
    }

    private static func component(_ key: String, of root: ComponentReader) throws(TokenizationError) -> ComponentReader?
    {
        let value = root.json[key, default: .null]
        return value.isNull ? nil : try ComponentReader(value, at: root.path(key))
    }

    /// Gives tokens that the model's vocabulary has its number, and refuses a number that another piece has.
    private static func reconcile(
        _ tokens: [AddedToken], with vocabulary: Vocabulary, location: String
    ) throws(TokenizationError) -> [AddedToken] {
        var owners: [Int: AddedToken] = [:]
        var result: [AddedToken] = []
        for token in tokens where !token.content.isEmpty {
            var token = token
            if let id = vocabulary.id(of: Array(token.content.utf8)) {
                token = token.with(id: id)
            } else if let piece = vocabulary[token.id] {
                throw TokenizationError(
                    "the added token \(quoted(token.content.utf8)) has number \(token.id), which the vocabulary gives "
                        + "to \(quoted(piece)); one number cannot mean both", at: location)
            }
            if let owner = owners[token.id], !owner.content.utf8.elementsEqual(token.content.utf8) {
                throw TokenizationError(
                    "the added tokens \(quoted(owner.content.utf8)) and \(quoted(token.content.utf8)) share "
                        + "number \(token.id)", at: location)
            }
            owners[token.id] = token
            result.append(token)
        }
        return result
    }

    private static func model(
        _ reader: ComponentReader, vocabulary: Vocabulary, addedTokens: [AddedToken]
    ) throws(TokenizationError) -> BytePairModel {
        let type = try reader.optionalString("type") ?? "BPE"
        guard type == "BPE" else {
            throw reader.error("the model `\(type)` is not supported; Hone reads models of type BPE", key: "type")
        }
        try reader.allow([
            "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback",
            "ignore_merges", "vocab", "merges",
        ])
        if let dropout = reader.json["dropout"], !dropout.isNull, dropout.double != 0 {
            throw reader.error(
                "a dropout makes the tokens of a text random; set it to null for fine-tuning", key: "dropout")
        }
        let options = BytePairModel.Options(
            unknownToken: try reader.optionalString("unk_token"),
            fusesUnknown: try reader.bool("fuse_unk", default: false),
            byteFallback: try reader.bool("byte_fallback", default: false),
            ignoresMerges: try reader.bool("ignore_merges", default: false),
            continuingSubwordPrefix: nonEmpty(try reader.optionalString("continuing_subword_prefix")),
            endOfWordSuffix: nonEmpty(try reader.optionalString("end_of_word_suffix")))
        var unknownID: Int?
        if let token = options.unknownToken {
            unknownID = vocabulary.id(of: Array(token.utf8)) ?? addedTokens.first { $0.content == token }?.id
            guard unknownID != nil else {
                throw reader.error("the unknown token \(quoted(token.utf8)) is not in the vocabulary", key: "unk_token")
            }
        }
        return try BytePairModel(
            vocabulary: vocabulary, merges: try merges(of: reader), options: options, unknownID: unknownID,
            location: reader.path("merges"))
    }

    private static func nonEmpty(_ text: String?) -> String? { text?.isEmpty == true ? nil : text }

    /// Both forms: `"a b"` and `["a", "b"]`.
    private static func merges(
        of reader: ComponentReader
    ) throws(TokenizationError) -> [(left: [UInt8], right: [UInt8])] {
        var merges: [(left: [UInt8], right: [UInt8])] = []
        for (rank, entry) in try reader.array("merges").enumerated() {
            var parts: [[UInt8]] = []
            if let text = entry.string {
                parts = text.utf8.split(separator: 0x20, omittingEmptySubsequences: false).map { Array($0) }
            } else {
                parts = entry.array?.compactMap(\.string).map { Array($0.utf8) } ?? []
            }
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw TokenizationError(
                    #"a merge is two pieces, `"a b"` or `["a", "b"]`"#, at: "\(reader.path("merges"))[\(rank)]")
            }
            merges.append((parts[0], parts[1]))
        }
        return merges
    }
}

extension AddedToken {
    fileprivate func with(id: Int) -> AddedToken {
        AddedToken(
            id: id, content: content, isSingleWord: isSingleWord, stripsLeft: stripsLeft, stripsRight: stripsRight,
            isNormalized: isNormalized, isSpecial: isSpecial)
    }

    private init(
        id: Int, content: String, isSingleWord: Bool, stripsLeft: Bool, stripsRight: Bool, isNormalized: Bool,
        isSpecial: Bool
    ) {
        self.id = id
        self.content = content
        self.isSingleWord = isSingleWord
        self.stripsLeft = stripsLeft
        self.stripsRight = stripsRight
        self.isNormalized = isNormalized
        self.isSpecial = isSpecial
    }
}

/// Parses a whole file as JSON; a `JSONError` becomes a `TokenizationError` with the file's name.
func parseJSON(_ bytes: [UInt8], name: String) throws(TokenizationError) -> JSON {
    do throws(JSONError) {
        return try JSON(parsing: bytes)
    } catch {
        throw TokenizationError(
            "this is not JSON: \(error.message); the file is damaged or cut short, get it anew",
            at: "\(name):\(error.line):\(error.column)")
    }
}

/// The bytes of a file of a tokenizer.
///
/// - Parameter limit: bytes that such a file may have.
func readFile(_ url: URL, limit: Int) throws(TokenizationError) -> [UInt8] {
    do throws(RegularFile.Problem) {
        return try RegularFile.bytes(at: url.path, limit: limit)
    } catch {
        if case .tooLarge(let bytes, let limit) = error {
            throw TokenizationError("\(bytes) bytes; the limit for this file of a tokenizer is \(limit)", at: url.path)
        }
        throw TokenizationError(error.description, at: url.path)
    }
}
