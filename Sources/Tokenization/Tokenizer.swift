public import Foundation

/// The tokens of a text and where each comes from.
public struct Encoding: Sendable, Hashable {
    /// The tokens' numbers.
    public var ids: [Int]
    /// For each token the bytes of the original text's UTF-8 it comes from, in whole scalars: tokens that share a
    /// scalar share its range, and tokens that the post-processor adds have an empty one.
    public var offsets: [Range<Int>]

    public init(ids: [Int], offsets: [Range<Int>]) {
        self.ids = ids
        self.offsets = offsets
    }
}

/// Text to token numbers and back, as the `tokenizer.json` of a byte-pair-encoding model says.
///
/// Reading is strict: a component, an option or a key that is not understood is an error, because it would change the
/// tokens unnoticed. Encoding takes time linear in the text (`n log n` in the longest piece), whatever the text.
public final class Tokenizer: Sendable {
    /// The text that stands for the start of a sequence, where the model has one; the names of the other special tokens.
    public let beginningOfSequenceToken, endOfSequenceToken, paddingToken, unknownToken: String?
    /// The numbers of the special tokens, where the model has them.
    public let beginningOfSequenceID, endOfSequenceID, paddingID, unknownID: Int?
    /// Every number that `generation_config.json` or `config.json` lists as an end, and `endOfSequenceID`.
    public let endOfSequenceIDs: Set<Int>
    /// The numbers of all tokens marked special.
    public let specialIDs: Set<Int>
    /// The chat template used unless another is named.
    public let chatTemplate: String?
    /// The chat templates that have names.
    public let namedChatTemplates: [String: String]
    /// Highest number plus one, added tokens included.
    public let vocabularySize: Int

    private let model: BytePairModel
    private let normalizer: Normalizer
    private let preTokenizer: PreTokenizer
    private let postProcessor: PostProcessor
    private let decoder: Decoder
    private let addedTokens: [Int: AddedToken]
    private let addedIDs: [[UInt8]: Int]
    private let plainFinder: AddedTokenFinder
    private let normalizedFinder: AddedTokenFinder
    private let caches = WordCachePool()

    /// Reads `tokenizer.json` and, where present, `tokenizer_config.json`, `special_tokens_map.json`,
    /// `generation_config.json`, `config.json` and the chat-template files of a model folder.
    ///
    /// - Throws: `TokenizationError` that names the file and the place in it.
    public convenience init(folder: URL) throws {
        let configuration = try TokenizerConfiguration(folder: folder)
        try self.init(file: folder.appendingPathComponent("tokenizer.json"), configuration: configuration)
    }

    /// Reads one `tokenizer.json`; without the files beside it there are no named special tokens but the unknown one.
    ///
    /// - Throws: `TokenizationError` that names the place in the file.
    public convenience init(file: URL) throws {
        try self.init(file: file, configuration: nil)
    }

