/// An expression of a template. `depth` counts the expressions inside each other, itself included.
final class Expression: Sendable {
    enum Kind: Sendable {
        case literal(Literal)
        case name(String)
        case list([Expression])
        case tuple([Expression])
        case dictionary([(key: Expression, value: Expression)])
        case attribute(Expression, String)
        case item(Expression, Expression)
        case slice(Expression, SliceBounds)
        case call(Expression, CallArguments)
        case filter(Expression, String, CallArguments)
        case test(Expression, String, CallArguments, negated: Bool)
        case not(Expression)
        case sign(Expression, negative: Bool)
        /// `a + b - c`, left to right.
        case arithmetic(Expression, [(symbol: Symbol, operand: Expression)])
        case concatenation([Expression])
        /// `a < b <= c`: every neighbouring pair must hold.
        case comparison(Expression, [(comparison: Comparison, operand: Expression)])
        case and([Expression])
        case or([Expression])
        case conditional(Expression, condition: Expression, otherwise: Expression?)
    }

    let kind: Kind
    /// Byte offset in the source.
    let offset: Int
    let depth: Int

    init(_ kind: Kind, offset: Int, depth: Int) {
        self.kind = kind
        self.offset = offset
        self.depth = depth
    }
}

enum Literal: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case double(Double)
    case string(String)
}

enum Comparison: Sendable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, contained, notContained

    /// The operator as Python writes it in an error message.
    var spelling: String {
        switch self {
        case .equal: "=="
        case .notEqual: "!="
        case .less: "<"
        case .lessOrEqual: "<="
        case .greater: ">"
        case .greaterOrEqual: ">="
        case .contained: "in"
        case .notContained: "not in"
        }
    }
}

struct SliceBounds: Sendable {
    var start: Expression?
    var stop: Expression?
    var step: Expression?
}

struct CallArguments: Sendable {
    var positional: [Expression] = []
    var keywords: [(name: String, value: Expression)] = []
    /// `*rest`
    var spread: Expression?
    /// `**rest`
    var keywordSpread: Expression?

    var isEmpty: Bool { positional.isEmpty && keywords.isEmpty && spread == nil && keywordSpread == nil }
    var expressions: [Expression] {
        positional + keywords.map(\.value) + [spread, keywordSpread].compactMap(\.self)
    }
}

/// What a value is assigned to.
indirect enum Target: Sendable {
    case name(String)
    case tuple([Target])
    case namespaceAttribute(String, String)
}

struct Parameter: Sendable {
    let name: String
    let fallback: Expression?
}

/// The body of a macro or of a call block.
final class MacroDefinition: Sendable {
    let name: String
    let parameters: [Parameter]
    let body: [Statement]
    let usesExtraArguments: Bool
    let usesExtraKeywords: Bool
    let usesCaller: Bool

    init(name: String, parameters: [Parameter], body: [Statement], names: Set<String>) {
        self.name = name
        self.parameters = parameters
        self.body = body
        usesExtraArguments = names.contains("varargs")
        usesExtraKeywords = names.contains("kwargs")
        usesCaller = names.contains("caller")
    }
}

final class ForLoop: Sendable {
    let target: Target
    let iterable: Expression
    let condition: Expression?
    let isRecursive: Bool
    let body: [Statement]
    let otherwise: [Statement]

    init(
        target: Target, iterable: Expression, condition: Expression?, isRecursive: Bool, body: [Statement],
        otherwise: [Statement]
    ) {
        self.target = target
        self.iterable = iterable
        self.condition = condition
        self.isRecursive = isRecursive
        self.body = body
        self.otherwise = otherwise
    }
}

struct Statement: Sendable {
    indirect enum Kind: Sendable {
        case text([UInt8])
        case output(Expression)
        case condition([(condition: Expression, body: [Statement])], otherwise: [Statement])
        case loop(ForLoop)
        case assign(Target, Expression)
        /// Captures the body under the name `capturedName`, evaluates the expression over it and assigns.
        case assignBlock(Target, body: [Statement], Expression)
        /// Captures the body under the name `capturedName` and prints the expression over it.
        case filterBlock(body: [Statement], Expression)
        case macro(MacroDefinition)
        case callBlock(MacroDefinition, call: Expression)
        case generation([Statement])
        case with([(target: Target, value: Expression)], body: [Statement])
        case breakLoop
        case continueLoop
    }

    /// The variable of a captured block; no template can spell it.
    static let capturedName = "\u{0}captured"

    let kind: Kind
    let offset: Int
}

/// A parsed template.
struct TemplateBody: Sendable {
    let statements: [Statement]
    let hasGenerationBlocks: Bool
}
