import Foundation

/// Figures over a list of numbers.
enum Statistics {
    /// `nil` for an empty list.
    static func mean(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }

    /// With one less than their number below, as TRL has it; 0 for a single value, `nil` for none.
    static func deviation(_ values: [Double]) -> Double? {
        guard let mean = mean(values) else { return nil }
        guard values.count > 1 else { return 0 }
        return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
    }

    /// Between the two nearest ranks, linearly (type 7 of Hyndman and Fan, 1996); `nil` for an empty list.
    ///
    /// - Parameter share: [0, 1]; 0.5 is the median.
    static func quantile(_ values: [Double], _ share: Double) -> Double? {
        let sorted = values.sorted()
        guard let last = sorted.last else { return nil }
        let position = share * Double(sorted.count - 1)
        let lower = min(max(0, Int(position.rounded(.down))), sorted.count - 1)
        guard lower + 1 < sorted.count else { return last }
        return sorted[lower] + (position - Double(lower)) * (sorted[lower + 1] - sorted[lower])
    }

    /// Pearson's; `nil` where one of the two does not vary.
    static func correlation(_ first: [Double], _ second: [Double]) -> Double? {
        guard first.count == second.count, let meanA = mean(first), let meanB = mean(second) else { return nil }
        var (a, b, both) = (0.0, 0.0, 0.0)
        for (x, y) in zip(first, second) {
            a += (x - meanA) * (x - meanA)
            b += (y - meanB) * (y - meanB)
            both += (x - meanA) * (y - meanB)
        }
        let scale = (a * b).squareRoot()
        return scale > 0 && scale.isFinite ? max(-1, min(1, both / scale)) : nil
    }

    /// Chance that at least one of `k` answers drawn without replacement from `count` is among the `right` ones:
    /// 1 − C(n−c, k) / C(n, k) (Chen et al., 2021).
    ///
    /// - Precondition: `k` is at most `count`.
    static func passAt(_ k: Int, right: Int, of count: Int) -> Double {
        precondition(k <= count, "pass@\(k) of \(count) answers")
        guard count - right >= k else { return 1 }
        // C(n−c, k) / C(n, k) = Π (n−c−i) / (n−i)
        var none = 1.0
        for index in 0..<k { none *= Double(count - right - index) / Double(count - index) }
        return 1 - none
    }

    /// Share of groups of `size` in which not all answers are alike, at pass rate `rate`: 1 − p^G − (1−p)^G.
    static func informativeShare(rate: Double, size: Int) -> Double {
        max(0, 1 - pow(rate, Double(size)) - pow(1 - rate, Double(size)))
    }
}
