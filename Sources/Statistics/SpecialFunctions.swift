import Foundation

/// The functions that distributions are made of.
public enum SpecialFunctions {
    /// The logarithm of the gamma function, for x > 0 (`nan` for others).
    ///
    /// Stirling's series with six terms (Abramowitz and Stegun 6.1.41), after the recurrence has brought x above 10.
    public static func logGamma(_ x: Double) -> Double {
        guard x > 0 else { return .nan }
        guard x < 1e300 else { return .infinity }
        var product = 1.0
        var shifted = x
        while shifted < 10 {
            product *= shifted
            shifted += 1
        }
        let inverse = 1 / shifted
        let square = inverse * inverse
        var series = 1.0 / 1188 - square * 691 / 360_360
        for coefficient in [-1.0 / 1680, 1.0 / 1260, -1.0 / 360, 1.0 / 12] { series = coefficient + square * series }
        return (shifted - 0.5) * log(shifted) - shifted + log(2 * Double.pi) / 2 + series * inverse - log(product)
    }

    /// The logarithm of the number of ways to choose `chosen` of `count`.
    ///
    /// - Precondition: `0 <= chosen <= count`.
    public static func logChoices(_ count: Int, _ chosen: Int) -> Double {
        precondition(0...count ~= chosen, "choices of \(chosen) among \(count)")
        return logGamma(Double(count) + 1) - logGamma(Double(chosen) + 1) - logGamma(Double(count - chosen) + 1)
    }

    /// The regularised incomplete beta function I_x(a, b), for a, b > 0 and x in [0, 1].
    ///
    /// The continued fraction 26.5.8 of Abramowitz and Stegun, worked out by Lentz's method on the side of the mean
    /// where it converges fast.
    public static func regularizedBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        guard a > 0, b > 0, x >= 0, x <= 1 else { return .nan }
        guard x > 0 else { return 0 }
        guard x < 1 else { return 1 }
        let front = exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * log(x) + b * log1p(-x))
        return x < (a + 1) / (a + b + 2)
            ? front * betaFraction(x, a, b) / a : 1 - front * betaFraction(1 - x, b, a) / b
    }

    private static func betaFraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
        let tiny = 1e-300
        func away(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
        var c = 1.0
        var d = 1 / away(1 - (a + b) * x / (a + 1))
        var fraction = d
        for step in 1...100_000 {
            let m = Double(step)
            let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            d = 1 / away(1 + even * d)
            c = away(1 + even / c)
            fraction *= d * c
            let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            d = 1 / away(1 + odd * d)
            c = away(1 + odd / c)
            fraction *= d * c
            if abs(d * c - 1) < 1e-16 { break }
        }
        return fraction
    }

    /// The upper regularised incomplete gamma function Q(a, x), for a > 0 and x >= 0.
    ///
    /// The series 6.5.29 of Abramowitz and Stegun below a + 1, the continued fraction 6.5.31 above.
    public static func regularizedUpperGamma(_ a: Double, _ x: Double) -> Double {
        guard a > 0, x >= 0 else { return .nan }
        guard x > 0 else { return 1 }
        guard x.isFinite else { return 0 }
        let front = exp(a * log(x) - x - logGamma(a))
        if x < a + 1 {
            var term = 1 / a
            var sum = term
            for step in 1...100_000 {
                term *= x / (a + Double(step))
                sum += term
                if term < sum * 1e-17 { break }
            }
            return 1 - front * sum
        }
        var b = x + 1 - a
        var c = 1e300
        var d = 1 / b
        var fraction = d
        for step in 1...100_000 {
            let m = Double(step)
            let factor = m * (a - m)
            b += 2
            d = 1 / (b + factor * d)
            c = b + factor / c
            fraction *= d * c
            if abs(d * c - 1) < 1e-16 { break }
        }
        return front * fraction
    }

    /// Where a falling function meets zero between two places, by halving what is left of them.
    static func root(from low: Double, to high: Double, of falling: (Double) -> Double) -> Double {
        var (low, high) = (low, high)
        for _ in 0..<200 {
            let middle = (low + high) / 2
            guard low < middle, middle < high else { break }
            if falling(middle) > 0 { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }
}
