/// Finds and reads numbers in text, by a grammar of its own.
///
/// A number is: an optional sign (`-`, `+` or U+2212, not right behind a letter, a digit or a closing bracket), an
/// optional `$`, `€` or `£`, then digits, or digits in groups of three parted by commas (`1,234,567`), an optional
/// fraction (`.5`), an optional exponent (`e-3`), or in place of those two a denominator (`3/4`); then an optional `%`.
/// A comma is never a decimal mark. A number does not start inside a word, and neither `0x1F`, `inf` nor `nan` is one.
/// A unit that the reader knows may stand behind it.
public struct NumberReader: Sendable {
    /// What `50%` is.
    public enum Percent: String, NamedChoice {
        /// 50
        case number
        /// 0.5
        case fraction
        /// No number.
        case refuse
    }

    /// A number in a text.
    public struct Found: Sendable, Hashable {
        /// The number, finite.
        public var value: Double
        /// The text that was read.
        public var text: String
    }

    /// What `50%` is.
    public var percent: Percent
    /// What a number is multiplied with when a unit stands behind it, by the unit's name.
    public var units: [String: Double]

    public init(percent: Percent = .number, units: [String: Double] = [:]) {
        self.percent = percent
        self.units = units
    }

    /// The number that the whole text is, but for white space and one full stop at its end.
    public func whole(_ text: String) -> Double? {
        var scalars = Array(text.trimmed.unicodeScalars)
        if scalars.last == ".", scalars.count > 1 { scalars.removeLast() }
        guard let literal = literal(in: scalars, at: 0), literal.end == scalars.count else { return nil }
        return literal.value
    }

    /// The last number of a text.
    public func last(in text: String) -> Found? { all(in: text).last }

    /// The first number of a text.
    public func first(in text: String) -> Found? { all(in: text, limit: 1).last }

    /// The number of a text in which there is one number only.
    func only(in text: String) -> Found? {
        let found = all(in: text, limit: 2)
        return found.count == 1 ? found[0] : nil
    }

    /// The number in a LaTeX box: `\frac{a}{b}` of whole numbers, or the last number.
    func boxed(_ content: String) -> Found? {
        let cleaned = content.replacing("\\!", with: "").replacing("{,}", with: ",").replacing("\\$", with: "$")
            .replacing("\\%", with: "%")
        let plain = cleaned.replacing("\\dfrac", with: "\\frac").replacing("\\tfrac", with: "\\frac").trimmed
        let negative = plain.hasPrefix("-")
        let body = negative ? String(plain.dropFirst()) : plain
        if body.hasPrefix("\\frac{"), body.hasSuffix("}") {
            let parts = body.dropFirst("\\frac{".count).dropLast().split(
                separator: "}{", omittingEmptySubsequences: false)
            guard parts.count == 2, let above = whole(String(parts[0])), let below = whole(String(parts[1])), below != 0
            else { return nil }
            let value = above / below
            return value.isFinite ? Found(value: negative ? -value : value, text: content) : nil
        }
        // Units stand in `\text{…}`.
        let words = cleaned.replacing("\\text{", with: "").replacing("\\mathrm{", with: "").replacing("}", with: " ")
        return last(in: words)
    }

    private func all(in text: String, limit: Int = .max) -> [Found] {
        let scalars = Array(text.unicodeScalars)
        var found: [Found] = []
        var index = 0
        while index < scalars.count, found.count < limit {
            guard startsNumber(scalars, at: index) else {
                index += 1
                continue
            }
            guard let literal = literal(in: scalars, at: index) else {
                // What looked like a number and is none (`0x1F`, `3/0`) is passed whole, not read from its middle.
                index = endOfWord(scalars, from: index)
                continue
            }
            if let value = literal.value {
                let text = String(String.UnicodeScalarView(scalars[index..<literal.end]))
                found.append(Found(value: value, text: text))
            }
            index = literal.end
        }
        return found
    }

    /// Whether a number could start here: not inside a word or behind a decimal point.
    private func startsNumber(_ scalars: [Unicode.Scalar], at index: Int) -> Bool {
        let scalar = scalars[index]
        let before = index > 0 ? scalars[index - 1] : nil
        if isSign(scalar) {
            guard index + 1 < scalars.count,
                isDigit(scalars[index + 1]) || isCurrency(scalars[index + 1]) || scalars[index + 1] == "."
            else { return false }
            return before.map { !$0.isWord && !")]}".unicodeScalars.contains($0) } ?? true
        }
        if isDigit(scalar) {
            // The parts of `1.2.3` behind its second point are no numbers.
            if before == ".", index > 1, isDigit(scalars[index - 2]) { return false }
            return before.map { !$0.isWord } ?? true
        }
        if isCurrency(scalar) {
            return index + 1 < scalars.count && (isDigit(scalars[index + 1]) || scalars[index + 1] == ".")
        }
        if scalar == "." {
            guard index + 1 < scalars.count, isDigit(scalars[index + 1]) else { return false }
            return before.map { !$0.isWord && $0 != "." && $0 != ")" } ?? true
        }
        return false
    }

