internal import OrderedCollections

/// Reads JSON text from its bytes: a whole document, or value by value for callers that know what to expect.
///
/// The bytes must outlive the reader.
package struct JSONReader {
    private let bytes: UnsafeRawBufferPointer
    private let limits: JSONLimits
    /// Values that may come, and those that are left of them.
    var values: (limit: Int, left: Int)
    /// Bytes before the next one that is read.
    package var position = 0
    /// Whether the last plain run held a byte that is not ASCII.
    private var sawNonASCII = false
    /// Memory for texts with escapes, kept from one to the next.
    private var scratch: ContiguousArray<UInt8> = []

    package init(_ bytes: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits()) {
        self.bytes = bytes
        self.limits = limits
        values = (limits.values, limits.values)
    }

    /// Whether no byte is left.
    package var isAtEnd: Bool { position >= bytes.count }

    /// Moves over white space and gives the byte behind it without taking it; `nil` at the end.
    package mutating func peek() -> UInt8? {
        skipWhitespace()
        return current
    }

    /// Moves over white space and takes `byte` if it comes next.
    package mutating func take(_ byte: UInt8) -> Bool {
        skipWhitespace()
        guard current == byte else { return false }
        position += 1
        return true
    }

    /// Takes a string without escapes, as its bytes; `nil`, and nothing is taken, where none comes next.
    package mutating func takePlainBytes() -> UnsafeRawBufferPointer? {
        skipWhitespace()
        guard current == UInt8(ascii: "\"") else { return nil }
        let start = position
        position += 1
        skipPlainRun()
        guard current == UInt8(ascii: "\"") else {
            position = start
            return nil
        }
        position += 1
        return UnsafeRawBufferPointer(rebasing: bytes[(start + 1)..<(position - 1)])
    }

    /// Reads a value that fills the text.
    package mutating func document() throws(JSONError) -> JSON {
        guard bytes.count <= limits.bytes else {
            throw JSONError(
                message: "\(bytes.count) bytes of JSON; the limit is \(limits.bytes)", offset: 0, line: 1, column: 1)
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        let value = try value(depth: 0)
        skipWhitespace()
        guard position == bytes.count else { throw error("text after the value") }
        return value
    }

    /// Reads the next value.
    ///
    /// - Parameter depth: arrays and objects around it.
    package mutating func value(depth: Int) throws(JSONError) -> JSON {
        skipWhitespace()
        values.left -= 1
        guard values.left >= 0 else { throw error("more than \(values.limit) values") }
        switch current {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", as: .bool(true))
        case UInt8(ascii: "f"): return try word("false", as: .bool(false))
        case UInt8(ascii: "n"): return try word("null", as: .null)
        case UInt8(ascii: "-"): return try number()
        case let byte? where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte): return try number()
        case nil: throw error("the text ends where a value is expected")
        default: throw error("a value is expected here")
        }
    }

    /// Reads the string whose opening quote is the next byte.
    package mutating func string() throws(JSONError) -> String {
        let start = position
        position += 1
        sawNonASCII = false
        skipPlainRun()
        // The common case: no escape, so the bytes are the text.
        if current == UInt8(ascii: "\"") {
            defer { position += 1 }
            return try text(plainBytes(from: start + 1), isASCII: !sawNonASCII, at: start + 1)
        }
        var content = scratch
        scratch = []
        defer {
            content.removeAll(keepingCapacity: true)
            scratch = content
        }
        // Room for most texts at once; growing would copy them again and again.
        content.reserveCapacity(960)
        content.append(contentsOf: plainBytes(from: start + 1))
        while true {
            switch current {
            case UInt8(ascii: "\""):
                position += 1
                let isASCII = !sawNonASCII
                return try content.withUnsafeBufferPointer { buffer throws(JSONError) -> String in
                    try text(buffer, isASCII: isASCII, at: start + 1)
                }
            case UInt8(ascii: "\\"): try escape(into: &content)
            case nil: throw error("a string that never ends", at: start)
            case let byte? where byte < 0x20:
                throw error("a control character inside a string; write it as an escape")
            default:
                let run = position
                skipPlainRun()
                content.append(contentsOf: plainBytes(from: run))
            }
        }
    }
}

extension JSONReader {
    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

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

    private mutating func skipWhitespace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private mutating func word(_ word: StaticString, as value: JSON) throws(JSONError) -> JSON {
        guard position + word.utf8CodeUnitCount <= bytes.count else { throw error("expected `\(word)`") }
        for index in 0..<word.utf8CodeUnitCount where bytes[position + index] != word.utf8Start[index] {
            throw error("expected `\(word)`")
        }
        position += word.utf8CodeUnitCount
        return value
    }

