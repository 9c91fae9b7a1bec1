public import Foundation
internal import OrderedCollections
internal import TextCore

/// Learns a byte-level byte-pair vocabulary from text (Sennrich et al. 2016, over bytes as in GPT-2).
///
/// Every byte has a piece, so any text can be encoded and nothing is unknown. The result depends on the texts and the
/// settings alone: of the pairs that stand most often in the words, the one with the smaller left number and then the
/// smaller right number is merged first. Numbers are given to the special tokens in their order, then to the 256 bytes
/// in the order of their stand-ins, then to the merges as they are found.
public struct BPETrainer: Sendable {
    /// Pieces to learn, special tokens and the 256 bytes included; fewer when the text has no further pairs.
    public var vocabularySize: Int
    /// A pair must stand in the text at least that often to be merged.
    public var minimumFrequency: Int
    /// What a word is; merges never cross from one match to the next. Oniguruma's syntax.
    public var splitPattern: String
    /// Tokens that are never split, in the order of their numbers.
    public var specialTokens: [String]
    /// Tokens that are never split but are ordinary text, such as the labels of a classifier; numbered after the special
    /// ones. Decoding keeps them.
    public var addedTokens: [String] = []
    /// Whether text is turned to lower case before it is split; special and added tokens are found before that.
    public var lowercases = false
    /// Which of the special tokens starts a sequence, ends one, and fills.
    public var beginningOfSequence, endOfSequence, padding: String?
    /// Whether `encode` puts the start token before a text.
    public var addsBeginningOfSequence: Bool
    /// A chat template to store with the tokenizer.
    public var chatTemplate: String?

    /// Words of at most one leading sign and letters, up to three digits, other signs with line ends, and spaces, so
    /// that neither case endings nor numbers nor line structure blow up the vocabulary.
    public static let defaultSplitPattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"#
        + #"|\s+(?!\S)|\s+"#

    /// - Parameters:
    ///   - vocabularySize: pieces to learn.
    ///   - specialTokens: tokens that are never split; those named as start, end or padding are added when missing.
    ///   - minimumFrequency: how often a pair must stand in the text.
    ///   - splitPattern: what a word is.
    public init(
        vocabularySize: Int, specialTokens: [String] = [], beginningOfSequence: String? = nil,
        endOfSequence: String? = nil, padding: String? = nil, addsBeginningOfSequence: Bool = false,
        minimumFrequency: Int = 2, splitPattern: String = BPETrainer.defaultSplitPattern, chatTemplate: String? = nil
    ) {
        self.vocabularySize = vocabularySize
        self.specialTokens = specialTokens
        self.beginningOfSequence = beginningOfSequence
        self.endOfSequence = endOfSequence
        self.padding = padding
        self.addsBeginningOfSequence = addsBeginningOfSequence
        self.minimumFrequency = minimumFrequency
        self.splitPattern = splitPattern
        self.chatTemplate = chatTemplate
    }

    /// Learns from `texts`, each read once.
    ///
    /// - Throws: `TokenizationError` for settings that cannot be met.
    public func train(on texts: some Sequence<String>) throws -> TrainedTokenizer {
        let specials = try allSpecialTokens()
        let regex: LinearRegex
        do throws(RegexError) {
            regex = try LinearRegex(splitPattern, syntax: .oniguruma)
        } catch {
            throw TokenizationError("the split pattern cannot be used: \(error)")
        }
        var learner = PairLearner(wordCounts: countWords(in: texts, regex: regex), firstID: specials.count)
        let merges = learner.learn(upTo: vocabularySize, minimumFrequency: minimumFrequency)
        return TrainedTokenizer(
            trainer: self, specialTokens: specials, pieces: learner.pieces.map { ByteLevelAlphabet.encode($0) },
            merges: merges)
    }

    private func allSpecialTokens() throws(TokenizationError) -> [String] {
        var tokens: [String] = []
        for token in specialTokens + [beginningOfSequence, endOfSequence, padding].compactMap(\.self) + addedTokens
        where !tokens.contains(where: { $0.utf8.elementsEqual(token.utf8) }) {
            guard (1...AddedToken.maximumLength).contains(token.utf8.count) else {
                throw TokenizationError(
                    "the token \(quoted(token.utf8)) has \(token.utf8.count) bytes; "
                        + "1 to \(AddedToken.maximumLength) are possible")
            }
            tokens.append(token)
        }
        let smallest = tokens.count + 256
        guard (smallest...Vocabulary.maximumSize).contains(vocabularySize) else {
            throw TokenizationError(
                "a vocabulary of \(vocabularySize) is not possible: the 256 bytes and \(tokens.count) special or added tokens "
                    + "need \(smallest), and \(Vocabulary.maximumSize) is the limit")
        }
        guard minimumFrequency >= 1 else {
            throw TokenizationError("a minimum frequency of \(minimumFrequency) is not possible; the least is 1")
        }
        if addsBeginningOfSequence, beginningOfSequence == nil {
            throw TokenizationError("a start token is to be added to each text but none is named")
        }
        return tokens
    }

