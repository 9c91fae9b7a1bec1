/// Decides whether two expressions are the same, and how it found out.
///
/// The tiers, of which the first that decides is the answer:
///
/// | Tier | Same when | Different when |
/// |---|---|---|
/// | 0 | they are written alike, but for spelling and spacing | never |
/// | 1 | both are fractions and equal, or the reference is a decimal and the answer near it | both are fractions |
/// | 2 | both are quotients of polynomials over ℚ with roots of fractions, and equal | both are |
/// | 3 | they agree at random points, modulo primes or in binary fractions | else |
struct MathComparison {
    /// Tiers that are used.
    var tiers: Set<Int> = [0, 1, 2, 3]
    /// Digits to which an answer must agree with a decimal.
    var precision = 6
    /// What 50 % is.
    var percent = NumberReader.Percent.number
    /// Whether elements of sets and of lists without brackets may be in any order.
    var allowsSetOrder = true

    private var radicals = RadicalDomain()
    private var scalars: [MathNode: MathScalar] = [:]
    /// Comparisons of two expressions that remain; it bounds the time for long lists.
    private var remaining = 5000

    init() {}

    /// The tier at which both expressions are the same; `nil` when they are not.
    mutating func tier(_ gold: MathNode, _ answer: MathNode) -> Int? {
        remaining -= 1
        guard remaining > 0 else { return nil }
        if tiers.contains(0), gold == answer { return 0 }
        let gold = scalar(gold)
        let answer = scalar(answer)
        if tiers.contains(1) {
            if let first = gold.rational, let second = answer.rational {
                return first == second || isNear(gold, answer) ? 1 : nil
            }
            if isNear(gold, answer) { return 1 }
        }
        if tiers.contains(2), let first = gold.radical(&radicals), let second = answer.radical(&radicals),
            let areEqual = try? radicals.areEqual(first, second)
        {
            return areEqual ? 2 : nil
        }
        return tiers.contains(3) && agreeAtPoints(gold, answer) ? 3 : nil
    }

    /// Whether one expression is a multiple of the other by a number that is not 0, and how that was found.
    ///
    /// - Parameter positive: whether the number must be positive.
    mutating func tierOfMultiple(_ gold: MathNode, _ answer: MathNode, positive: Bool) -> Int? {
        let gold = scalar(gold)
        let answer = scalar(answer)
        if tiers.contains(2), let first = gold.radical(&radicals), let second = answer.radical(&radicals) {
            guard let factor = try? radicals.factor(first, second) else { return nil }
            return !positive || factor.numerator > 0 ? 2 : nil
        }
        guard tiers.contains(3) else { return nil }
        let pairs = pairs(gold, answer)
        guard pairs.count >= Self.fewestPoints, let (first, second) = pairs.first, first.imaginary == 0,
            second.imaginary == 0, first.real != 0, second.real != 0
        else { return nil }
        let factor = first.real / second.real
        let isMultiple = pairs.allSatisfy {
            Self.areNear($0.0, MathComplex(real: $0.1.real * factor, imaginary: $0.1.imaginary * factor), 1e-9)
        }
        return isMultiple && (!positive || factor > 0) ? 3 : nil
    }

    private mutating func scalar(_ node: MathNode) -> MathScalar {
        if let known = scalars[node] { return known }
        let scalar = MathScalar(node, percent: percent)
        scalars[node] = scalar
        return scalar
    }

    /// Points at which both expressions must have a value.
    private static let fewestPoints = 8

    /// Whether the answer is near a reference that was rounded: relative 10⁻ᵖ, p the precision, or the reference's
    /// significant digits where it has fewer, but at least 2; or the answer has no end as a decimal (1/3, √2) and the
    /// reference is what it rounds to, with at least 2 digits.
    private func isNear(_ gold: MathScalar, _ answer: MathScalar) -> Bool {
        guard let digits = gold.significantDigits, gold.variables.isEmpty, answer.variables.isEmpty else {
            return false
        }
        guard let first = value(gold), let second = value(answer) else { return false }
        // The rounding of binary fractions must not decide at the very edge.
        let distance = abs(first - second) * (1 - 1e-12)
        let tolerance = Self.tenth(max(2, min(precision, digits)))
        if distance <= tolerance * max(abs(first), abs(second)) { return true }
        guard digits >= 2, let decimals = gold.decimals, !answer.isTerminatingDecimal else { return false }
        return distance <= 0.5 * Self.tenth(decimals)
    }

    /// 10⁻ⁿ.
    private static func tenth(_ places: Int) -> Double { Double("1e-\(places)") ?? 0 }

    private func value(_ scalar: MathScalar) -> Double? {
        if let rational = scalar.rational { return rational.double }
        return (scalar.floats(allowsComplex: false).first ?? nil)?.real
    }

    private func agreeAtPoints(_ gold: MathScalar, _ answer: MathScalar) -> Bool {
        let residues = zip(gold.residues, answer.residues).compactMap { first, second in
            first.flatMap { first in second.map { (first, $0) } }
        }
        if residues.count >= Self.fewestPoints { return residues.allSatisfy { $0 == $1 } }
        let pairs = pairs(gold, answer)
        if gold.variables.isEmpty, answer.variables.isEmpty {
            // At a constant there is one point only. What is written with many digits may merely be near.
            guard let (first, second) = pairs.first, max(gold.longestLiteral, answer.longestLiteral) < 10 else {
                return false
            }
            if gold.rational == .zero || answer.rational == .zero { return Self.areNear(first, second, 1e-13, 1e-13) }
            return Self.areNear(first, second, 1e-12)
        }
        return pairs.count >= Self.fewestPoints && pairs.allSatisfy { Self.areNear($0.0, $0.1, 1e-9, 1e-12) }
    }

    /// The values at the points where both have one.
    private func pairs(_ gold: MathScalar, _ answer: MathScalar) -> [(MathComplex, MathComplex)] {
        let allowsComplex = gold.isComplex || answer.isComplex
        var first = gold.floats(allowsComplex: allowsComplex)
        var second = answer.floats(allowsComplex: allowsComplex)
        // A constant has the same value at every point.
        if first.count < second.count { first = second.map { _ in first[0] } }
        if second.count < first.count { second = first.map { _ in second[0] } }
        return zip(first, second).compactMap { first, second in
            first.flatMap { first in second.map { (first, $0) } }
        }
    }

    private static func areNear(
        _ first: MathComplex, _ second: MathComplex, _ relative: Double, _ absolute: Double = 0
    ) -> Bool {
        let distance = MathComplex(real: first.real - second.real, imaginary: first.imaginary - second.imaginary)
        return distance.magnitude <= relative * max(first.magnitude, second.magnitude) + absolute
    }
}
