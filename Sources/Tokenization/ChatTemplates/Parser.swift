import TextCore

/// Builds the tree of a template from its tokens. Nesting is bounded, so hostile sources cannot exhaust the stack.
struct Parser {
    private let tokens: [Token]
    private var index = 0
    private let maximumDepth: Int
    private var nesting = 0
    /// Blocks around the current one in which `break` and `continue` mean something.
    private var loops = 0
    /// Inside a branch an unknown filter is an error only when it is reached, as in Jinja.
    private var branches = 0
    private var names: Set<String> = []
    private var hasGenerationBlocks = false

    init(tokens: [Token], maximumDepth: Int) {
        self.tokens = tokens
        self.maximumDepth = maximumDepth
    }

    mutating func parseTemplate() throws -> TemplateBody {
        let statements = try parseStatements(until: [])
        return TemplateBody(statements: statements, hasGenerationBlocks: hasGenerationBlocks)
    }

    // MARK: Tokens

    private var current: Token { tokens[index] }
    private var next: Token { tokens[min(index + 1, tokens.count - 1)] }

    private mutating func advance() {
        if index < tokens.count - 1 { index += 1 }
    }

    private func isSymbol(_ symbol: Symbol) -> Bool { current.kind == .symbol(symbol) }
    private func isName(_ name: String) -> Bool { current.kind == .name(name) }

    private mutating func skip(_ symbol: Symbol) -> Bool {
        guard isSymbol(symbol) else { return false }
        advance()
        return true
    }

    private mutating func skip(name: String) -> Bool {
        guard isName(name) else { return false }
        advance()
        return true
    }

    private mutating func expect(_ kind: Token.Kind, _ words: String) throws {
        guard current.kind == kind else { throw unexpected(wanted: words) }
        advance()
    }

    private mutating func expect(_ symbol: Symbol) throws {
        try expect(.symbol(symbol), "'\(symbol.rawValue)'")
    }

    private mutating func expectName() throws -> String {
        guard case .name(let name) = current.kind else { throw unexpected(wanted: "a name") }
        advance()
        return name
    }

    private func unexpected(wanted: String) -> TemplateFailure {
        TemplateFailure(.syntax, "expected \(wanted), found \(current.words)", offset: current.offset)
    }

    private mutating func enter() throws {
        nesting += 1
        if nesting > maximumDepth { throw tooDeep(at: current.offset) }
    }

    private mutating func leave() { nesting -= 1 }

    private func tooDeep(at offset: Int) -> TemplateFailure {
        TemplateFailure(
            .limit, "blocks or expressions inside each other deeper than \(maximumDepth), the limit", offset: offset)
    }

    private func make(_ kind: Expression.Kind, at offset: Int, over children: [Expression] = []) throws -> Expression {
        let depth = 1 + (children.map(\.depth).max() ?? 0)
        if depth > maximumDepth { throw tooDeep(at: offset) }
        return Expression(kind, offset: offset, depth: depth)
    }

    // MARK: Statements

    /// Statements up to a block tag with one of the names in `ends`, which is left current after its name.
    private mutating func parseStatements(until ends: Set<String>) throws -> [Statement] {
        try enter()
        defer { leave() }
        var statements: [Statement] = []
        while true {
            let offset = current.offset
            switch current.kind {
            case .data(let bytes):
                statements.append(Statement(kind: .text(bytes), offset: offset))
                advance()
            case .variableBegin:
                advance()
                let expression = try parseTuple()
                try expect(.variableEnd, "the end of the print statement")
                statements.append(Statement(kind: .output(expression), offset: offset))
            case .blockBegin:
                if case .name(let name) = next.kind, ends.contains(name) {
                    advance()
                    return statements
                }
                advance()
                statements.append(Statement(kind: try parseBlock(), offset: offset))
            case .end where ends.isEmpty: return statements
            case .end:
                let wanted = ends.sorted().map { "'{% \($0) %}'" }.joined(separator: " or ")
                throw TemplateFailure(.syntax, "the template ends where \(wanted) is still wanted", offset: offset)
            default: throw unexpected(wanted: "text or a tag")
            }
        }
    }

