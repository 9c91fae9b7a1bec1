// Text as Python treats it: by code point and byte for byte, never by grapheme or canonical equivalence.

/// Whether two strings hold the same code points.
func sameCodePoints(_ left: String, _ right: String) -> Bool {
    left.utf8.elementsEqual(right.utf8)
}

extension String {
    init(bytes: some Sequence<UInt8>) { self = String(decoding: Array(bytes), as: UTF8.self) }

    /// Python's `len`.
    var codePointCount: Int { utf8.reduce(into: 0) { $0 += $1 & 0xC0 != 0x80 ? 1 : 0 } }
}

/// Bytes of the whitespace character (as `str.isspace` has it) at `index`, 0 when there is none.
func whitespaceWidth(at index: Int, in bytes: [UInt8]) -> Int {
    guard index < bytes.count else { return 0 }
    switch bytes[index] {
    case 0x09...0x0D, 0x1C...0x20: return 1
    case 0xC2 where index + 1 < bytes.count: return bytes[index + 1] == 0x85 || bytes[index + 1] == 0xA0 ? 2 : 0
    case 0xE1...0xE3 where index + 2 < bytes.count:
        switch (bytes[index], bytes[index + 1], bytes[index + 2]) {
        case (0xE1, 0x9A, 0x80), (0xE2, 0x80, 0x80...0x8A), (0xE2, 0x80, 0xA8...0xA9), (0xE2, 0x80, 0xAF),
            (0xE2, 0x81, 0x9F), (0xE3, 0x80, 0x80):
            return 3
        default: return 0
        }
    default: return 0
    }
}

/// Bytes of the whitespace character that ends before `end`, 0 when there is none.
func whitespaceWidth(endingAt end: Int, in bytes: [UInt8]) -> Int {
    for width in 1...3 where end >= width && whitespaceWidth(at: end - width, in: bytes) == width { return width }
    return 0
}

/// The first offset from `start` at which `needle` stands in `bytes` (Knuth, Morris and Pratt: linear time).
func firstOccurrence(of needle: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    occurrences(of: needle, in: bytes, from: start, limit: 1).first
}

/// Offsets at which `needle` stands in `bytes` without overlaps, at most `limit` of them.
func occurrences(of needle: [UInt8], in bytes: [UInt8], from start: Int = 0, limit: Int = .max) -> [Int] {
    guard limit > 0, start <= bytes.count, needle.count <= bytes.count - start else { return [] }
    guard !needle.isEmpty else { return [start] }
    var fallback = [0]
    fallback.reserveCapacity(needle.count)
    var matched = 0
    for byte in needle.dropFirst() {
        while matched > 0, needle[matched] != byte { matched = fallback[matched - 1] }
        if needle[matched] == byte { matched += 1 }
        fallback.append(matched)
    }
    var found: [Int] = []
    matched = 0
    for index in start..<bytes.count {
        while matched > 0, needle[matched] != bytes[index] { matched = fallback[matched - 1] }
        if needle[matched] == bytes[index] { matched += 1 }
        if matched == needle.count {
            found.append(index + 1 - needle.count)
            if found.count == limit { break }
            matched = 0
        }
    }
    return found
}

/// The last offset at which `needle` stands in `bytes`.
func lastOccurrence(of needle: [UInt8], in bytes: [UInt8]) -> Int? {
    firstOccurrence(of: needle.reversed(), in: bytes.reversed(), from: 0).map { bytes.count - $0 - needle.count }
}

enum Side { case left, right, both }

/// `str.strip` and its one-sided forms; without `characters`, of whitespace.
func stripped(_ text: String, of characters: String? = nil, side: Side = .both) -> String {
    if let characters {
        let set = Set(characters.unicodeScalars)
        var scalars = Substring(text).unicodeScalars
        if side != .right { while let first = scalars.first, set.contains(first) { scalars.removeFirst() } }
        if side != .left { while let last = scalars.last, set.contains(last) { scalars.removeLast() } }
        return String(scalars)
    }
    let bytes = Array(text.utf8)
    var start = 0
    var end = bytes.count
    if side != .right {
        while case let width = whitespaceWidth(at: start, in: bytes), width > 0 { start += width }
    }
    if side != .left {
        while end > start, case let width = whitespaceWidth(endingAt: end, in: bytes), width > 0 { end -= width }
    }
    return String(bytes: bytes[start..<max(start, end)])
}

/// `str.split()`: runs of whitespace separate, at most `limit` cuts.
func splitOnWhitespace(_ text: String, limit: Int = .max) -> [String] {
    let bytes = Array(text.utf8)
    var parts: [String] = []
    var index = 0
    while true {
        while case let width = whitespaceWidth(at: index, in: bytes), width > 0 { index += width }
        guard index < bytes.count else { return parts }
        if parts.count == limit {
            parts.append(String(bytes: bytes[index...]))
            return parts
        }
        let start = index
        while index < bytes.count, whitespaceWidth(at: index, in: bytes) == 0 { index += 1 }
        parts.append(String(bytes: bytes[start..<index]))
    }
}

