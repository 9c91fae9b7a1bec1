import Foundation

/// The normal distribution with mean 0 and deviation 1.
public enum NormalDistribution {
    /// The share at or below `x`.
    public static func cumulative(_ x: Double) -> Double { erfc(-x / 2.0.squareRoot()) / 2 }

    /// The share above `x`, right to the last digits far out, where `1 - cumulative(x)` has none left.
    public static func upperTail(_ x: Double) -> Double { erfc(x / 2.0.squareRoot()) / 2 }

    /// The density at `x`.
    public static func density(_ x: Double) -> Double { exp(-x * x / 2) / (2 * Double.pi).squareRoot() }

    /// The place above which `tail` of the distribution lies.
    ///
    /// The rational approximation 26.2.23 of Abramowitz and Stegun (1964), mended by Halley's steps.
    ///
    /// - Parameter tail: a share in [0, 1]; the ends give infinities.
    public static func deviations(upperTail tail: Double) -> Double {
        guard tail > 0 else { return tail == 0 ? .infinity : .nan }
        guard tail < 1 else { return tail == 1 ? -.infinity : .nan }
        guard tail <= 0.5 else { return -deviations(upperTail: 1 - tail) }
        let t = (-2 * log(tail)).squareRoot()
        var x =
            t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
        for _ in 0..<4 {
            let density = density(x)
            guard density > 0 else { break }
            let step = (upperTail(x) - tail) / density
            x += step / (1 + x * step / 2)
        }
        return x
    }
}
