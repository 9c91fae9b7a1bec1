import Foundation

/// Values of variables for the randomised tests: they depend on the name and the number of the point alone.
enum MathPoints {
    /// A well-mixed number (SplitMix64's finaliser over an FNV-1a hash of the name).
    static func bits(_ name: String, point: Int) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = hash &+ (UInt64(truncatingIfNeeded: point) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
        return hash ^ (hash >> 31)
    }
}

/// Residues modulo a prime: rational functions of any size at a random point.
struct ResidueDomain: MathDomain {
    /// Primes of 59 to 63 bits. Several, so that no multiple of one looks like zero.
    static let primes: [UInt64] = [
        2_305_843_009_213_693_951, 4_611_686_018_427_387_847, 1_152_921_504_606_846_883, 576_460_752_303_423_433,
    ]

    let prime: UInt64
    let point: Int

    init(point: Int) {
        prime = Self.primes[point % Self.primes.count]
        self.point = point
    }

    func literal(_ literal: MathLiteral) throws(MathUndecided) -> UInt64 {
        var value: UInt64 = 0
        for digit in literal.digits { value = sum(product(value, 10), UInt64(digit)) }
        return try quotient(value, raised(10, UInt64(literal.decimals)))
    }

    func symbol(_ name: String) throws(MathUndecided) -> UInt64 {
        guard name != MathConstant.i else { throw MathUndecided() }
        return MathPoints.bits(name, point: point) % prime
    }

    func sum(_ first: UInt64, _ second: UInt64) -> UInt64 {
        // Primes have at most 62 bits, so this does not overflow.
        (first + second) % prime
    }

    func product(_ first: UInt64, _ second: UInt64) -> UInt64 {
        prime.dividingFullWidth(first.multipliedFullWidth(by: second)).remainder
    }

    func quotient(_ first: UInt64, _ second: UInt64) throws(MathUndecided) -> UInt64 {
        guard second != 0 else { throw MathUndecided() }
        // Fermat: the inverse is the power p - 2.
        return product(first, raised(second, prime - 2))
    }

    func negative(_ value: UInt64) -> UInt64 { value == 0 ? 0 : prime - value }

    func root(_ value: UInt64, _ degree: Int) throws(MathUndecided) -> UInt64 { throw MathUndecided() }

    private func raised(_ base: UInt64, _ exponent: UInt64) -> UInt64 {
        var (result, square, rest): (UInt64, UInt64, UInt64) = (1, base, exponent)
        while rest > 0 {
            if rest & 1 == 1 { result = product(result, square) }
            square = product(square, square)
            rest >>= 1
        }
        return result
    }

    func power(_ base: UInt64, _ exponent: UInt64) throws(MathUndecided) -> UInt64 { throw MathUndecided() }
    func apply(_ function: MathFunction, _ value: UInt64) throws(MathUndecided) -> UInt64 { throw MathUndecided() }
}

/// A complex number in binary fractions.
struct MathComplex: Hashable, Sendable {
    var real: Double
    var imaginary = 0.0

    var magnitude: Double { Foundation.hypot(real, imaginary) }
    var isFinite: Bool { real.isFinite && imaginary.isFinite }
}

/// Binary fractions at a random point: every function, and up to rounding.
///
/// Unless an expression speaks of i, only real values count: √x and ln x say nothing at negative x.
struct FloatDomain: MathDomain {
    let point: Int
    let allowsComplex: Bool

    private func checked(_ value: MathComplex) throws(MathUndecided) -> MathComplex {
        guard value.isFinite, value.imaginary == 0 || allowsComplex else { throw MathUndecided() }
        return value
    }

    func literal(_ literal: MathLiteral) throws(MathUndecided) -> MathComplex {
        try checked(MathComplex(real: literal.double))
    }

    func symbol(_ name: String) throws(MathUndecided) -> MathComplex {
        switch name {
        case MathConstant.pi: return MathComplex(real: .pi)
        case MathConstant.e: return MathComplex(real: M_E)
        case MathConstant.i: return MathComplex(real: 0, imaginary: 1)
        case MathConstant.infinity: throw MathUndecided()
        default:
            // In turn between 0 and 1, above 1, and negative, so that most functions are defined at many points.
            let share = Double(MathPoints.bits(name, point: point) >> 11) * 0x1p-53
            switch point % 4 {
            case 0: return MathComplex(real: 0.05 + 0.9 * share)
            case 1: return MathComplex(real: 1.1 + 2 * share)
            case 2: return MathComplex(real: 2 + 8 * share)
            default: return MathComplex(real: -0.1 - 3 * share)
            }
        }
    }

    func sum(_ first: MathComplex, _ second: MathComplex) throws(MathUndecided) -> MathComplex {
        try checked(MathComplex(real: first.real + second.real, imaginary: first.imaginary + second.imaginary))
    }