    /// A body up to `end`, whose tag is consumed.
    private mutating func parseBody(until end: String) throws -> [Statement] {
        let body = try parseStatements(until: [end])
        advance()
        try endBlock()
        return body
    }

    private mutating func endBlock() throws { try expect(.blockEnd, "the end of the statement block") }

    private mutating func parseBlock() throws -> Statement.Kind {
        let offset = current.offset
        let name = try expectName()
        switch name {
        case "if": return try parseIf()
        case "for": return try parseFor()
        case "set": return try parseSet()
        case "macro": return try parseMacro()
        case "call": return try parseCallBlock(at: offset)
        case "filter": return try parseFilterBlock(at: offset)
        case "with": return try parseWith()
        case "generation":
            hasGenerationBlocks = true
            try endBlock()
            return .generation(try outsideLoops { try $0.parseBody(until: "endgeneration") })
        case "break", "continue":
            guard loops > 0 else { throw TemplateFailure(.syntax, "'\(name)' outside of a loop", offset: offset) }
            try endBlock()
            return name == "break" ? .breakLoop : .continueLoop
        case "include", "import", "from", "extends", "block":
            throw TemplateFailure(
                .security, "'\(name)' reads other templates, which a chat template may not", offset: offset)
        default:
            let known = [
                "if", "elif", "else", "endif", "for", "endfor", "set", "endset", "macro", "endmacro", "call", "endcall",
                "filter", "endfilter", "with", "endwith", "generation", "endgeneration", "break", "continue", "raw",
                "endraw",
            ]
            let hint = nearestName(to: name, among: known).map { "; did you mean '\($0)'?" } ?? ""
            throw TemplateFailure(.syntax, "unknown or misplaced tag '\(name)'\(hint)", offset: offset)
        }
    }

    private mutating func outsideLoops<Result>(_ body: (inout Parser) throws -> Result) rethrows -> Result {
        let saved = loops
        loops = 0
        defer { loops = saved }
        return try body(&self)
    }

    private mutating func parseIf() throws -> Statement.Kind {
        branches += 1
        defer { branches -= 1 }
        var branchList: [(condition: Expression, body: [Statement])] = []
        while true {
            let condition = try parseTuple(withConditional: false)
            try endBlock()
            let body = try parseStatements(until: ["elif", "else", "endif"])
            branchList.append((condition, body))
            let end = try expectName()
            if end == "elif" { continue }
            try endBlock()
            if end == "endif" { return .condition(branchList, otherwise: []) }
            return .condition(branchList, otherwise: try parseBody(until: "endif"))
        }
    }

    private mutating func parseFor() throws -> Statement.Kind {
        let target = try parseTarget(inLoop: true)
        guard skip(name: "in") else { throw unexpected(wanted: "'in'") }
        let iterable = try parseTuple(withConditional: false, ends: ["recursive"])
        let condition = skip(name: "if") ? try parseExpression() : nil
        let isRecursive = skip(name: "recursive")
        try endBlock()
        loops += 1
        let body: [Statement]
        do {
            defer { loops -= 1 }
            body = try parseStatements(until: ["endfor", "else"])
        }
        let end = try expectName()
        try endBlock()
        let otherwise = end == "else" ? try parseBody(until: "endfor") : []
        return .loop(
            ForLoop(
                target: target, iterable: iterable, condition: condition, isRecursive: isRecursive, body: body,
                otherwise: otherwise))
    }

    private mutating func parseSet() throws -> Statement.Kind {
        let offset = current.offset
        let target = try parseTarget(inLoop: false)
        if skip(.assign) {
            let value = try parseTuple()
            try endBlock()
            return .assign(target, value)
        }
        let expression = try parseFilters(over: make(.name(Statement.capturedName), at: offset))
        try endBlock()
        return .assignBlock(target, body: try parseBody(until: "endset"), expression)
    }

