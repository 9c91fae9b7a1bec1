import Foundation

/// McNemar's test of paired outcomes: of the pairs that differ, do as many go one way as the other?
///
/// McNemar, "Note on the sampling error of the difference between correlated proportions", 1947; the mid-p value as
/// Fagerland, Lydersen and Laake recommend it ("The McNemar test for binary matched-pairs data", 2013).
public struct McNemar: Sendable, Hashable {
    /// Pairs in which only the first succeeded.
    public let gains: Int
    /// Pairs in which only the second succeeded.
    public let losses: Int

    /// A test.
    ///
    /// - Precondition: neither number is negative.
    public init(gains: Int, losses: Int) {
        precondition(gains >= 0 && losses >= 0, "\(gains) gains and \(losses) losses")
        self.gains = gains
        self.losses = losses
    }

    /// The chance of so many gains or more when gains and losses are equally likely; 1 when no pair differs.
    public var gainExact: Double { BinomialDistribution.atLeast(gains, trials: gains + losses, share: 0.5) }

    /// The chance of so many losses or more when gains and losses are equally likely; 1 when no pair differs.
    public var lossExact: Double { McNemar(gains: losses, losses: gains).gainExact }

    /// As `gainExact`, with the outcome itself counted by half: nearer to the level, and no longer surely below it.
    public var gainMid: Double {
        gainExact - BinomialDistribution.mass(gains, trials: gains + losses, share: 0.5) / 2
    }

    /// The exact two-sided p-value.
    public var twoSidedExact: Double { min(1, 2 * min(gainExact, lossExact)) }

    /// The two-sided mid-p value.
    public var twoSidedMid: Double { min(1, 2 * min(gainMid, McNemar(gains: losses, losses: gains).gainMid)) }
}
