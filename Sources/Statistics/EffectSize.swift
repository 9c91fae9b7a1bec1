import Foundation

/// How large a difference is, beside how sure it is.
public enum EffectSize {
    /// The difference of two means in pooled deviations (Cohen's d, with Hedges's correction for few values); `nan`
    /// without spread or with fewer than two values.
    public static func standardizedDifference(_ first: [Double], _ second: [Double]) -> Double {
        guard first.count > 1, second.count > 1 else { return .nan }
        let freedom = Double(first.count + second.count - 2)
        let pooled = ((squares(first) + squares(second)) / freedom).squareRoot()
        return (mean(first) - mean(second)) / pooled * (1 - 3 / (4 * freedom - 1))
    }

    /// The mean of differences in deviations of these differences (Cohen's d_z); `nan` without spread.
    public static func standardizedMean(_ differences: [Double]) -> Double {
        guard differences.count > 1 else { return .nan }
        return mean(differences) / (squares(differences) / Double(differences.count - 1)).squareRoot()
    }

    /// The difference of two shares after the transformation that makes their errors alike (Cohen's h).
    public static func shareDifference(_ first: Double, _ second: Double) -> Double {
        2 * asin(max(0, min(1, first)).squareRoot()) - 2 * asin(max(0, min(1, second)).squareRoot())
    }

    /// The chance that a value of the first is above one of the second, ties counted by half: 0.5 when nothing separates
    /// them; `nan` when a sample is empty.
    public static func superiority(_ first: [Double], _ second: [Double]) -> Double {
        guard !first.isEmpty, !second.isEmpty else { return .nan }
        let (m, n) = (Double(first.count), Double(second.count))
        let sum = middleRanks(first + second)[..<first.count].reduce(0, +)
        return (sum - m * (m + 1) / 2) / (m * n)
    }

    /// The rank of each value from 1, equal values sharing the mean of theirs.
    static func middleRanks(_ values: [Double]) -> [Double] {
        let order = values.indices.sorted { values[$0] < values[$1] }
        var ranks = values
        var start = 0
        while start < order.count {
            var end = start + 1
            while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
            for place in start..<end { ranks[order[place]] = Double(start + 1 + end) / 2 }
            start = end
        }
        return ranks
    }

    private static func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

    private static func squares(_ values: [Double]) -> Double {
        let mean = mean(values)
        return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    }
}