    private init(file url: URL, configuration: TokenizerConfiguration?) throws(TokenizationError) {
        let file = try TokenizerFile(
            bytes: try readFile(url, limit: TokenizerFile.largestFile), name: url.path,
            moreTokens: configuration?.addedTokens ?? [])
        model = file.model
        (normalizer, preTokenizer, decoder) = (file.normalizer, file.preTokenizer, file.decoder)
        addedTokens = Dictionary(file.addedTokens.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let addedIDs = Dictionary(
            file.addedTokens.map { (Array($0.content.utf8), $0.id) }, uniquingKeysWith: { first, _ in first })
        self.addedIDs = addedIDs
        specialIDs = Set(file.addedTokens.filter(\.isSpecial).map(\.id))
        vocabularySize = max(file.model.vocabulary.size, (file.addedTokens.map(\.id).max() ?? -1) + 1)
        var finders = (plain: AddedTokenFinder(), normalized: AddedTokenFinder())
        for token in file.addedTokens {
            let text = Array(token.content.utf8)
            if token.isNormalized {
                let whole = AlignedText(original: text, range: 0..<text.count)
                finders.normalized.insert(token, text: file.normalizer.normalize(whole).bytes)
            } else {
                finders.plain.insert(token, text: text)
            }
        }
        (plainFinder, normalizedFinder) = finders

        let names = try SpecialTokens(
            configuration: configuration, unknown: file.model.options.unknownToken, location: url.path,
            id: { text in addedIDs[text] ?? file.model.vocabulary.id(of: text) },
            text: { id in file.text(of: id) })
        (beginningOfSequenceToken, beginningOfSequenceID) = (names.beginning?.text, names.beginning?.id)
        (endOfSequenceToken, endOfSequenceID) = (names.end?.text, names.end?.id)
        (paddingToken, paddingID) = (names.padding?.text, names.padding?.id)
        (unknownToken, unknownID) = (names.unknown?.text, names.unknown?.id)
        endOfSequenceIDs = names.ends
        chatTemplate = configuration?.chatTemplate
        namedChatTemplates = configuration?.namedChatTemplates ?? [:]
        var processor = file.postProcessor
        try names.adjust(&processor, configuration: configuration, location: url.path)
        postProcessor = processor
    }

    // MARK: Vocabulary

    /// The piece with this number as the vocabulary has it (`Ġthe`, `<0x0A>`); `nil` for a number without a piece.
    public func token(for id: Int) -> String? { piece(id).map { String(decoding: $0, as: UTF8.self) } }

    /// The number of a piece or an added token; canonically equivalent texts are different pieces.
    public func id(for token: String) -> Int? {
        let bytes = Array(token.utf8)
        return addedIDs[bytes] ?? model.vocabulary.id(of: bytes)
    }

    private func piece(_ id: Int) -> [UInt8]? {
        if let token = addedTokens[id] { return Array(token.content.utf8) }
        return model.vocabulary[id].map { Array($0) }
    }

    // MARK: Encoding

    /// The tokens of `text`.
    ///
    /// - Parameter addSpecialTokens: also those that the post-processor puts before and after a text. Added tokens
    ///   inside the text are found either way.
    public func encode(_ text: String, addSpecialTokens: Bool = true) -> [Int] {
        encode(text, addSpecialTokens: addSpecialTokens, wantsOffsets: false).ids
    }

    /// The tokens of `text` and the bytes of its UTF-8 that each comes from.
    public func encodeWithOffsets(_ text: String, addSpecialTokens: Bool = true) -> Encoding {
        encode(text, addSpecialTokens: addSpecialTokens, wantsOffsets: true)
    }

    private func encode(_ text: String, addSpecialTokens: Bool, wantsOffsets: Bool) -> Encoding {
        let bytes = Array(text.utf8)
        var encoding = Encoding(ids: addSpecialTokens ? postProcessor.prefix : [], offsets: [])
        if wantsOffsets { encoding.offsets = Array(repeating: 0..<0, count: encoding.ids.count) }
        let parts = plainFinder.isEmpty ? [(0..<bytes.count, nil)] : bytes.withUnsafeBufferPointer(plainFinder.split)
        caches.borrow { cache in
            for (range, id) in parts {
                if let id {
                    encoding.ids.append(id)
                    if wantsOffsets { encoding.offsets.append(range) }
                } else if !range.isEmpty {
                    let part = AlignedText(original: bytes, range: range)
                    encode(normalizer.normalize(part), wantsOffsets: wantsOffsets, cache: cache, into: &encoding)
                }
            }
        }
        if addSpecialTokens {
            encoding.ids += postProcessor.suffix
            if wantsOffsets {
                encoding.offsets += repeatElement(bytes.count..<bytes.count, count: postProcessor.suffix.count)
            }
        }
        return encoding
    }

    /// Encodes a part without plain added tokens, after normalization.
    private func encode(_ text: AlignedText, wantsOffsets: Bool, cache: WordCache, into encoding: inout Encoding) {
        let whole: [(range: Range<Int>, id: Int?)] = [(0..<text.bytes.count, nil)]
        let parts = normalizedFinder.isEmpty ? whole : text.bytes.withUnsafeBufferPointer(normalizedFinder.split)
        for (range, id) in parts {
            if let id {
                encoding.ids.append(id)
                if wantsOffsets { encoding.offsets.append(text.originalRange(of: range)) }
            } else if !range.isEmpty {
                var list = PieceList(text: text, pieces: [range])
                preTokenizer.apply(to: &list)
                encode(list, wantsOffsets: wantsOffsets, cache: cache, into: &encoding)
            }
        }
    }

    private func encode(_ list: PieceList, wantsOffsets: Bool, cache: WordCache, into encoding: inout Encoding) {
        list.text.bytes.withUnsafeBufferPointer { bytes in
            for piece in list.pieces {
                let word = UnsafeBufferPointer(rebasing: bytes[piece])
                cache.tokens(of: word, isByteLevel: list.isByteLevel, model: model) { ids, lengths in
                    for id in ids { encoding.ids.append(Int(id)) }
                    guard wantsOffsets else { return }
                    var start = piece.lowerBound
                    for length in lengths {
                        let end = start + Int(length)
                        encoding.offsets.append(list.text.originalRange(of: start..<end))
                        start = end
                    }
                }
            }
        }
    }

    // MARK: Decoding

    /// The text of the tokens. A number without a piece is skipped; bytes that are no UTF-8 become U+FFFD.
    ///
    /// - Parameter skipSpecialTokens: leave out the tokens marked special.
    public func decode(_ ids: some Sequence<Int>, skipSpecialTokens: Bool = true) -> String {
        var pieces: [[UInt8]] = []
        for id in ids where !(skipSpecialTokens && specialIDs.contains(id)) {
            if let piece = piece(id) { pieces.append(piece) }
        }
        return decoder.decode(pieces)
    }

    /// Whether a later token can still change what this one decodes to.
    func isByteFallback(_ id: Int) -> Bool {
        decoder.hasByteFallback && piece(id).flatMap { Decoder.byteFallback($0) } != nil
    }
}

extension TokenizerFile {
    fileprivate func text(of id: Int) -> String? {
        addedTokens.first { $0.id == id }?.content
            ?? model.vocabulary[id].map { String(decoding: $0, as: UTF8.self) }
    }
}
