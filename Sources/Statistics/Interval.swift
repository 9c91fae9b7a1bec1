/// Bounds that hold the true share with a given confidence.
public struct Interval: Sendable, Hashable {
    /// The bounds, in [0, 1].
    public var lower, upper: Double

    /// - Parameters:
    ///   - lower: the lower bound.
    ///   - upper: the upper bound.
    public init(lower: Double, upper: Double) {
        self.lower = lower
        self.upper = upper
    }

    /// The score interval of a share (Wilson, "Probable inference", 1927), which stays within [0, 1] and is
    /// right for few trials and for shares near the ends.
    ///
    /// - Parameters:
    ///   - successes: trials that succeeded, 0 ... `trials`; may be a sum of scores in [0, 1].
    ///   - trials: all trials; with none the interval is all of [0, 1].
    ///   - deviations: standard deviations on either side; the default is for 95 %.
    public static func wilson(successes: Double, trials: Int, deviations: Double = 1.959963984540054) -> Interval {
        guard trials > 0 else { return Interval(lower: 0, upper: 1) }
        let n = Double(trials)
        let share = successes / n
        let square = deviations * deviations
        let centre = (share + square / (2 * n)) / (1 + square / n)
        let half =
            deviations / (1 + square / n) * (share * (1 - share) / n + square / (4 * n * n)).squareRoot()
        return Interval(lower: max(0, centre - half), upper: min(1, centre + half))
    }
}