    private mutating func parseTarget(inLoop: Bool) throws -> Target {
        var targets: [Target] = []
        var isTuple = false
        while true {
            if skip(.leftParenthesis) {
                try enter()
                defer { leave() }
                targets.append(try parseTarget(inLoop: inLoop))
                try expect(.rightParenthesis)
            } else {
                targets.append(try parseNameTarget(inLoop: inLoop))
            }
            guard skip(.comma) else { break }
            isTuple = true
            if isName("in") || isSymbol(.assign) || isSymbol(.rightParenthesis) { break }
        }
        return isTuple ? .tuple(targets) : targets[0]
    }

    private mutating func parseNameTarget(inLoop: Bool) throws -> Target {
        let offset = current.offset
        let name = try expectName()
        if ["true", "false", "none", "True", "False", "None"].contains(name) {
            throw TemplateFailure(.syntax, "cannot assign to '\(name)'", offset: offset)
        }
        if inLoop, name == "loop" {
            throw TemplateFailure(.syntax, "a loop's own variable cannot be called 'loop'", offset: offset)
        }
        if !inLoop, skip(.dot) { return .namespaceAttribute(name, try expectName()) }
        return .name(name)
    }

    private mutating func parseMacro() throws -> Statement.Kind {
        let name = try expectName()
        return .macro(try parseMacroRest(name: name, end: "endmacro", parameters: nil))
    }

    /// Parameters (unless given), the end of the tag, and the body.
    private mutating func parseMacroRest(name: String, end: String, parameters: [Parameter]?) throws -> MacroDefinition
    {
        let outerNames = names
        names = []
        defer { names.formUnion(outerNames) }
        let list = try parameters ?? parseParameters()
        try endBlock()
        let body = try outsideLoops { try $0.parseBody(until: end) }
        return MacroDefinition(name: name, parameters: list, body: body, names: names)
    }

    private mutating func parseParameters() throws -> [Parameter] {
        try expect(.leftParenthesis)
        var parameters: [Parameter] = []
        while !isSymbol(.rightParenthesis) {
            if !parameters.isEmpty { try expect(.comma) }
            let offset = current.offset
            let name = try expectName()
            let fallback = skip(.assign) ? try parseExpression() : nil
            if fallback == nil, parameters.last?.fallback != nil {
                throw TemplateFailure(
                    .syntax, "parameter '\(name)' without a default follows one with a default", offset: offset)
            }
            parameters.append(Parameter(name: name, fallback: fallback))
        }
        advance()
        return parameters
    }

    private mutating func parseCallBlock(at offset: Int) throws -> Statement.Kind {
        let parameters = isSymbol(.leftParenthesis) ? try parseParameters() : []
        let call = try parseExpression()
        guard case .call = call.kind else {
            throw TemplateFailure(.syntax, "expected a call after 'call'", offset: offset)
        }
        return .callBlock(try parseMacroRest(name: "caller", end: "endcall", parameters: parameters), call: call)
    }

    private mutating func parseFilterBlock(at offset: Int) throws -> Statement.Kind {
        let captured = try make(.name(Statement.capturedName), at: offset)
        let expression = try parseFilters(over: parseFilter(over: captured))
        try endBlock()
        return .filterBlock(body: try parseBody(until: "endfilter"), expression)
    }

    private mutating func parseWith() throws -> Statement.Kind {
        var assignments: [(target: Target, value: Expression)] = []
        while current.kind != .blockEnd {
            if !assignments.isEmpty { try expect(.comma) }
            let target = Target.name(try expectName())
            try expect(.assign)
            assignments.append((target, try parseExpression()))
        }
        try endBlock()
        return .with(assignments, body: try parseBody(until: "endwith"))
    }

    // MARK: Expressions

