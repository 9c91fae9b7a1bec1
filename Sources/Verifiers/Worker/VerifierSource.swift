/// The verifiers that a Swift source declares, found by its declarations alone.
struct VerifierSource {
    /// The protocols whose conformers are verifiers.
    static let protocols: Set<String> = [
        "Verifier", "ImmediateVerifier", "GroupVerifier", "BatchVerifier", "TurnVerifier", "SelfTesting",
    ]

    /// The types that another file can name, such as `UnitsVerifier` or `Units.Exact`, in order.
    private(set) var types: [String] = []
    /// Verifiers that no other file can name, for they are private.
    private(set) var hidden: [String] = []

    private var tokens: [Substring] = []
    private var position = 0

    init(_ source: String) {
        tokens = Self.tokens(source)
        readDeclarations(inside: [], isHidden: false)
    }

    /// Words and the marks that matter, without comments and texts.
    private static func tokens(_ source: String) -> [Substring] {
        var tokens: [Substring] = []
        var rest = Substring(source)
        while let first = rest.first {
            if rest.hasPrefix("//") {
                rest = rest.drop { !$0.isNewline }
            } else if rest.hasPrefix("/*") {
                rest = afterComment(rest)
            } else if first == "\"" || first == "#" {
                rest = afterText(rest)
            } else if first == "`" || first == "_" || first.isLetter {
                let word = rest.dropFirst().prefix { $0 == "_" || $0 == "`" || $0.isLetter || $0.isNumber }
                tokens.append(rest[..<word.endIndex])
                rest = rest[word.endIndex...]
            } else {
                if "{}:,.&<>".contains(first) { tokens.append(rest.prefix(1)) }
                rest = rest.dropFirst()
            }
        }
        return tokens
    }

    /// What follows a comment, which may hold others.
    private static func afterComment(_ source: Substring) -> Substring {
        var rest = source.dropFirst(2)
        var depth = 1
        while depth > 0, !rest.isEmpty {
            if rest.hasPrefix("/*") || rest.hasPrefix("*/") {
                depth += rest.hasPrefix("/*") ? 1 : -1
                rest = rest.dropFirst(2)
            } else {
                rest = rest.dropFirst()
            }
        }
        return rest
    }

    /// What follows a text in quotes: with `#` around it, and over several lines.
    private static func afterText(_ source: Substring) -> Substring {
        let marks = source.prefix { $0 == "#" }
        var rest = source[marks.endIndex...]
        guard rest.first == "\"" else { return rest }
        let isLong = rest.hasPrefix("\"\"\"")
        let quote = (isLong ? "\"\"\"" : "\"") + marks
        let escape = "\\" + marks
        rest = rest.dropFirst(isLong ? 3 : 1)
        while !rest.isEmpty {
            if rest.hasPrefix(quote) { return rest.dropFirst(quote.count) }
            if rest.hasPrefix(escape) { rest = rest.dropFirst(escape.count) }
            // A text of one line that does not end there is an error that the compiler explains better.
            if !isLong, rest.first?.isNewline == true { return rest }
            rest = rest.dropFirst()
        }
        return rest
    }

    /// Reads declarations up to the brace that closes them.
    private mutating func readDeclarations(inside outer: [String], isHidden: Bool) {
        var isPrivate = false
        while position < tokens.count {
            let token = tokens[position]
            position += 1
            switch token {
            case "}": return
            case "{":
                // A body of something that is no type: its declarations are seen by nobody.
                readDeclarations(inside: outer + ["?"], isHidden: true)
                isPrivate = false
            case "private", "fileprivate": isPrivate = true
            case "struct", "class", "enum", "actor", "extension":
                if let name = typeName() { readType(outer + name, isHidden: isHidden || isPrivate) }
                isPrivate = false
            case "func", "var", "let", "init", "typealias", "import": isPrivate = false
            default: break
            }
        }
    }

    /// `A.B` behind `struct`; `nil` where no name follows, as in `class func`.
    private mutating func typeName() -> [String]? {
        let modifiers: Set<Substring> = ["func", "var", "let", "subscript", "private", "override", "final"]
        guard position < tokens.count, tokens[position].first?.isLetter == true || tokens[position].first == "_",
            !modifiers.contains(tokens[position])
        else { return nil }
        var name = [String(tokens[position])]
        position += 1
        while position + 1 < tokens.count, tokens[position] == "." {
            name.append(String(tokens[position + 1]))
            position += 2
        }
        return name
    }

    private mutating func readType(_ name: [String], isHidden: Bool) {
        var isGeneric = false
        var inherits = false
        var conforms = false
        while position < tokens.count, tokens[position] != "{", tokens[position] != "}" {
            if tokens[position] == "<" { isGeneric = isGeneric || !inherits }
            if tokens[position] == "where" { break }
            if tokens[position] == ":" { inherits = true }
            if inherits, Self.protocols.contains(String(tokens[position])) { conforms = true }
            position += 1
        }
        while position < tokens.count, tokens[position] != "{", tokens[position] != "}" { position += 1 }
        if conforms, !isGeneric {
            let whole = name.joined(separator: ".")
            if isHidden {
                if !hidden.contains(whole) { hidden.append(whole) }
            } else if !types.contains(whole) {
                types.append(whole)
            }
        }
        guard position < tokens.count, tokens[position] == "{" else { return }
        position += 1
        readDeclarations(inside: name, isHidden: isHidden)
    }
}
