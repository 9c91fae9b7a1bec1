import Foundation

/// The mean of bounded values that come one by one, with bounds and p-values that hold at every moment at once: one may
/// look after each value and stop when one likes.
///
/// A hypothesis "the mean is at most m" is tested by betting against it: the capital, 1 at the start, is multiplied by
/// 1 + bet · (value - m), and if the hypothesis holds the chance that it ever reaches 1 / level is at most `level`
/// (Ville, 1939). The bounds are the means at which no capital has come so far (Waudby-Smith and Ramdas, "Estimating
/// means of bounded random variables by betting", 2024). What is bet is spread over ten sizes, each half of the one
/// before; the capital is their mean, and so within a factor of ten of the best of them without anything being estimated
/// (Robbins, "Statistical methods related to the law of the iterated logarithm", 1970, for mixtures). Nothing is assumed
/// but that the values lie in their range and that, given what came before, their mean does not change.
public struct ConfidenceSequence: Sendable {
    /// What a value may be.
    public let range: ClosedRange<Double>
    /// The chance that a bound is ever wrong, for each of the two.
    public let level: Double
    /// Values so far.
    public private(set) var count = 0
    private var sum = 0.0
    private var squares = 0.0
    private var watched: [(threshold: Double, above: BettingCapital, below: BettingCapital)]
    private var grid: BettingGrid

    /// Begins without values.
    ///
    /// - Parameters:
    ///   - range: what a value may be.
    ///   - level: the chance that a bound is ever wrong, for each of the two.
    ///   - thresholds: means that p-values are asked for, within the range.
    ///   - resolution: steps of the range in which bounds are told; 0 for none, which is faster.
    /// - Precondition: the range is not empty, and the level is in (0, 1).
    public init(range: ClosedRange<Double>, level: Double = 0.05, thresholds: [Double] = [], resolution: Int = 2_000) {
        precondition(range.lowerBound < range.upperBound && level > 0 && level < 1, "\(range), level \(level)")
        self.range = range
        self.level = level
        let width = range.upperBound - range.lowerBound
        watched = thresholds.map { threshold in
            let share = (threshold - range.lowerBound) / width
            return (threshold, BettingCapital(mean: share), BettingCapital(mean: 1 - share))
        }
        grid = BettingGrid(steps: resolution, target: 1 / level)
    }

    /// The mean of the values so far; `nan` before the first.
    public var mean: Double { range.lowerBound + sum / Double(count) * (range.upperBound - range.lowerBound) }

    /// What the mean surpasses, now and at every time before, with confidence 1 - `level`.
    public var lower: Double { range.lowerBound + grid.lower * (range.upperBound - range.lowerBound) }

    /// What the mean stays below, now and at every time before, with confidence 1 - `level`.
    public var upper: Double { range.lowerBound + grid.upper * (range.upperBound - range.lowerBound) }

    /// Takes the next value; one outside the range counts as the end it lies beyond, and what is no number is refused.
    ///
    /// - Returns: whether it was taken.
    @discardableResult
    public mutating func add(_ value: Double) -> Bool {
        guard !value.isNaN else { return false }
        let share = max(0, min(1, (value - range.lowerBound) / (range.upperBound - range.lowerBound)))
        count += 1
        sum += share
        squares += share * share
        for index in watched.indices {
            watched[index].above.add(share)
            watched[index].below.add(1 - share)
        }
        grid.add(share)
        return true
    }

    /// The chance, over all moments so far, of such a capital if the mean is at most `threshold`.
    ///
    /// - Precondition: the threshold is watched.
    public func pValue(above threshold: Double) -> Double { min(1, 1 / capitals(threshold).above.largest) }

    /// The chance, over all moments so far, of such a capital if the mean is at least `threshold`.
    ///
    /// - Precondition: the threshold is watched.
    public func pValue(below threshold: Double) -> Double { min(1, 1 / capitals(threshold).below.largest) }

    private func capitals(_ threshold: Double) -> (above: BettingCapital, below: BettingCapital) {
        guard let found = watched.first(where: { $0.threshold == threshold }) else {
            preconditionFailure("the threshold \(threshold) is not watched")
        }
        return (found.above, found.below)
    }

