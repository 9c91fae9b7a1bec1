public import Foundation

/// An amount of money as an exact decimal number of the currency's unit, so that no cent is lost to rounding.
public struct Money: Sendable, Hashable, Comparable {
    /// The amount.
    public let amount: Decimal

    /// The largest amount that is read, in either direction.
    public static let limit: Decimal = 1_000_000_000_000
    /// Nothing.
    public static let zero = Money(0)

    /// An amount.
    public init(_ amount: Decimal) { self.amount = amount }

    /// What a text such as `0.005`, `$1,200` or `12.50` says; `nil` for anything else and for more than `limit`.
    public init?(_ text: String) {
        var digits = text.filter { $0 != " " && $0 != "," && $0 != "_" }
        if let first = digits.first, "$€£".contains(first) { digits.removeFirst() }
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard !digits.isEmpty, parts.count <= 2, digits.count <= 24,
            parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCII && $0.isNumber } }),
            parts.count == 1 || parts[1].count <= 9, let amount = Decimal(string: digits), amount <= Self.limit
        else { return nil }
        self.amount = amount
    }

    /// The decimal number that `value` is the nearest to, as it was written; `nil` for one that is no amount.
    public init?(written value: Double) {
        guard value.isFinite, abs(value) <= 1e12, value == 0 || abs(value) >= 1e-9,
            let amount = Decimal(string: "\(value)")
        else { return nil }
        self.amount = amount
    }

    public static func < (left: Money, right: Money) -> Bool { left.amount < right.amount }
    /// The sum.
    public static func + (left: Money, right: Money) -> Money { Money(left.amount + right.amount) }
    /// The difference.
    public static func - (left: Money, right: Money) -> Money { Money(left.amount - right.amount) }
    /// So many times the amount.
    public static func * (left: Money, count: Int) -> Money { Money(left.amount * Decimal(count)) }
    /// So many times the amount.
    public static func * (left: Money, factor: Decimal) -> Money { Money(left.amount * factor) }

    /// The amount as a binary number, for drawings and JSON.
    public var double: Double { NSDecimalNumber(decimal: amount).doubleValue }

    /// The amount as people write it: `$18,250`, `$0.0003`, `-$12.50`.
    ///
    /// From a hundred on it is rounded to whole units, from one on to hundredths; below, every digit up to the ninth is
    /// kept.
    public func text(_ currency: String = "$") -> String {
        let size = amount.magnitude
        let places = size >= 100 ? 0 : size >= 1 ? 2 : 9
        let rounded = size.rounded(places)
        var parts = "\(rounded)".split(separator: ".").map(String.init)
        if parts.count == 2, parts[1].count == 1 { parts[1] += "0" }
        let sign = amount < 0 && rounded > 0 ? "-" : ""
        return sign + currency + ([Self.grouped(parts[0])] + parts.dropFirst()).joined(separator: ".")
    }

    /// The amount in two or three digits: `$18K`, `$1.1K`, `$2.4M`.
    public func short(_ currency: String = "$") -> String {
        let size = amount.magnitude
        let units: [(Decimal, String)] = [(1_000_000_000, "B"), (1_000_000, "M"), (1000, "K")]
        guard let (unit, name) = units.first(where: { size >= $0.0 }) else { return text(currency) }
        let value = size / unit
        return "\(amount < 0 ? "-" : "")\(currency)\(value.rounded(value >= 10 ? 0 : 1))\(name)"
    }

    private static func grouped(_ digits: String) -> String {
        var rest = digits
        var groups: [Substring] = []
        while rest.count > 3 {
            groups.insert(rest.suffix(3), at: 0)
            rest = String(rest.dropLast(3))
        }
        return ([rest[...]] + groups).joined(separator: ",")
    }
}

extension Decimal {
    /// The number rounded to so many places behind the point, halves away from zero.
    func rounded(_ places: Int, _ mode: NSDecimalNumber.RoundingMode = .plain) -> Decimal {
        var value = self
        var result = Decimal()
        NSDecimalRound(&result, &value, places, mode)
        return result
    }

    /// The whole number at or above this one; `nil` where it is none or too large.
    var roundedUp: Int? {
        guard !isNaN, magnitude < 1_000_000_000_000_000 else { return nil }
        return NSDecimalNumber(decimal: rounded(0, .up)).intValue
    }
}
