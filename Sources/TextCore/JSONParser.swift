internal import OrderedCollections

/// Why a text is not JSON, and where.
public struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, in one clause.
    public let message: String
    /// Bytes before the offending one.
    public let offset: Int
    /// Line of the offending byte, from 1.
    public let line: Int
    /// Column of the offending byte in its line, in bytes from 1.
    public let column: Int

    public var description: String { "\(line):\(column): \(message)" }
}

/// What a JSON text may cost; a text beyond a limit is an error, never a trap.
public struct JSONLimits: Sendable {
    /// Arrays and objects inside each other, at most.
    public var depth: Int
    /// Size of the text in bytes, at most.
    public var bytes: Int

    /// - Parameters:
    ///   - depth: nesting of arrays and objects, 1 to 512.
    ///   - bytes: size of the text.
    public init(depth: Int = 64, bytes: Int = 256 << 20) {
        precondition((1...512).contains(depth), "JSON depth limit \(depth) is not in 1...512")
        self.depth = depth
        self.bytes = bytes
    }
}

extension JSON {
    /// Parses one JSON value (RFC 8259) that fills `bytes`.
    ///
    /// Stricter than the usual parser where leniency changes data in silence: a key written twice, invalid UTF-8,
    /// a lone surrogate and text after the value are errors.
    ///
    /// - Throws: `JSONError` at the first byte that is wrong, or when a limit is passed.
    public init(parsing bytes: some Sequence<UInt8>, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        let contiguous = ContiguousArray(bytes)
        var result: Result<JSON, JSONError> = .success(.null)
        contiguous.withUnsafeBufferPointer { buffer in
            do throws(JSONError) {
                var parser = JSONParser(bytes: UnsafeRawBufferPointer(buffer), limits: limits)
                result = .success(try parser.parseDocument())
            } catch {
                result = .failure(error)
            }
        }
        self = try result.get()
    }

    /// Parses one JSON value that fills `text`.
    ///
    /// - Throws: `JSONError` at the first byte that is wrong, or when a limit is passed.
    public init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        try self.init(parsing: text.utf8, limits: limits)
    }

    /// Parses one JSON value that fills `bytes`, without copying them.
    ///
    /// - Throws: `JSONError` at the first byte that is wrong, or when a limit is passed.
    public init(parsing bytes: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        var parser = JSONParser(bytes: bytes, limits: limits)
        self = try parser.parseDocument()
    }
}

private struct JSONParser {
    let bytes: UnsafeRawBufferPointer
    let limits: JSONLimits
    var position = 0

