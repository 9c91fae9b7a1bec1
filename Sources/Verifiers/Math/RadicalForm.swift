/// A product of variables and radicals: x²·y⁻¹·2^(1/3)·√-1.
struct RadicalMonomial: Hashable, Sendable {
    /// The exponent of each variable, never 0. π, e and ∞ count as variables.
    var variables: [String: Int] = [:]
    /// The exponent of each prime, in (0, 1). The "prime" -1 has the exponent 1/2: it is the imaginary unit.
    var radicals: [Int: Rational] = [:]

    static let one = RadicalMonomial()
    static let imaginary = -1
}

/// A sum of monomials with fractions before them; no coefficient is 0.
///
/// Powers of different primes with exponents in [0, 1) are linearly independent over ℚ (Besicovitch 1940), so two
/// sums are equal just when they have the same terms.
struct RadicalSum: Hashable, Sendable {
    var terms: [RadicalMonomial: Rational]

    static let zero = RadicalSum(terms: [:])
    static let one = RadicalSum(.one)

    init(terms: [RadicalMonomial: Rational]) { self.terms = terms }
    init(_ value: Rational) { terms = value == .zero ? [:] : [.one: value] }
}

/// A quotient of two sums; the one below is not zero.
struct RadicalForm: Sendable {
    var above: RadicalSum
    var below = RadicalSum.one
}

/// Quotients of polynomials in variables and in roots of fractions: what can be expanded, by terms.
struct RadicalDomain: MathDomain {
    /// Terms that a sum may have.
    private static let mostTerms = 300
    /// Products of terms that remain. It bounds the time of one comparison.
    private var work = 40_000

    mutating func literal(_ literal: MathLiteral) throws(MathUndecided) -> RadicalForm {
        RadicalForm(above: RadicalSum(try Rational(literal)))
    }

    mutating func symbol(_ name: String) throws(MathUndecided) -> RadicalForm {
        var monomial = RadicalMonomial.one
        if name == MathConstant.i {
            monomial.radicals[RadicalMonomial.imaginary] = try Rational(1, 2)
        } else {
            monomial.variables[name] = 1
        }
        return RadicalForm(above: RadicalSum(terms: [monomial: .one]))
    }

    mutating func sum(_ first: RadicalForm, _ second: RadicalForm) throws(MathUndecided) -> RadicalForm {
        if first.below == second.below {
            return RadicalForm(above: try sum(first.above, second.above), below: first.below)
        }
        return RadicalForm(
            above: try sum(try product(first.above, second.below), try product(second.above, first.below)),
            below: try product(first.below, second.below))
    }

    mutating func product(_ first: RadicalForm, _ second: RadicalForm) throws(MathUndecided) -> RadicalForm {
        RadicalForm(
            above: try product(first.above, second.above), below: try product(first.below, second.below))
    }

    mutating func quotient(_ first: RadicalForm, _ second: RadicalForm) throws(MathUndecided) -> RadicalForm {
        guard !second.above.terms.isEmpty else { throw MathUndecided() }
        if second.above.terms.count == 1, let (monomial, coefficient) = second.above.terms.first {
            // One term has an inverse of one term.
            let inverse = try Self.inverse(monomial, coefficient)
            let above = try product(try product(first.above, second.below), RadicalSum(terms: inverse))
            return RadicalForm(above: above, below: first.below)
        }
        return RadicalForm(
            above: try product(first.above, second.below), below: try product(first.below, second.above))
    }

    mutating func negative(_ value: RadicalForm) throws(MathUndecided) -> RadicalForm {
        RadicalForm(above: RadicalSum(terms: value.above.terms.mapValues(\.negated)), below: value.below)
    }

    func power(_ base: RadicalForm, _ exponent: RadicalForm) throws(MathUndecided) -> RadicalForm {
        throw MathUndecided()
    }

    func apply(_ function: MathFunction, _ value: RadicalForm) throws(MathUndecided) -> RadicalForm {
        guard value.below == .one, value.above.terms.keys.allSatisfy({ $0 == .one }) else { throw MathUndecided() }
        let fraction = value.above.terms[.one] ?? .zero
        return RadicalForm(above: RadicalSum(try RationalDomain().apply(function, fraction)))
    }

    /// Whether both are the same, by multiplying crosswise.
    mutating func areEqual(_ first: RadicalForm, _ second: RadicalForm) throws(MathUndecided) -> Bool {
        try product(first.above, second.below) == (try product(second.above, first.below))
    }

    /// The c for which first = c · second; `nil` when there is none.
    mutating func factor(_ first: RadicalForm, _ second: RadicalForm) throws(MathUndecided) -> Rational? {
        let left = try product(first.above, second.below)
        let right = try product(second.above, first.below)
        guard let (monomial, below) = right.terms.first, let above = left.terms[monomial] else { return nil }
        let factor = try above.divided(by: below)
        return left == (try product(right, RadicalSum(factor))) ? factor : nil
    }

