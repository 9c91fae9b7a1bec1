internal import TextCore

/// Reads `model.vocab` of a `tokenizer.json` straight from its bytes.
///
/// A vocabulary holds pieces that are canonically equivalent (`Å` U+00C5 and U+212B), which an object with `String`
/// keys takes for one key written twice. Reading 256,000 entries directly is also several times as fast.
struct VocabularyScanner {
    private let bytes: [UInt8]
    private let name: String
    private var position: Int

    /// Takes the vocabulary out of the file, leaving `{}` and spaces so that later errors keep their line and column.
    ///
    /// - Returns: `nil` when the file has no `model.vocab` object or is no JSON, which parsing the rest will tell.
    /// - Throws: `TokenizationError` for a vocabulary that is malformed or that gives a number twice.
    static func takeVocabulary(
        from bytes: inout [UInt8], name: String
    ) throws(TokenizationError) -> Vocabulary? {
        var scanner = VocabularyScanner(bytes: bytes, name: name, position: 0)
        guard scanner.enter(member: "model"), scanner.enter(member: "vocab") else { return nil }
        scanner.skipSpace()
        guard scanner.current == UInt8(ascii: "{") else { return nil }
        let start = scanner.position
        let vocabulary = try scanner.parseVocabulary()
        for position in start..<scanner.position where bytes[position] != UInt8(ascii: "\n") { bytes[position] = 0x20 }
        bytes[start] = UInt8(ascii: "{")
        bytes[scanner.position - 1] = UInt8(ascii: "}")
        return vocabulary
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || (0x09...0x0A).contains(byte) || byte == 0x0D { position += 1 }
    }

    // MARK: Finding it

    /// Moves to the value of `key` of the object at `position`; `false` when there is none.
    private mutating func enter(member key: String) -> Bool {
        skipSpace()
        guard current == UInt8(ascii: "{") else { return false }
        position += 1
        while true {
            skipSpace()
            let start = position
            guard skipString() else { return false }
            let isKey = bytes[(start + 1)..<(position - 1)].elementsEqual(key.utf8)
            skipSpace()
            guard current == UInt8(ascii: ":") else { return false }
            position += 1
            if isKey { return true }
            guard skipValue() else { return false }
            skipSpace()
            guard current == UInt8(ascii: ",") else { return false }
            position += 1
        }
    }

    private mutating func skipString() -> Bool {
        guard current == UInt8(ascii: "\"") else { return false }
        position += 1
        while let byte = current {
            position += byte == UInt8(ascii: "\\") ? 2 : 1
            if byte == UInt8(ascii: "\"") { return true }
        }
        return false
    }

    private mutating func skipValue() -> Bool {
        skipSpace()
        var depth = 0
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                guard skipString() else { return false }
                if depth == 0 { return true }
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return true }
                depth -= 1
                if depth == 0 {
                    position += 1
                    return true
                }
            case UInt8(ascii: ",") where depth == 0: return true
            default: break
            }
            position += 1
        }
        return false
    }

    // MARK: Reading it

    private func error(_ message: String, at offset: Int) -> TokenizationError {
        let before = bytes.prefix(offset)
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let lineStart = (before.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
        return TokenizationError(message, at: "\(name):\(line):\(offset - lineStart + 1)")
    }

    private mutating func parseVocabulary() throws(TokenizationError) -> Vocabulary {
        var vocabulary = Vocabulary()
        position += 1
        skipSpace()
        if current == UInt8(ascii: "}") {
            position += 1
            return vocabulary
        }
        while true {
            try parseEntry(into: &vocabulary)
            skipSpace()
            switch current {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "}"):
                position += 1
                return vocabulary
            case nil: throw error("the file ends inside the vocabulary; it is cut short, get it anew", at: position)
            default: throw error("`,` or `}` is expected after an entry of the vocabulary", at: position)
            }
        }
    }

    private mutating func parseEntry(into vocabulary: inout Vocabulary) throws(TokenizationError) {
        skipSpace()
        let start = position
        guard skipString() else {
            let isEnd = position >= bytes.count
            throw error(
                isEnd
                    ? "the file ends inside the vocabulary; it is cut short, get it anew"
                    : "a piece in quotes is expected in the vocabulary", at: isEnd ? bytes.count : start)
        }
        let literal = bytes[start..<position]
        skipSpace()
        guard current == UInt8(ascii: ":") else { throw error("`:` is expected after a piece", at: position) }
        position += 1
        skipSpace()
        let id = try parseID()
        let piece = try unescape(literal, at: start)
        if let conflict = piece.withUnsafeBufferPointer({ vocabulary.insert($0, id: id) }) {
            throw error(Self.message(conflict, piece: piece, id: id, vocabulary: vocabulary), at: start)
        }
    }

    private mutating func parseID() throws(TokenizationError) -> Int {
        let start = position
        var id = 0
        while let byte = current, (0x30...0x39).contains(byte), position - start < 12 {
            id = id * 10 + Int(byte - 0x30)
            position += 1
        }
        let ends: [UInt8?] = [UInt8(ascii: ","), UInt8(ascii: "}"), 0x20, 0x0A, 0x0D, 0x09, nil]
        guard position > start, ends.contains(current) else {
            throw error("the number of a piece is a whole number from 0 to \(Vocabulary.maximumSize - 1)", at: start)
        }
        return id
    }

    private func unescape(_ literal: ArraySlice<UInt8>, at offset: Int) throws(TokenizationError) -> [UInt8] {
        let text = literal.dropFirst().dropLast()
        if !text.contains(where: { $0 == UInt8(ascii: "\\") || $0 < 0x20 }) {
            if text.allSatisfy({ $0 < 0x80 }) || String(validating: text, as: UTF8.self) != nil { return Array(text) }
            throw error("a piece that is not valid UTF-8", at: offset)
        }
        do throws(JSONError) {
            return Array(try JSON(parsing: literal).string.map { $0.utf8.map { $0 } } ?? [])
        } catch {
            throw self.error(error.message, at: offset + error.offset)
        }
    }

    private static func message(
        _ conflict: Vocabulary.Conflict, piece: [UInt8], id: Int, vocabulary: Vocabulary
    ) -> String {
        switch conflict {
        case .pieceHasNumber(let other):
            "the piece \(quoted(piece)) has the number \(id) here and \(other) before; a piece has one number"
        case .numberIsTaken:
            "number \(id) is given to \(quoted(piece)) here and to \(quoted(vocabulary[id] ?? [])) before"
        case .numberOutOfRange:
            "number \(id) of \(quoted(piece)) is not below \(Vocabulary.maximumSize), the largest vocabulary"
        case .pieceTooLong:
            "a piece of \(piece.count) bytes; the limit is \(Vocabulary.maximumPieceLength)"
        case .tooManyBytes: "the pieces have more than 256 MiB together"
        }
    }
}
