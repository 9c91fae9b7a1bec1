internal import TextCore

/// Text cut into the pieces that the model sees one by one.
struct PieceList {
    var text: AlignedText
    var pieces: [Range<Int>]
    /// The model reads each byte as its stand-in of the byte-level alphabet.
    var isByteLevel = false
}

/// The `pre_tokenizer` of `tokenizer.json`: how text is cut before the model, which never merges across a cut.
struct PreTokenizer: Sendable {
    enum Behavior: String, Sendable {
        case removed = "Removed"
        case isolated = "Isolated"
        case mergedWithPrevious = "MergedWithPrevious"
        case mergedWithNext = "MergedWithNext"
        case contiguous = "Contiguous"
    }

    private enum Prefixing: Sendable {
        case always
        case atTextStart
    }

    private enum Step: Sendable {
        case prefix([UInt8], Prefixing)
        case replace([UInt8], with: [UInt8])
        case split(TextMatcher, Behavior, invert: Bool)
        case byteLevel
        case fixedLength(Int)
    }

    private var steps: [Step] = []

    private static let known = [
        "Sequence", "ByteLevel", "Split", "Metaspace", "Digits", "Punctuation", "Whitespace", "WhitespaceSplit",
        "CharDelimiterSplit", "BertPreTokenizer", "FixedLength",
    ]

    /// The words of GPT-2: contractions, then letters, digits or other signs with at most one space before, then spaces.
    static let byteLevelPattern =
        #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    private static let punctuation = #"[\p{P}!-/:-@\[-`{-~]"#

    /// - Throws: `TokenizationError` for a pre-tokenizer that is unknown or malformed.
    init(_ reader: ComponentReader?, _ growth: inout TextGrowth) throws(TokenizationError) {
        if let reader { try add(reader, &growth) }
    }

