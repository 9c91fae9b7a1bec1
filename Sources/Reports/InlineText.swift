import TextCore

/// A text of a report taken apart into plain, code and strong pieces.
struct InlineText {
    enum Piece: Hashable {
        case plain(String)
        case code(String)
        case strong(String)
    }

    private(set) var pieces: [Piece] = []

    /// Reads `code` between equally long runs of backticks and **strong** between two asterisks; a backslash before a
    /// backtick or an asterisk makes it an ordinary character. What is not closed is plain.
    init(_ text: String) {
        let scalars = Array(text.printable.unicodeScalars)
        var plain = String.UnicodeScalarView()
        var index = 0
        // Whatever has no end before the end of the text has none for any later beginning either.
        var unclosed: Set<String> = []
        while index < scalars.count {
            let scalar = scalars[index]
            if scalar == "\\", index + 1 < scalars.count, scalars[index + 1] == "`" || scalars[index + 1] == "*" {
                plain.append(scalars[index + 1])
                index += 2
                continue
            }
            let run = Self.run(scalars, index)
            let isCode = scalar == "`"
            if isCode || scalar == "*" && run == 2, !unclosed.contains("\(scalar)\(run)") {
                let start = index + run
                if let end = Self.closing(scalars, scalar, run, from: start), end > start {
                    if !plain.isEmpty { pieces.append(.plain(String(plain))) }
                    plain = String.UnicodeScalarView()
                    let inside = String(String.UnicodeScalarView(scalars[start..<end]))
                    pieces.append(isCode ? .code(Self.trimmed(inside)) : .strong(inside))
                    index = end + run
                    continue
                }
                unclosed.insert("\(scalar)\(run)")
            }
            plain.append(contentsOf: scalars[index..<index + run])
            index += run
        }
        if !plain.isEmpty { pieces.append(.plain(String(plain))) }
    }

    /// The text without its marks.
    var plain: String {
        pieces.map { piece in
            switch piece {
            case .plain(let text), .code(let text), .strong(let text): text
            }
        }.joined()
    }

    /// How many of the same backticks or asterisks stand here; 1 for any other scalar.
    private static func run(_ scalars: [Unicode.Scalar], _ start: Int) -> Int {
        guard scalars[start] == "`" || scalars[start] == "*" else { return 1 }
        var end = start
        while end < scalars.count, scalars[end] == scalars[start] { end += 1 }
        return end - start
    }

    private static func closing(
        _ scalars: [Unicode.Scalar], _ mark: Unicode.Scalar, _ count: Int, from start: Int
    ) -> Int? {
        var index = start
        while index < scalars.count {
            if scalars[index] == mark {
                let run = run(scalars, index)
                if run == count { return index }
                index += run
            } else {
                index += 1
            }
        }
        return nil
    }

    /// Code that begins or ends with a backtick is written with a space beside it.
    private static func trimmed(_ code: String) -> String {
        code.hasPrefix(" ") && code.hasSuffix(" ") && code.count > 2 && code.contains("`")
            ? String(code.dropFirst().dropLast()) : code
    }
}
