internal import Foundation
internal import TextCore

/// The `normalizer` of `tokenizer.json`: what happens to text before it is split.
struct Normalizer: Sendable {
    private enum Step: Sendable {
        case prepend([UInt8])
        case replace(TextMatcher, content: [UInt8])
        case unicode(UnicodeForm)
        case lowercase
        case strip(left: Bool, right: Bool)
        case stripAccents
        case byteLevel
    }

    private enum UnicodeForm: String {
        case nfc = "NFC"
        case nfd = "NFD"
        case nfkc = "NFKC"
        case nfkd = "NFKD"
    }

    private var steps: [Step] = []

    private static let known = [
        "Sequence", "Prepend", "Replace", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Strip", "StripAccents",
        "ByteLevel",
    ]

    /// - Throws: `TokenizationError` for a normalizer that is unknown or malformed.
    init(_ reader: ComponentReader?, _ growth: inout TextGrowth) throws(TokenizationError) {
        if let reader { try add(reader, &growth) }
    }

    var isEmpty: Bool { steps.isEmpty }

    private mutating func add(_ reader: ComponentReader, _ growth: inout TextGrowth) throws(TokenizationError) {
        switch try reader.type() {
        case "Sequence":
            try reader.allow(["normalizers"])
            for component in try reader.components("normalizers") { try add(component, &growth) }
        case "Prepend":
            try reader.allow(["prepend"])
            let prefix = Array(try reader.string("prepend").utf8)
            try growth.add(1 + prefix.count, reader)
            steps.append(.prepend(prefix))
        case "Replace":
            try reader.allow(["pattern", "content"])
            let (matcher, content) = (try reader.matcher(), Array(try reader.string("content").utf8))
            try growth.add(matcher.growth(with: content), reader)
            steps.append(.replace(matcher, content: content))
        case "Lowercase":
            try reader.allow([])
            try growth.add(1, reader)
            steps.append(.lowercase)
        case "Strip":
            try reader.allow(["strip_left", "strip_right"])
            try growth.add(1, reader)
            steps.append(
                .strip(
                    left: try reader.bool("strip_left", default: true),
                    right: try reader.bool("strip_right", default: true)))
        case "StripAccents":
            try reader.allow([])
            try growth.add(1, reader)
            steps.append(.stripAccents)
        case "ByteLevel":
            try reader.allow([])
            // Bytes outside of ASCII become letters of two bytes.
            try growth.add(2, reader)
            steps.append(.byteLevel)
        case let type:
            guard let form = UnicodeForm(rawValue: type) else {
                throw reader.unknownType(type, kind: "normalizer", known: Self.known)
            }
            try reader.allow([])
            // A text in normal form stays as it is, so that these do not multiply.
            try growth.add(1, reader)
            steps.append(.unicode(form))
        }
    }

    /// The text after all steps.
    func normalize(_ text: AlignedText) -> AlignedText {
        var text = text
        for step in steps where !text.bytes.isEmpty {
            switch step {
            case .prepend(let prefix):
                var builder = AlignedTextBuilder(text)
                builder.insert(prefix, before: 0)
                builder.keep(0..<text.bytes.count)
                text = builder.text
            case .replace(let matcher, let content): text = text.replacing(matcher, with: content)
            case .unicode(let form): text = Self.normalize(text, form: form)
            case .lowercase:
                text = text.mappingScalars { scalar in
                    if scalar.value < 0x80, !(0x41...0x5A).contains(scalar.value) { return nil }
                    let lower = scalar.properties.lowercaseMapping
                    return lower.unicodeScalars.elementsEqual(CollectionOfOne(scalar)) ? nil : Array(lower.utf8)
                }
            case .strip(let left, let right): text = Self.strip(text, left: left, right: right)
            case .stripAccents:
                text = text.mappingScalars { scalar in
                    switch scalar.properties.generalCategory {
                    case .nonspacingMark, .spacingMark, .enclosingMark: []
                    default: nil
                    }
                }
            case .byteLevel: text = text.mappingBytesToStandIns()
            }
        }
        return text
    }

