import Foundation

/// What a test found.
public struct TestResult: Sendable, Hashable {
    /// The statistic, as the test names it.
    public let statistic: Double
    /// The chance of such a statistic or a more extreme one if there is no difference.
    public let pValue: Double

    /// A result.
    public init(statistic: Double, pValue: Double) {
        self.statistic = statistic
        self.pValue = pValue
    }
}

/// Tests of whether two samples are drawn from one distribution.
public enum TwoSample {
    /// The two-sample test of Kolmogorov and Smirnov; its statistic is the largest distance of the two shares at or
    /// below a value.
    ///
    /// The p-value is exact up to 4 million pairs of values (Hodges, "The significance probability of the Smirnov
    /// two-sample test", 1958), above it is the limit with Stephens's correction (1970). Ties only make it larger.
    ///
    /// - Returns: statistic 0 and p-value 1 when a sample is empty. What is no number is left out.
    public static func kolmogorovSmirnov(_ first: [Double], _ second: [Double]) -> TestResult {
        let a = first.filter { !$0.isNaN }.sorted()
        let b = second.filter { !$0.isNaN }.sorted()
        guard !a.isEmpty, !b.isEmpty else { return TestResult(statistic: 0, pValue: 1) }
        // In units of 1 / (a.count * b.count), so that equal distances are equal.
        var (i, j, largest) = (0, 0, 0)
        while i < a.count, j < b.count {
            let value = min(a[i], b[j])
            while i < a.count, a[i] <= value { i += 1 }
            while j < b.count, b[j] <= value { j += 1 }
            largest = max(largest, abs(i * b.count - j * a.count))
        }
        let statistic = Double(largest) / (Double(a.count) * Double(b.count))
        let pValue =
            a.count * b.count <= 4_000_000
            ? smirnovExact(a.count, b.count, largest) : smirnovLimit(a.count, b.count, statistic)
        return TestResult(statistic: statistic, pValue: pValue)
    }

    /// The share of all orders of the two samples in which the distance reaches `limit`, walked as paths on a grid.
    private static func smirnovExact(_ m: Int, _ n: Int, _ limit: Int) -> Double {
        guard limit > 0 else { return 1 }
        // inside[j]: the chance to stand at (i, j) without having reached the limit; what reaches it is summed apart,
        // so that small p-values keep their digits.
        var inside = [Double](repeating: 0, count: n + 1)
        inside[0] = 1
        var reached = 0.0
        for i in 0...m {
            for j in 0...n where i + j > 0 {
                let left = Double(m + n - (i + j - 1))
                var chance = 0.0
                if i > 0 { chance += inside[j] * Double(m - i + 1) / left }
                if j > 0 { chance += inside[j - 1] * Double(n - j + 1) / left }
                if abs(i * n - j * m) >= limit {
                    reached += chance
                    chance = 0
                }
                inside[j] = chance
            }
        }
        return min(1, reached)
    }

    private static func smirnovLimit(_ m: Int, _ n: Int, _ statistic: Double) -> Double {
        let root = (Double(m) * Double(n) / Double(m + n)).squareRoot()
        let x = (root + 0.12 + 0.11 / root) * statistic
        guard x > 0.2 else { return 1 }
        var sum = 0.0
        for term in 1...100 {
            let k = Double(term)
            let part = exp(-2 * k * k * x * x)
            sum += term & 1 == 1 ? part : -part
            if part < 1e-18 { break }
        }
        return min(1, max(0, 2 * sum))
    }

