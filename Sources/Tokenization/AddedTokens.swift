internal import TextCore

/// One of the `added_tokens`: a text that is one token wherever it stands, before any splitting.
struct AddedToken: Sendable {
    let id: Int
    let content: String
    /// Only where no word character stands on either side.
    var isSingleWord = false
    /// Takes the spaces before (after) it.
    var stripsLeft = false
    var stripsRight = false
    /// Looked for in the normalized text, in its own normalized form.
    var isNormalized = false
    /// Left out by decoding that skips special tokens.
    var isSpecial = false

    /// Bytes of a token's text, at most: the search looks ahead that far at every place.
    static let maximumLength = 1024

    /// - Throws: `TokenizationError` for a malformed entry.
    init(_ reader: ComponentReader, id: Int? = nil) throws(TokenizationError) {
        try reader.allow(["id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"])
        if let id { self.id = id } else { self.id = try reader.integer("id", in: 0...Vocabulary.maximumSize - 1) }
        content = try reader.string("content")
        guard content.utf8.count <= Self.maximumLength else {
            throw reader.error(
                "an added token of \(content.utf8.count) bytes; the limit is \(Self.maximumLength)", key: "content")
        }
        isSingleWord = try reader.bool("single_word", default: false)
        stripsLeft = try reader.bool("lstrip", default: false)
        stripsRight = try reader.bool("rstrip", default: false)
        isSpecial = try reader.bool("special", default: false)
        isNormalized = try reader.bool("normalized", default: !isSpecial)
    }
}

/// Finds added tokens in text: the leftmost, and of those that start there the longest.
struct AddedTokenFinder: Sendable {
    private var tokens: [AddedToken] = []
    private var nodes = PairTable()
    /// The token that ends at each node, -1 for none.
    private var ends: [Int32] = [-1]
    private var isFirstByte = [Bool](repeating: false, count: 256)

    var isEmpty: Bool { tokens.isEmpty }

    /// - Parameter text: the bytes to look for, which normalization may have changed.
    mutating func insert(_ token: AddedToken, text: [UInt8]) {
        guard let first = text.first else { return }
        isFirstByte[Int(first)] = true
        var node: Int32 = 0
        for byte in text {
            let key = PairTable.key(node, Int32(byte))
            if let child = nodes[key] {
                node = Int32(child)
            } else {
                node = Int32(ends.count)
                nodes.set(key, to: UInt32(node))
                ends.append(-1)
            }
        }
        if ends[Int(node)] < 0 {
            ends[Int(node)] = Int32(tokens.count)
            tokens.append(token)
        }
    }

    /// The parts of a text: added tokens and the text between them, none empty.
    func split(_ bytes: UnsafeBufferPointer<UInt8>) -> [(range: Range<Int>, id: Int?)] {
        var parts: [(range: Range<Int>, id: Int?)] = []
        var done = 0
        var position = 0
        while position < bytes.count {
            guard isFirstByte[Int(bytes[position])], let (token, end) = longest(in: bytes, at: position) else {
                position += 1
                continue
            }
            let found = position..<end
            position = end
            if token.isSingleWord, !Self.isSeparate(found, in: bytes) { continue }
            var (start, stop) = (found.lowerBound, found.upperBound)
            while token.stripsLeft, let (value, width) = decodeScalar(bytes, before: start), isWhitespace(value) {
                start -= width
            }
            while token.stripsRight, stop < bytes.count {
                let (value, width) = decodeScalar(bytes, at: stop)
                guard isWhitespace(value) else { break }
                stop += width
            }
            // Spaces may already belong to the token before.
            start = max(start, done)
            if start > done { parts.append((done..<start, nil)) }
            parts.append((start..<max(stop, start), token.id))
            done = max(stop, start)
        }
        if done < bytes.count { parts.append((done..<bytes.count, nil)) }
        return parts
    }

    private func longest(in bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> (AddedToken, end: Int)? {
        var node: UInt32 = 0
        var found: (AddedToken, end: Int)?
        var position = start
        while position < bytes.count, let child = nodes[PairTable.key(Int32(node), Int32(bytes[position]))] {
            node = child
            position += 1
            if ends[Int(node)] >= 0 { found = (tokens[Int(ends[Int(node)])], position) }
        }
        return found
    }

    private static func isSeparate(_ range: Range<Int>, in bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        if let (value, _) = decodeScalar(bytes, before: range.lowerBound), isWord(value) { return false }
        return range.upperBound == bytes.count || !isWord(decodeScalar(bytes, at: range.upperBound).value)
    }

    private static func isWord(_ value: UInt32) -> Bool {
        guard let properties = Unicode.Scalar(value)?.properties else { return false }
        if properties.isAlphabetic || properties.isJoinControl { return true }
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
        default: return false
        }
    }
}
