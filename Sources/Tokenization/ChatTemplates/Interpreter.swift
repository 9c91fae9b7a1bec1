import Foundation
import OrderedCollections

/// Variables of a block; a name that it does not have is looked up in the one around it.
final class Scope {
    var variables: [String: Value]
    let parent: Scope?

    init(_ variables: [String: Value] = [:], parent: Scope?) {
        self.variables = variables
        self.parent = parent
    }

    func lookUp(_ name: String) -> Value? {
        var scope: Scope? = self
        while let current = scope {
            if let value = current.variables[name] { return value }
            scope = current.parent
        }
        return nil
    }
}

/// Runs a parsed template once. Statements are here; expressions, values and the rest are extensions.
///
/// Every evaluated node costs fuel and every nesting counts, so a template can neither run for long, nor fill the
/// memory, nor exhaust the stack; it reaches nothing outside of its variables and the clock.
final class Interpreter {
    enum Flow { case normal, breakLoop, continueLoop }

    let limits: TemplateLimits
    /// When `strftime_now` says that it is.
    let date: Date
    /// Byte offset of what is being evaluated, for errors.
    var position = 0
    private(set) var output: [UInt8] = []
    private(set) var generationSpans: [Range<Int>] = []
    /// Generation blocks inside something captured, whose place in the output nobody knows.
    private(set) var untracedGenerations = 0
    private var captures = 0
    private var isGenerating = false
    private var nesting = 0
    private var fuel: Int
    private var fuelAtClockCheck: Int
    private var textLeft: Int
    private let deadline: ContinuousClock.Instant
    /// Held to the end and then emptied one by one: they may form cycles and long chains.
    private var namespaces: [Namespace] = []
    private var macroScopes: [Scope] = []

    init(limits: TemplateLimits, date: Date) {
        self.limits = limits
        self.date = date
        fuel = limits.fuel
        fuelAtClockCheck = limits.fuel
        textLeft = limits.textBytes
        deadline = .now + .seconds(limits.seconds)
    }

    func run(_ template: TemplateBody, variables: [String: Value]) throws {
        defer { tearDown() }
        let globals = Scope(variables, parent: nil)
        _ = try execute(template.statements, in: Scope(parent: globals))
    }

    private func tearDown() {
        for namespace in namespaces { namespace.attributes = [:] }
        for scope in macroScopes { scope.variables = [:] }
    }

    func makeNamespace(_ attributes: OrderedDictionary<String, Value>) -> Value {
        let namespace = Namespace(attributes)
        namespaces.append(namespace)
        return .namespace(namespace)
    }

    // MARK: Costs

    func spend(_ amount: Int) throws {
        guard amount <= fuel else {
            throw TemplateFailure(.limit, "the template needs more than \(limits.fuel) evaluations, the limit")
        }
        fuel -= amount
        if fuelAtClockCheck - fuel >= 4096 {
            fuelAtClockCheck = fuel
            if ContinuousClock.now >= deadline {
                throw TemplateFailure(.limit, "the template runs for more than \(limits.seconds) s, the limit")
            }
        }
    }

    /// Pays for making `count` bytes of text.
    func spend(bytes count: Int) throws {
        try checkText(count)
        guard count <= textLeft else {
            throw TemplateFailure(
                .limit, "the template makes texts of more than \(limits.textBytes) bytes together, the limit")
        }
        textLeft -= count
        try spend(count / 64)
    }

    /// - Throws: `TemplateFailure` if a text of `count` bytes is longer than one may be.
    func checkText(_ count: Int) throws {
        guard count <= limits.outputBytes else {
            throw TemplateFailure(
                .limit, "the template makes a text of more than \(limits.outputBytes) bytes, the limit")
        }
    }

    func enter() throws {
        nesting += 1
        if nesting > limits.depth {
            throw TemplateFailure(
                .limit, "blocks, expressions and macro calls inside each other deeper than \(limits.depth), the limit")
        }
    }

    func leave() { nesting -= 1 }

    @inline(never)
    private func write(_ bytes: some Collection<UInt8>) throws {
        if output.count + bytes.count > limits.outputBytes {
            throw TemplateFailure(.limit, "the template writes more than \(limits.outputBytes) bytes, the limit")
        }
        try spend(bytes.count / 64)
        output.append(contentsOf: bytes)
    }

