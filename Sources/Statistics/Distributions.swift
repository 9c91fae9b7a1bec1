import Foundation

/// Student's distribution of a mean divided by its estimated error.
public enum StudentDistribution {
    /// The share above `t`.
    ///
    /// - Parameter freedom: degrees of freedom, above 0.
    public static func upperTail(_ t: Double, freedom: Double) -> Double {
        guard !t.isNaN, freedom > 0 else { return .nan }
        guard t.isFinite else { return t > 0 ? 0 : 1 }
        let square = t * t
        // I_{v/(v+t²)}(v/2, 1/2) / 2, from the end where the argument keeps its digits.
        let tail =
            square < 1
            ? 0.5 - SpecialFunctions.regularizedBeta(square / (freedom + square), 0.5, freedom / 2) / 2
            : SpecialFunctions.regularizedBeta(freedom / (freedom + square), freedom / 2, 0.5) / 2
        return t >= 0 ? tail : 1 - tail
    }

    /// The place above which `tail` of the distribution lies; the ends of [0, 1] give infinities.
    public static func deviations(upperTail tail: Double, freedom: Double) -> Double {
        guard tail > 0, tail < 1, freedom > 0 else { return tail == 0 ? .infinity : tail == 1 ? -.infinity : .nan }
        guard tail <= 0.5 else { return -deviations(upperTail: 1 - tail, freedom: freedom) }
        var high = 2.0
        while upperTail(high, freedom: freedom) > tail, high < 1e300 { high *= 2 }
        return SpecialFunctions.root(from: 0, to: high) { upperTail($0, freedom: freedom) - tail }
    }
}

/// The distribution of a sum of squares of normal numbers.
public enum ChiSquaredDistribution {
    /// The share above `x`.
    ///
    /// - Parameter freedom: degrees of freedom, above 0.
    public static func upperTail(_ x: Double, freedom: Double) -> Double {
        x <= 0 ? 1 : SpecialFunctions.regularizedUpperGamma(freedom / 2, x / 2)
    }
}

/// The distribution of successes in independent trials.
public enum BinomialDistribution {
    /// The chance of exactly `successes`.
    ///
    /// - Precondition: `trials` is not negative.
    public static func mass(_ successes: Int, trials: Int, share: Double) -> Double {
        precondition(trials >= 0, "\(trials) trials")
        guard 0...trials ~= successes else { return 0 }
        guard share > 0 else { return successes == 0 ? 1 : 0 }
        guard share < 1 else { return successes == trials ? 1 : 0 }
        return exp(
            SpecialFunctions.logChoices(trials, successes) + Double(successes) * log(share)
                + Double(trials - successes) * log1p(-share))
    }

    /// The chance of `successes` or more.
    public static func atLeast(_ successes: Int, trials: Int, share: Double) -> Double {
        precondition(trials >= 0, "\(trials) trials")
        guard successes > 0 else { return 1 }
        guard successes <= trials else { return 0 }
        return SpecialFunctions.regularizedBeta(
            min(1, max(0, share)), Double(successes), Double(trials - successes + 1))
    }

    /// The chance of `successes` or fewer.
    public static func atMost(_ successes: Int, trials: Int, share: Double) -> Double {
        atLeast(trials - successes, trials: trials, share: 1 - share)
    }

    /// The exact lower bound of a share (Clopper and Pearson, 1934): below it, so many successes had at most `level`
    /// of a chance.
    public static func lowerBound(successes: Int, trials: Int, level: Double) -> Double {
        guard successes > 0, trials > 0 else { return 0 }
        return SpecialFunctions.root(from: 0, to: 1) { level - atLeast(successes, trials: trials, share: $0) }
    }

    /// The exact upper bound of a share (Clopper and Pearson, 1934).
    public static func upperBound(successes: Int, trials: Int, level: Double) -> Double {
        guard successes < trials else { return 1 }
        return 1 - lowerBound(successes: trials - successes, trials: trials, level: level)
    }
}
