/// A piece of a mathematical text.
enum MathToken: Hashable, Sendable {
    /// Digits with at most one point; commas between thousands are left out.
    case number(String)
    /// One letter that stands for a value.
    case letter(String)
    /// Words, in small letters.
    case word(String)
    /// A LaTeX command without its backslash, or a known name in plain text such as `sqrt`.
    case command(String)
    /// A bracket, an operator or any other sign.
    case sign(Unicode.Scalar)
    /// `\begin{…}` and `\end{…}`.
    case begin(String)
    case end(String)
}

/// Cuts LaTeX or plain text into tokens in which different spellings of one thing are alike.
///
/// Spacing, `\left`, `\right`, `\displaystyle` and the dollar signs go; `\dfrac` is `\frac`; `×` is `\times`; `\text{…}`
/// and plain words become words. It takes time proportional to the text and accepts any text.
struct MathTokenizer {
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var tokens: [MathToken] = []
    /// Open brackets; a comma inside them parts elements and not thousands.
    private var depth = 0

    private init(_ text: String) { scalars = Array(text.unicodeScalars) }

    static func tokens(of text: String) -> [MathToken] {
        var tokenizer = MathTokenizer(text)
        tokenizer.run()
        return tokenizer.tokens
    }

    private func scalar(_ offset: Int = 0) -> Unicode.Scalar? {
        index + offset < scalars.count ? scalars[index + offset] : nil
    }

    private static func isDigit(_ scalar: Unicode.Scalar?) -> Bool { scalar.map { ("0"..."9").contains($0) } ?? false }
    private static func isLetter(_ scalar: Unicode.Scalar?) -> Bool {
        scalar.map { ("a"..."z").contains($0) || ("A"..."Z").contains($0) } ?? false
    }

    private mutating func run() {
        while let scalar = scalar() {
            if scalar.properties.isWhitespace || scalar == "$" || scalar == "~" || scalar == "&" && !inMatrix {
                index += 1
            } else if scalar == "\\" {
                command()
            } else if Self.isDigit(scalar) || scalar == "." && Self.isDigit(self.scalar(1)) {
                number()
            } else if Self.isLetter(scalar) {
                letters()
            } else {
                index += 1
                append(scalar)
            }
        }
    }

    private var inMatrix: Bool { environments > 0 }
    private var environments = 0

    private mutating func append(_ scalar: Unicode.Scalar) {
        if let name = Self.names[scalar] {
            tokens.append(.command(name))
            return
        }
        if let power = Self.powers[scalar] {
            tokens += [.sign("^"), .number(power)]
            return
        }
        if let (above, below) = Self.fractions[scalar] {
            tokens += [.command("frac"), .number(above), .number(below)]
            return
        }
        switch scalar {
        case "(", "[", "{": depth += 1
        case ")", "]", "}": depth -= 1
        default: break
        }
        tokens.append(.sign(Self.signs[scalar] ?? scalar))
    }

    /// Digits, with commas between thousands outside brackets, and a point.
    private mutating func number() {
        var text = digits()
        if depth == 0 || afterThousandsBrace, (1...3).contains(text.count) { appendThousands(to: &text) }
        if scalar() == ".", Self.isDigit(scalar(1)) {
            index += 1
            text += "." + digits()
        } else if scalar() == ".", !text.isEmpty, let next = scalar(1), !next.properties.isWhitespace, next != "." {
            // `5.` before a bracket or an operator.
            index += 1
            text += "."
        }
        tokens.append(.number(shifted(text)))
    }

