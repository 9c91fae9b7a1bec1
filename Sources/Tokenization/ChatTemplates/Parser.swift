import TextCore

/// Builds the tree of a template from its tokens. Nesting is bounded, so hostile sources cannot exhaust the stack; the
/// functions that call each other are kept apart, because inlined into one they would make its frame a large one.
struct Parser {
    let tokens: [Token]
    var index = 0
    let maximumDepth: Int
    var nesting = 0
    /// Blocks around the current one in which `break` and `continue` mean something.
    var loops = 0
    /// Inside a branch an unknown filter is an error only when it is reached, as in Jinja.
    var branches = 0
    var names: Set<String> = []
    var hasGenerationBlocks = false

    init(tokens: [Token], maximumDepth: Int) {
        self.tokens = tokens
        self.maximumDepth = maximumDepth
    }

    mutating func parseTemplate() throws -> TemplateBody {
        let statements = try parseStatements(until: [])
        return TemplateBody(statements: statements, hasGenerationBlocks: hasGenerationBlocks)
    }

    // MARK: Tokens

    var current: Token { tokens[index] }
    var next: Token { tokens[min(index + 1, tokens.count - 1)] }

    mutating func advance() {
        if index < tokens.count - 1 { index += 1 }
    }

    func isSymbol(_ symbol: Symbol) -> Bool { current.kind == .symbol(symbol) }
    func isName(_ name: String) -> Bool { current.kind == .name(name) }

    mutating func skip(_ symbol: Symbol) -> Bool {
        guard isSymbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func skip(name: String) -> Bool {
        guard isName(name) else { return false }
        advance()
        return true
    }

    mutating func expect(_ kind: Token.Kind, _ words: String) throws {
        guard current.kind == kind else { throw unexpected(wanted: words) }
        advance()
    }

    mutating func expect(_ symbol: Symbol) throws {
        try expect(.symbol(symbol), "'\(symbol.rawValue)'")
    }

    mutating func expectName() throws -> String {
        guard case .name(let name) = current.kind else { throw unexpected(wanted: "a name") }
        advance()
        return name
    }

    func unexpected(wanted: String) -> TemplateFailure {
        TemplateFailure(.syntax, "expected \(wanted), found \(current.words)", offset: current.offset)
    }

    mutating func enter() throws {
        nesting += 1
        if nesting > maximumDepth { throw tooDeep(at: current.offset) }
    }

    mutating func leave() { nesting -= 1 }

    func tooDeep(at offset: Int) -> TemplateFailure {
        TemplateFailure(
            .limit, "blocks or expressions inside each other deeper than \(maximumDepth), the limit", offset: offset)
    }

    @inline(never)
    func make(_ kind: Expression.Kind, at offset: Int, over children: [Expression] = []) throws -> Expression {
        let depth = 1 + (children.map(\.depth).max() ?? 0)
        if depth > maximumDepth { throw tooDeep(at: offset) }
        return Expression(kind, offset: offset, depth: depth)
    }

    // MARK: Statements

    /// Statements up to a block tag with one of the names in `ends`, which is left current after its name.
    @inline(never)
    mutating func parseStatements(until ends: Set<String>) throws -> [Statement] {
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
    mutating func parseBody(until end: String) throws -> [Statement] {
        let body = try parseStatements(until: [end])
        advance()
        try endBlock()
        return body
    }

    mutating func endBlock() throws { try expect(.blockEnd, "the end of the statement block") }

    @inline(never)
    mutating func parseBlock() throws -> Statement.Kind {
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

    mutating func outsideLoops<Result>(_ body: (inout Parser) throws -> Result) rethrows -> Result {
        let saved = loops
        loops = 0
        defer { loops = saved }
        return try body(&self)
    }

    @inline(never)
    mutating func parseIf() throws -> Statement.Kind {
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

    @inline(never)
    mutating func parseFor() throws -> Statement.Kind {
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

    @inline(never)
    mutating func parseSet() throws -> Statement.Kind {
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

    @inline(never)
    mutating func parseTarget(inLoop: Bool) throws -> Target {
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

    mutating func parseNameTarget(inLoop: Bool) throws -> Target {
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

    mutating func parseMacro() throws -> Statement.Kind {
        let name = try expectName()
        return .macro(try parseMacroRest(name: name, end: "endmacro", parameters: nil))
    }

    /// Parameters (unless given), the end of the tag, and the body.
    @inline(never)
    mutating func parseMacroRest(name: String, end: String, parameters: [Parameter]?) throws -> MacroDefinition {
        let outerNames = names
        names = []
        defer { names.formUnion(outerNames) }
        let list = try parameters ?? parseParameters()
        try endBlock()
        let body = try outsideLoops { try $0.parseBody(until: end) }
        return MacroDefinition(name: name, parameters: list, body: body, names: names)
    }

    mutating func parseParameters() throws -> [Parameter] {
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

    @inline(never)
    mutating func parseCallBlock(at offset: Int) throws -> Statement.Kind {
        let parameters = isSymbol(.leftParenthesis) ? try parseParameters() : []
        let call = try parseExpression()
        guard case .call = call.kind else {
            throw TemplateFailure(.syntax, "expected a call after 'call'", offset: offset)
        }
        return .callBlock(try parseMacroRest(name: "caller", end: "endcall", parameters: parameters), call: call)
    }

    @inline(never)
    mutating func parseFilterBlock(at offset: Int) throws -> Statement.Kind {
        let captured = try make(.name(Statement.capturedName), at: offset)
        let expression = try parseFilters(over: parseFilter(over: captured))
        try endBlock()
        return .filterBlock(body: try parseBody(until: "endfilter"), expression)
    }

    @inline(never)
    mutating func parseWith() throws -> Statement.Kind {
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
}
