/// How `JSON.text` lays a value out.
public struct JSONStyle: Sendable {
    /// Spaces a level, or `nil` for everything on one line.
    public var indent: Int?
    /// Whether the keys of an object are sorted by their bytes rather than kept in order.
    public var sortedKeys: Bool
    /// Whether a space follows `:` and, on one line, `,` (as Python's `json.dumps` has it).
    public var spaced: Bool

    /// - Parameters:
    ///   - indent: spaces a level, or `nil` for one line.
    ///   - sortedKeys: sort keys by their bytes.
    ///   - spaced: a space after `:` and `,`.
    public init(indent: Int? = nil, sortedKeys: Bool = false, spaced: Bool = false) {
        self.indent = indent
        self.sortedKeys = sortedKeys
        self.spaced = spaced
    }

    /// One line without spaces: `{"a":1,"b":[2,3]}`.
    public static let compact = JSONStyle()
    /// One line as Python writes it: `{"a": 1, "b": [2, 3]}`.
    public static let python = JSONStyle(spaced: true)
    /// Two spaces a level, for files that people read.
    public static let pretty = JSONStyle(indent: 2, spaced: true)
}

extension JSON {
    /// This value as JSON text. Numbers take the shortest form that reads back equal; JSON has no NaN or infinity,
    /// so those are written as `null`.
    public func text(_ style: JSONStyle = .compact) -> String { String(decoding: utf8(style), as: UTF8.self) }

    /// The UTF-8 of `text`, without the detour over a string.
    public func utf8(_ style: JSONStyle = .compact) -> [UInt8] {
        var output: [UInt8] = []
        write(to: &output, style: style, level: 0)
        return output
    }

    private func write(to output: inout [UInt8], style: JSONStyle, level: Int) {
        switch self {
        case .null: output.append(contentsOf: "null".utf8)
        case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): output.append(contentsOf: String(value).utf8)
        case .number(let value): output.append(contentsOf: (value.isFinite ? "\(value)" : "null").utf8)
        case .string(let value): Self.write(value, to: &output)
        case .array(let elements):
            Self.write(elements, brackets: ("[", "]"), to: &output, style: style, level: level) { element, output in
                element.write(to: &output, style: style, level: level + 1)
            }
        case .object(let members):
            let ordered =
                style.sortedKeys
                ? members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
                : members.map { ($0.key, $0.value) }
            Self.write(ordered, brackets: ("{", "}"), to: &output, style: style, level: level) { member, output in
                Self.write(member.0, to: &output)
                output.append(UInt8(ascii: ":"))
                if style.spaced { output.append(UInt8(ascii: " ")) }
                member.1.write(to: &output, style: style, level: level + 1)
            }
        }
    }

    private static func write<Element>(
        _ elements: [Element], brackets: (Unicode.Scalar, Unicode.Scalar), to output: inout [UInt8], style: JSONStyle,
        level: Int, body: (Element, inout [UInt8]) -> Void
    ) {
        output.append(UInt8(ascii: brackets.0))
        for (index, element) in elements.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            if let indent = style.indent {
                output.append(UInt8(ascii: "\n"))
                output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent * (level + 1)))
            } else if style.spaced, index > 0 {
                output.append(UInt8(ascii: " "))
            }
            body(element, &output)
        }
        if let indent = style.indent, !elements.isEmpty {
            output.append(UInt8(ascii: "\n"))
            output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent * level))
        }
        output.append(UInt8(ascii: brackets.1))
    }

    /// Writes a string in quotes: what needs no escape is copied in runs.
    private static func write(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { bytes in
            var start = 0
            for index in bytes.indices where needsEscape(bytes[index]) {
                output.append(contentsOf: bytes[start..<index])
                writeEscaped(bytes[index], to: &output)
                start = index + 1
            }
            output.append(contentsOf: bytes[start...])
        }
        output.append(UInt8(ascii: "\""))
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private static func writeEscaped(_ byte: UInt8, to output: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""): output.append(contentsOf: "\\\"".utf8)
        case UInt8(ascii: "\\"): output.append(contentsOf: "\\\\".utf8)
        case 0x08: output.append(contentsOf: "\\b".utf8)
        case 0x09: output.append(contentsOf: "\\t".utf8)
        case 0x0A: output.append(contentsOf: "\\n".utf8)
        case 0x0C: output.append(contentsOf: "\\f".utf8)
        case 0x0D: output.append(contentsOf: "\\r".utf8)
        default:
            let hexadecimal = Array("0123456789abcdef".utf8)
            output.append(contentsOf: "\\u00".utf8)
            output.append(hexadecimal[Int(byte >> 4)])
            output.append(hexadecimal[Int(byte & 15)])
        }
    }
}
