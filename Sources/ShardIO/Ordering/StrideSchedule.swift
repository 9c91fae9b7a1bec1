/// Which of several sources gives the next sample, so that after any number of samples each source has given its share
/// to within one sample.
///
/// A source's next sample has a slot from which on it is due, the first at which its share exceeds what it gave, and a
/// slot by which it is late, at which it would lag a whole sample behind. Of the sources that are due, the one that is
/// late first is taken. On one processor, earliest deadline first meets every deadline of such a fluid schedule
/// (Baruah, Cohen, Plaxton and Varvel, *Proportionate Progress*, 1996). All of it is integer arithmetic.
struct StrideSchedule: Sendable, Hashable {
    /// The shares in whole numbers.
    let weights: [Int]

    /// - Parameter weights: shares of any scale: positive and finite.
    init(weights: [Double]) {
        precondition(weights.allSatisfy { $0 > 0 && $0.isFinite }, "weights \(weights)")
        self.weights = Self.integers(weights)
    }

    /// Takes a source.
    ///
    /// - Parameters:
    ///   - deficits: for each source, how far what it gave lies behind its share, in units of a sample divided by the
    ///     sum of the active weights. Their sum is 0 before and after.
    ///   - isActive: whether a source takes part.
    /// - Returns: The source; `nil` when none takes part.
    func next(_ deficits: inout [Int], isActive: (Int) -> Bool) -> Int? {
        var total = 0
        for source in weights.indices where isActive(source) {
            total += weights[source]
            deficits[source] += weights[source]
        }
        var best: (source: Int, slots: Int)?
        for source in weights.indices where isActive(source) && deficits[source] > 0 {
            let slots = (total - deficits[source] + weights[source] - 1) / weights[source]
            if slots < best?.slots ?? .max { best = (source, slots) }
        }
        guard let best else { return nil }
        deficits[best.source] -= total
        return best.source
    }

    /// Whole numbers in the same proportion: exactly so for weights of up to nine decimals, else to 2^-32 of the
    /// largest.
    private static func integers(_ weights: [Double]) -> [Int] {
        var scale = 1.0
        while scale <= 1e9 {
            let scaled = weights.map { $0 * scale }
            let isWhole = scaled.allSatisfy { abs($0 - $0.rounded()) <= 1e-9 && $0 >= 0.5 && $0 <= 0x1p40 }
            if isWhole {
                let whole = scaled.map { Int($0.rounded()) }
                let divisor = whole.reduce(0, greatestCommonDivisor)
                return whole.map { $0 / divisor }
            }
            scale *= 10
        }
        let largest = weights.max() ?? 1
        return weights.map { max(1, Int(($0 / largest * 0x1p32).rounded())) }
    }

    private static func greatestCommonDivisor(_ first: Int, _ second: Int) -> Int {
        second == 0 ? first : greatestCommonDivisor(second, first % second)
    }
}