    func product(_ first: MathComplex, _ second: MathComplex) throws(MathUndecided) -> MathComplex {
        try checked(
            MathComplex(
                real: first.real * second.real - first.imaginary * second.imaginary,
                imaginary: first.real * second.imaginary + first.imaginary * second.real))
    }

    func quotient(_ first: MathComplex, _ second: MathComplex) throws(MathUndecided) -> MathComplex {
        if second.imaginary == 0, first.imaginary == 0 {
            return try checked(MathComplex(real: first.real / second.real))
        }
        let norm = second.real * second.real + second.imaginary * second.imaginary
        let above = try product(first, MathComplex(real: second.real, imaginary: -second.imaginary))
        return try checked(MathComplex(real: above.real / norm, imaginary: above.imaginary / norm))
    }

    func negative(_ value: MathComplex) -> MathComplex {
        MathComplex(real: -value.real, imaginary: value.imaginary == 0 ? 0 : -value.imaginary)
    }

    func root(_ value: MathComplex, _ degree: Int) throws(MathUndecided) -> MathComplex {
        if value.imaginary == 0 {
            if value.real >= 0 { return try checked(MathComplex(real: positiveRoot(value.real, degree))) }
            // The real root of an odd degree, as school has it.
            if degree % 2 == 1 { return try checked(MathComplex(real: -positiveRoot(-value.real, degree))) }
            if degree == 2 { return try checked(MathComplex(real: 0, imaginary: (-value.real).squareRoot())) }
        }
        return try power(value, MathComplex(real: 1 / Double(degree)))
    }

    private func positiveRoot(_ value: Double, _ degree: Int) -> Double {
        switch degree {
        case 1: value
        case 2: value.squareRoot()
        case 3: Foundation.cbrt(value)
        default: Foundation.pow(value, 1 / Double(degree))
        }
    }

    func power(_ base: MathComplex, _ exponent: MathComplex) throws(MathUndecided) -> MathComplex {
        if base.imaginary == 0, exponent.imaginary == 0, base.real > 0 {
            return try checked(MathComplex(real: Foundation.pow(base.real, exponent.real)))
        }
        guard base.magnitude > 0 else { throw MathUndecided() }
        return try exponential(try product(try logarithm(base), exponent))
    }

    private func exponential(_ value: MathComplex) throws(MathUndecided) -> MathComplex {
        let size = Foundation.exp(value.real)
        if value.imaginary == 0 { return try checked(MathComplex(real: size)) }
        return try checked(
            MathComplex(real: size * Foundation.cos(value.imaginary), imaginary: size * Foundation.sin(value.imaginary))
        )
    }

    private func logarithm(_ value: MathComplex) throws(MathUndecided) -> MathComplex {
        guard value.magnitude > 0 else { throw MathUndecided() }
        let angle = value.imaginary == 0 && value.real > 0 ? 0 : Foundation.atan2(value.imaginary, value.real)
        return try checked(MathComplex(real: Foundation.log(value.magnitude), imaginary: angle))
    }

    func apply(_ function: MathFunction, _ value: MathComplex) throws(MathUndecided) -> MathComplex {
        switch function {
        case .exp: return try exponential(value)
        case .ln: return try logarithm(value)
        case .log: return try quotient(try logarithm(value), MathComplex(real: Foundation.log(10)))
        case .abs: return MathComplex(real: value.magnitude)
        default: break
        }
        guard value.imaginary == 0 else { throw MathUndecided() }
        return try checked(MathComplex(real: try Self.real(function, value.real)))
    }

    private static func real(_ function: MathFunction, _ x: Double) throws(MathUndecided) -> Double {
        switch function {
        case .sin: return Foundation.sin(x)
        case .cos: return Foundation.cos(x)
        case .tan: return Foundation.tan(x)
        case .cot: return Foundation.cos(x) / Foundation.sin(x)
        case .sec: return 1 / Foundation.cos(x)
        case .csc: return 1 / Foundation.sin(x)
        case .arcsin: return Foundation.asin(x)
        case .arccos: return Foundation.acos(x)
        case .arctan: return Foundation.atan(x)
        case .sinh: return Foundation.sinh(x)
        case .cosh: return Foundation.cosh(x)
        case .tanh: return Foundation.tanh(x)
        case .floor: return x.rounded(.down)
        case .ceil: return x.rounded(.up)
        case .factorial:
            guard x >= 0, x <= 170, x == x.rounded() else { throw MathUndecided() }
            return (0..<Int(x)).reduce(1.0) { $0 * Double($1 + 1) }
        case .exp, .ln, .log, .abs: throw MathUndecided()
        }
    }
}
