/// A piece of a template: literal text, a delimiter, or something inside a tag.
struct Token {
    enum Kind: Equatable {
        case data([UInt8])
        case variableBegin, variableEnd, blockBegin, blockEnd
        case name(String)
        case string(String)
        case integer(Int)
        case float(Double)
        case symbol(Symbol)
        case end
    }

    let kind: Kind
    let offset: Int

    /// The token in the words of an error message.
    var words: String {
        switch kind {
        case .data: "template text"
        case .variableBegin: "'{{'"
        case .variableEnd: "the end of the print statement"
        case .blockBegin: "'{%'"
        case .blockEnd: "the end of the statement block"
        case .name(let name): "'\(name)'"
        case .string(let text): "the string \(pythonRepresentation(of: text))"
        case .integer(let value): "'\(value)'"
        case .float(let value): "'\(pythonRepresentation(of: value))'"
        case .symbol(let symbol): "'\(symbol.rawValue)'"
        case .end: "the end of the template"
        }
    }
}

/// Operators and punctuation, longest first so that the first match is the right one.
enum Symbol: String, CaseIterable {
    case floorDivide = "//"
    case power = "**"
    case equal = "=="
    case notEqual = "!="
    case greaterOrEqual = ">="
    case lessOrEqual = "<="
    case plus = "+"
    case minus = "-"
    case multiply = "*"
    case divide = "/"
    case remainder = "%"
    case tilde = "~"
    case leftBracket = "["
    case rightBracket = "]"
    case leftParenthesis = "("
    case rightParenthesis = ")"
    case leftBrace = "{"
    case rightBrace = "}"
    case greater = ">"
    case less = "<"
    case assign = "="
    case dot = "."
    case colon = ":"
    case pipe = "|"
    case comma = ","

    static let spellings = allCases.map { (symbol: $0, bytes: Array($0.rawValue.utf8)) }
}

/// Cuts a template into tokens, with `trim_blocks` and `lstrip_blocks` on, as chat templates are read.
///
/// Whitespace: a `-` beside a delimiter strips all of it on that side, a `+` keeps it; otherwise one newline after a
/// block or a comment goes, and so do the blanks between the start of a line and a block or a comment.
struct Lexer {
    private let bytes: [UInt8]
    private var position = 0
    private var tokens: [Token] = []
    /// Whether the text at `position` starts a line.
    private var lineStarts = true

    private enum Tag { case block, variable, comment }

    init(_ source: TemplateSource) {
        bytes = source.bytes
    }

    mutating func tokenize() throws -> [Token] {
        while position < bytes.count {
            guard let (tag, start) = nextTag() else {
                append(.data(Array(bytes[position...])), at: position)
                break
            }
            appendText(from: position, to: start, tag: tag)
            position = start + 2 + (sign(at: start + 2) == nil ? 0 : 1)
            switch tag {
            case .comment: try skipComment(from: start)
            case .variable: try tokenizeTag(from: start, isBlock: false)
            case .block:
                if try !tokenizeRaw(from: start) { try tokenizeTag(from: start, isBlock: true) }
            }
        }
        append(.end, at: bytes.count)
        return tokens
    }

    private mutating func append(_ kind: Token.Kind, at offset: Int) {
        tokens.append(Token(kind: kind, offset: offset))
    }

    private func byte(_ index: Int) -> UInt8? { index < bytes.count ? bytes[index] : nil }

    private func sign(at index: Int) -> UInt8? {
        guard let byte = byte(index), byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") else { return nil }
        return byte
    }

    private func nextTag() -> (Tag, Int)? {
        var index = position
        while index + 1 < bytes.count {
            if bytes[index] == UInt8(ascii: "{") {
                switch bytes[index + 1] {
                case UInt8(ascii: "%"): return (.block, index)
                case UInt8(ascii: "{"): return (.variable, index)
                case UInt8(ascii: "#"): return (.comment, index)
                default: break
                }
            }
            index += 1
        }
        return nil
    }

    /// Emits the text before the delimiter at `end`, stripped as the delimiter's sign says.
    private mutating func appendText(from start: Int, to end: Int, tag: Tag) {
        var stop = end
        switch sign(at: end + 2) {
        case UInt8(ascii: "-"): stop = trimmedEnd(from: start, to: end)
        case nil where tag != .variable:
            let trimmed = trimmedEnd(from: start, to: end)
            let lineStart = bytes[start..<end].lastIndex(of: 0x0A).map { $0 + 1 } ?? start
            if trimmed <= lineStart, lineStart > start || lineStarts { stop = lineStart }
        default: break
        }
        if stop > start { append(.data(Array(bytes[start..<stop])), at: start) }
    }

    private func trimmedEnd(from start: Int, to end: Int) -> Int {
        var stop = end
        while stop > start {
            let width = whitespaceWidth(endingAt: stop, in: bytes)
            if width == 0 { break }
            stop -= width
        }
        return max(stop, start)
    }

