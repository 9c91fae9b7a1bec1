import OrderedCollections

// Evaluation of expressions. The kinds have functions of their own so that one level of nesting takes little stack.
extension Interpreter {
    func evaluate(_ expression: Expression, in scope: Scope) throws -> Value {
        try enter()
        defer { leave() }
        try spend(1)
        position = expression.offset
        switch expression.kind {
        case .literal(let literal): return value(of: literal)
        case .name(let name): return scope.lookUp(name) ?? Functions.value(name) ?? .undefined(.variable(name))
        case .list(let elements): return try .list(evaluate(elements, in: scope))
        case .tuple(let elements): return try .tuple(evaluate(elements, in: scope))
        case .dictionary(let members): return try evaluateDictionary(members, in: scope)
        case .attribute(let base, let name): return try evaluateAttribute(expression, base, name, in: scope)
        case .item(let base, let key): return try evaluateItem(expression, base, key, in: scope)
        case .slice(let base, let bounds): return try evaluateSlice(expression, base, bounds, in: scope)
        case .call: return try evaluate(expression, caller: nil, in: scope)
        case .filter(let operand, let name, let arguments):
            return try evaluateFilter(expression, operand, name, arguments, in: scope)
        case .test(let operand, let name, let arguments, let negated):
            return .bool(try evaluateTest(expression, operand, name, arguments, in: scope) != negated)
        case .not(let operand): return .bool(try !evaluate(operand, in: scope).isTrue)
        case .sign(let operand, let negative): return try evaluateSign(expression, operand, negative, in: scope)
        case .arithmetic(let first, let rest): return try evaluateArithmetic(expression, first, rest, in: scope)
        case .concatenation(let operands): return try evaluateConcatenation(operands, in: scope)
        case .comparison(let first, let rest): return try evaluateComparison(expression, first, rest, in: scope)
        case .and(let operands): return try evaluateLogic(operands, stopsAt: false, in: scope)
        case .or(let operands): return try evaluateLogic(operands, stopsAt: true, in: scope)
        case .conditional(let chosen, let condition, let otherwise):
            return try evaluateConditional(chosen, condition, otherwise, in: scope)
        }
    }

    @inline(never)
    private func value(of literal: Literal) -> Value {
        switch literal {
        case .none: .none
        case .bool(let flag): .bool(flag)
        case .integer(let number): .integer(number)
        case .double(let number): .double(number)
        case .string(let text): .string(text)
        }
    }

