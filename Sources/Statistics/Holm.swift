/// Holm's correction of several tests ("A simple sequentially rejective multiple test procedure", 1979): the chance that
/// any true hypothesis is rejected stays at the level, however the tests depend on each other.
public enum Holm {
    /// The p-values corrected for their number, in the order given: those at most the level are rejected.
    public static func adjusted(_ values: [Double]) -> [Double] {
        var adjusted = values
        var largest = 0.0
        for (rank, index) in ranks(values).enumerated() {
            largest = max(largest, min(1, Double(values.count - rank) * values[index]))
            adjusted[index] = largest
        }
        return adjusted
    }

    /// The level at which each p-value is compared: `level` divided by how many tests are left at its turn, for equal
    /// values at the turn of the first.
    ///
    /// A value below its level is rejected only if all smaller ones are.
    public static func levels(_ values: [Double], level: Double) -> [Double] {
        var levels = values
        var first = (value: -1.0, rank: 0)
        for (rank, index) in ranks(values).enumerated() {
            if values[index] != first.value { first = (values[index], rank) }
            levels[index] = level / Double(values.count - first.rank)
        }
        return levels
    }

    /// Places of the values by rising value; equal ones in their order, and what is no number last.
    private static func ranks(_ values: [Double]) -> [Int] {
        values.indices.sorted { first, second in
            let (a, b) = (values[first].isNaN ? 2 : values[first], values[second].isNaN ? 2 : values[second])
            return a == b ? first < second : a < b
        }
    }
}
