/// A fraction of whole numbers, in lowest terms, with a positive denominator. Nothing is ever rounded: what does not
/// fit is `nil`.
struct Rational: Hashable {
    let numerator: Int
    let denominator: Int

    init(_ number: Int) {
        numerator = number
        denominator = 1
    }

    /// `nil` when the denominator is 0 or the fraction does not fit.
    init?(_ numerator: Int, over denominator: Int) {
        guard denominator != 0, denominator != .min, numerator != .min else { return nil }
        var (larger, smaller) = (abs(numerator), abs(denominator))
        while smaller != 0 { (larger, smaller) = (smaller, larger % smaller) }
        let sign = denominator < 0 ? -1 : 1
        self.numerator = sign * numerator / larger
        self.denominator = sign * denominator / larger
    }

    static func + (first: Rational, second: Rational) -> Rational? {
        guard let left = product(first.numerator, second.denominator),
            let right = product(second.numerator, first.denominator),
            let denominator = product(first.denominator, second.denominator)
        else { return nil }
        let (sum, overflows) = left.addingReportingOverflow(right)
        return overflows ? nil : Rational(sum, over: denominator)
    }

    static func - (first: Rational, second: Rational) -> Rational? {
        // A numerator is never Int.min, so its negative fits.
        Rational(-second.numerator, over: second.denominator).flatMap { first + $0 }
    }

    static func * (first: Rational, second: Rational) -> Rational? {
        guard let numerator = product(first.numerator, second.numerator),
            let denominator = product(first.denominator, second.denominator)
        else { return nil }
        return Rational(numerator, over: denominator)
    }

    static func / (first: Rational, second: Rational) -> Rational? {
        guard let numerator = product(first.numerator, second.denominator),
            let denominator = product(first.denominator, second.numerator)
        else { return nil }
        return Rational(numerator, over: denominator)
    }

    private static func product(_ first: Int, _ second: Int) -> Int? {
        let (product, overflows) = first.multipliedReportingOverflow(by: second)
        return overflows ? nil : product
    }
}
