import Foundation

/// How the values of several verifiers become one reward.
public enum RewardCombination: Sendable {
    /// Σ weight · value.
    case sum
    /// Π value ^ weight, of values that are not negative.
    case product
    /// The smallest value; weights do not count.
    case min
    /// Each is made comparable within its group before they are summed, where advantages are made (GDPO). The reward
    /// itself is Σ weight · value; `RewardSet.matrix(of:)` has the values one by one.
    case normalizeEachThenSum
    /// What a function makes of the values by component id. A verifier that says nothing of a whole group has none.
    case formula(@Sendable (_ values: [String: Double]) throws(VerifierFailure) -> Double)

    /// One reward's value with its weight.
    struct Term {
        var id: String
        var value: Double
        var weight: Double
    }

    /// - Parameters:
    ///   - terms: the values that there are, at least one.
    ///   - missing: weight of those that there should be and are not; their share goes to the others.
    func combined(_ terms: [Term], missing: Double = 0) throws(VerifierFailure) -> Double {
        let present = terms.reduce(0) { $0 + abs($1.weight) }
        let raise = missing > 0 && present > 0 ? (present + missing) / present : 1
        let value: Double
        switch self {
        case .sum, .normalizeEachThenSum: value = terms.reduce(0) { $0 + $1.weight * raise * $1.value }
        case .product: value = terms.reduce(1) { $0 * Self.power($1.value, $1.weight * raise) }
        case .min: value = terms.reduce(.infinity) { Swift.min($0, $1.value) }
        case .formula(let body):
            value = try body(Dictionary(terms.map { ($0.id, $0.value) }) { first, _ in first })
        }
        guard value.isFinite else {
            let said = terms.map { "\($0.id) \($0.value)" }.joined(separator: ", ")
            throw VerifierFailure(.invalidValue, "together the values give \(value): \(said)")
        }
        return value
    }

    /// What is known before all have spoken. A formula needs all of them, so their weighted sum stands for it.
    func partial(_ terms: [Term]) -> Double {
        switch self {
        case .formula: terms.reduce(0) { $0 + $1.weight * $1.value }
        default: (try? combined(terms)) ?? 0
        }
    }

    /// `base` ^ `exponent`; the exponents that recipes write need no rounding errors.
    private static func power(_ base: Double, _ exponent: Double) -> Double {
        switch exponent {
        case 0: 1
        case 1: base
        default: pow(base, exponent)
        }
    }
}
