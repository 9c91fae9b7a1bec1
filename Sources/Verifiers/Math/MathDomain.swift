/// A way of computing does not reach: it overflows, divides by zero, or does not know a function.
struct MathUndecided: Error {}

/// A kind of values in which expressions can be computed: fractions, radicals, residues, binary fractions.
///
/// Every operation takes bounded time and throws `MathUndecided` where it cannot go on.
protocol MathDomain {
    associatedtype Value
    mutating func literal(_ literal: MathLiteral) throws(MathUndecided) -> Value
    mutating func symbol(_ name: String) throws(MathUndecided) -> Value
    mutating func sum(_ first: Value, _ second: Value) throws(MathUndecided) -> Value
    mutating func product(_ first: Value, _ second: Value) throws(MathUndecided) -> Value
    mutating func quotient(_ first: Value, _ second: Value) throws(MathUndecided) -> Value
    mutating func negative(_ value: Value) throws(MathUndecided) -> Value
    mutating func root(_ value: Value, _ degree: Int) throws(MathUndecided) -> Value
    /// A power whose exponent is no small fraction.
    mutating func power(_ base: Value, _ exponent: Value) throws(MathUndecided) -> Value
    mutating func apply(_ function: MathFunction, _ value: Value) throws(MathUndecided) -> Value
}

/// The greatest exponent that is multiplied out.
let mathGreatestExponent = 1000

extension MathDomain {
    /// The value of an expression.
    ///
    /// - Parameter percent: what 50 % is.
    mutating func value(of node: MathNode, percent: NumberReader.Percent) throws(MathUndecided) -> Value {
        switch node {
        case .number(let literal): return try self.literal(literal)
        case .symbol(let name): return try symbol(name)
        case .add(let parts): return try reduced(parts, percent, adding: true)
        case .multiply(let parts): return try reduced(parts, percent, adding: false)
        case .negate(let part): return try negative(try value(of: part, percent: percent))
        case .divide(let above, let below):
            return try quotient(try value(of: above, percent: percent), try value(of: below, percent: percent))
        case .power(let base, let exponent): return try power(base, exponent, percent)
        case .root(let part, let degree): return try root(try value(of: part, percent: percent), degree)
        case .apply(let function, let part):
            let argument = function.takesAngles ? part.withRadians : part
            return try apply(function, try value(of: argument, percent: percent))
        case .percent(let part):
            let value = try value(of: part, percent: percent)
            switch percent {
            case .number: return value
            case .fraction: return try quotient(value, try literal(MathLiteral("100")))
            case .refuse: throw MathUndecided()
            }
        case .degrees(let part), .quantity(let part, _): return try value(of: part, percent: percent)
        case .word, .plusMinus, .list, .set, .bracketed, .matrix, .relation, .setOperation: throw MathUndecided()
        }
    }

    private mutating func reduced(
        _ parts: [MathNode], _ percent: NumberReader.Percent, adding: Bool
    ) throws(MathUndecided) -> Value {
        guard let first = parts.first else { throw MathUndecided() }
        var result = try value(of: first, percent: percent)
        for part in parts.dropFirst() {
            let next = try value(of: part, percent: percent)
            result = adding ? try sum(result, next) : try product(result, next)
        }
        return result
    }

    private mutating func power(
        _ base: MathNode, _ exponent: MathNode, _ percent: NumberReader.Percent
    ) throws(MathUndecided) -> Value {
        let value = try value(of: base, percent: percent)
        var fractions = RationalDomain()
        guard let fraction = try? fractions.value(of: exponent, percent: percent) else {
            return try power(value, try self.value(of: exponent, percent: percent))
        }
        guard fraction.denominator <= 12, fraction.numerator.magnitude <= mathGreatestExponent else {
            // 2^0.123 is a number all the same; 9^387420489 is beyond what is computed.
            guard fraction.numerator.magnitude / fraction.denominator.magnitude <= mathGreatestExponent else {
                throw MathUndecided()
            }
            return try power(value, try self.value(of: exponent, percent: percent))
        }
        let whole = try power(value, Int(fraction.numerator))
        return fraction.denominator == 1 ? whole : try root(whole, Int(fraction.denominator))
    }

    /// A power by squaring.
    private mutating func power(_ base: Value, _ exponent: Int) throws(MathUndecided) -> Value {
        var result = try literal(MathLiteral("1"))
        var square = base
        var rest = exponent.magnitude
        while rest > 0 {
            if rest & 1 == 1 { result = try product(result, square) }
            rest >>= 1
            if rest > 0 { square = try product(square, square) }
        }
        return exponent < 0 ? try quotient(try literal(MathLiteral("1")), result) : result
    }
}

extension MathNode {
    /// The same expression with degrees as shares of π.
    fileprivate var withRadians: MathNode {
        if case .degrees(let part) = self {
            return .divide(
                .multiply([part.withRadians, .symbol(MathConstant.pi)]), .number(MathLiteral("180")))
        }
        return mapped(\.withRadians)
    }
}