    /// The number without the power of ten behind it: `1.5e3` is `1500.`.
    private mutating func shifted(_ text: String) -> String {
        guard scalar() == "e" || scalar() == "E" else { return text }
        let start = index
        index += 1
        let isNegative = scalar() == "-"
        if isNegative || scalar() == "+" { index += 1 }
        guard let exponent = Int(digits()), exponent <= 300, !Self.isLetter(scalar()) else {
            index = start
            return text
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let zeros = String(repeating: "0", count: exponent)
        let whole = parts[0]
        let fraction = parts.count > 1 ? parts[1] : ""
        if isNegative {
            let all = zeros + whole
            return all.dropLast(exponent) + "." + all.suffix(exponent) + fraction
        }
        let all = fraction + zeros
        let point = parts.count > 1 ? "." : ""
        return whole + all.prefix(exponent)
            + (fraction.count > exponent ? "." + all.dropFirst(exponent).prefix(fraction.count - exponent) : point)
    }

    /// `1{,}234` parts thousands whatever is around it.
    private var afterThousandsBrace: Bool { scalar() == "{" && scalar(1) == "," && scalar(2) == "}" }

    private mutating func digits() -> String {
        var text = String.UnicodeScalarView()
        while let scalar = scalar(), Self.isDigit(scalar) {
            text.append(scalar)
            index += 1
        }
        return String(text)
    }

    private mutating func appendThousands(to text: inout String) {
        while true {
            var offset = 0
            if scalar() == "," {
                offset = 1
                // `1,\!000`
                if scalar(1) == "\\", scalar(2) == "!" { offset = 3 }
            } else if afterThousandsBrace {
                offset = 3
            }
            guard offset > 0, (0..<3).allSatisfy({ Self.isDigit(scalar(offset + $0)) }),
                !Self.isDigit(scalar(offset + 3))
            else { return }
            index += offset
            text += digits()
        }
    }

    /// A run of letters: a known name, a word of four letters or more, or variables that are multiplied.
    private mutating func letters() {
        var run = ""
        while let scalar = scalar(), Self.isLetter(scalar) {
            run.unicodeScalars.append(scalar)
            index += 1
        }
        let small = run.lowercased()
        if let name = Self.plainNames[run] ?? (run.count > 3 ? Self.plainNames[small] : nil) {
            tokens.append(.command(name))
        } else if run.count == 1 {
            tokens.append(.letter(run))
        } else if run.count > 3 || Self.shortWords.contains(small) {
            append(word: small)
        } else {
            tokens += run.map { .letter(String($0)) }
        }
    }

    /// Adds a word, to the word before it if there is one; `and` and `or` part elements.
    private mutating func append(word: String) {
        if word == "and" || word == "or" {
            tokens.append(.sign(","))
        } else if case .word(let before)? = tokens.last {
            tokens[tokens.count - 1] = .word(before + " " + word)
        } else {
            tokens.append(.word(word))
        }
    }

    private mutating func command() {
        index += 1
        guard let first = scalar() else { return }
        guard Self.isLetter(first) else {
            index += 1
            switch first {
            case "{", "}":
                // Sets have brackets of their own: braces without backslash only group.
                depth += first == "{" ? 1 : -1
                tokens.append(.command(first == "{" ? "{" : "}"))
            case "%", "|", "&": tokens.append(.sign(first))
            case "\\": tokens.append(.command("\\"))
            default: break  // Spacing, `\$` and the marks of a formula.
            }
            return
        }
        var name = ""
        while let scalar = scalar(), Self.isLetter(scalar) {
            name.unicodeScalars.append(scalar)
            index += 1
        }
        if Self.ignored.contains(name) { return }
        if Self.textCommands.contains(name) {
            if let content = braced() { text(content) }
        } else if name == "operatorname" {
            if let content = braced() { tokens.append(.command(content)) }
        } else if name == "begin" || name == "end" {
            environment(begins: name == "begin")
        } else {
            tokens.append(.command(Self.aliases[name] ?? name))
        }
    }

    private mutating func environment(begins: Bool) {
        guard let name = braced() else { return }
        environments += begins ? 1 : -1
        depth += begins ? 1 : -1
        // `\begin{array}{cc}`
        if begins, name == "array" { _ = braced() }
        tokens.append(begins ? .begin(name) : .end(name))
    }

    /// The content of the braces that come next, which hold no braces.
    private mutating func braced() -> String? {
        var end = index
        while end < scalars.count, scalars[end].properties.isWhitespace { end += 1 }
        guard end < scalars.count, scalars[end] == "{" else { return nil }
        let start = end + 1
        guard let close = scalars[start...].firstIndex(where: { $0 == "}" || $0 == "{" }), scalars[close] == "}" else {
            return nil
        }
        index = close + 1
        return String(String.UnicodeScalarView(scalars[start..<close]))
    }

    /// What `\text{…}` holds: words, a letter, or a number.
    private mutating func text(_ content: String) {
        var plain = content.trimmed
        if plain.hasPrefix("("), plain.hasSuffix(")") { plain = String(plain.dropFirst().dropLast()) }
        plain = plain.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        if plain.utf8.count == 1, let letter = plain.unicodeScalars.first, Self.isLetter(letter) {
            // `5\text{ m}` has a unit, `\text{(A)}` is a letter.
            if case .number? = tokens.last { append(word: plain.lowercased()) } else { tokens.append(.letter(plain)) }
        } else if plain.unicodeScalars.contains(where: { Self.isDigit($0) || $0 == "\\" || $0 == "=" }) {
            tokens += MathTokenizer.tokens(of: plain.replacing("\\text", with: ""))
        } else {
            for word in plain.lowercased().split(separator: " ") { append(word: String(word)) }
        }
    }
}

extension MathTokenizer {
    private static let ignored: Set<String> = [
        "left", "right", "displaystyle", "textstyle", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr",
        "quad", "qquad", "mathbf", "mathit", "boldsymbol", "limits", "hspace", "enspace", "mathbb", "mathcal", "boxed",
    ]
    private static let textCommands: Set<String> = [
        "text", "textbf", "textit", "textrm", "mathrm", "mbox", "hbox", "rm",
    ]
    private static let aliases = [
        "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "dbinom": "binom", "tbinom": "binom", "leq": "le",
        "leqslant": "le", "geq": "ge", "geqslant": "ge", "neq": "ne", "lt": "<", "gt": ">", "degree": "circ",
        "infin": "infty", "varnothing": "emptyset", "lbrace": "{", "rbrace": "}", "ast": "cdot", "div": "slash",
        "lbrack": "lbrack", "approx": "=", "arctg": "arctan", "tg": "tan", "ctg": "cot", "lg": "log",
        "backslash": "setminus", "lvert": "vert", "rvert": "vert", "colon": "ratio", "varphi": "phi",
        "varepsilon": "epsilon",
    ]
    /// Names that mean something without a backslash.
    private static let plainNames = [
        "sqrt": "sqrt", "pi": "pi", "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc",
        "ln": "ln", "log": "log", "exp": "exp", "abs": "abs", "arcsin": "arcsin", "arccos": "arccos",
        "arctan": "arctan", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "sinh": "sinh", "cosh": "cosh",
        "tanh": "tanh", "infinity": "infty", "inf": "infty", "oo": "infty", "frac": "frac", "union": "cup",
        "percent": "percent", "degrees": "circ", "floor": "floor", "ceil": "ceil", "theta": "theta", "alpha": "alpha",
        "beta": "beta", "lambda": "lambda",
    ]
    /// Words of two or three letters; other such runs are products.
    private static let shortWords: Set<String> = [
        "yes", "no", "odd", "and", "or", "the", "not", "dne", "cm", "mm", "km", "kg", "mg", "ft", "sq", "min", "sec",
        "hr", "hrs", "mph", "per", "day", "usd", "ml", "in", "deg", "of", "one", "two", "all", "is",
    ]
    private static let names: [Unicode.Scalar: String] = [
        "×": "times", "·": "cdot", "⋅": "cdot", "∙": "cdot", "÷": "slash", "√": "sqrt", "π": "pi", "∞": "infty",
        "≤": "le", "≥": "ge", "≠": "ne", "±": "pm", "∓": "mp", "∪": "cup", "∩": "cap", "∅": "emptyset", "°": "circ",
        "∈": "in", "<": "<", ">": ">", "=": "=", "*": "cdot", "/": "slash", "≈": "=", "θ": "theta",
        "α": "alpha", "β": "beta", "λ": "lambda", ":": "ratio",
    ]
    private static let powers: [Unicode.Scalar: String] = ["²": "2", "³": "3", "⁴": "4"]
    private static let fractions: [Unicode.Scalar: (String, String)] = [
        "½": ("1", "2"), "⅓": ("1", "3"), "⅔": ("2", "3"), "¼": ("1", "4"), "¾": ("3", "4"), "⅕": ("1", "5"),
        "⅛": ("1", "8"),
    ]
    private static let signs: [Unicode.Scalar: Unicode.Scalar] = [
        "−": "-", "–": "-", "⟨": "(", "⟩": ")", "，": ",", "’": "'",
    ]
}