    /// Steps over a closing delimiter of two bytes at `index` and what its sign strips.
    private mutating func close(at index: Int, sign: UInt8?, trimsNewline: Bool) {
        position = index + 2
        if sign == UInt8(ascii: "-") {
            skipWhitespace()
        } else if sign == nil, trimsNewline, byte(position) == 0x0A {
            position += 1
        }
        lineStarts = bytes[position - 1] == 0x0A
    }

    private mutating func skipWhitespace() {
        while true {
            let width = whitespaceWidth(at: position, in: bytes)
            if width == 0 { return }
            position += width
        }
    }

    private mutating func skipComment(from start: Int) throws {
        guard let end = firstOccurrence(of: Array("#}".utf8), in: bytes, from: position) else {
            throw TemplateFailure(.syntax, "this comment is never closed; it ends with '#}'", offset: start)
        }
        close(at: end, sign: end > position ? sign(at: end - 1) : nil, trimsNewline: true)
    }

    /// Reads `{% raw %}…{% endraw %}` when that is what starts here.
    private mutating func tokenizeRaw(from start: Int) throws -> Bool {
        guard let (index, closing) = match(word: "raw", at: position), closing != UInt8(ascii: "+") else {
            return false
        }
        close(at: index, sign: closing, trimsNewline: false)
        let content = position
        var search = position
        while let open = firstOccurrence(of: Array("{%".utf8), in: bytes, from: search) {
            let inside = open + 2 + (sign(at: open + 2) == nil ? 0 : 1)
            if let (index, closing) = match(word: "endraw", at: inside) {
                appendText(from: content, to: open, tag: .block)
                close(at: index, sign: closing, trimsNewline: true)
                return true
            }
            search = open + 2
        }
        throw TemplateFailure(.syntax, "this raw block is never closed; it ends with '{% endraw %}'", offset: start)
    }

    /// Where `%}` stands and its sign, when `word` alone fills the rest of the tag.
    private func match(word: String, at start: Int) -> (index: Int, sign: UInt8?)? {
        var index = start
        while case let width = whitespaceWidth(at: index, in: bytes), width > 0 { index += width }
        guard bytes[index...].starts(with: word.utf8) else { return nil }
        index += word.utf8.count
        while case let width = whitespaceWidth(at: index, in: bytes), width > 0 { index += width }
        let closing = sign(at: index)
        if closing != nil { index += 1 }
        return bytes[index...].starts(with: "%}".utf8) ? (index, closing) : nil
    }

    // MARK: Inside a tag