    /// The chi-squared test of whether two lists of counts, one a class, come from the same shares (Pearson, 1900).
    ///
    /// Where an expected count is below 5 the limit is not to be trusted: then the p-value is that of `resamples`
    /// divisions at random of the pooled items.
    ///
    /// - Parameters:
    ///   - first: how often each class came up in the first sample.
    ///   - second: the same in the second.
    ///   - resamples: random divisions, where they are needed.
    ///   - seed: what they are keyed by.
    /// - Returns: statistic 0 and p-value 1 when a sample is empty or has one class only.
    /// - Precondition: both lists have the same length and no negative number.
    public static func chiSquared(_ first: [Int], _ second: [Int], resamples: Int = 2_000, seed: UInt64 = 0)
        -> TestResult
    {
        precondition(first.count == second.count, "counts of \(first.count) and \(second.count) classes")
        precondition((first + second).allSatisfy { $0 >= 0 }, "a count is negative")
        let kept = first.indices.filter { first[$0] + second[$0] > 0 }
        let totals = kept.map { first[$0] + second[$0] }
        let size = kept.reduce(0) { $0 + first[$1] }
        let all = totals.reduce(0, +)
        guard kept.count > 1, size > 0, size < all else { return TestResult(statistic: 0, pValue: 1) }
        let share = Double(size) / Double(all)
        let statistic = pearson(kept.map { first[$0] }, totals, share)
        let isSparse = totals.contains { Double($0) * min(share, 1 - share) < 5 }
        guard isSparse, resamples > 0 else {
            return TestResult(
                statistic: statistic,
                pValue: ChiSquaredDistribution.upperTail(statistic, freedom: Double(kept.count - 1)))
        }
        var items = totals.enumerated().flatMap { [Int](repeating: $0.offset, count: $0.element) }
        var reached = 0
        var counts = [Int](repeating: 0, count: kept.count)
        for number in 0..<resamples {
            shuffle(&items, first: size, CounterRandom(seed, 0x6368_6932, UInt64(number)))
            for index in counts.indices { counts[index] = 0 }
            for item in items[..<size] { counts[item] += 1 }
            if pearson(counts, totals, share) >= statistic * (1 - 1e-12) { reached += 1 }
        }
        return TestResult(statistic: statistic, pValue: Double(1 + reached) / Double(1 + resamples))
    }

    private static func pearson(_ counts: [Int], _ totals: [Int], _ share: Double) -> Double {
        var sum = 0.0
        for (count, total) in zip(counts, totals) {
            let distance = Double(count) - Double(total) * share
            sum += distance * distance / (Double(total) * share * (1 - share))
        }
        return sum
    }

    /// Brings a random choice of elements, in random order, to the front.
    private static func shuffle<Element>(_ items: inout [Element], first count: Int, _ random: CounterRandom) {
        var random = random
        items.withUnsafeMutableBufferPointer { items in
            for index in 0..<count { items.swapAt(index, index + random.below(items.count - index)) }
        }
    }

    /// What a permutation test compares.
    public enum Score: Sendable, Hashable {
        /// The mean of the first less that of the second.
        case mean
        /// The chance that a value of the first is above one of the second, ties by half, less a half: what separates
        /// them whatever the scale, as the area under a classifier's curve.
        case ranks
    }

    /// Whether values of the first sample are larger than those of the second: a permutation test, valid for any
    /// distribution and size (Phipson and Smyth, 2010, for why it is never 0).
    ///
    /// - Parameters:
    ///   - first: values, such as a classifier's scores of new rows.
    ///   - second: values of old rows.
    ///   - score: what is compared.
    ///   - twoSided: whether smaller counts as well as larger.
    ///   - resamples: how often the values are divided at random.
    ///   - seed: what the divisions are keyed by.
    /// - Returns: statistic 0 and p-value 1 when a sample is empty.
    public static func permutation(
        _ first: [Double], _ second: [Double], score: Score = .mean, twoSided: Bool = false, resamples: Int = 2_000,
        seed: UInt64 = 0
    ) -> TestResult {
        guard !first.isEmpty, !second.isEmpty else { return TestResult(statistic: 0, pValue: 1) }
        var values = first + second
        if score == .ranks { values = EffectSize.middleRanks(values) }
        let (m, n) = (Double(first.count), Double(second.count))
        let total = values.reduce(0, +)
        func statistic(_ sum: Double) -> Double {
            switch score {
            case .mean: sum / m - (total - sum) / n
            case .ranks: (sum - m * (m + 1) / 2) / (m * n) - 0.5
            }
        }
        let seen = statistic(values[..<first.count].reduce(0, +))
        let tie = seen.magnitude * 1e-12 + 1e-300
        var reached = 0
        for number in 0..<resamples {
            shuffle(&values, first: first.count, CounterRandom(seed, 0x7065_726D, UInt64(number)))
            let drawn = statistic(values[..<first.count].reduce(0, +))
            if twoSided ? abs(drawn) >= abs(seen) - tie : drawn >= seen - tie { reached += 1 }
        }
        return TestResult(statistic: seen, pValue: Double(1 + reached) / Double(1 + resamples))
    }
}
