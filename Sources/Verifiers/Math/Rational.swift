/// An exact fraction in lowest terms; what does not fit 128 bits is undecided.
struct Rational: Hashable, Sendable {
    let numerator: Int128
    /// Positive.
    let denominator: Int128

    static let zero = Rational(whole: 0)
    static let one = Rational(whole: 1)

    init(whole: Int128) {
        numerator = whole
        denominator = 1
    }

    init(_ numerator: Int128, _ denominator: Int128) throws(MathUndecided) {
        guard denominator != 0, numerator != .min, denominator != .min else { throw MathUndecided() }
        let divisor = Self.greatestCommonDivisor(numerator.magnitude, denominator.magnitude)
        let sign: Int128 = denominator < 0 ? -1 : 1
        self.numerator = sign * numerator / Int128(divisor)
        self.denominator = sign * denominator / Int128(divisor)
    }

    init(_ literal: MathLiteral) throws(MathUndecided) {
        var value: Int128 = 0
        var digits = literal.digits[...]
        var decimals = literal.decimals
        while decimals > 0, digits.last == 0 {
            digits.removeLast()
            decimals -= 1
        }
        if digits.isEmpty {
            self = .zero
            return
        }
        for digit in digits { value = try Self.sum(try Self.product(value, 10), Int128(digit)) }
        var scale: Int128 = 1
        for _ in 0..<decimals { scale = try Self.product(scale, 10) }
        try self.init(value, scale)
    }

    private static func greatestCommonDivisor(_ first: UInt128, _ second: UInt128) -> UInt128 {
        var (first, second) = (first, second)
        while second != 0 { (first, second) = (second, first % second) }
        return max(first, 1)
    }

    private static func product(_ first: Int128, _ second: Int128) throws(MathUndecided) -> Int128 {
        let (value, overflow) = first.multipliedReportingOverflow(by: second)
        guard !overflow else { throw MathUndecided() }
        return value
    }

    private static func sum(_ first: Int128, _ second: Int128) throws(MathUndecided) -> Int128 {
        let (value, overflow) = first.addingReportingOverflow(second)
        guard !overflow else { throw MathUndecided() }
        return value
    }

    func adding(_ other: Rational) throws(MathUndecided) -> Rational {
        try Rational(
            try Self.sum(
                try Self.product(numerator, other.denominator), try Self.product(other.numerator, denominator)),
            try Self.product(denominator, other.denominator))
    }

    func multiplied(by other: Rational) throws(MathUndecided) -> Rational {
        // Reduced crosswise first, so that products of reduced fractions overflow late.
        let first = try Rational(numerator, other.denominator)
        let second = try Rational(other.numerator, denominator)
        return try Rational(
            try Self.product(first.numerator, second.numerator),
            try Self.product(first.denominator, second.denominator))
    }

    func divided(by other: Rational) throws(MathUndecided) -> Rational {
        guard other.numerator != 0 else { throw MathUndecided() }
        return try multiplied(by: try Rational(other.denominator, other.numerator))
    }

    /// Neither initialiser makes the one number whose negative does not fit.
    var negated: Rational { Rational(reduced: -numerator, denominator) }

    private init(reduced numerator: Int128, _ denominator: Int128) {
        self.numerator = numerator
        self.denominator = denominator
    }

    var double: Double { Double(numerator) / Double(denominator) }
}

/// Fractions: whole numbers and what the four operations, whole powers, |x|, ⌊x⌋, ⌈x⌉ and small factorials make of them.
struct RationalDomain: MathDomain {
    func literal(_ literal: MathLiteral) throws(MathUndecided) -> Rational { try Rational(literal) }
    func symbol(_ name: String) throws(MathUndecided) -> Rational { throw MathUndecided() }
    func sum(_ first: Rational, _ second: Rational) throws(MathUndecided) -> Rational { try first.adding(second) }
    func product(_ first: Rational, _ second: Rational) throws(MathUndecided) -> Rational {
        try first.multiplied(by: second)
    }
    func quotient(_ first: Rational, _ second: Rational) throws(MathUndecided) -> Rational {
        try first.divided(by: second)
    }
    func negative(_ value: Rational) -> Rational { value.negated }
    func root(_ value: Rational, _ degree: Int) throws(MathUndecided) -> Rational { throw MathUndecided() }
    func power(_ base: Rational, _ exponent: Rational) throws(MathUndecided) -> Rational { throw MathUndecided() }

    func apply(_ function: MathFunction, _ value: Rational) throws(MathUndecided) -> Rational {
        switch function {
        case .abs: return value.numerator < 0 ? value.negated : value
        case .floor: return Rational(whole: Self.floor(value))
        case .ceil: return Rational(whole: -Self.floor(value.negated))
        case .factorial:
            // 33! is the last that fits.
            guard value.denominator == 1, (0...33).contains(value.numerator) else { throw MathUndecided() }
            var result = Rational.one
            for factor in 0..<value.numerator { result = try result.multiplied(by: Rational(whole: factor + 1)) }
            return result
        default: throw MathUndecided()
        }
    }

    private static func floor(_ value: Rational) -> Int128 {
        let (quotient, remainder) = value.numerator.quotientAndRemainder(dividingBy: value.denominator)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
