// Expressions, from the loosest operators to names and literals.
extension Parser {
    /// One expression, or several with commas between as a tuple.
    @inline(never)
    mutating func parseTuple(
        withConditional: Bool = true, ends: Set<String> = [], inParentheses: Bool = false
    ) throws -> Expression {
        let offset = current.offset
        var elements: [Expression] = []
        var isTuple = false
        while true {
            if !elements.isEmpty { try expect(.comma) }
            if isTupleEnd(ends) { break }
            elements.append(try withConditional ? parseExpression() : parseOperators(.or))
            guard isSymbol(.comma) else { break }
            isTuple = true
        }
        if !isTuple {
            if let only = elements.first { return only }
            guard inParentheses else { throw unexpected(wanted: "an expression") }
        }
        return try make(.tuple(elements), at: offset, over: elements)
    }

    func isTupleEnd(_ ends: Set<String>) -> Bool {
        switch current.kind {
        case .variableEnd, .blockEnd, .symbol(.rightParenthesis): true
        case .name(let name): ends.contains(name)
        default: false
        }
    }

    @inline(never)
    mutating func parseExpression() throws -> Expression {
        try enter()
        defer { leave() }
        var expression = try parseOperators(.or)
        while isName("if") { expression = try parseConditional(choosing: expression) }
        return expression
    }

    @inline(never)
    mutating func parseConditional(choosing chosen: Expression) throws -> Expression {
        let offset = current.offset
        advance()
        branches += 1
        defer { branches -= 1 }
        let condition = try parseOperators(.or)
        let otherwise = skip(name: "else") ? try parseExpression() : nil
        return try make(
            .conditional(chosen, condition: condition, otherwise: otherwise), at: offset,
            over: [chosen, condition] + (otherwise.map { [$0] } ?? []))
    }

    /// Binary operators from the loosest to the tightest.
    enum Level: Int, Comparable {
        case or, and, not, comparison, sum, concatenation, product, power, tight

        static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
        var tighter: Level { Level(rawValue: rawValue + 1) ?? .tight }
    }

    /// The operator at the current token: its level and how many tokens it takes.
    func operatorHere() -> (level: Level, symbol: Symbol?, comparison: Comparison?, tokens: Int)? {
        switch current.kind {
        case .name("or"): return (.or, nil, nil, 1)
        case .name("and"): return (.and, nil, nil, 1)
        case .name("in"): return (.comparison, nil, .contained, 1)
        case .name("not") where next.kind == .name("in"): return (.comparison, nil, .notContained, 2)
        case .symbol(let symbol):
            switch symbol {
            case .plus, .minus: return (.sum, symbol, nil, 1)
            case .tilde: return (.concatenation, nil, nil, 1)
            case .multiply, .divide, .floorDivide, .remainder: return (.product, symbol, nil, 1)
            case .power: return (.power, symbol, nil, 1)
            case .equal: return (.comparison, nil, .equal, 1)
            case .notEqual: return (.comparison, nil, .notEqual, 1)
            case .less: return (.comparison, nil, .less, 1)
            case .lessOrEqual: return (.comparison, nil, .lessOrEqual, 1)
            case .greater: return (.comparison, nil, .greater, 1)
            case .greaterOrEqual: return (.comparison, nil, .greaterOrEqual, 1)
            default: return nil
            }
        default: return nil
        }
    }

    /// An operand and the operators after it that bind at least as tightly as `minimum`. Operators of one level make
    /// one node, so a long chain is not a deep tree.
    @inline(never)
    mutating func parseOperators(_ minimum: Level) throws -> Expression {
        var left: Expression
        if minimum <= .not, isName("not") {
            left = try parseNot()
        } else {
            left = try parseUnary()
        }
        // A `not` took everything tighter than itself already.
        while let level = operatorHere()?.level, level >= minimum { left = try parseChain(level, after: left) }
        return left
    }

    @inline(never)
    mutating func parseChain(_ level: Level, after left: Expression) throws -> Expression {
        let offset = current.offset
        var chain: [(symbol: Symbol?, comparison: Comparison?, operand: Expression)] = []
        while let found = operatorHere(), found.level == level {
            for _ in 0..<found.tokens { advance() }
            chain.append((found.symbol, found.comparison, try parseOperators(level.tighter)))
        }
        return try makeChain(level, left, chain, at: offset)
    }

