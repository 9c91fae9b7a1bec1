extension MathParser {
    /// Whether the next token begins a value that is multiplied with the one before it.
    var startsFactor: Bool {
        switch current {
        case .letter, .begin: true
        case .command(let name): !Self.operators.contains(name)
        case .sign("("), .sign("["), .sign("{"): true
        case .sign("|"): !isInsideBars
        default: false
        }
    }

    /// Commands that do not begin a value.
    private static let operators: Set<String> = [
        "=", "<", ">", "le", "ge", "ne", "in", "equiv", "cup", "cap", "setminus", "pm", "mp", "cdot", "times", "slash",
        "ratio", "circ", "percent", "}", "rfloor", "rceil", "rangle", "\\", "vert", "overline", "rbrack",
    ]

    /// A number, a name, a function with its argument, or something in brackets.
    mutating func primary() throws(MathSyntaxError) -> MathNode {
        guard let token = current else { throw unexpected() }
        switch token {
        case .number(let text):
            index += 1
            return try number(text)
        case .letter(let name):
            index += 1
            return try counted(.symbol(try subscripted(name)))
        case .word(let words):
            index += 1
            return try counted(.word(words))
        case .begin(let name):
            index += 1
            return try nested { parser throws(MathSyntaxError) in try parser.matrix(name) }
        case .sign("("), .sign("["): return try bracketed()
        case .sign("{"): return try grouped()
        case .sign("|"):
            index += 1
            return try bars(until: .sign("|"))
        case .command(let name):
            index += 1
            return try command(name)
        case .sign, .end: throw unexpected()
        }
    }

    /// A literal, a mixed number, or a repeating decimal.
    private mutating func number(_ text: String) throws(MathSyntaxError) -> MathNode {
        let literal = MathLiteral(text)
        var value = try counted(.number(literal))
        if accept(.command("overline")) { return try repeating(value, decimals: literal.decimals) }
        if accept(.sign("_")) { return try counted(.quantity(value, unit: "base " + (try base()))) }
        guard !literal.hasPoint else { return value }
        if let fraction = try mixedFraction() { value = try counted(.add([value, fraction])) }
        return value
    }

    /// The number below a number: `101_2`, `101_{2}`, `101_{\text{two}}`.
    private mutating func base() throws(MathSyntaxError) -> String {
        let isBraced = accept(.sign("{"))
        let base: String
        switch current {
        case .number(let text), .word(let text): base = text
        default: throw unexpected()
        }
        index += 1
        if isBraced { try expect(.sign("}")) }
        return base
    }

    /// `0.1\overline{6}`: the digits under the line go on for ever.
    private mutating func repeating(_ value: MathNode, decimals: Int) throws(MathSyntaxError) -> MathNode {
        try expect(.sign("{"))
        guard case .number(let period)? = current, !period.contains(".") else { throw unexpected() }
        index += 1
        try expect(.sign("}"))
        let below = String(repeating: "9", count: period.utf8.count) + String(repeating: "0", count: decimals)
        let rest = try counted(.divide(.number(MathLiteral(period)), .number(MathLiteral(below))))
        return try counted(.add([value, rest]))
    }

    /// The proper fraction that makes a whole number before it a mixed number: `\frac{1}{2}`, or `1/2`.
    private mutating func mixedFraction() throws(MathSyntaxError) -> MathNode? {
        let start = self
        var parts: (MathNode, MathNode)?
        if accept(.command("frac")) {
            parts = (try argument(), try argument())
        } else if case .number(let above)? = current, peek(1) == .command("slash"), case .number(let below)? = peek(2) {
            index += 3
            parts = (.number(MathLiteral(above)), .number(MathLiteral(below)))
        }
        guard case (.number(let above), .number(let below))? = parts, !above.hasPoint, !below.hasPoint,
            above.double < below.double
        else {
            self = start
            return nil
        }
        return try counted(.divide(.number(above), .number(below)))
    }

    /// A name with what stands below it and its primes.
    private mutating func subscripted(_ name: String) throws(MathSyntaxError) -> String {
        var name = name
        if accept(.sign("_")) {
            name += "_"
            let isBraced = accept(.sign("{"))
            repeat {
                switch current {
                case .number(let text), .letter(let text), .word(let text), .command(let text): name += text
                case .sign(let sign) where isBraced && sign != "{": name.unicodeScalars.append(sign)
                default: throw unexpected()
                }
                index += 1
            } while isBraced && !accept(.sign("}"))
        }
        while accept(.sign("'")) { name += "'" }
        return name
    }

    /// `(…)`, a tuple, or an interval.
    private mutating func bracketed() throws(MathSyntaxError) -> MathNode {
        let opensClosed = current == .sign("[")
        index += 1
        let wasInsideBars = isInsideBars
        isInsideBars = false
        defer { isInsideBars = wasInsideBars }
        let elements = try elements()
        let closesClosed: Bool
        if accept(.sign(")")) {
            closesClosed = false
        } else if accept(.sign("]")) {
            closesClosed = true
        } else {
            throw unexpected()
        }
        if elements.count == 1 {
            guard opensClosed == closesClosed else { throw unexpected() }
            return elements[0]
        }
        return try counted(.bracketed(opensClosed: opensClosed, elements, closesClosed: closesClosed))
    }

    /// `{…}`: braces group, and around several elements they are a set's.
    private mutating func grouped() throws(MathSyntaxError) -> MathNode {
        index += 1
        let elements = try elements()
        try expect(.sign("}"))
        return elements.count == 1 ? elements[0] : try counted(.set(elements))
    }

    private mutating func bars(until closing: MathToken) throws(MathSyntaxError) -> MathNode {
        guard !isInsideBars else { throw unexpected() }
        isInsideBars = true
        defer { isInsideBars = false }
        let value = try nested { parser throws(MathSyntaxError) in try parser.sum() }
        try expect(closing)
        return try counted(.apply(.abs, value))
    }

    /// One argument of a command: braces, or a single digit, letter or command.
    private mutating func argument() throws(MathSyntaxError) -> MathNode {
        if case .number(let text)? = current, let first = text.first {
            // `\frac12` is a half.
            let rest = text.dropFirst()
            if rest.isEmpty { index += 1 } else { tokens[index] = .number(String(rest)) }
            return try counted(.number(MathLiteral(String(first))))
        }
        return try nested { parser throws(MathSyntaxError) in try parser.primary() }
    }

    private mutating func command(_ name: String) throws(MathSyntaxError) -> MathNode {
        switch name {
        case "pi": return try counted(.symbol(MathConstant.pi))
        case "infty": return try counted(.symbol(MathConstant.infinity))
        case "emptyset": return try counted(.set([]))
        case "frac": return try counted(.divide(try argument(), try argument()))
        case "sqrt": return try root()
        case "binom": return try binomial()
        case "{":
            if accept(.command("}")) { return try counted(.set([])) }
            let elements = try elements()
            try expect(.command("}"))
            return try counted(.set(elements))
        case "lfloor", "lceil":
            let value = try nested { parser throws(MathSyntaxError) in try parser.sum() }
            try expect(.command(name == "lfloor" ? "rfloor" : "rceil"))
            return try counted(.apply(name == "lfloor" ? .floor : .ceil, value))
        case "langle":
            let elements = try elements()
            try expect(.command("rangle"))
            return try counted(.bracketed(opensClosed: false, elements, closesClosed: false))
        case "vert": return try bars(until: .command("vert"))
        case "vec", "overrightarrow", "hat", "bar", "overline":
            guard case .symbol(let symbol) = try argument() else { throw unexpected() }
            return try counted(.symbol("\(name) \(symbol)"))
        default: break
        }
        if let function = MathFunction(rawValue: name) { return try call(function) }
        guard Self.letters.contains(name.lowercased()) else {
            index -= 1
            throw unexpected()
        }
        return try counted(.symbol(try subscripted(name)))
    }

    private static let letters: Set<String> = [
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
        "xi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega", "ell",
    ]

    /// `\sqrt{x}`, `\sqrt[3]{x}`, `√2`, `sqrt(2)`.
    private mutating func root() throws(MathSyntaxError) -> MathNode {
        var degree = 2
        if accept(.sign("[")) {
            guard case .number(let text)? = current, let value = Int(text), (1...100).contains(value) else {
                throw unexpected()
            }
            degree = value
            index += 1
            try expect(.sign("]"))
        }
        let radicand = try nested { parser throws(MathSyntaxError) in try parser.primary() }
        return try counted(.root(radicand, index: degree))
    }

    /// `\binom{n}{k}` of numbers, as n! / (k! (n - k)!).
    private mutating func binomial() throws(MathSyntaxError) -> MathNode {
        let above = try argument()
        let below = try argument()
        let rest = try counted(.add([above, .negate(below)]))
        let product = try counted(.multiply([.apply(.factorial, below), .apply(.factorial, rest)]))
        return try counted(.divide(.apply(.factorial, above), product))
    }

    /// A function with its power, its base and its argument: `\sin^2 x`, `\log_2 8`, `\cos 2x`, `ln(x)`.
    private mutating func call(_ function: MathFunction) throws(MathSyntaxError) -> MathNode {
        var function = function
        var exponent: MathNode?
        var base: MathNode?
        if accept(.sign("_")) { base = try script() }
        if accept(.sign("^")) {
            let written = try script()
            if written == .negate(.number(MathLiteral("1"))), let inverse = function.inverse {
                function = inverse
            } else {
                exponent = written
            }
        }
        let argument = try nested { parser throws(MathSyntaxError) in try parser.functionArgument() }
        var value: MathNode
        if let base {
            guard function == .log else { throw unexpected() }
            value = try counted(.divide(.apply(.ln, argument), .apply(.ln, base)))
        } else {
            value = try counted(.apply(function, argument))
        }
        if let exponent { value = try counted(.power(value, exponent)) }
        return value
    }

    private mutating func functionArgument() throws(MathSyntaxError) -> MathNode {
        if current == .sign("(") || current == .sign("{") || current == .sign("|") { return try primary() }
        var factors = [try powerInArgument()]
        while startsFactor, current != .sign("("), current != .sign("[") {
            if case .command(let name)? = current, MathFunction(rawValue: name) != nil { break }
            factors.append(try powerInArgument())
        }
        return factors.count == 1 ? factors[0] : try counted(.multiply(factors))
    }

    /// A value with its exponent or degrees, as in `\sin 30^\circ` and `\ln x^2`.
    private mutating func powerInArgument() throws(MathSyntaxError) -> MathNode {
        let value = try primary()
        if accept(.command("circ")) { return try counted(.degrees(value)) }
        guard accept(.sign("^")) else { return value }
        if accept(.command("circ")) { return try counted(.degrees(value)) }
        if current == .sign("{"), peek(1) == .command("circ"), peek(2) == .sign("}") {
            index += 3
            return try counted(.degrees(value))
        }
        return try counted(.power(value, try script()))
    }

    /// Rows parted by `\\`, elements parted by `&`.
    private mutating func matrix(_ name: String) throws(MathSyntaxError) -> MathNode {
        guard ["pmatrix", "bmatrix", "Bmatrix", "matrix", "smallmatrix", "array"].contains(name) else {
            throw MathSyntaxError(message: "the environment '\(name.prefix(40))' is not understood")
        }
        var rows: [[MathNode]] = [[]]
        while !accept(.end(name)) {
            rows[rows.count - 1].append(try nested { parser throws(MathSyntaxError) in try parser.sum() })
            if accept(.sign("&")) { continue }
            if accept(.command("\\")) {
                if current != .end(name) { rows.append([]) }
            } else if current != .end(name) {
                throw unexpected()
            }
        }
        guard rows.allSatisfy({ $0.count == rows[0].count && !$0.isEmpty }) else {
            throw MathSyntaxError(message: "the rows of a matrix have different lengths")
        }
        return try counted(.matrix(rows))
    }
}
