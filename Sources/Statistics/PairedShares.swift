import Foundation

/// What two raters of pass and fail made of the same rows, and what that says of the difference of their shares.
///
/// The score statistic of Tango ("Equivalence test and confidence interval for the difference in proportions for the
/// paired-sample design", 1998): the difference is compared with the error it would have if the hypothesis held. So it
/// keeps a width where all pairs are equal, as no estimate of the error from the pairs does.
public struct PairedShares: Sendable, Hashable {
    /// Rows.
    public let pairs: Int
    /// Rows in which only the first passed.
    public let gains: Int
    /// Rows in which only the second passed.
    public let losses: Int

    /// Counts.
    ///
    /// - Precondition: none is negative, and no more pairs differ than there are.
    public init(pairs: Int, gains: Int, losses: Int) {
        precondition(gains >= 0 && losses >= 0 && gains + losses <= pairs, "\(gains) + \(losses) of \(pairs) pairs")
        self.pairs = pairs
        self.gains = gains
        self.losses = losses
    }

    /// The first share less the second.
    public var difference: Double { pairs > 0 ? Double(gains - losses) / Double(pairs) : 0 }

    /// The same with the two raters changed over.
    public var swapped: PairedShares { PairedShares(pairs: pairs, gains: losses, losses: gains) }

    /// How many of its errors the difference lies above `threshold`, in (-1, 1).
    public func score(_ threshold: Double) -> Double {
        let n = Double(pairs)
        let distance = Double(gains) - Double(losses) - n * threshold
        let deviation = Self.deviation(
            gains: pairs > 0 ? Double(gains) / n : 0, losses: pairs > 0 ? Double(losses) / n : 0, threshold: threshold)
        guard deviation > 0 else { return distance == 0 || pairs == 0 ? 0 : distance > 0 ? .infinity : -.infinity }
        return distance / (n.squareRoot() * deviation)
    }

    /// The deviation of one pair's difference under the hypothesis that the shares differ by `threshold`, from the shares
    /// of gains and losses that were seen.
    static func deviation(gains: Double, losses: Double, threshold: Double) -> Double {
        // The likeliest share of losses under the hypothesis is a root of 2 q² + linear q + constant.
        let linear = -(gains + losses) + (2 - gains + losses) * threshold
        let constant = -losses * threshold * (1 - threshold)
        let root = ((linear * linear - 8 * constant).squareRoot() - linear) / 4
        return max(0, 2 * max(0, -threshold, root) + threshold * (1 - threshold)).squareRoot()
    }

    /// The chance to see so large a difference or a larger one if the true one is `threshold`.
    ///
    /// No difference lies below -1 or above 1, so thresholds out there give 0 and 1.
    public func pValue(above threshold: Double) -> Double {
        guard pairs > 0, threshold < 1 else { return 1 }
        guard threshold > -1 else { return threshold < -1 ? 0 : 1 }
        return NormalDistribution.upperTail(score(threshold))
    }

    /// The chance to see so small a difference or a smaller one if the true one is `threshold`.
    public func pValue(below threshold: Double) -> Double { swapped.pValue(above: -threshold) }

    /// The difference that is surpassed with confidence 1 - `level`.
    public func lowerBound(level: Double) -> Double {
        guard pairs > 0 else { return -1 }
        let deviations = NormalDistribution.deviations(upperTail: level)
        return SpecialFunctions.root(from: -1, to: 1) { score($0) - deviations }
    }

    /// The difference that is not reached with confidence 1 - `level`.
    public func upperBound(level: Double) -> Double { -swapped.lowerBound(level: level) }
}