    /// How many values more bring the p-value of what is likelier at a threshold to `level`, if they are like those so
    /// far; `nil` where no number would, or more than a thousand million.
    ///
    /// - Precondition: the threshold is watched.
    public func remaining(at threshold: Double, level: Double) -> (isAbove: Bool, values: Int)? {
        guard count > 1 else { return nil }
        let capitals = capitals(threshold)
        let mean = sum / Double(count)
        let variance = max(0, squares / Double(count) - mean * mean)
        let place = (threshold - range.lowerBound) / (range.upperBound - range.lowerBound)
        let isAbove = mean > place
        let capital = isAbove ? capitals.above : capitals.below
        let growth = capital.growth(isAbove ? mean : 1 - mean, variance)
        guard growth > 0, capital.largest < 1 / level else { return nil }
        let values = (log(1 / level) - log(max(1e-300, capital.total))) / growth
        return values < 1e9 ? (isAbove, max(1, Int(exactly: values.rounded(.up)) ?? 1)) : nil
    }
}

/// The bets, as shares of the largest that cannot lose everything.
private let betSizes: [Double] = (0..<10).map { 0.98 * pow(0.5, Double($0)) }

/// Capital that grows when values in [0, 1] lie above a mean.
private struct BettingCapital: Sendable {
    private let mean: Double
    private var parts: [Double]
    /// The capital now.
    private(set) var total = 1.0
    /// The largest there was.
    private(set) var largest = 1.0

    init(mean: Double) {
        self.mean = mean
        parts = betSizes.map { _ in 1 }
    }

    mutating func add(_ value: Double) {
        // What no value can surpass, or every value must, is not bet on; what is certain needs no more digits.
        guard mean > 0, mean < 1, total < 1e250 else {
            if mean < 0 || (mean <= 0 && value > 0) { (total, largest) = (.infinity, .infinity) }
            return
        }
        let gain = value / mean - 1
        var sum = 0.0
        for index in parts.indices {
            parts[index] *= 1 + betSizes[index] * gain
            sum += parts[index]
        }
        total = sum / Double(parts.count)
        largest = max(largest, total)
    }

    /// What a value adds to the logarithm of the capital with the best of the bets, to second order.
    func growth(_ expected: Double, _ variance: Double) -> Double {
        guard mean > 0, mean < 1 else { return 0 }
        let gain = expected / mean - 1
        let square = variance / (mean * mean) + gain * gain
        return betSizes.map { $0 * gain - $0 * $0 * square / 2 }.max() ?? 0
    }
}

/// Capitals at many means, for bounds. At smaller means the capital is larger, so those given up form the ends.
private struct BettingGrid: Sendable {
    private let steps: Int
    private let target: Double
    /// For each step and size: capital against "at most", then against "at least".
    private var above: [Double]
    private var below: [Double]
    /// The steps that are still possible are those between.
    private var first: Int
    private var last: Int

    init(steps: Int, target: Double) {
        self.steps = max(0, steps)
        self.target = target * Double(betSizes.count)
        above = [Double](repeating: 1, count: max(0, steps + 1) * betSizes.count)
        below = above
        first = 0
        last = self.steps
    }

    var lower: Double { steps > 0 ? Double(first) / Double(steps) : 0 }
    var upper: Double { steps > 0 ? Double(last) / Double(steps) : 1 }

    mutating func add(_ value: Double) {
        let sizes = betSizes.count
        guard last - first > 1 else { return }
        var (newFirst, newLast) = (first, last)
        betSizes.withUnsafeBufferPointer { bets in
            above.withUnsafeMutableBufferPointer { above in
                below.withUnsafeMutableBufferPointer { below in
                    for step in first + 1..<last {
                        let mean = Double(step) / Double(steps)
                        let (gain, loss) = (value / mean - 1, (1 - value) / (1 - mean) - 1)
                        var (sumAbove, sumBelow) = (0.0, 0.0)
                        for size in 0..<sizes {
                            let place = step &* sizes &+ size
                            above[place] *= 1 + bets[size] * gain
                            below[place] *= 1 + bets[size] * loss
                            sumAbove += above[place]
                            sumBelow += below[place]
                        }
                        if sumAbove >= target { newFirst = max(newFirst, step) }
                        if sumBelow >= target { newLast = min(newLast, step) }
                    }
                }
            }
        }
        // Both ends meet only when one of them is wrong; then neither moves.
        if newFirst < newLast { (first, last) = (newFirst, newLast) }
    }
}