    /// The root of one term without variables.
    mutating func root(_ value: RadicalForm, _ degree: Int) throws(MathUndecided) -> RadicalForm {
        let form = try quotient(value, RadicalForm(above: .one))
        if form.above.terms.isEmpty { return form }
        guard form.below == .one, form.above.terms.count == 1, let (monomial, coefficient) = form.above.terms.first,
            monomial.variables.isEmpty, monomial.radicals[RadicalMonomial.imaginary] == nil
        else { throw MathUndecided() }
        let share = try Rational(1, Int128(degree))
        var exponents: [Int: Rational] = [:]
        for (prime, exponent) in monomial.radicals { exponents[prime] = try exponent.multiplied(by: share) }
        for (number, sign) in [(coefficient.numerator.magnitude, 1), (coefficient.denominator.magnitude, -1)] {
            for (prime, count) in try Self.primes(of: number) {
                let exponent = try Rational(Int128(sign * count), Int128(degree))
                exponents[prime] = try exponent.adding(exponents[prime] ?? .zero)
            }
        }
        var result = try Self.term(exponents)
        if coefficient.numerator < 0 {
            if degree % 2 == 1 {
                result = result.mapValues(\.negated)
            } else if degree == 2 {
                guard let (monomial, value) = result.first else { throw MathUndecided() }
                var withUnit = monomial
                withUnit.radicals[RadicalMonomial.imaginary] = try Rational(1, 2)
                result = [withUnit: value]
            } else {
                throw MathUndecided()
            }
        }
        return RadicalForm(above: RadicalSum(terms: result))
    }
}

extension RadicalDomain {
    private func sum(_ first: RadicalSum, _ second: RadicalSum) throws(MathUndecided) -> RadicalSum {
        var result = first
        for (monomial, coefficient) in second.terms { try Self.add(monomial, coefficient, to: &result) }
        guard result.terms.count <= Self.mostTerms else { throw MathUndecided() }
        return result
    }

    private static func add(
        _ monomial: RadicalMonomial, _ coefficient: Rational, to sum: inout RadicalSum
    ) throws(MathUndecided) {
        let total = try coefficient.adding(sum.terms[monomial] ?? .zero)
        sum.terms[monomial] = total == .zero ? nil : total
    }

    private mutating func product(_ first: RadicalSum, _ second: RadicalSum) throws(MathUndecided) -> RadicalSum {
        if first == .one { return second }
        if second == .one { return first }
        work -= first.terms.count * second.terms.count
        guard work > 0 else { throw MathUndecided() }
        var result = RadicalSum.zero
        for (left, leftCoefficient) in first.terms {
            for (right, rightCoefficient) in second.terms {
                let coefficient = try leftCoefficient.multiplied(by: rightCoefficient)
                for (monomial, factor) in try Self.product(left, right) {
                    try Self.add(monomial, try coefficient.multiplied(by: factor), to: &result)
                }
            }
        }
        guard result.terms.count <= Self.mostTerms else { throw MathUndecided() }
        return result
    }

    private static func product(
        _ first: RadicalMonomial, _ second: RadicalMonomial
    ) throws(MathUndecided) -> [RadicalMonomial: Rational] {
        var exponents = first.radicals
        for (prime, exponent) in second.radicals {
            exponents[prime] = try exponent.adding(exponents[prime] ?? .zero)
        }
        guard let (radicals, coefficient) = try term(exponents).first else { throw MathUndecided() }
        var monomial = radicals
        monomial.variables = first.variables
        for (name, exponent) in second.variables {
            let total = exponent + (monomial.variables[name] ?? 0)
            guard total.magnitude <= 1_000_000 else { throw MathUndecided() }
            monomial.variables[name] = total == 0 ? nil : total
        }
        return [monomial: coefficient]
    }

    private static func inverse(
        _ monomial: RadicalMonomial, _ coefficient: Rational
    ) throws(MathUndecided) -> [RadicalMonomial: Rational] {
        guard let (radicals, factor) = try term(monomial.radicals.mapValues(\.negated)).first else {
            throw MathUndecided()
        }
        var result = radicals
        result.variables = monomial.variables.mapValues { -$0 }
        return [result: try factor.divided(by: coefficient)]
    }

    /// A product of powers of primes as one term: the whole part of each exponent goes into the coefficient.
    private static func term(_ exponents: [Int: Rational]) throws(MathUndecided) -> [RadicalMonomial: Rational] {
        var monomial = RadicalMonomial.one
        var coefficient = Rational.one
        for (prime, exponent) in exponents {
            guard exponent.denominator <= 1000, exponent.numerator.magnitude <= 100_000 else { throw MathUndecided() }
            let whole = try RationalDomain().apply(.floor, exponent)
            let rest = try exponent.adding(whole.negated)
            if rest != .zero { monomial.radicals[prime] = rest }
            let factor = try Rational(Int128(prime), 1)
            for _ in 0..<Int(whole.numerator.magnitude) {
                coefficient =
                    whole.numerator < 0
                    ? try coefficient.divided(by: factor) : try coefficient.multiplied(by: factor)
            }
        }
        return [monomial: coefficient]
    }

    /// The primes of a number by trial division up to 2¹⁶; undecided when a large part remains.
    private static func primes(of number: UInt128) throws(MathUndecided) -> [Int: Int] {
        guard number < 1 << 62, number > 0 else { throw MathUndecided() }
        var rest = UInt64(number)
        var primes: [Int: Int] = [:]
        var divisor: UInt64 = 2
        while divisor * divisor <= rest, divisor < 1 << 16 {
            while rest % divisor == 0 {
                primes[Int(divisor), default: 0] += 1
                rest /= divisor
            }
            divisor += divisor == 2 ? 1 : 2
        }
        if rest > 1 {
            // Nothing below 2¹⁶ divides it, so below 2³² it is prime.
            guard rest < 1 << 32 else { throw MathUndecided() }
            primes[Int(rest), default: 0] += 1
        }
        return primes
    }
}