    private func check(depth: Int) throws(JSONError) {
        guard depth <= limits.depth else { throw error("nested deeper than \(limits.depth)") }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSON {
        try check(depth: depth)
        position += 1
        var members = OrderedDictionary<String, JSON>()
        skipWhitespace()
        if current == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        members.reserveCapacity(2)
        while true {
            skipWhitespace()
            guard current == UInt8(ascii: "\"") else {
                throw error(current == UInt8(ascii: "}") ? "a comma before `}`" : "a key in quotes is expected here")
            }
            let start = position
            let key = try string()
            guard members.index(forKey: key) == nil else { throw repetition(of: key, at: start) }
            skipWhitespace()
            guard current == UInt8(ascii: ":") else {
                throw error("`:` is expected after key \"\(key.clipped(to: 80))\"")
            }
            position += 1
            members[key] = try value(depth: depth)
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

    private mutating func array(depth: Int) throws(JSONError) -> JSON {
        try check(depth: depth)
        position += 1
        var elements: [JSON] = []
        skipWhitespace()
        if current == UInt8(ascii: "]") {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try value(depth: depth))
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

    private mutating func number() throws(JSONError) -> JSON {
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
        if isInteger, position - integerStart <= 18 {
            // Eighteen digits fit in any case.
            let value = bytes[integerStart..<position].reduce(0) { $0 * 10 + Int($1 & 15) }
            return .integer(integerStart == start ? value : -value)
        }
        if let value = exactDecimal(from: start) { return .number(value) }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else {
            throw error("number \(text.clipped(to: 40)) is out of range", at: start)
        }
        return .number(value)
    }

    /// The number that ends here, if it is a short decimal fraction: up to fifteen digits and powers of ten up to 10²² are
    /// exact, so that one division rounds it as it must be.
    private func exactDecimal(from start: Int) -> Double? {
        guard position - start <= 16 else { return nil }
        var digits = 0
        var power = 1.0
        var isFraction = false
        for byte in bytes[start..<position] {
            switch byte {
            case UInt8(ascii: "-"): continue
            case UInt8(ascii: "."): isFraction = true
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits = digits * 10 + Int(byte & 15)
                if isFraction { power *= 10 }
            default: return nil
            }
        }
        let value = Double(digits) / power
        return bytes[start] == UInt8(ascii: "-") ? -value : value
    }

    private mutating func skipDigits() throws(JSONError) {
        let start = position
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        guard position > start else { throw error("a digit is expected here") }
    }
}

extension JSONReader {
    /// Moves to the next quote, backslash or control character, or to the end.
    @inline(__always)
    private mutating func skipPlainRun() {
        let run = bytes.plainRun(from: position)
        position = run.end
        if !run.isASCII { sawNonASCII = true }
    }

    private func plainBytes(from start: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeRawBufferPointer(rebasing: bytes[start..<position]).assumingMemoryBound(to: UInt8.self)
    }

    /// The text that UTF-8 bytes are.
    private func text(_ content: UnsafeBufferPointer<UInt8>, isASCII: Bool, at offset: Int) throws(JSONError) -> String
    {
        guard let text = content.text(isASCII: isASCII) else {
            throw error("a string that is not valid UTF-8", at: offset)
        }
        return text
    }

    private mutating func escape(into text: inout ContiguousArray<UInt8>) throws(JSONError) {
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
        case UInt8(ascii: "u"): try unicodeEscape(into: &text)
        default:
            throw error("`\\\(Character(Unicode.Scalar(kind)))` is no escape", at: position - 2)
        }
    }

    /// Reads the digits of `\u…`, and of a second one where the two are a pair of surrogates.
    private mutating func unicodeEscape(into text: inout ContiguousArray<UInt8>) throws(JSONError) {
        let start = position - 2
        var code = try hexadecimal()
        if (0xD800...0xDBFF).contains(code), current == UInt8(ascii: "\\"), position + 1 < bytes.count,
            bytes[position + 1] == UInt8(ascii: "u")
        {
            position += 2
            let low = try hexadecimal()
            guard (0xDC00...0xDFFF).contains(low) else { throw error("a lone surrogate", at: start) }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw error("a lone surrogate", at: start) }
        if code >= 0x80 { sawNonASCII = true }
        text.append(contentsOf: String(scalar).utf8)
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
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
