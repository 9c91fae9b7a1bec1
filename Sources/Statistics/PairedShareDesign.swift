import Foundation

/// How many rows a comparison of pass and fail on the same rows needs, and what so many can show.
public struct PairedShareDesign: Sendable, Hashable {
    /// The difference of the shares that is expected, such as 0.05 for five points.
    public var gain: Double
    /// The share of rows in which the two differ, `abs(gain)` ... 1: the more they agree, the fewer rows are needed.
    public var discordance: Double

    /// A design.
    ///
    /// - Precondition: `abs(gain) <= discordance <= 1`.
    public init(gain: Double, discordance: Double) {
        precondition(
            abs(gain) <= discordance && discordance <= 1, "a gain of \(gain) of \(discordance) discordant rows")
        self.gain = gain
        self.discordance = discordance
    }

    /// The design for two shares whose outcomes correlate (phi coefficient); the correlation is cut to what the shares
    /// allow.
    ///
    /// - Precondition: both shares are in [0, 1].
    public init(candidate: Double, baseline: Double, correlation: Double) {
        precondition(0...1 ~= candidate && 0...1 ~= baseline, "shares of \(candidate) and \(baseline)")
        let spread = (candidate * (1 - candidate) * baseline * (1 - baseline)).squareRoot()
        let both = max(
            candidate + baseline - 1, 0, min(candidate, baseline, candidate * baseline + correlation * spread))
        self.init(
            gain: candidate - baseline,
            discordance: max(abs(candidate - baseline), min(1, candidate + baseline - 2 * both)))
    }

    private var deviation: Double { max(0, discordance - gain * gain).squareRoot() }

    private func nullDeviation(_ threshold: Double) -> Double {
        PairedShares.deviation(
            gains: (discordance + gain) / 2, losses: (discordance - gain) / 2, threshold: threshold)
    }

    /// The chance that so many rows show a gain above `threshold`, by the normal limit of the score test
    /// (for threshold 0 that of Connor, "Sample size for testing differences in proportions for the paired-sample
    /// design", 1987).
    public func power(pairs: Int, level: Double = 0.05, threshold: Double = 0) -> Double {
        guard pairs > 0 else { return 0 }
        let distance = Double(pairs).squareRoot() * (gain - threshold)
        let needed = NormalDistribution.deviations(upperTail: level) * nullDeviation(threshold)
        guard deviation > 0 else { return distance > needed ? 1 : 0 }
        return NormalDistribution.cumulative((distance - needed) / deviation)
    }

    /// The rows that show a gain above `threshold` with chance `power`; `nil` when the gain is not above it.
    public func pairs(power: Double = 0.8, level: Double = 0.05, threshold: Double = 0) -> Int? {
        guard gain > threshold else { return nil }
        let needed =
            NormalDistribution.deviations(upperTail: level) * nullDeviation(threshold)
            + NormalDistribution.deviations(upperTail: 1 - power) * deviation
        let rows = max(1, (needed / (gain - threshold)) * (needed / (gain - threshold)))
        return Int(exactly: rows.rounded(.up))
    }

    /// The chance that so many rows show a gain above 0 by McNemar's exact test, summed over every outcome.
    public func exactPower(pairs: Int, level: Double = 0.05) -> Double {
        var sum = 0.0
        let gainShare = discordance > 0 ? (discordance + gain) / (2 * discordance) : 0
        for differing in 0...max(0, pairs) {
            let chance = BinomialDistribution.mass(differing, trials: max(0, pairs), share: discordance)
            guard chance > 1e-15 else { continue }
            // The fewest gains that are significant among so many differing pairs.
            var (low, high) = (0, differing + 1)
            while low < high {
                let middle = (low + high) / 2
                if BinomialDistribution.atLeast(middle, trials: differing, share: 0.5) <= level {
                    high = middle
                } else {
                    low = middle + 1
                }
            }
            sum += chance * BinomialDistribution.atLeast(low, trials: differing, share: gainShare)
        }
        return min(1, sum)
    }
}

/// How many rows the mean of differences needs.
public enum MeanDesign {
    /// The rows that show a mean above `threshold` with chance `power`, by the normal limit; `nil` when the mean is not
    /// above it.
    ///
    /// - Parameter deviation: of one row's difference.
    public static func pairs(
        mean: Double, deviation: Double, threshold: Double = 0, power: Double = 0.8, level: Double = 0.05
    ) -> Int? {
        guard mean > threshold else { return nil }
        let needed =
            NormalDistribution.deviations(upperTail: level) + NormalDistribution.deviations(upperTail: 1 - power)
        let root = needed * deviation / (mean - threshold)
        return Int(exactly: max(2, (root * root).rounded(.up)))
    }
}
