/// Why a text is no mathematical answer that can be read.
struct MathSyntaxError: Error, Hashable {
    var message: String
}

/// Reads LaTeX or plain text as a mathematical answer.
///
/// Grammar, loosest first: elements parted by commas; relations; unions of sets; sums; products, also by writing
/// factors side by side; powers; numbers, names, functions and brackets. A number behind another value is refused
/// (`2 3`, `x 2`) but for mixed numbers (`2\frac{1}{2}`, `2 1/2`). The size of the text, of the tree and its depth are
/// limited, so reading takes bounded time and stack whatever the text is.
struct MathParser {
    /// Scalars of text.
    static let longestText = 10_000
    /// Nodes of the tree.
    static let mostNodes = 500
    /// Brackets, exponents and arguments inside one another.
    static let deepestNesting = 60

    var tokens: [MathToken]
    var index = 0
    private var depth = 0
    private var nodes = 0
    /// Whether the closing `|` of an absolute value is awaited.
    var isInsideBars = false

    /// - Throws: `MathSyntaxError` when the text is empty, no mathematical answer, or beyond the limits.
    static func node(of text: String) throws(MathSyntaxError) -> MathNode {
        guard text.utf8.count <= 4 * longestText, text.unicodeScalars.count <= longestText else {
            throw MathSyntaxError(message: "more than \(longestText) characters")
        }
        return try node(of: MathTokenizer.tokens(of: text))
    }

    private static func node(of tokens: [MathToken]) throws(MathSyntaxError) -> MathNode {
        var parser = MathParser(tokens: tokens)
        while let last = parser.tokens.last, [".", ",", ";"].map(MathToken.sign).contains(last) {
            parser.tokens.removeLast()
        }
        guard !parser.tokens.isEmpty else { throw MathSyntaxError(message: "there is nothing to read") }
        let node = try parser.list()
        guard parser.current == nil else { throw parser.unexpected() }
        return node
    }

    private init(tokens: [MathToken]) { self.tokens = tokens }

    var current: MathToken? { index < tokens.count ? tokens[index] : nil }

    func peek(_ offset: Int) -> MathToken? { index + offset < tokens.count ? tokens[index + offset] : nil }

    mutating func accept(_ token: MathToken) -> Bool {
        guard current == token else { return false }
        index += 1
        return true
    }

    mutating func expect(_ token: MathToken) throws(MathSyntaxError) {
        guard accept(token) else { throw unexpected() }
    }

    func unexpected() -> MathSyntaxError {
        switch current {
        case nil: MathSyntaxError(message: "it breaks off")
        case .number(let text), .letter(let text), .word(let text), .begin(let text), .end(let text):
            MathSyntaxError(message: "'\(text.prefix(40))' is not understood there")
        case .command(let name): MathSyntaxError(message: "'\\\(name.prefix(40))' is not understood there")
        case .sign(let sign): MathSyntaxError(message: "'\(sign)' is not understood there")
        }
    }

    /// Counts a node against the limit.
    mutating func counted(_ node: MathNode) throws(MathSyntaxError) -> MathNode {
        nodes += 1
        guard nodes <= Self.mostNodes else { throw MathSyntaxError(message: "more than \(Self.mostNodes) parts") }
        return node
    }

    /// Reads something nested, within the limit of depth.
    mutating func nested<Value>(
        _ read: (inout MathParser) throws(MathSyntaxError) -> Value
    ) throws(MathSyntaxError) -> Value {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.deepestNesting else {
            throw MathSyntaxError(message: "nested deeper than \(Self.deepestNesting)")
        }
        return try read(&self)
    }

    private mutating func list() throws(MathSyntaxError) -> MathNode {
        let elements = try elements()
        return elements.count == 1 ? elements[0] : try counted(.list(elements))
    }

    /// One or more elements parted by commas or semicolons.
    mutating func elements() throws(MathSyntaxError) -> [MathNode] {
        var elements = [try nested { parser throws(MathSyntaxError) in try parser.relation() }]
        while acceptSeparator() {
            while acceptSeparator() {}
            elements.append(try nested { parser throws(MathSyntaxError) in try parser.relation() })
        }
        return elements
    }

    private mutating func acceptSeparator() -> Bool { accept(.sign(",")) || accept(.sign(";")) }

    private mutating func relation() throws(MathSyntaxError) -> MathNode {
        let first = try setExpression()
        var links: [MathLink] = []
        while let relation = acceptRelation() {
            links.append(MathLink(relation: relation, side: try setExpression()))
        }
        return links.isEmpty ? first : try counted(.relation(first, links))
    }

    private mutating func acceptRelation() -> MathRelation? {
        guard case .command(let name)? = current, let relation = Self.relations[name] else { return nil }
        index += 1
        guard relation == .less || relation == .greater, accept(.command("=")) else { return relation }
        return relation == .less ? .lessOrEqual : .greaterOrEqual
    }

    private static let relations: [String: MathRelation] = [
        "=": .equal, "equiv": .equal, "ne": .notEqual, "<": .less, "le": .lessOrEqual, ">": .greater,
        "ge": .greaterOrEqual, "in": .element,
    ]

    private mutating func setExpression() throws(MathSyntaxError) -> MathNode {
        var value = try ratio()
        while case .command(let name)? = current, let operation = Self.setOperations[name] {
            index += 1
            let next = try ratio()
            if case .setOperation(operation, let parts) = value, operation != .difference {
                value = .setOperation(operation, parts + [next])
            } else {
                value = try counted(.setOperation(operation, [value, next]))
            }
        }
        return value
    }