    /// One expression, or several with commas between as a tuple.
    private mutating func parseTuple(
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

    private func isTupleEnd(_ ends: Set<String>) -> Bool {
        switch current.kind {
        case .variableEnd, .blockEnd, .symbol(.rightParenthesis): true
        case .name(let name): ends.contains(name)
        default: false
        }
    }

    private mutating func parseExpression() throws -> Expression {
        try enter()
        defer { leave() }
        var expression = try parseOperators(.or)
        while isName("if") {
            let offset = current.offset
            advance()
            branches += 1
            defer { branches -= 1 }
            let condition = try parseOperators(.or)
            let otherwise = skip(name: "else") ? try parseExpression() : nil
            expression = try make(
                .conditional(expression, condition: condition, otherwise: otherwise), at: offset,
                over: [expression, condition] + (otherwise.map { [$0] } ?? []))
        }
        return expression
    }

    /// Binary operators from the loosest to the tightest.
    private enum Level: Int, Comparable {
        case or, and, not, comparison, sum, concatenation, product, power, tight

        static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
        var tighter: Level { Level(rawValue: rawValue + 1) ?? .tight }
    }

    /// The operator at the current token: its level and how many tokens it takes.
    private func operatorHere() -> (level: Level, symbol: Symbol?, comparison: Comparison?, tokens: Int)? {
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
    private mutating func parseOperators(_ minimum: Level) throws -> Expression {
        var left: Expression
        if minimum <= .not, isName("not") {
            try enter()
            defer { leave() }
            let offset = current.offset
            advance()
            let operand = try parseOperators(.not)
            left = try make(.not(operand), at: offset, over: [operand])
        } else {
            left = try parseUnary()
        }
        // A `not` took everything tighter than itself already.
        while let first = operatorHere(), first.level >= minimum {
            let offset = current.offset
            let level = first.level
            var chain: [(symbol: Symbol?, comparison: Comparison?, operand: Expression)] = []
            while let found = operatorHere(), found.level == level {
                for _ in 0..<found.tokens { advance() }
                chain.append((found.symbol, found.comparison, try parseOperators(level.tighter)))
            }
            left = try makeChain(level, left, chain, at: offset)
        }
        return left
    }

    private func makeChain(
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

    private mutating func parseUnary(withFilters: Bool = true) throws -> Expression {
        let offset = current.offset
        var expression: Expression
        if isSymbol(.minus) || isSymbol(.plus) {
            try enter()
            defer { leave() }
            let negative = isSymbol(.minus)
            advance()
            let operand = try parseUnary(withFilters: false)
            expression = try make(.sign(operand, negative: negative), at: offset, over: [operand])
        } else {
            expression = try parsePrimary()
        }
        expression = try parsePostfix(over: expression)
        return withFilters ? try parseFilters(over: expression) : expression
    }

    private mutating func parsePrimary() throws -> Expression {
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

    private mutating func parseList() throws -> Expression {
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

    private mutating func parseDictionary() throws -> Expression {
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

    private mutating func parsePostfix(over base: Expression) throws -> Expression {
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

    private mutating func parseAttribute(of base: Expression) throws -> Expression {
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

    private mutating func parseSubscript(of base: Expression) throws -> Expression {
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

    private mutating func parseCall(of callee: Expression) throws -> Expression {
        let offset = current.offset
        let arguments = try parseArguments()
        return try make(.call(callee, arguments), at: offset, over: [callee] + arguments.expressions)
    }

    private mutating func parseArguments() throws -> CallArguments {
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

    private mutating func parseArgument(into arguments: inout CallArguments) throws {
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

    private mutating func parseFilters(over base: Expression) throws -> Expression {
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

    private mutating func parseFilter(over operand: Expression) throws -> Expression {
        let offset = current.offset
        let name = try parseDottedName()
        if branches == 0, Filters.table[name] == nil { throw Filters.unknown(name, offset: offset) }
        let arguments = isSymbol(.leftParenthesis) ? try parseArguments() : CallArguments()
        return try make(.filter(operand, name, arguments), at: offset, over: [operand] + arguments.expressions)
    }

    private mutating func parseTest(over operand: Expression) throws -> Expression {
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

    private func takesBareArgument() -> Bool {
        switch current.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .integer, .float, .symbol(.leftBracket), .symbol(.leftBrace): true
        default: false
        }
    }

    private mutating func parseDottedName() throws -> String {
        var name = try expectName()
        while skip(.dot) { name += "." + (try expectName()) }
        return name
    }
}