    private static func strip(_ text: AlignedText, left: Bool, right: Bool) -> AlignedText {
        let kept = text.bytes.withUnsafeBufferPointer { bytes in
            var (start, end) = (0, bytes.count)
            while left, start < end {
                let (value, width) = decodeScalar(bytes, at: start)
                guard isWhitespace(value) else { break }
                start += width
            }
            while right, end > start, let (value, width) = decodeScalar(bytes, before: end), isWhitespace(value) {
                end -= width
            }
            return start..<end
        }
        guard kept.count < text.bytes.count else { return text }
        var builder = AlignedTextBuilder(text)
        builder.keep(kept)
        return builder.text
    }

    // MARK: Unicode normalization

    private static func normalize(_ text: AlignedText, form: UnicodeForm) -> AlignedText {
        if text.bytes.allSatisfy({ $0 < 0x80 }) { return text }
        var builder = AlignedTextBuilder(text)
        var position = 0
        while position < text.bytes.count {
            // ASCII never joins what stands before it, so the text may be cut there.
            var end = position + 1
            while end < text.bytes.count, text.bytes[end] >= 0x80 { end += 1 }
            normalizeChunk(text.bytes, position..<end, form: form, into: &builder)
            position = end
        }
        return builder.text
    }

    private static func normalizeChunk(
        _ bytes: [UInt8], _ range: Range<Int>, form: UnicodeForm, into builder: inout AlignedTextBuilder
    ) {
        let chunk = String(decoding: bytes[range], as: UTF8.self)
        guard range.count > 1, !apply(form, to: chunk).utf8.elementsEqual(bytes[range]) else {
            return builder.keep(range)
        }
        // Normal forms of grapheme clusters join to the normal form of the text, so alignment is by cluster.
        var position = range.lowerBound
        for character in chunk {
            let end = position + character.utf8.count
            let normal = apply(form, to: String(character))
            if normal.utf8.elementsEqual(bytes[position..<end]) {
                builder.keep(position..<end)
            } else {
                builder.replace(position..<end, with: Array(normal.utf8))
            }
            position = end
        }
    }

    private static func apply(_ form: UnicodeForm, to text: String) -> String {
        switch form {
        case .nfc: text.precomposedStringWithCanonicalMapping
        case .nfd: text.decomposedStringWithCanonicalMapping
        case .nfkc: text.precomposedStringWithCompatibilityMapping
        case .nfkd: text.decomposedStringWithCompatibilityMapping
        }
    }
}

/// Whether the scalar with this value has the property White_Space.
func isWhitespace(_ value: UInt32) -> Bool {
    if value < 0x80 { return value == 0x20 || (0x09...0x0D).contains(value) }
    return Unicode.Scalar(value)?.properties.isWhitespace ?? false
}

extension AlignedText {
    func replacing(_ matcher: TextMatcher, with content: [UInt8]) -> AlignedText {
        let matches = bytes.withUnsafeBufferPointer { matcher.matches(in: $0) }
        if matches.isEmpty { return self }
        var builder = AlignedTextBuilder(self)
        var position = 0
        for match in matches {
            builder.keep(position..<match.lowerBound)
            builder.replace(match, with: content)
            position = match.upperBound
        }
        builder.keep(position..<bytes.count)
        return builder.text
    }

    /// Each scalar replaced by what `transform` gives for it; `nil` keeps it.
    func mappingScalars(_ transform: (Unicode.Scalar) -> [UInt8]?) -> AlignedText {
        var builder = AlignedTextBuilder(self)
        var position = 0
        var kept = 0
        while position < bytes.count {
            let (value, width) = bytes.withUnsafeBufferPointer { decodeScalar($0, at: position) }
            if let scalar = Unicode.Scalar(value), let replacement = transform(scalar) {
                builder.keep(kept..<position)
                builder.replace(position..<position + width, with: replacement)
                kept = position + width
            }
            position += width
        }
        if kept == 0 { return self }
        builder.keep(kept..<bytes.count)
        return builder.text
    }

    /// Each byte replaced by its stand-in of the byte-level alphabet.
    func mappingBytesToStandIns() -> AlignedText {
        var builder = AlignedTextBuilder(self)
        for (position, byte) in bytes.enumerated() {
            builder.replace(position..<position + 1, with: ByteLevelAlphabet.encoded[Int(byte)])
        }
        return builder.text
    }
}