    /// What `body` writes, kept out of the output.
    @inline(never)
    func capture(_ body: () throws -> Void) throws -> String {
        var saved: [UInt8] = []
        swap(&saved, &output)
        captures += 1
        defer {
            swap(&saved, &output)
            captures -= 1
        }
        try body()
        return String(bytes: output)
    }

    // MARK: Statements

    @inline(never)
    func execute(_ statements: [Statement], in scope: Scope) throws -> Flow {
        try enter()
        defer { leave() }
        for statement in statements {
            try spend(1)
            position = statement.offset
            let flow = try execute(statement, in: scope)
            if flow != .normal { return flow }
        }
        return .normal
    }

    @inline(never)
    private func execute(_ statement: Statement, in scope: Scope) throws -> Flow {
        switch statement.kind {
        case .text(let bytes): try write(bytes)
        case .output(let expression): try write(text(of: evaluate(expression, in: scope)).utf8)
        case .condition(let branches, let otherwise):
            return try executeCondition(branches, otherwise: otherwise, in: scope)
        case .loop(let loop):
            let elements = try evaluate(loop.iterable, in: scope)
            position = statement.offset
            try executeLoop(loop, over: elements, level: 1, in: scope)
        case .assign(let target, let expression):
            let value = try evaluate(expression, in: scope)
            position = statement.offset
            try assign(value, to: target, in: scope)
        case .assignBlock(let target, let body, let expression):
            try assign(try evaluate(expression, overCaptured: body, in: scope), to: target, in: scope)
        case .filterBlock(let body, let expression):
            try write(text(of: evaluate(expression, overCaptured: body, in: scope)).utf8)
        case .macro(let definition):
            scope.variables[definition.name] = makeMacro(definition, in: scope)
        case .callBlock(let definition, let call): try executeCallBlock(definition, call: call, in: scope)
        case .generation(let body): return try executeGeneration(body, in: scope)
        case .with(let assignments, let body): return try executeWith(assignments, body: body, in: scope)
        case .breakLoop: return .breakLoop
        case .continueLoop: return .continueLoop
        }
        return .normal
    }

    @inline(never)
    private func executeCondition(
        _ branches: [(condition: Expression, body: [Statement])], otherwise: [Statement], in scope: Scope
    ) throws -> Flow {
        for branch in branches {
            if try evaluate(branch.condition, in: scope).isTrue { return try execute(branch.body, in: scope) }
        }
        return otherwise.isEmpty ? .normal : try execute(otherwise, in: scope)
    }

    @inline(never)
    private func executeLoop(_ loop: ForLoop, over iterable: Value, level: Int, in scope: Scope) throws {
        var elements = try self.elements(of: iterable)
        if let condition = loop.condition {
            elements = try elements.filter { element in
                let inner = Scope(parent: scope)
                try assign(element, to: loop.target, in: inner)
                return try evaluate(condition, in: inner).isTrue
            }
        }
        guard !elements.isEmpty else {
            if !loop.otherwise.isEmpty { _ = try execute(loop.otherwise, in: Scope(parent: scope)) }
            return
        }
        let state = try LoopState(elements: elements, level: level)
        if loop.isRecursive {
            state.recurse = { interpreter, inner in
                try interpreter.capture {
                    try interpreter.executeLoop(loop, over: inner, level: level + 1, in: scope)
                }
            }
        }
        defer { state.recurse = nil }
        for (index, element) in elements.enumerated() {
            state.index = index
            let inner = Scope(["loop": .loop(state)], parent: scope)
            try assign(element, to: loop.target, in: inner)
            if try execute(loop.body, in: inner) == .breakLoop { break }
        }
    }

    @inline(never)
    func assign(_ value: Value, to target: Target, in scope: Scope) throws {
        switch target {
        case .name(let name): scope.variables[name] = value
        case .namespaceAttribute(let name, let attribute):
            guard case .namespace(let namespace) = scope.lookUp(name) else {
                throw TemplateFailure.type(
                    "cannot assign attribute on non-namespace object '\(name)'; make it with namespace()")
            }
            namespace.attributes[attribute] = value
        case .tuple(let targets):
            let parts = try elements(of: value)
            guard parts.count == targets.count else {
                throw TemplateFailure.type(
                    parts.count > targets.count
                        ? "too many values to unpack (expected \(targets.count))"
                        : "not enough values to unpack (expected \(targets.count), got \(parts.count))")
            }
            for (part, inner) in zip(parts, targets) { try assign(part, to: inner, in: scope) }
        }
    }