    private func countWords(in texts: some Sequence<String>, regex: LinearRegex) -> [[UInt8]: Int] {
        var counts: [[UInt8]: Int] = [:]
        for text in texts {
            var text = lowercases ? text.lowercased() : text
            text.withUTF8 { bytes in
                var position = 0
                for match in regex.matches(in: bytes) where !match.isEmpty {
                    // What the pattern leaves out is a word too, as the `Isolated` split has it.
                    if match.lowerBound > position {
                        counts[Array(bytes[position..<match.lowerBound]), default: 0] += 1
                    }
                    counts[Array(bytes[match]), default: 0] += 1
                    position = match.upperBound
                }
                if position < bytes.count { counts[Array(bytes[position...]), default: 0] += 1 }
            }
        }
        return counts
    }
}

/// The words of a training text as symbols, and how often each pair of neighbours stands in them.
private struct PairLearner {
    /// The bytes of each piece; the number of the first is `firstID`.
    private(set) var pieces: [[UInt8]]
    private let firstID: Int
    private var known: [[UInt8]: Int32] = [:]
    private var words: [[Int32]] = []
    private var wordCounts: [Int] = []
    private var pairCounts: [UInt64: Int] = [:]
    /// Words in which a pair stands, or stood before another merge.
    private var places: [UInt64: [Int32]] = [:]
    private var heap = MinimumHeap<Candidate>()

    /// Sorts the most frequent pair first, then the smaller pair.
    private struct Candidate: Comparable {
        let count: Int
        let pair: UInt64

        static func < (left: Candidate, right: Candidate) -> Bool {
            left.count != right.count ? left.count > right.count : left.pair < right.pair
        }
    }

    init(wordCounts counts: [[UInt8]: Int], firstID: Int) {
        self.firstID = firstID
        let order = (0..<256).sorted { ByteLevelAlphabet.scalars[$0].value < ByteLevelAlphabet.scalars[$1].value }
        pieces = order.map { [UInt8($0)] }
        for (index, piece) in pieces.enumerated() { known[piece] = Int32(firstID + index) }
        // The order of the words does not matter for the counts, but a fixed one makes runs easy to compare.
        for (word, count) in counts.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            words.append(word.map { known[[$0], default: 0] })
            wordCounts.append(count)
        }
        for index in words.indices { count(index, sign: 1) { _ in true } }
        for (pair, count) in pairCounts { heap.insert(Candidate(count: count, pair: pair)) }
    }

    /// Merges until there are `size` numbers or no pair is frequent enough; the merges in order, as pairs of pieces.
    mutating func learn(upTo size: Int, minimumFrequency: Int) -> [(left: Int32, right: Int32)] {
        var merges: [(left: Int32, right: Int32)] = []
        while firstID + pieces.count < size, let top = heap.popFirst() {
            let count = pairCounts[top.pair, default: 0]
            if count != top.count {
                // The entry is from before other merges took some of the pairs.
                if count > 0 { heap.insert(Candidate(count: count, pair: top.pair)) }
                continue
            }
            guard count >= minimumFrequency, count > 0 else { break }
            merge(top.pair)
            merges.append((Int32(top.pair >> 32), Int32(top.pair & 0xFFFF_FFFF)))
        }
        return merges
    }

    private mutating func merge(_ pair: UInt64) {
        let (left, right) = (Int32(pair >> 32), Int32(pair & 0xFFFF_FFFF))
        let text = pieces[Int(left) - firstID] + pieces[Int(right) - firstID]
        let id = known[text] ?? Int32(firstID + pieces.count)
        if known[text] == nil {
            pieces.append(text)
            known[text] = id
        }
        var changed: Set<UInt64> = []
        for word in Set(places.removeValue(forKey: pair) ?? []) {
            let index = Int(word)
            count(index, sign: -1) { _ in false }
            words[index] = Self.joined(words[index], left, right, as: id)
            count(index, sign: 1) { new in
                let isChanged = Int32(new >> 32) == id || Int32(new & 0xFFFF_FFFF) == id
                if isChanged { changed.insert(new) }
                return isChanged
            }
        }
        pairCounts[pair] = nil
        for pair in changed where pairCounts[pair] != nil {
            heap.insert(Candidate(count: pairCounts[pair, default: 0], pair: pair))
        }
    }

    /// Adds (or takes away) the pairs of a word; those for which `remembers` says so get the word as a place.
    private mutating func count(_ index: Int, sign: Int, remembers: (UInt64) -> Bool) {
        let word = words[index]
        for position in word.indices.dropLast() {
            let pair = PairTable.key(word[position], word[position + 1])
            pairCounts[pair, default: 0] += sign * wordCounts[index]
            if sign > 0, remembers(pair), places[pair]?.last != Int32(index) {
                places[pair, default: []].append(Int32(index))
            }
        }
    }

    private static func joined(_ word: [Int32], _ left: Int32, _ right: Int32, as id: Int32) -> [Int32] {
        var result: [Int32] = []
        result.reserveCapacity(word.count)
        var position = 0
        while position < word.count {
            if word[position] == left, position + 1 < word.count, word[position + 1] == right {
                result.append(id)
                position += 2
            } else {
                result.append(word[position])
                position += 1
            }
        }
        return result
    }
}