    @inline(never)
    private func evaluate(_ expressions: [Expression], in scope: Scope) throws -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(expressions.count)
        for expression in expressions { values.append(try evaluate(expression, in: scope)) }
        return values
    }

    @inline(never)
    private func evaluateDictionary(
        _ members: [(key: Expression, value: Expression)], in scope: Scope
    ) throws -> Value {
        var result = OrderedDictionary<Key, Value>()
        for (key, value) in members {
            result[try Key(evaluate(key, in: scope))] = try evaluate(value, in: scope)
        }
        return .dictionary(try DictionaryValue(result))
    }

    @inline(never)
    private func evaluateAttribute(
        _ expression: Expression, _ base: Expression, _ name: String, in scope: Scope
    ) throws -> Value {
        let owner = try evaluate(base, in: scope)
        position = expression.offset
        return try attribute(name, of: owner)
    }

    @inline(never)
    private func evaluateItem(
        _ expression: Expression, _ base: Expression, _ key: Expression, in scope: Scope
    ) throws -> Value {
        let owner = try evaluate(base, in: scope)
        let index = try evaluate(key, in: scope)
        position = expression.offset
        return try item(index, of: owner)
    }

    @inline(never)
    private func evaluateSlice(
        _ expression: Expression, _ base: Expression, _ bounds: SliceBounds, in scope: Scope
    ) throws -> Value {
        let owner = try evaluate(base, in: scope)
        let start = try bounds.start.map { try evaluate($0, in: scope) } ?? .none
        let stop = try bounds.stop.map { try evaluate($0, in: scope) } ?? .none
        let step = try bounds.step.map { try evaluate($0, in: scope) } ?? .none
        position = expression.offset
        return try slice(owner, start: start, stop: stop, step: step)
    }

    /// Evaluates a call, with a call block's body as `caller`.
    @inline(never)
    func evaluate(_ call: Expression, caller: Value?, in scope: Scope) throws -> Value {
        guard case .call(let callee, let list) = call.kind else { return try evaluate(call, in: scope) }
        let function = try evaluate(callee, in: scope)
        var arguments = try evaluate(list, in: scope)
        if let caller { arguments.keywords.append(("caller", caller)) }
        position = call.offset
        switch function {
        case .callable(let callable): return try callable.body(self, arguments)
        case .loop(let state):
            guard let recurse = state.recurse, let inner = arguments.positional.first else {
                throw TemplateFailure.type("'loop' can be called with elements only in a loop marked 'recursive'")
            }
            return .string(try recurse(self, inner))
        case .undefined(let reason): throw reason.failure
        default: throw TemplateFailure.type("'\(function.typeName)' object is not callable")
        }
    }

    @inline(never)
    private func evaluate(_ list: CallArguments, in scope: Scope) throws -> Arguments {
        if list.isEmpty { return Arguments() }
        var arguments = Arguments(positional: try evaluate(list.positional, in: scope))
        for (name, value) in list.keywords { arguments.keywords.append((name, try evaluate(value, in: scope))) }
        if let spread = list.spread { arguments.positional += try elements(of: evaluate(spread, in: scope)) }
        if let spread = list.keywordSpread {
            guard case .dictionary(let dictionary) = try evaluate(spread, in: scope) else {
                throw TemplateFailure.type("argument after ** must be a mapping")
            }
            for (key, value) in dictionary.members {
                guard case .string(let name) = key else { throw TemplateFailure.type("keywords must be strings") }
                arguments.keywords.append((name, value))
            }
        }
        return arguments
    }

    @inline(never)
    private func evaluateFilter(
        _ expression: Expression, _ operand: Expression, _ name: String, _ list: CallArguments, in scope: Scope
    ) throws -> Value {
        let value = try evaluate(operand, in: scope)
        let arguments = try evaluate(list, in: scope)
        position = expression.offset
        return try apply(filter: name, to: value, arguments)
    }

    @inline(never)
    func apply(filter name: String, to value: Value, _ arguments: Arguments) throws -> Value {
        guard let filter = Filters.table[name] else { throw Filters.unknown(name) }
        return try filter(self, value, arguments)
    }

    @inline(never)
    private func evaluateTest(
        _ expression: Expression, _ operand: Expression, _ name: String, _ list: CallArguments, in scope: Scope
    ) throws -> Bool {
        let value = try evaluate(operand, in: scope)
        let arguments = try evaluate(list, in: scope)
        position = expression.offset
        return try apply(test: name, to: value, arguments)
    }

    @inline(never)
    func apply(test name: String, to value: Value, _ arguments: Arguments) throws -> Bool {
        guard let test = Tests.table[name] else { throw Tests.unknown(name) }
        return try test(self, value, arguments)
    }

    @inline(never)
    private func evaluateSign(
        _ expression: Expression, _ operand: Expression, _ negative: Bool, in scope: Scope
    ) throws -> Value {
        let value = try evaluate(operand, in: scope)
        position = expression.offset
        return try signed(value, negative: negative)
    }

    @inline(never)
    private func evaluateArithmetic(
        _ expression: Expression, _ first: Expression, _ rest: [(symbol: Symbol, operand: Expression)],
        in scope: Scope
    ) throws -> Value {
        var result = try evaluate(first, in: scope)
        for (symbol, operand) in rest {
            let right = try evaluate(operand, in: scope)
            position = expression.offset
            result = try arithmetic(symbol, result, right)
        }
        return result
    }

    @inline(never)
    private func evaluateConcatenation(_ operands: [Expression], in scope: Scope) throws -> Value {
        var result = ""
        for operand in operands {
            result += try text(of: evaluate(operand, in: scope))
            try spend(bytes: result.utf8.count)
        }
        return .string(result)
    }

    @inline(never)
    private func evaluateComparison(
        _ expression: Expression, _ first: Expression, _ rest: [(comparison: Comparison, operand: Expression)],
        in scope: Scope
    ) throws -> Value {
        var left = try evaluate(first, in: scope)
        for (comparison, operand) in rest {
            let right = try evaluate(operand, in: scope)
            position = expression.offset
            if try !holds(comparison, left, right) { return .bool(false) }
            left = right
        }
        return .bool(true)
    }

    @inline(never)
    private func evaluateLogic(_ operands: [Expression], stopsAt truth: Bool, in scope: Scope) throws -> Value {
        var result = Value.none
        for operand in operands {
            result = try evaluate(operand, in: scope)
            if result.isTrue == truth { return result }
        }
        return result
    }

    @inline(never)
    private func evaluateConditional(
        _ chosen: Expression, _ condition: Expression, _ otherwise: Expression?, in scope: Scope
    ) throws -> Value {
        if try evaluate(condition, in: scope).isTrue { return try evaluate(chosen, in: scope) }
        if let otherwise { return try evaluate(otherwise, in: scope) }
        return .undefined(.because("the inline if-expression evaluated to false and no else section was defined."))
    }
}
