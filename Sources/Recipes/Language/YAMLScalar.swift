/// The core schema of YAML 1.2 (section 10.3.2): what a scalar without quotes means.
///
/// Unlike YAML 1.1, `1e-5` is a number, and `no`, `on` and `12:30` are strings.
package enum YAMLScalar {
    /// The value that the plain scalar `text` stands for.
    package static func resolve(_ text: String) -> RecipeNode.Content {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .number(.infinity)
        case "-.inf", "-.Inf", "-.INF": return .number(-.infinity)
        case ".nan", ".NaN", ".NAN": return .number(.nan)
        default: break
        }
        let bytes = Array(text.utf8)
        if text.hasPrefix("0o"), let value = Int(text.dropFirst(2), radix: 8), isDigit(bytes[2]) {
            return .integer(value)
        }
        if text.hasPrefix("0x"), let value = Int(text.dropFirst(2), radix: 16), isHexadecimal(bytes[2]) {
            return .integer(value)
        }
        guard let isWhole = numberForm(bytes) else { return .string(text) }
        if isWhole, let value = Int(text) { return .integer(value) }
        guard let value = Double(text) else { return .string(text) }
        return .number(value)
    }

    /// Whether the bytes are a decimal number; `true` for one without point and exponent.
    private static func numberForm(_ bytes: [UInt8]) -> Bool? {
        var index = 0
        func digits() -> Int {
            let start = index
            while index < bytes.count, isDigit(bytes[index]) { index += 1 }
            return index - start
        }
        if index < bytes.count, bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+") { index += 1 }
        var isWhole = true
        var digitCount = digits()
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            index += 1
            isWhole = false
            digitCount += digits()
        }
        guard digitCount > 0 else { return nil }
        if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            isWhole = false
            if index < bytes.count, bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+") {
                index += 1
            }
            guard digits() > 0 else { return nil }
        }
        return index == bytes.count ? isWhole : nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }
}
