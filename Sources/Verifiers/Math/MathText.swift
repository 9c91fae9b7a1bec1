/// Finds the mathematical answer in a longer text.
enum MathText {
    /// The answer where nothing says where it is.
    ///
    /// The last box; else what stands behind `####`; else the first formula, or the rest of the line, behind the last
    /// `answer is` or `answer:`; else the last formula between `$`, `\(` and `\)` or `\[` and `\]`; else the whole text.
    /// A box that is begun and never closed is no answer.
    static func answer(in text: String) -> String? {
        if text.utf8.count >= 7, contains(text, "\\boxed{") { return Extraction.boxed.text(in: text) }
        if let marked = Extraction.hash4.text(in: text) { return marked }
        if let rest = restOfLine(behind: ["answer is", "answer:"], in: text) {
            return formulas(in: rest).first ?? rest
        }
        return formulas(in: text).last ?? text
    }

    /// The reference in a text: what is boxed, or behind `####`, or all of it.
    static func reference(in text: String) -> String {
        Extraction.boxed.text(in: text) ?? Extraction.hash4.text(in: text) ?? text
    }

    private static func contains(_ text: String, _ part: String) -> Bool {
        last(part, in: Array(text.utf8)) != nil
    }

    private static func last(_ part: String, in bytes: [UInt8]) -> Int? {
        let part = Array(part.utf8)
        guard bytes.count >= part.count else { return nil }
        return (0...(bytes.count - part.count)).last { bytes[$0...].starts(with: part) }
    }

    private static func restOfLine(behind marks: [String], in text: String) -> String? {
        let bytes = Array(text.utf8)
        let small = bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 + 32 : $0 }
        guard let start = marks.compactMap({ mark in last(mark, in: small).map { $0 + mark.utf8.count } }).max() else {
            return nil
        }
        var rest = bytes[start...].prefix { $0 != UInt8(ascii: "\n") }
        while let first = rest.first, [UInt8(ascii: ":"), UInt8(ascii: " "), UInt8(ascii: "*")].contains(first) {
            rest.removeFirst()
        }
        while rest.last == UInt8(ascii: "*") { rest.removeLast() }
        let line = String(decoding: rest, as: UTF8.self).trimmed
        return line.isEmpty ? nil : line
    }

    /// What stands between the marks of formulas, in order.
    private static func formulas(in text: String) -> [String] {
        let bytes = Array(text.utf8)
        let dollar = UInt8(ascii: "$")
        let backslash = UInt8(ascii: "\\")
        var found: [String] = []
        var opening: (start: Int, closing: UInt8?)?
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            let next = index + 1 < bytes.count ? bytes[index + 1] : 0
            var width = 1
            if byte == backslash {
                width = 2
                if let open = opening, let closing = open.closing, next == closing {
                    found.append(String(decoding: bytes[open.start..<index], as: UTF8.self))
                    opening = nil
                } else if opening == nil, next == UInt8(ascii: "(") || next == UInt8(ascii: "[") {
                    opening = (index + 2, next == UInt8(ascii: "(") ? UInt8(ascii: ")") : UInt8(ascii: "]"))
                }
            } else if byte == dollar {
                if next == dollar { width = 2 }
                if let open = opening, open.closing == nil {
                    found.append(String(decoding: bytes[open.start..<index], as: UTF8.self))
                    opening = nil
                } else if opening == nil {
                    opening = (index + width, nil)
                }
            }
            index += width
        }
        return found.filter { !$0.trimmed.isEmpty }
    }
}