    private mutating func add(_ reader: ComponentReader, _ growth: inout TextGrowth) throws(TokenizationError) {
        let type = try reader.type()
        if type != "Sequence" { try growth.add(1, reader) }
        switch type {
        case "Sequence":
            try reader.allow(["pretokenizers"])
            for component in try reader.components("pretokenizers") { try add(component, &growth) }
        case "ByteLevel": try addByteLevel(reader, &growth)
        case "Split":
            try reader.allow(["pattern", "behavior", "invert"])
            let invert = try reader.bool("invert", default: false)
            steps.append(.split(try reader.matcher(), try Self.behavior(of: reader), invert: invert))
        case "Metaspace": try addMetaspace(reader, &growth)
        case "Digits":
            try reader.allow(["individual_digits"])
            let individual = try reader.bool("individual_digits", default: false)
            try addSplit(#"\p{N}"#, individual ? .isolated : .contiguous, reader)
        case "Punctuation":
            try reader.allow(["behavior"])
            try addSplit(Self.punctuation, try Self.behavior(of: reader, default: .isolated), reader)
        case "Whitespace":
            try reader.allow([])
            try addSplit(#"[\w\x{200C}\x{200D}]+|[^\w\s\x{200C}\x{200D}]+"#, .removed, invert: true, reader)
        case "WhitespaceSplit":
            try reader.allow([])
            try addSplit(#"\s"#, .removed, reader)
        case "BertPreTokenizer":
            try reader.allow([])
            try addSplit(#"\s"#, .removed, reader)
            try addSplit(Self.punctuation, .isolated, reader)
        case "CharDelimiterSplit":
            try reader.allow(["delimiter"])
            let delimiter = Array(try reader.string("delimiter").utf8)
            steps.append(.split(.literal(delimiter), .removed, invert: false))
        case "FixedLength":
            try reader.allow(["length"])
            steps.append(.fixedLength(try reader.integer("length", in: 1...1_000_000)))
        case let type: throw reader.unknownType(type, kind: "pre-tokenizer", known: Self.known)
        }
    }

    private mutating func addSplit(
        _ pattern: String, _ behavior: Behavior, invert: Bool = false, _ reader: ComponentReader
    ) throws(TokenizationError) {
        do throws(RegexError) {
            steps.append(.split(.regex(try LinearRegex(pattern, syntax: .oniguruma)), behavior, invert: invert))
        } catch {
            throw reader.error("\(error)")
        }
    }

    private mutating func addByteLevel(
        _ reader: ComponentReader, _ growth: inout TextGrowth
    ) throws(TokenizationError) {
        try reader.allow(["add_prefix_space", "trim_offsets", "use_regex"])
        // A chain that goes on behind it writes the letters that stand for bytes; some of them have two.
        try growth.add(2, reader)
        if try reader.bool("add_prefix_space", default: true) {
            try growth.add(2, reader)
            steps.append(.prefix([0x20], .always))
        }
        if try reader.bool("use_regex", default: true) { try addSplit(Self.byteLevelPattern, .isolated, reader) }
        steps.append(.byteLevel)
    }

    private mutating func addMetaspace(
        _ reader: ComponentReader, _ growth: inout TextGrowth
    ) throws(TokenizationError) {
        try reader.allow(["replacement", "str_rep", "add_prefix_space", "prepend_scheme", "split"])
        let replacement = Array(try reader.string("replacement").utf8)
        // Files from before `prepend_scheme` say it with `add_prefix_space`.
        let addsSpace = try reader.bool("add_prefix_space", default: true)
        try growth.add(max(1, replacement.count) * (1 + replacement.count), reader)
        steps.append(.replace([0x20], with: replacement))
        switch try reader.optionalString("prepend_scheme") ?? (addsSpace ? "always" : "never") {
        case "always": steps.append(.prefix(replacement, .always))
        case "first": steps.append(.prefix(replacement, .atTextStart))
        case "never": break
        case let scheme:
            throw reader.error("`\(scheme)` is none of always, first, never", key: "prepend_scheme")
        }
        if try reader.bool("split", default: true) {
            steps.append(.split(.literal(replacement), .mergedWithNext, invert: false))
        }
    }

    private static func behavior(
        of reader: ComponentReader, default fallback: Behavior? = nil
    ) throws(TokenizationError) -> Behavior {
        if let fallback, reader.json["behavior", default: .null].isNull { return fallback }
        let name = try reader.string("behavior")
        // Files hold both `MergedWithNext` and `merged_with_next`.
        let key = name.lowercased().filter { $0 != "_" }
        let behaviors: [Behavior] = [.removed, .isolated, .mergedWithPrevious, .mergedWithNext, .contiguous]
        guard let behavior = behaviors.first(where: { $0.rawValue.lowercased() == key }) else {
            let names = behaviors.map(\.rawValue).joined(separator: ", ")
            throw reader.error("`\(name)` is no behaviour; known are \(names)", key: "behavior")
        }
        return behavior
    }

    /// Cuts the pieces of `list` by every step.
    func apply(to list: inout PieceList) {
        for (index, step) in steps.enumerated() {
            switch step {
            case .split(let matcher, let behavior, let invert):
                list.split(by: matcher, behavior: behavior, invert: invert)
            case .prefix(let prefix, let prefixing):
                list.rebuild { text, piece, builder in
                    let startsWithPrefix = text.bytes[piece].starts(with: prefix)
                    let isWanted = prefixing == .always || text.originalRange(of: piece).lowerBound == 0
                    if !startsWithPrefix, isWanted { builder.insert(prefix, before: piece.lowerBound) }
                    builder.keep(piece)
                }
            case .replace(let literal, let content):
                list.rebuild { text, piece, builder in
                    var position = piece.lowerBound
                    for match in text.matches(of: .literal(literal), in: piece) {
                        builder.keep(position..<match.lowerBound)
                        builder.replace(match, with: content)
                        position = match.upperBound
                    }
                    builder.keep(position..<piece.upperBound)
                }
            case .byteLevel where index == steps.count - 1: list.isByteLevel = true
            case .byteLevel:
                list.rebuild { text, piece, builder in
                    for position in piece {
                        builder.replace(
                            position..<position + 1, with: ByteLevelAlphabet.encoded[Int(text.bytes[position])])
                    }
                }
            case .fixedLength(let length): list.cut(every: length)
            }
        }
    }
}

extension AlignedText {
    /// The matches inside `range`, seen as a text of its own, in bytes of this text.
    fileprivate func matches(of matcher: TextMatcher, in range: Range<Int>) -> [Range<Int>] {
        bytes.withUnsafeBufferPointer { bytes in
            matcher.matches(in: UnsafeBufferPointer(rebasing: bytes[range])).map {
                (range.lowerBound + $0.lowerBound)..<(range.lowerBound + $0.upperBound)
            }
        }
    }
}

extension PieceList {
    /// Writes every piece anew with `write`.
    fileprivate mutating func rebuild(
        _ write: (AlignedText, Range<Int>, inout AlignedTextBuilder) -> Void
    ) {
        var builder = AlignedTextBuilder(text)
        var rebuilt: [Range<Int>] = []
        for piece in pieces {
            let start = builder.count
            write(text, piece, &builder)
            if builder.count > start { rebuilt.append(start..<builder.count) }
        }
        text = builder.text
        pieces = rebuilt
    }

    fileprivate mutating func cut(every length: Int) {
        var cut: [Range<Int>] = []
        for piece in pieces {
            var start = piece.lowerBound
            while start < piece.upperBound {
                var end = start
                for _ in 0..<length where end < piece.upperBound { end += text.scalarWidth(at: end) }
                cut.append(start..<min(end, piece.upperBound))
                start = end
            }
        }
        pieces = cut
    }

    fileprivate mutating func split(by matcher: TextMatcher, behavior: PreTokenizer.Behavior, invert: Bool) {
        var result: [Range<Int>] = []
        result.reserveCapacity(pieces.count)
        for piece in pieces {
            var parts: [(range: Range<Int>, isMatch: Bool)] = []
            var position = piece.lowerBound
            for match in text.matches(of: matcher, in: piece) {
                if match.lowerBound > position { parts.append((position..<match.lowerBound, invert)) }
                parts.append((match, !invert))
                position = match.upperBound
            }
            if position < piece.upperBound { parts.append((position..<piece.upperBound, invert)) }
            Self.join(parts, behavior, into: &result)
        }
        pieces = result
    }

    /// Joins the parts of a piece as the behaviour says and appends them without the empty ones.
    private static func join(
        _ parts: [(range: Range<Int>, isMatch: Bool)], _ behavior: PreTokenizer.Behavior,
        into result: inout [Range<Int>]
    ) {
        var joined: [Range<Int>] = []
        var previousIsMatch = false
        switch behavior {
        case .removed: joined = parts.filter { !$0.isMatch }.map(\.range)
        case .isolated: joined = parts.map(\.range)
        case .contiguous:
            for part in parts {
                if part.isMatch == previousIsMatch, let last = joined.popLast() {
                    joined.append(last.lowerBound..<part.range.upperBound)
                } else {
                    joined.append(part.range)
                }
                previousIsMatch = part.isMatch
            }
        case .mergedWithPrevious:
            for part in parts {
                if part.isMatch, !previousIsMatch, let last = joined.popLast() {
                    joined.append(last.lowerBound..<part.range.upperBound)
                } else {
                    joined.append(part.range)
                }
                previousIsMatch = part.isMatch
            }
        case .mergedWithNext:
            for part in parts.reversed() {
                if part.isMatch, !previousIsMatch, let last = joined.popLast() {
                    joined.append(part.range.lowerBound..<last.upperBound)
                } else {
                    joined.append(part.range)
                }
                previousIsMatch = part.isMatch
            }
            joined.reverse()
        }
        for range in joined where !range.isEmpty { result.append(range) }
    }
}