    private static let setOperations: [String: MathSetOperation] = [
        "cup": .union, "cap": .intersection, "setminus": .difference,
    ]

    /// `2:3` is a quotient; of more parts, `1:2:3`, a tuple.
    private mutating func ratio() throws(MathSyntaxError) -> MathNode {
        var parts = [try sum()]
        while accept(.command("ratio")) { parts.append(try sum()) }
        switch parts.count {
        case 1: return parts[0]
        case 2: return try counted(.divide(parts[0], parts[1]))
        default: return try counted(.bracketed(opensClosed: true, parts, closesClosed: true))
        }
    }

    /// Terms with their signs.
    mutating func sum() throws(MathSyntaxError) -> MathNode {
        var terms: [MathNode] = []
        repeat {
            var isNegative = false
            var bothSigns: Bool?
            while true {
                if accept(.sign("-")) {
                    isNegative.toggle()
                } else if accept(.command("pm")) {
                    bothSigns = false
                } else if accept(.command("mp")) {
                    bothSigns = true
                } else if !accept(.sign("+")) {
                    break
                }
            }
            var term = try product()
            if isNegative { term = try counted(.negate(term)) }
            if let bothSigns { term = try counted(.plusMinus(term, isFlipped: bothSigns)) }
            terms.append(term)
        } while startsTerm
        return terms.count == 1 ? terms[0] : try counted(.add(terms))
    }

    private var startsTerm: Bool {
        [.sign("+"), .sign("-"), .command("pm"), .command("mp")].contains(current)
    }

    private mutating func product() throws(MathSyntaxError) -> MathNode {
        var value = try power()
        while true {
            if accept(.command("cdot")) || accept(.command("times")) {
                value = try times(value, try signedPower())
            } else if accept(.command("slash")) {
                value = try counted(.divide(value, try signedPower()))
            } else if let scale = acceptScale() {
                value = try times(value, .number(MathLiteral(scale)))
            } else if case .word = current {
                value = try counted(.quantity(value, unit: try unit()))
            } else if startsFactor {
                value = try times(value, try power())
            } else {
                return value
            }
        }
    }

    private mutating func times(_ first: MathNode, _ second: MathNode) throws(MathSyntaxError) -> MathNode {
        if case .multiply(let factors) = first { return try counted(.multiply(factors + [second])) }
        return try counted(.multiply([first, second]))
    }

    private mutating func signedPower() throws(MathSyntaxError) -> MathNode {
        var isNegative = false
        while true {
            if accept(.sign("-")) { isNegative.toggle() } else if !accept(.sign("+")) { break }
        }
        let value = try power()
        return isNegative ? try counted(.negate(value)) : value
    }

    /// A word for a number behind a value, such as `million`, as digits.
    private mutating func acceptScale() -> String? {
        guard case .word(let words)? = current else { return nil }
        let parts = words.split(separator: " ", maxSplits: 1).map(String.init)
        guard let first = parts.first, let scale = Self.scales[first] else { return nil }
        if parts.count > 1 { tokens[index] = .word(parts[1]) } else { index += 1 }
        return scale
    }

    private static let scales = [
        "dozen": "12", "hundred": "100", "thousand": "1000", "million": "1000000", "billion": "1000000000",
        "trillion": "1000000000000",
    ]

    /// Words behind a value, with their powers and slashes: `cm^2`, `miles per hour`, `km / h`.
    private mutating func unit() throws(MathSyntaxError) -> String {
        var unit = ""
        while true {
            if case .word(let word)? = current {
                unit += word
                index += 1
            } else if !unit.isEmpty, accept(.sign("^")) {
                let isBraced = accept(.sign("{"))
                guard case .number(let text)? = current else { throw unexpected() }
                index += 1
                if isBraced { try expect(.sign("}")) }
                unit += "^" + text
            } else if !unit.isEmpty, case .word? = peek(1), accept(.command("slash")) {
                unit += "/"
            } else {
                return unit
            }
        }
    }

    private mutating func power() throws(MathSyntaxError) -> MathNode {
        var value = try primary()
        while true {
            if accept(.sign("^")) {
                if accept(.command("circ")) {
                    value = try counted(.degrees(value))
                } else if current == .sign("{"), peek(1) == .command("circ"), peek(2) == .sign("}") {
                    index += 3
                    value = try counted(.degrees(value))
                } else {
                    value = try counted(.power(value, try script()))
                }
            } else if accept(.command("circ")) {
                value = try counted(.degrees(value))
            } else if accept(.sign("!")) {
                value = try counted(.apply(.factorial, value))
            } else if accept(.sign("%")) || accept(.command("percent")) {
                value = try counted(.percent(value))
            } else {
                return value
            }
        }
    }

    /// An exponent: braces, or one value with its own exponent, as `2^3^2` is `2^(3^2)`.
    mutating func script() throws(MathSyntaxError) -> MathNode {
        try nested { parser throws(MathSyntaxError) in
            if parser.accept(.sign("{")) {
                let value = try parser.sum()
                try parser.expect(.sign("}"))
                return value
            }
            let isNegative = parser.accept(.sign("-"))
            var value = try parser.primary()
            if parser.accept(.sign("^")) { value = try parser.counted(.power(value, try parser.script())) }
            return isNegative ? try parser.counted(.negate(value)) : value
        }
    }
}