/// A vocabulary that `BPETrainer` learned, ready to be written.
public struct TrainedTokenizer: Sendable {
    private let trainer: BPETrainer
    private let specialTokens: [String]
    private let pieces: [[UInt8]]
    private let merges: [(left: Int32, right: Int32)]

    fileprivate init(
        trainer: BPETrainer, specialTokens: [String], pieces: [[UInt8]], merges: [(left: Int32, right: Int32)]
    ) {
        self.trainer = trainer
        self.specialTokens = specialTokens
        self.pieces = pieces
        self.merges = merges
    }

    /// Pieces learned, special tokens and bytes included.
    public var vocabularySize: Int { specialTokens.count + pieces.count }

    /// Writes `tokenizer.json` as Hugging Face tokenizers reads it and `tokenizer_config.json`, making the folder where
    /// it is missing.
    ///
    /// - Throws: `TokenizationError` when a file cannot be written.
    public func write(to folder: URL) throws {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            for (name, json) in [("tokenizer.json", tokenizerJSON), ("tokenizer_config.json", configurationJSON)] {
                let text = json.text(.pretty) + "\n"
                try Data(text.utf8).write(to: folder.appendingPathComponent(name), options: .atomic)
            }
        } catch {
            throw TokenizationError(
                "the tokenizer cannot be written: \(error.localizedDescription)", at: folder.path)
        }
    }

    private func piece(_ id: Int32) -> JSON {
        .string(String(decoding: pieces[Int(id) - specialTokens.count], as: UTF8.self))
    }

    private var tokenizerJSON: JSON {
        var vocabulary: OrderedDictionary<String, JSON> = [:]
        for (id, token) in specialTokens.enumerated() { vocabulary[token] = .integer(id) }
        for (index, piece) in pieces.enumerated() {
            // A special token such as `<` that is also a piece keeps its own number.
            let text = String(decoding: piece, as: UTF8.self)
            if vocabulary[text] == nil { vocabulary[text] = .integer(specialTokens.count + index) }
        }
        let byteLevel: JSON = [
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false,
        ]
        return [
            "version": "1.0", "truncation": .null, "padding": .null,
            "added_tokens": .array(
                specialTokens.enumerated().map { id, token in
                    [
                        "id": .integer(id), "content": .string(token), "single_word": false, "lstrip": false,
                        "rstrip": false, "normalized": false, "special": .bool(!trainer.addedTokens.contains(token)),
                    ]
                }),
            "normalizer": trainer.lowercases ? ["type": "Lowercase"] : .null,
            "pre_tokenizer": [
                "type": "Sequence",
                "pretokenizers": [
                    [
                        "type": "Split", "pattern": ["Regex": .string(trainer.splitPattern)], "behavior": "Isolated",
                        "invert": false,
                    ], byteLevel,
                ],
            ],
            "post_processor": trainer.addsBeginningOfSequence ? template : byteLevel,
            "decoder": byteLevel,
            "model": [
                "type": "BPE", "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
                "end_of_word_suffix": .null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                "vocab": .object(vocabulary), "merges": .array(merges.map { [piece($0.left), piece($0.right)] }),
            ],
        ]
    }

    /// The start token before the text.
    private var template: JSON {
        guard let token = trainer.beginningOfSequence, let id = specialTokens.firstIndex(of: token) else {
            return .null
        }
        func special(_ type: Int) -> JSON { ["SpecialToken": ["id": .string(token), "type_id": .integer(type)]] }
        func text(_ name: String, _ type: Int) -> JSON {
            ["Sequence": ["id": .string(name), "type_id": .integer(type)]]
        }
        return [
            "type": "TemplateProcessing", "single": [special(0), text("A", 0)],
            "pair": [special(0), text("A", 0), special(1), text("B", 1)],
            "special_tokens": .object([
                token: ["id": .string(token), "ids": [.integer(id)], "tokens": [.string(token)]]
            ]),
        ]
    }

    private var configurationJSON: JSON {
        var members: OrderedDictionary<String, JSON> = [
            "tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false,
        ]
        members["bos_token"] = trainer.beginningOfSequence.map { .string($0) }
        members["eos_token"] = trainer.endOfSequence.map { .string($0) }
        members["pad_token"] = trainer.padding.map { .string($0) }
        members["chat_template"] = trainer.chatTemplate.map { .string($0) }
        return .object(members)
    }
}