    private mutating func tokenizeTag(from start: Int, isBlock: Bool) throws {
        append(isBlock ? .blockBegin : .variableBegin, at: start)
        let closing = Array((isBlock ? "%}" : "}}").utf8)
        var open: [Symbol] = []
        while true {
            skipWhitespace()
            guard let first = byte(position) else {
                throw TemplateFailure(
                    .syntax, "this tag is never closed; it ends with '\(isBlock ? "%}" : "}}")'", offset: start)
            }
            if open.isEmpty {
                let mark = sign(at: position)
                let index = position + (mark == nil ? 0 : 1)
                if mark != UInt8(ascii: "+") || isBlock, bytes[index...].starts(with: closing) {
                    append(isBlock ? .blockEnd : .variableEnd, at: position)
                    close(at: index, sign: mark, trimsNewline: isBlock)
                    return
                }
            }
            switch first {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): try tokenizeNumber()
            case UInt8(ascii: "'"), UInt8(ascii: "\""): try tokenizeString(quote: first)
            case _ where isNameByte(first): tokenizeName()
            default: try tokenizeSymbol(open: &open)
            }
        }
    }

    private func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...:
            true
        default: false
        }
    }

    private mutating func tokenizeName() {
        let start = position
        while let next = byte(position), isNameByte(next), whitespaceWidth(at: position, in: bytes) == 0 {
            position += 1
        }
        append(.name(String(decoding: bytes[start..<position], as: UTF8.self)), at: start)
    }

    private mutating func tokenizeSymbol(open: inout [Symbol]) throws {
        guard let (symbol, spelling) = Symbol.spellings.first(where: { bytes[position...].starts(with: $0.bytes) })
        else {
            let scalar = String(decoding: bytes[position...].prefix(4), as: UTF8.self).unicodeScalars.first
            throw TemplateFailure(
                .syntax, "unexpected character '\(scalar.map(String.init) ?? "")' in a tag", offset: position)
        }
        let partner: [Symbol: Symbol] = [
            .rightBrace: .leftBrace, .rightBracket: .leftBracket, .rightParenthesis: .leftParenthesis,
        ]
        switch symbol {
        case .leftBrace, .leftBracket, .leftParenthesis: open.append(symbol)
        case .rightBrace, .rightBracket, .rightParenthesis:
            guard let opening = open.popLast(), opening == partner[symbol] else {
                throw TemplateFailure(
                    .syntax, "unexpected '\(symbol.rawValue)': nothing like it is open", offset: position)
            }
        default: break
        }
        append(.symbol(symbol), at: position)
        position += spelling.count
    }

    private mutating func tokenizeNumber() throws {
        let start = position
        let bases: [UInt8: Int] = [0x62: 2, 0x42: 2, 0x6F: 8, 0x4F: 8, 0x78: 16, 0x58: 16]
        var radix = 10
        if bytes[start] == UInt8(ascii: "0"), let letter = byte(start + 1), let base = bases[letter] {
            radix = base
            position += 2
        }
        let afterDot = start > 0 && bytes[start - 1] == UInt8(ascii: ".")
        var digits = readDigits(radix: radix)
        if radix == 10, !afterDot, let fraction = readFraction() {
            digits += fraction
            append(.float(Double(digits) ?? .infinity), at: start)
            return
        }
        if radix == 10, !afterDot, digits.utf8.first == 0x30, digits.utf8.contains(where: { $0 != 0x30 }) {
            throw TemplateFailure(.syntax, "a whole number cannot begin with 0", offset: start)
        }
        guard !digits.isEmpty, let value = Int(digits, radix: radix) else {
            throw TemplateFailure(.syntax, "this number does not fit 64 bits", offset: start)
        }
        append(.integer(value), at: start)
    }

    private mutating func readDigits(radix: Int) -> String {
        var digits = ""
        while let next = byte(position), next < 0x80 {
            let character = Character(Unicode.Scalar(next))
            if next == UInt8(ascii: "_"), !digits.isEmpty || radix != 10, let after = byte(position + 1), after < 0x80,
                let value = Character(Unicode.Scalar(after)).hexDigitValue, value < radix
            {
                position += 1
                continue
            }
            guard let value = character.hexDigitValue, value < radix else { break }
            digits.append(character)
            position += 1
        }
        return digits
    }

    /// The fraction and exponent at `position`, when there is either.
    private mutating func readFraction() -> String? {
        let start = position
        var text = ""
        if byte(position) == UInt8(ascii: "."), let next = byte(position + 1), (0x30...0x39).contains(next) {
            position += 1
            text = "." + readDigits(radix: 10)
        }
        if let letter = byte(position), letter | 0x20 == UInt8(ascii: "e") {
            let mark = sign(at: position + 1)
            let digitsAt = position + (mark == nil ? 1 : 2)
            if let digit = byte(digitsAt), (0x30...0x39).contains(digit) {
                position = digitsAt
                text += "e" + (mark.map { String(Unicode.Scalar($0)) } ?? "") + readDigits(radix: 10)
            }
        }
        if text.isEmpty { position = start }
        return text.isEmpty ? nil : text
    }

    private mutating func tokenizeString(quote: UInt8) throws {
        let start = position
        position += 1
        var content: [UInt8] = []
        while let next = byte(position) {
            if next == quote {
                position += 1
                append(.string(String(decoding: content, as: UTF8.self)), at: start)
                return
            }
            position += 1
            if next == UInt8(ascii: "\\") {
                try readEscape(into: &content)
            } else {
                content.append(next)
            }
        }
        throw TemplateFailure(.syntax, "this string is never closed", offset: start)
    }

    /// Reads what follows a backslash; an escape that Python does not know keeps its backslash.
    private mutating func readEscape(into content: inout [UInt8]) throws {
        guard let letter = byte(position) else { return }
        let simple: [UInt8: UInt8] = [
            0x6E: 0x0A, 0x74: 0x09, 0x72: 0x0D, 0x61: 0x07, 0x62: 0x08, 0x66: 0x0C, 0x76: 0x0B, 0x5C: 0x5C,
            0x27: 0x27, 0x22: 0x22,
        ]
        let start = position - 1
        position += 1
        switch letter {
        case 0x0A: break
        case UInt8(ascii: "N"):
            throw TemplateFailure(.syntax, "characters by name (\\N) are not supported; write \\u", offset: start)
        case UInt8(ascii: "x"): try appendScalar(digits: 2...2, radix: 16, to: &content, from: start)
        case UInt8(ascii: "u"): try appendScalar(digits: 4...4, radix: 16, to: &content, from: start)
        case UInt8(ascii: "U"): try appendScalar(digits: 8...8, radix: 16, to: &content, from: start)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            position -= 1
            try appendScalar(digits: 1...3, radix: 8, to: &content, from: start)
        default:
            if let byte = simple[letter] {
                content.append(byte)
            } else {
                content += [UInt8(ascii: "\\"), letter]
            }
        }
    }

    private mutating func appendScalar(
        digits: ClosedRange<Int>, radix: Int, to content: inout [UInt8], from start: Int
    ) throws {
        var text = ""
        while text.utf8.count < digits.upperBound, let next = byte(position), next < 0x80,
            let digit = Character(Unicode.Scalar(next)).hexDigitValue, digit < radix
        {
            text.unicodeScalars.append(Unicode.Scalar(next))
            position += 1
        }
        guard digits.contains(text.utf8.count), let code = UInt32(text, radix: radix), let scalar = Unicode.Scalar(code)
        else { throw TemplateFailure(.syntax, "this escape in a string names no character", offset: start) }
        content += Array(String(scalar).utf8)
    }
}
