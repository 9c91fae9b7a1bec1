/// Writes resolved values as YAML that reads back equal: blocks for mappings, one line for lists of plain values.
enum YAMLWriter {
    static func text(_ value: ResolvedValue) -> String {
        guard case .mapping(let pairs) = value else { return inline(value) + "\n" }
        var output = ""
        block(pairs, indent: 0, to: &output)
        return output
    }

    private static func block(_ pairs: [ResolvedValue.Pair], indent: Int, to output: inout String) {
        let margin = String(repeating: " ", count: indent)
        for (index, pair) in pairs.enumerated() {
            // The first key of a list's element follows the dash.
            if index > 0 || !output.hasSuffix("- ") { output += margin }
            output += quoted(pair.key) + ":"
            switch pair.value {
            case .mapping(let inner) where !inner.isEmpty:
                output += "\n"
                block(inner, indent: indent + 2, to: &output)
            case .list(let elements) where elements.contains(where: \.hasKeys):
                output += "\n"
                for element in elements {
                    output += margin + "  - "
                    if case .mapping(let inner) = element, !inner.isEmpty {
                        block(inner, indent: indent + 4, to: &output)
                    } else {
                        output += inline(element) + "\n"
                    }
                }
            default:
                output += " " + inline(pair.value) + "\n"
            }
        }
    }

    private static func inline(_ value: ResolvedValue) -> String {
        switch value {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return String(value)
        case .number(let value):
            if value.isNaN { return ".nan" }
            return value.isInfinite ? (value < 0 ? "-.inf" : ".inf") : "\(value)"
        case .string(let text), .path(let text): return quoted(text.escapingReferences)
        case .reference(let text): return quoted(text)
        case .list(let elements): return "[" + elements.map(inline).joined(separator: ", ") + "]"
        case .mapping(let pairs):
            return "{" + pairs.map { quoted($0.key) + ": " + inline($0.value) }.joined(separator: ", ") + "}"
        }
    }

    /// The text bare where that cannot be misread, else in double quotes with escapes.
    static func quoted(_ text: String) -> String {
        let isBare =
            text.unicodeScalars.first.map { isWord($0) || $0 == "/" } ?? false
            && text.unicodeScalars.allSatisfy { isWord($0) || "/.-".unicodeScalars.contains($0) }
        if isBare, YAMLScalar.resolve(text) == .string(text) { return text }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            default:
                let code = scalar.value
                let isHidden =
                    code < 0x20 || (0x7F...0xA0).contains(code) || code == 0x2028 || code == 0x2029 || code == 0xFEFF
                    || (0xFFFE...0xFFFF).contains(code)
                if isHidden {
                    let digits = String(code, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_": true
        default: false
        }
    }
}

extension ResolvedValue {
    fileprivate var hasKeys: Bool { if case .mapping(let pairs) = self { !pairs.isEmpty } else { false } }
}