/// `str.rsplit()` with a limit: the cuts are made from the right.
func splitOnWhitespaceFromRight(_ text: String, limit: Int) -> [String] {
    let bytes = Array(text.utf8)
    var parts: [String] = []
    var end = bytes.count
    while true {
        while end > 0, case let width = whitespaceWidth(endingAt: end, in: bytes), width > 0 { end -= width }
        guard end > 0 else { break }
        if parts.count == limit {
            parts.append(String(bytes: bytes[..<end]))
            break
        }
        let stop = end
        while end > 0, whitespaceWidth(endingAt: end, in: bytes) == 0 { end -= 1 }
        parts.append(String(bytes: bytes[end..<stop]))
    }
    return parts.reversed()
}

/// `str.split(separator, limit)`, or from the right.
func split(_ text: String, on separator: String, limit: Int = .max, fromRight: Bool = false) -> [String] {
    let bytes = Array(text.utf8)
    let needle = Array(separator.utf8)
    var cuts: [Int]
    if fromRight {
        cuts = occurrences(of: needle.reversed(), in: bytes.reversed(), limit: limit)
            .map { bytes.count - $0 - needle.count }.reversed()
    } else {
        cuts = occurrences(of: needle, in: bytes, limit: limit)
    }
    cuts.append(bytes.count)
    var parts: [String] = []
    var start = 0
    for cut in cuts {
        parts.append(String(bytes: bytes[start..<cut]))
        start = cut + needle.count
    }
    return parts
}

/// `str.splitlines`.
func splitLines(_ text: String, keepingEnds: Bool = false) -> [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    var afterReturn = false
    for scalar in text.unicodeScalars {
        if scalar == "\n", afterReturn {
            if keepingEnds { lines[lines.count - 1].unicodeScalars.append(scalar) }
            afterReturn = false
            continue
        }
        afterReturn = scalar == "\r"
        switch scalar.value {
        case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029:
            if keepingEnds { line.append(scalar) }
            lines.append(String(line))
            line = String.UnicodeScalarView()
        default: line.append(scalar)
        }
    }
    if !line.isEmpty { lines.append(String(line)) }
    return lines
}

/// `str.capitalize`: the first character in title case, the others in lower case.
func capitalized(_ text: String) -> String {
    guard let first = text.unicodeScalars.first else { return "" }
    return first.properties.titlecaseMapping + String(text.unicodeScalars.dropFirst()).lowercased()
}

/// `str.title`: every letter after a character without case in title case, the others in lower case.
func titled(_ text: String) -> String {
    var result = ""
    var afterCased = false
    for scalar in text.unicodeScalars {
        result += afterCased ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
        afterCased = scalar.properties.isCased
    }
    return result
}

// MARK: Representation

/// Python's `repr` of a string.
func pythonRepresentation(of text: String) -> String {
    let quote: Unicode.Scalar = text.utf8.contains(0x27) && !text.utf8.contains(0x22) ? "\"" : "'"
    var result = String.UnicodeScalarView()
    result.append(quote)
    for scalar in text.unicodeScalars {
        switch scalar {
        case quote, "\\": result += [Unicode.Scalar("\\"), scalar]
        case "\n": result += "\\n".unicodeScalars
        case "\r": result += "\\r".unicodeScalars
        case "\t": result += "\\t".unicodeScalars
        case " "..."~": result.append(scalar)
        default:
            if isPrintable(scalar) {
                result.append(scalar)
            } else {
                result += escaped(scalar).unicodeScalars
            }
        }
    }
    result.append(quote)
    return String(result)
}

private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
        .spaceSeparator:
        false
    default: true
    }
}

private func escaped(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    let (prefix, width) = scalar.value < 0x100 ? ("\\x", 2) : scalar.value < 0x10000 ? ("\\u", 4) : ("\\U", 8)
    return prefix + String(repeating: "0", count: width - digits.count) + digits
}

/// Python's `repr` of a float: the shortest digits that read back equal, with an exponent below 1e-4 and from 1e16.
func pythonRepresentation(of number: Double) -> String {
    if number.isNaN { return "nan" }
    if number.isInfinite { return number < 0 ? "-inf" : "inf" }
    let text = "\(number.magnitude)"
    let halves = text.split(separator: "e", omittingEmptySubsequences: false)
    let mantissa = halves[0].split(separator: ".", omittingEmptySubsequences: false)
    var digits = mantissa.joined()
    // Position of the decimal point after the first digit of `digits`.
    var point = mantissa[0].utf8.count + (halves.count > 1 ? Int(halves[1]) ?? 0 : 0)
    let leading = digits.utf8.prefix { $0 == 0x30 }.count
    digits.removeFirst(min(leading, digits.utf8.count))
    point -= leading
    while digits.hasSuffix("0") { digits.removeLast() }
    let sign = number.sign == .minus ? "-" : ""
    if digits.isEmpty { return sign + "0.0" }
    let exponent = point - 1
    if exponent < -4 || exponent >= 16 {
        let fraction = digits.utf8.count > 1 ? "." + digits.dropFirst() : ""
        let magnitude = String(abs(exponent))
        return sign + digits.prefix(1) + fraction + "e" + (exponent < 0 ? "-" : "+")
            + (magnitude.utf8.count < 2 ? "0" : "") + magnitude
    }
    if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
    if digits.utf8.count <= point {
        return sign + digits + String(repeating: "0", count: point - digits.utf8.count) + ".0"
    }
    return sign + digits.prefix(point) + "." + digits.dropFirst(point)
}