    @inline(never)
    mutating func parseNot() throws -> Expression {
        try enter()
        defer { leave() }
        let offset = current.offset
        advance()
        let operand = try parseOperators(.not)
        return try make(.not(operand), at: offset, over: [operand])
    }

    @inline(never)
    func makeChain(
        _ level: Level, _ first: Expression,
        _ rest: [(symbol: Symbol?, comparison: Comparison?, operand: Expression)], at offset: Int
    ) throws -> Expression {
        let operands = [first] + rest.map(\.operand)
        let kind: Expression.Kind =
            switch level {
            case .or: .or(operands)
            case .and: .and(operands)
            case .concatenation: .concatenation(operands)
            case .comparison: .comparison(first, rest.compactMap { link in link.comparison.map { ($0, link.operand) } })
            default: .arithmetic(first, rest.compactMap { link in link.symbol.map { ($0, link.operand) } })
            }
        return try make(kind, at: offset, over: operands)
    }

    @inline(never)
    mutating func parseUnary(withFilters: Bool = true) throws -> Expression {
        var expression = try isSymbol(.minus) || isSymbol(.plus) ? parseSign() : parsePrimary()
        expression = try parsePostfix(over: expression)
        return withFilters ? try parseFilters(over: expression) : expression
    }

    @inline(never)
    mutating func parseSign() throws -> Expression {
        try enter()
        defer { leave() }
        let offset = current.offset
        let negative = isSymbol(.minus)
        advance()
        let operand = try parseUnary(withFilters: false)
        return try make(.sign(operand, negative: negative), at: offset, over: [operand])
    }

