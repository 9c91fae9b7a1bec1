import Foundation

/// Bounds and one-sided p-values of the difference of a quantile, such as a p95, between two models on the same rows.
///
/// Percentiles of resamples of the rows. Far out a quantile rests on a few rows and no resample goes beyond them, so
/// nothing is claimed with fewer than five rows expected on its thin side.
public struct QuantileBootstrap: Sendable {
    /// Rows expected beyond a quantile before anything is claimed of it.
    private static let fewest = 5.0

    /// Rows.
    public let pairs: Int
    /// The difference, or the change as a share of the baseline's value.
    public let estimate: Double
    /// Rows from which on something is claimed.
    public let rowsNeeded: Int
    /// Whether there are enough.
    public var isJudged: Bool { pairs >= rowsNeeded && estimate.isFinite }
    private let contrasts: [Double]
    private let resamples: Int

    /// Draws the rows again.
    ///
    /// - Parameters:
    ///   - candidate: the candidate's values, one a row.
    ///   - baseline: the baseline's values of the same rows.
    ///   - share: the share of rows below the quantile, in (0, 1).
    ///   - isShare: whether the change is stated as a share of the baseline's value.
    ///   - resamples: how often the rows are drawn.
    ///   - seed: what the draws are keyed by.
    /// - Precondition: both lists have the same length, and there is a resample.
    public init(
        candidate: [Double], baseline: [Double], share: Double, isShare: Bool, resamples: Int = 10_000, seed: UInt64 = 0
    ) {
        precondition(candidate.count == baseline.count, "\(candidate.count) values and \(baseline.count)")
        precondition(resamples > 0, "\(resamples) resamples")
        pairs = candidate.count
        self.resamples = resamples
        let thin = min(share, 1 - share)
        rowsNeeded = thin > 0 ? Int(exactly: (Self.fewest / thin - 1e-9).rounded(.up)) ?? .max : .max
        func contrast(_ first: Double, _ second: Double) -> Double {
            isShare ? (second > 0 ? first / second - 1 : .nan) : first - second
        }
        estimate = contrast(Self.quantile(candidate.sorted(), share), Self.quantile(baseline.sorted(), share))
        guard pairs >= rowsNeeded, estimate.isFinite else {
            contrasts = []
            return
        }
        let orders = [candidate, baseline].map { values in values.indices.sorted { values[$0] < values[$1] } }
        var counts = [Int](repeating: 0, count: pairs)
        var drawn: [Double] = []
        drawn.reserveCapacity(resamples)
        let rank = Self.rank(share, pairs)
        for number in 0..<resamples {
            var random = CounterRandom(seed, 0x7175_616E, UInt64(number))
            for index in counts.indices { counts[index] = 0 }
            for _ in 0..<pairs { counts[random.below(pairs)] += 1 }
            func value(_ order: [Int], _ values: [Double]) -> Double {
                var passed = 0
                for index in order {
                    passed += counts[index]
                    if passed > rank { return values[index] }
                }
                return .nan
            }
            drawn.append(contrast(value(orders[0], candidate), value(orders[1], baseline)))
        }
        contrasts = drawn.filter { !$0.isNaN }.sorted()
    }

    /// The value at or below which a share of rising values lies; `nan` for none.
    public static func quantile(_ rising: [Double], _ share: Double) -> Double {
        rising.isEmpty ? .nan : rising[rank(share, rising.count)]
    }

    private static func rank(_ share: Double, _ count: Int) -> Int {
        let place = Int(exactly: (max(0, min(1, share)) * Double(count) - 1e-9).rounded(.up)) ?? count
        return max(0, min(count - 1, place - 1))
    }

    /// The chance to see such a difference or a larger one if the true one is `threshold` or less.
    public func pValue(above threshold: Double) -> Double {
        guard isJudged else { return 1 }
        return Double(1 + contrasts.count { $0 <= threshold } + resamples - contrasts.count) / Double(resamples + 1)
    }

    /// The chance to see such a difference or a smaller one if the true one is `threshold` or more.
    public func pValue(below threshold: Double) -> Double {
        guard isJudged else { return 1 }
        return Double(1 + contrasts.count { $0 >= threshold } + resamples - contrasts.count) / Double(resamples + 1)
    }

    /// The difference that the true one surpasses with confidence 1 - `level`; minus infinity if the rows cannot tell.
    public func lowerBound(level: Double) -> Double {
        let rank = Int(min(1, max(0, level)) * Double(resamples + 1)) - (resamples - contrasts.count)
        return isJudged && rank >= 1 && rank <= contrasts.count ? contrasts[rank - 1] : -.infinity
    }

    /// The difference that the true one stays below with confidence 1 - `level`; infinity if the rows cannot tell.
    public func upperBound(level: Double) -> Double {
        let rank = Int(min(1, max(0, level)) * Double(resamples + 1)) - (resamples - contrasts.count)
        return isJudged && rank >= 1 && rank <= contrasts.count ? contrasts[contrasts.count - rank] : .infinity
    }
}
