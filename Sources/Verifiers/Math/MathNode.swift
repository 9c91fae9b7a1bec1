/// What a mathematical answer says, as it is written; nothing is computed yet.
indirect enum MathNode: Hashable, Sendable {
    case number(MathLiteral)
    /// A variable, or one of the constants in `MathConstant`, by its name.
    case symbol(String)
    /// Words, in small letters, such as `yes` or `no solution`.
    case word(String)
    case add([MathNode])
    case multiply([MathNode])
    case negate(MathNode)
    case divide(MathNode, MathNode)
    case power(MathNode, MathNode)
    case root(MathNode, index: Int)
    case apply(MathFunction, MathNode)
    /// Both signs of a term; `isFlipped` for ∓.
    case plusMinus(MathNode, isFlipped: Bool)
    case percent(MathNode)
    /// An angle in degrees; a plain number outside trigonometric functions.
    case degrees(MathNode)
    /// A value and the unit behind it.
    case quantity(MathNode, unit: String)
    /// Several values without brackets.
    case list([MathNode])
    case set([MathNode])
    /// A tuple or an interval: brackets `(` or `[` around elements.
    case bracketed(opensClosed: Bool, [MathNode], closesClosed: Bool)
    case matrix([[MathNode]])
    /// A chain such as 1 < x ≤ 2: the first side, then each relation with its side.
    case relation(MathNode, [MathLink])
    case setOperation(MathSetOperation, [MathNode])
}

/// A relation and what stands behind it.
struct MathLink: Hashable, Sendable {
    var relation: MathRelation
    var side: MathNode
}

enum MathRelation: Hashable, Sendable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, element
}

enum MathSetOperation: Hashable, Sendable {
    case union, intersection, difference
}

enum MathFunction: String, Hashable, Sendable {
    case sin, cos, tan, cot, sec, csc, arcsin, arccos, arctan, sinh, cosh, tanh
    /// The natural logarithm.
    case ln
    /// The logarithm to base 10.
    case log
    case exp, abs, floor, ceil, factorial

    /// Whether an angle of 30° means π/6 to it.
    var takesAngles: Bool {
        switch self {
        case .sin, .cos, .tan, .cot, .sec, .csc: true
        default: false
        }
    }

    /// What `\sin^{-1}` means for `sin`.
    var inverse: MathFunction? {
        switch self {
        case .sin: .arcsin
        case .cos: .arccos
        case .tan: .arctan
        default: nil
        }
    }
}

/// Names of symbols that have a fixed value.
enum MathConstant {
    static let pi = "π"
    static let e = "e"
    static let i = "i"
    static let infinity = "∞"
}

/// A number as written: its digits, and how many of them stand behind the point.
struct MathLiteral: Hashable, Sendable {
    /// Digits without leading zeros; empty for zero.
    var digits: [UInt8]
    /// How many of the digits as written stand behind the point.
    var decimals: Int
    /// Whether there is a point; `5.` and `5` are the same value and not the same text.
    var hasPoint: Bool

    /// - Parameter text: ASCII digits with at most one point.
    init(_ text: String) {
        digits = []
        decimals = 0
        hasPoint = false
        for byte in text.utf8 {
            if byte == UInt8(ascii: ".") {
                hasPoint = true
                continue
            }
            if hasPoint { decimals += 1 }
            if byte != UInt8(ascii: "0") || !digits.isEmpty { digits.append(byte - UInt8(ascii: "0")) }
        }
    }

    /// The value as a binary fraction; infinite when it is too large for one.
    var double: Double {
        let text = digits.isEmpty ? "0" : digits.map(String.init).joined()
        return Double("\(text)e-\(decimals)") ?? .infinity
    }
}

extension MathNode {
    /// The parts of which this node is made.
    var children: [MathNode] {
        switch self {
        case .number, .symbol, .word: []
        case .add(let parts), .multiply(let parts), .list(let parts), .set(let parts),
            .bracketed(_, let parts, _), .setOperation(_, let parts):
            parts
        case .negate(let part), .root(let part, _), .apply(_, let part), .plusMinus(let part, _), .percent(let part),
            .degrees(let part), .quantity(let part, _):
            [part]
        case .divide(let first, let second), .power(let first, let second): [first, second]
        case .matrix(let rows): rows.flatMap { $0 }
        case .relation(let first, let links): [first] + links.map(\.side)
        }
    }

    /// The same node with each part replaced.
    func mapped(_ change: (MathNode) -> MathNode) -> MathNode {
        switch self {
        case .number, .symbol, .word: self
        case .add(let parts): .add(parts.map(change))
        case .multiply(let parts): .multiply(parts.map(change))
        case .list(let parts): .list(parts.map(change))
        case .set(let parts): .set(parts.map(change))
        case .bracketed(let opens, let parts, let closes):
            .bracketed(opensClosed: opens, parts.map(change), closesClosed: closes)
        case .setOperation(let operation, let parts): .setOperation(operation, parts.map(change))
        case .negate(let part): .negate(change(part))
        case .root(let part, let index): .root(change(part), index: index)
        case .apply(let function, let part): .apply(function, change(part))
        case .plusMinus(let part, let isFlipped): .plusMinus(change(part), isFlipped: isFlipped)
        case .percent(let part): .percent(change(part))
        case .degrees(let part): .degrees(change(part))
        case .quantity(let part, let unit): .quantity(change(part), unit: unit)
        case .divide(let first, let second): .divide(change(first), change(second))
        case .power(let first, let second): .power(change(first), change(second))
        case .matrix(let rows): .matrix(rows.map { $0.map(change) })
        case .relation(let first, let links):
            .relation(change(first), links.map { MathLink(relation: $0.relation, side: change($0.side)) })
        }
    }

    /// Whether the condition holds for this node or for one inside it.
    func contains(_ condition: (MathNode) -> Bool) -> Bool {
        condition(self) || children.contains { $0.contains(condition) }
    }

    /// The names of its variables, constants left out.
    var variables: Set<String> {
        if case .symbol(let name) = self, !Self.constants.contains(name) { return [name] }
        return children.reduce(into: []) { $0.formUnion($1.variables) }
    }

    private static let constants: Set<String> = [
        MathConstant.pi, MathConstant.e, MathConstant.i, MathConstant.infinity,
    ]
}
