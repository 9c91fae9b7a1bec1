internal import TextCore

/// The `decoder` of `tokenizer.json`: how pieces become text again.
struct Decoder: Sendable {
    private enum Step: Sendable {
        case byteLevel
        case replace(TextMatcher, content: [UInt8])
        case byteFallback
        case fuse
        case strip(content: Unicode.Scalar, start: Int, stop: Int)
        case metaspace(replacement: Unicode.Scalar, dropsFirst: Bool)
        case suffix([UInt8])
    }

    private var steps: [Step] = []
    /// Without any decoder the pieces are joined by spaces.
    private let joinsBySpace: Bool
    /// Whether runs of `<0xNN>` pieces become bytes, which a later piece of the run can still complete.
    private(set) var hasByteFallback = false

    private static let known = [
        "Sequence", "ByteLevel", "Replace", "ByteFallback", "Fuse", "Strip", "Metaspace", "BPEDecoder",
    ]

    /// - Throws: `TokenizationError` for a decoder that is unknown or malformed.
    init(_ reader: ComponentReader?) throws(TokenizationError) {
        joinsBySpace = reader == nil
        var growth = TextGrowth()
        if let reader { try add(reader, &growth) }
    }

    private mutating func add(_ reader: ComponentReader, _ growth: inout TextGrowth) throws(TokenizationError) {
        let type = try reader.type()
        if type != "Sequence", type != "Replace" { try growth.add(1, reader) }
        switch type {
        case "Sequence":
            try reader.allow(["decoders"])
            for component in try reader.components("decoders") { try add(component, &growth) }
        case "ByteLevel":
            try reader.allow(["add_prefix_space", "trim_offsets", "use_regex"])
            steps.append(.byteLevel)
        case "Replace":
            try reader.allow(["pattern", "content"])
            let (matcher, content) = (try reader.matcher(), Array(try reader.string("content").utf8))
            try growth.add(matcher.growth(with: content), reader)
            steps.append(.replace(matcher, content: content))
        case "ByteFallback":
            try reader.allow([])
            steps.append(.byteFallback)
            hasByteFallback = true
        case "Fuse":
            try reader.allow([])
            steps.append(.fuse)
        case "Strip":
            try reader.allow(["content", "start", "stop"])
            steps.append(
                .strip(
                    content: try Self.scalar("content", of: reader),
                    start: try reader.integer("start", in: 0...1_000_000),
                    stop: try reader.integer("stop", in: 0...1_000_000)))
        case "Metaspace":
            try reader.allow(["replacement", "str_rep", "add_prefix_space", "prepend_scheme", "split"])
            let addsSpace = try reader.bool("add_prefix_space", default: true)
            let scheme = try reader.optionalString("prepend_scheme") ?? (addsSpace ? "always" : "never")
            steps.append(
                .metaspace(replacement: try Self.scalar("replacement", of: reader), dropsFirst: scheme != "never"))
        case "BPEDecoder":
            try reader.allow(["suffix"])
            steps.append(.suffix(Array((try reader.optionalString("suffix") ?? "</w>").utf8)))
        case let type: throw reader.unknownType(type, kind: "decoder", known: Self.known)
        }
    }

    private static func scalar(_ key: String, of reader: ComponentReader) throws(TokenizationError) -> Unicode.Scalar {
        let text = try reader.string(key)
        guard let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1 else {
            throw reader.error("one character is expected, not \(text.unicodeScalars.count)", key: key)
        }
        return scalar
    }

    /// The text of the pieces, given as UTF-8; bytes that are no UTF-8 become U+FFFD.
    func decode(_ pieces: [[UInt8]]) -> String {
        if joinsBySpace { return String(decoding: Array(pieces.joined(separator: [0x20])), as: UTF8.self) }
        var pieces = pieces
        for step in steps { pieces = Self.apply(step, to: pieces) }
        return String(decoding: Array(pieces.joined()), as: UTF8.self)
    }

    private static func apply(_ step: Step, to pieces: [[UInt8]]) -> [[UInt8]] {
        switch step {
        case .byteLevel:
            let bytes = pieces.flatMap { ByteLevelAlphabet.decode($0) ?? $0 }
            return [Array(String(decoding: bytes, as: UTF8.self).utf8)]
        case .fuse: return [Array(pieces.joined())]
        case .byteFallback: return decodeByteFallback(pieces)
        case .replace(let matcher, let content):
            return pieces.map { piece in
                let matches = piece.withUnsafeBufferPointer { matcher.matches(in: $0) }
                if matches.isEmpty { return piece }
                var result: [UInt8] = []
                var position = 0
                for match in matches {
                    result += piece[position..<match.lowerBound] + content
                    position = match.upperBound
                }
                return result + piece[position...]
            }
        case .strip(let content, let start, let stop):
            return pieces.map { strip($0, Array(String(Character(content)).utf8), start: start, stop: stop) }
        case .metaspace(let replacement, let dropsFirst):
            let literal = Array(String(Character(replacement)).utf8)
            return pieces.enumerated().map { index, piece in
                apply(
                    .replace(.literal(literal), content: index == 0 && dropsFirst ? [] : [0x20]), to: [piece]
                ).first ?? []
            }
        case .suffix(let suffix):
            return pieces.enumerated().map { index, piece in
                let content: [UInt8] = index == pieces.count - 1 ? [] : [0x20]
                return apply(.replace(.literal(suffix), content: content), to: [piece]).first ?? []
            }
        }
    }

    private static func strip(_ piece: [UInt8], _ content: [UInt8], start: Int, stop: Int) -> [UInt8] {
        var kept = piece[...]
        for _ in 0..<start {
            guard kept.starts(with: content) else { break }
            kept = kept.dropFirst(content.count)
        }
        for _ in 0..<stop {
            guard kept.count >= content.count, kept.suffix(content.count).elementsEqual(content) else { break }
            kept = kept.dropLast(content.count)
        }
        return Array(kept)
    }

    /// Joins runs of `<0xNN>` into their bytes; a run that is no UTF-8 becomes one U+FFFD a byte.
    private static func decodeByteFallback(_ pieces: [[UInt8]]) -> [[UInt8]] {
        var result: [[UInt8]] = []
        var run: [UInt8] = []
        func endRun() {
            guard !run.isEmpty else { return }
            if String(validating: run, as: UTF8.self) != nil {
                result.append(run)
            } else {
                result += repeatElement([0xEF, 0xBF, 0xBD], count: run.count)
            }
            run = []
        }
        for piece in pieces {
            if let byte = byteFallback(piece) {
                run.append(byte)
            } else {
                endRun()
                result.append(piece)
            }
        }
        endRun()
        return result
    }

    /// The byte that a piece such as `<0x0A>` stands for.
    static func byteFallback(_ piece: [UInt8]) -> UInt8? {
        guard piece.count == 6, piece.starts(with: Array("<0x".utf8)), piece[5] == UInt8(ascii: ">") else { return nil }
        return UInt8(String(decoding: piece[3..<5], as: UTF8.self), radix: 16)
    }
}