    init(bytes: UnsafeRawBufferPointer, limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func parseDocument() throws(JSONError) -> JSON {
        guard bytes.count <= limits.bytes else {
            throw JSONError(
                message: "\(bytes.count) bytes of JSON; the limit is \(limits.bytes)", offset: 0, line: 1, column: 1)
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        let value = try parseValue(depth: 0)
        skipWhitespace()
        guard position == bytes.count else { throw error("text after the value") }
        return value
    }

    func error(_ message: String, at offset: Int? = nil) -> JSONError {
        let offset = min(offset ?? position, bytes.count)
        var line = 1
        var lineStart = 0
        for index in 0..<offset where bytes[index] == UInt8(ascii: "\n") {
            line += 1
            lineStart = index + 1
        }
        return JSONError(message: message, offset: offset, line: line, column: offset - lineStart + 1)
    }

    var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipWhitespace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    mutating func parseValue(depth: Int) throws(JSONError) -> JSON {
        skipWhitespace()
        switch current {
        case UInt8(ascii: "{"): return try parseObject(depth: depth + 1)
        case UInt8(ascii: "["): return try parseArray(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try parse("true", as: .bool(true))
        case UInt8(ascii: "f"): return try parse("false", as: .bool(false))
        case UInt8(ascii: "n"): return try parse("null", as: .null)
        case UInt8(ascii: "-"): return try parseNumber()
        case let byte? where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte): return try parseNumber()
        case nil: throw error("the text ends where a value is expected")
        default: throw error("a value is expected here")
        }
    }

    mutating func parse(_ word: StaticString, as value: JSON) throws(JSONError) -> JSON {
        guard position + word.utf8CodeUnitCount <= bytes.count else { throw error("expected `\(word)`") }
        for index in 0..<word.utf8CodeUnitCount where bytes[position + index] != word.utf8Start[index] {
            throw error("expected `\(word)`")
        }
        position += word.utf8CodeUnitCount
        return value
    }

    func check(depth: Int) throws(JSONError) {
        guard depth <= limits.depth else { throw error("nested deeper than \(limits.depth)") }
    }

    mutating func parseObject(depth: Int) throws(JSONError) -> JSON {
        try check(depth: depth)
        position += 1
        var members = OrderedDictionary<String, JSON>()
        skipWhitespace()
        if current == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        while true {
            skipWhitespace()
            guard current == UInt8(ascii: "\"") else {
                throw error(current == UInt8(ascii: "}") ? "a comma before `}`" : "a key in quotes is expected here")
            }
            let start = position
            let key = try parseString()
            guard members[key] == nil else { throw error("key \"\(key)\" is written twice", at: start) }
            skipWhitespace()
            guard current == UInt8(ascii: ":") else { throw error("`:` is expected after key \"\(key)\"") }
            position += 1
            members[key] = try parseValue(depth: depth)
            skipWhitespace()
            switch current {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "}"):
                position += 1
                return .object(members)
            case nil: throw error("the text ends inside an object")
            default: throw error("`,` or `}` is expected here")
            }
        }
    }

    mutating func parseArray(depth: Int) throws(JSONError) -> JSON {
        try check(depth: depth)
        position += 1
        var elements: [JSON] = []
        skipWhitespace()
        if current == UInt8(ascii: "]") {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try parseValue(depth: depth))
            skipWhitespace()
            switch current {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "]"):
                position += 1
                return .array(elements)
            case nil: throw error("the text ends inside an array")
            default: throw error("`,` or `]` is expected here")
            }
        }
    }

    mutating func parseNumber() throws(JSONError) -> JSON {
        let start = position
        var isInteger = true
        if current == UInt8(ascii: "-") { position += 1 }
        let integerStart = position
        try skipDigits()
        if position - integerStart > 1, bytes[integerStart] == UInt8(ascii: "0") {
            throw error("a number does not start with 0", at: integerStart)
        }
        if current == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            try skipDigits()
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isInteger = false
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            try skipDigits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw error("number \(text) is out of range", at: start) }
        return .number(value)
    }

    mutating func skipDigits() throws(JSONError) {
        let start = position
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        guard position > start else { throw error("a digit is expected here") }
    }

    mutating func parseString() throws(JSONError) -> String {
        let start = position
        position += 1
        // The common case: no escape, so the bytes are the text.
        let textStart = position
        while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
        if current == UInt8(ascii: "\"") {
            defer { position += 1 }
            return try validated(bytes[textStart..<position], at: textStart)
        }
        var text = [UInt8](bytes[textStart..<position])
        while true {
            guard let byte = current else { throw error("a string that never ends", at: start) }
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return try validated(text[...], at: textStart)
            case UInt8(ascii: "\\"):
                try parseEscape(into: &text)
            case ..<0x20:
                throw error("a control character inside a string; write it as an escape")
            default:
                text.append(byte)
                position += 1
            }
        }
    }

    func validated(_ text: some Collection<UInt8>, at offset: Int) throws(JSONError) -> String {
        guard let string = String(validating: text, as: UTF8.self) else {
            throw error("a string that is not valid UTF-8", at: offset)
        }
        return string
    }

    mutating func parseEscape(into text: inout [UInt8]) throws(JSONError) {
        position += 1
        guard let kind = current else { throw error("the text ends inside a string") }
        position += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(kind)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            let start = position - 2
            var code = try parseHexadecimal()
            if (0xD800...0xDBFF).contains(code), current == UInt8(ascii: "\\"), position + 1 < bytes.count,
                bytes[position + 1] == UInt8(ascii: "u")
            {
                position += 2
                let low = try parseHexadecimal()
                guard (0xDC00...0xDFFF).contains(low) else { throw error("a lone surrogate", at: start) }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw error("a lone surrogate", at: start) }
            text.append(contentsOf: UTF8.encode(scalar)!)
        default:
            throw error("`\\\(Character(Unicode.Scalar(kind)))` is no escape", at: position - 2)
        }
    }

    mutating func parseHexadecimal() throws(JSONError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw error("four hexadecimal digits are expected here") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            let digit: UInt32
            switch bytes[position] {
            case let byte where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte): digit = UInt32(byte) - 48
            case let byte where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte): digit = UInt32(byte) - 87
            case let byte where (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte): digit = UInt32(byte) - 55
            default: throw error("four hexadecimal digits are expected here")
            }
            value = value << 4 | digit
            position += 1
        }
        return value
    }
}