    @inline(never)
    private func evaluate(
        _ expression: Expression, overCaptured body: [Statement], in scope: Scope
    ) throws -> Value {
        let inner = Scope(parent: scope)
        let text = try capture { _ = try execute(body, in: inner) }
        return try evaluate(expression, in: Scope([Statement.capturedName: .string(text)], parent: scope))
    }

    @inline(never)
    private func executeCallBlock(_ definition: MacroDefinition, call: Expression, in scope: Scope) throws {
        let caller = makeMacro(definition, in: scope)
        let value = try evaluate(call, caller: caller, in: scope)
        try write(text(of: value).utf8)
    }

    @inline(never)
    private func executeGeneration(_ body: [Statement], in scope: Scope) throws -> Flow {
        let isOuter = !isGenerating
        isGenerating = true
        defer { if isOuter { isGenerating = false } }
        let start = output.count
        let flow = try execute(body, in: Scope(parent: scope))
        if isOuter {
            if captures == 0 { generationSpans.append(start..<output.count) } else { untracedGenerations += 1 }
        }
        return flow
    }

    @inline(never)
    private func executeWith(
        _ assignments: [(target: Target, value: Expression)], body: [Statement], in scope: Scope
    ) throws -> Flow {
        let inner = Scope(parent: scope)
        for (target, expression) in assignments {
            try assign(try evaluate(expression, in: scope), to: target, in: inner)
        }
        return try execute(body, in: inner)
    }

    // MARK: Macros

    @inline(never)
    private func makeMacro(_ definition: MacroDefinition, in scope: Scope) -> Value {
        if macroScopes.last !== scope { macroScopes.append(scope) }
        let attributes: [String: Value] = [
            "name": .string(definition.name),
            "catch_varargs": .bool(definition.usesExtraArguments),
            "catch_kwargs": .bool(definition.usesExtraKeywords),
            "caller": .bool(definition.usesCaller),
        ]
        return .callable(
            Callable("<Macro \(pythonRepresentation(of: definition.name))>", attributes: attributes) {
                interpreter, arguments in
                try interpreter.run(definition, arguments, in: scope)
            })
    }

    @inline(never)
    private func run(_ macro: MacroDefinition, _ arguments: Arguments, in scope: Scope) throws -> Value {
        let inner = Scope(parent: scope)
        let extra = arguments.positional.dropFirst(macro.parameters.count)
        if !extra.isEmpty, !macro.usesExtraArguments {
            throw TemplateFailure.type(
                "macro '\(macro.name)' takes not more than \(macro.parameters.count) argument(s)")
        }
        if macro.usesExtraArguments { inner.variables["varargs"] = try .tuple(Array(extra)) }
        for (parameter, value) in zip(macro.parameters, arguments.positional) {
            inner.variables[parameter.name] = value
        }
        try bindKeywords(of: macro, arguments, in: inner)
        for parameter in macro.parameters where inner.variables[parameter.name] == nil {
            inner.variables[parameter.name] =
                try parameter.fallback.map { try evaluate($0, in: inner) }
                ?? .undefined(.because("parameter '\(parameter.name)' was not provided"))
        }
        return .string(try capture { _ = try execute(macro.body, in: inner) })
    }

    @inline(never)
    private func bindKeywords(of macro: MacroDefinition, _ arguments: Arguments, in inner: Scope) throws {
        var rest = OrderedDictionary<Key, Value>()
        for (name, value) in arguments.keywords {
            if macro.parameters.contains(where: { $0.name == name }) {
                guard inner.variables[name] == nil else {
                    throw TemplateFailure.type("macro '\(macro.name)' got multiple values for argument '\(name)'")
                }
                inner.variables[name] = value
            } else if name == "caller", macro.usesCaller {
                inner.variables[name] = value
            } else if macro.usesExtraKeywords {
                rest[.string(name)] = value
            } else if name == "caller" {
                throw TemplateFailure.type(
                    "macro '\(macro.name)' was invoked with two values for the special caller argument or has no use for it"
                )
            } else {
                throw TemplateFailure.type("macro '\(macro.name)' takes no keyword argument '\(name)'")
            }
        }
        if macro.usesExtraKeywords { inner.variables["kwargs"] = .dictionary(try DictionaryValue(rest)) }
        if macro.usesCaller, inner.variables["caller"] == nil {
            inner.variables["caller"] = .undefined(.because("No caller defined"))
        }
    }
}