    private func endOfWord(_ scalars: [Unicode.Scalar], from start: Int) -> Int {
        var index = start + 1
        while index < scalars.count, scalars[index].isWord || scalars[index] == "/" { index += 1 }
        return index
    }

    /// Reads a number at `start`; its value is `nil` when the text is a number that policy refuses.
    private func literal(in scalars: [Unicode.Scalar], at start: Int) -> (value: Double?, end: Int)? {
        var index = start
        var isNegative = false
        func current() -> Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }
        if let sign = current(), isSign(sign) {
            isNegative = sign != "+"
            index += 1
        }
        if let scalar = current(), isCurrency(scalar) { index += 1 }
        var text = digits(in: scalars, &index)
        let hasWhole = !text.isEmpty
        if hasWhole, text.count <= 3, text.first != "0" { appendThousands(in: scalars, &index, to: &text) }
        if current() == "x" || current() == "X", text == "0" { return nil }
        var value: Double?
        let followsSlash = start > 0 && scalars[start - 1] == "/"
        if hasWhole, !followsSlash, current() == "/", let below = denominator(in: scalars, &index) {
            guard let above = Double(text), let below = Double(below), below != 0 else { return nil }
            value = above / below
        } else {
            if current() == ".", index + 1 < scalars.count, isDigit(scalars[index + 1]) {
                index += 1
                text += (hasWhole ? "." : "0.") + digits(in: scalars, &index)
            }
            guard !text.isEmpty else { return nil }
            text += exponent(in: scalars, &index)
            value = Double(text)
        }
        guard var value, value.isFinite else { return nil }
        if isNegative { value = -value }
        return suffixed(value, in: scalars, index)
    }

    /// The number with the percent sign or the unit behind it, one space between them or none.
    private func suffixed(_ value: Double, in scalars: [Unicode.Scalar], _ end: Int) -> (value: Double?, end: Int)? {
        let start = end < scalars.count && scalars[end] == " " ? end + 1 : end
        if start < scalars.count, scalars[start] == "%" {
            switch percent {
            case .number: return (value, start + 1)
            case .fraction: return (value / 100, start + 1)
            case .refuse: return (nil, start + 1)
            }
        }
        var longest: (end: Int, factor: Double)?
        for (unit, factor) in units {
            let name = Array(unit.unicodeScalars)
            let unitEnd = start + name.count
            guard unitEnd > longest?.end ?? start, scalars[start...].starts(with: name),
                unitEnd == scalars.count || !scalars[unitEnd].isWord || name.last?.isWord == false
            else { continue }
            longest = (unitEnd, factor)
        }
        guard let longest else { return (value, end) }
        let scaled = value * longest.factor
        return scaled.isFinite ? (scaled, longest.end) : nil
    }

    private func digits(in scalars: [Unicode.Scalar], _ index: inout Int) -> String {
        var text = ""
        while index < scalars.count, isDigit(scalars[index]) {
            text.unicodeScalars.append(scalars[index])
            index += 1
        }
        return text
    }

    /// Reads `,` and exactly three digits as often as they follow.
    private func appendThousands(in scalars: [Unicode.Scalar], _ index: inout Int, to text: inout String) {
        while index + 3 < scalars.count, scalars[index] == ",", (1...3).allSatisfy({ isDigit(scalars[index + $0]) }),
            index + 4 >= scalars.count || !isDigit(scalars[index + 4])
        {
            for scalar in scalars[(index + 1)...(index + 3)] { text.unicodeScalars.append(scalar) }
            index += 4
        }
    }

    /// Reads `/` and digits that no further `/` follows, as it does in a date.
    private func denominator(in scalars: [Unicode.Scalar], _ index: inout Int) -> String? {
        var end = index + 1
        let text = digits(in: scalars, &end)
        guard !text.isEmpty, end >= scalars.count || scalars[end] != "/" else { return nil }
        index = end
        return text
    }

    private func exponent(in scalars: [Unicode.Scalar], _ index: inout Int) -> String {
        guard index < scalars.count, scalars[index] == "e" || scalars[index] == "E" else { return "" }
        var end = index + 1
        var text = "e"
        if end < scalars.count, scalars[end] == "-" || scalars[end] == "+" {
            text.unicodeScalars.append(scalars[end])
            end += 1
        }
        let digits = digits(in: scalars, &end)
        guard !digits.isEmpty, end >= scalars.count || !scalars[end].isWord else { return "" }
        index = end
        return text + digits
    }

    private func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
    private func isSign(_ scalar: Unicode.Scalar) -> Bool { scalar == "-" || scalar == "+" || scalar == "\u{2212}" }
    private func isCurrency(_ scalar: Unicode.Scalar) -> Bool { scalar == "$" || scalar == "€" || scalar == "£" }
}