    @inline(never)
    mutating func parsePrimary() throws -> Expression {
        let token = current
        switch token.kind {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return try make(.literal(.bool(true)), at: token.offset)
            case "false", "False": return try make(.literal(.bool(false)), at: token.offset)
            case "none", "None": return try make(.literal(.none), at: token.offset)
            default:
                names.insert(name)
                return try make(.name(name), at: token.offset)
            }
        case .string(var text):
            advance()
            while case .string(let more) = current.kind {
                text += more
                advance()
            }
            return try make(.literal(.string(text)), at: token.offset)
        case .integer(let value):
            advance()
            return try make(.literal(.integer(value)), at: token.offset)
        case .float(let value):
            advance()
            return try make(.literal(.double(value)), at: token.offset)
        case .symbol(.leftParenthesis):
            advance()
            let expression = try parseTuple(inParentheses: true)
            try expect(.rightParenthesis)
            return expression
        case .symbol(.leftBracket): return try parseList()
        case .symbol(.leftBrace): return try parseDictionary()
        default: throw unexpected(wanted: "an expression")
        }
    }

    @inline(never)
    mutating func parseList() throws -> Expression {
        let offset = current.offset
        advance()
        var elements: [Expression] = []
        while !isSymbol(.rightBracket) {
            if !elements.isEmpty { try expect(.comma) }
            if isSymbol(.rightBracket) { break }
            elements.append(try parseExpression())
        }
        advance()
        return try make(.list(elements), at: offset, over: elements)
    }

    @inline(never)
    mutating func parseDictionary() throws -> Expression {
        let offset = current.offset
        advance()
        var members: [(key: Expression, value: Expression)] = []
        while !isSymbol(.rightBrace) {
            if !members.isEmpty { try expect(.comma) }
            if isSymbol(.rightBrace) { break }
            let key = try parseExpression()
            try expect(.colon)
            members.append((key, try parseExpression()))
        }
        advance()
        return try make(.dictionary(members), at: offset, over: members.flatMap { [$0.key, $0.value] })
    }

    @inline(never)
    mutating func parsePostfix(over base: Expression) throws -> Expression {
        var expression = base
        while true {
            switch current.kind {
            case .symbol(.dot): expression = try parseAttribute(of: expression)
            case .symbol(.leftBracket): expression = try parseSubscript(of: expression)
            case .symbol(.leftParenthesis): expression = try parseCall(of: expression)
            default: return expression
            }
        }
    }

    @inline(never)
    mutating func parseAttribute(of base: Expression) throws -> Expression {
        advance()
        let token = current
        switch token.kind {
        case .name(let name):
            advance()
            return try make(.attribute(base, name), at: token.offset, over: [base])
        case .integer(let value):
            advance()
            let index = try make(.literal(.integer(value)), at: token.offset)
            return try make(.item(base, index), at: token.offset, over: [base])
        default: throw unexpected(wanted: "a name or a number after '.'")
        }
    }

    @inline(never)
    mutating func parseSubscript(of base: Expression) throws -> Expression {
        let offset = current.offset
        advance()
        var bounds = SliceBounds()
        var isSlice = false
        if !isSymbol(.colon) { bounds.start = try parseExpression() }
        if skip(.colon) {
            isSlice = true
            if !isSymbol(.colon), !isSymbol(.rightBracket) { bounds.stop = try parseExpression() }
            if skip(.colon), !isSymbol(.rightBracket) { bounds.step = try parseExpression() }
        }
        try expect(.rightBracket)
        if !isSlice, let key = bounds.start { return try make(.item(base, key), at: offset, over: [base, key]) }
        return try make(
            .slice(base, bounds), at: offset,
            over: [base] + [bounds.start, bounds.stop, bounds.step].compactMap(\.self))
    }

    @inline(never)
    mutating func parseCall(of callee: Expression) throws -> Expression {
        let offset = current.offset
        let arguments = try parseArguments()
        return try make(.call(callee, arguments), at: offset, over: [callee] + arguments.expressions)
    }

    @inline(never)
    mutating func parseArguments() throws -> CallArguments {
        try expect(.leftParenthesis)
        var arguments = CallArguments()
        var isFirst = true
        while !isSymbol(.rightParenthesis) {
            if !isFirst { try expect(.comma) }
            isFirst = false
            if isSymbol(.rightParenthesis) { break }
            try parseArgument(into: &arguments)
        }
        advance()
        return arguments
    }

    @inline(never)
    mutating func parseArgument(into arguments: inout CallArguments) throws {
        let offset = current.offset
        if skip(.multiply) {
            arguments.spread = try parseExpression()
        } else if skip(.power) {
            arguments.keywordSpread = try parseExpression()
        } else if case .name(let name) = current.kind, next.kind == .symbol(.assign) {
            advance()
            advance()
            arguments.keywords.append((name, try parseExpression()))
        } else {
            guard arguments.keywords.isEmpty, arguments.spread == nil, arguments.keywordSpread == nil else {
                throw TemplateFailure(.syntax, "a positional argument follows a named one", offset: offset)
            }
            arguments.positional.append(try parseExpression())
        }
    }

    // MARK: Filters and tests

    @inline(never)
    mutating func parseFilters(over base: Expression) throws -> Expression {
        var expression = base
        while true {
            switch current.kind {
            case .symbol(.pipe):
                advance()
                expression = try parseFilter(over: expression)
            case .name("is"): expression = try parseTest(over: expression)
            case .symbol(.leftParenthesis): expression = try parseCall(of: expression)
            default: return expression
            }
        }
    }

    @inline(never)
    mutating func parseFilter(over operand: Expression) throws -> Expression {
        let offset = current.offset
        let name = try parseDottedName()
        if branches == 0, Filters.table[name] == nil { throw Filters.unknown(name, offset: offset) }
        let arguments = isSymbol(.leftParenthesis) ? try parseArguments() : CallArguments()
        return try make(.filter(operand, name, arguments), at: offset, over: [operand] + arguments.expressions)
    }

    @inline(never)
    mutating func parseTest(over operand: Expression) throws -> Expression {
        advance()
        let offset = current.offset
        let negated = skip(name: "not")
        let name = try parseDottedName()
        if branches == 0, Tests.table[name] == nil { throw Tests.unknown(name, offset: offset) }
        var arguments = CallArguments()
        if isSymbol(.leftParenthesis) {
            arguments = try parseArguments()
        } else if takesBareArgument() {
            if isName("is") {
                throw TemplateFailure(.syntax, "tests cannot be chained with 'is'", offset: current.offset)
            }
            try enter()
            defer { leave() }
            arguments.positional = [try parsePostfix(over: parsePrimary())]
        }
        return try make(
            .test(operand, name, arguments, negated: negated), at: offset, over: [operand] + arguments.expressions)
    }

    func takesBareArgument() -> Bool {
        switch current.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .integer, .float, .symbol(.leftBracket), .symbol(.leftBrace): true
        default: false
        }
    }

    mutating func parseDottedName() throws -> String {
        var name = try expectName()
        while skip(.dot) { name += "." + (try expectName()) }
        return name
    }
}
