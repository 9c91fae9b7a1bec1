/// A shuffled order of `0 ..< count` that is a pure function of (count, seed, epoch, source) and needs no memory.
///
/// A Feistel network of eight rounds permutes the smallest domain of 4^k numbers that holds `count`; numbers
/// outside are walked on along their cycle until one inside is met, which keeps it a bijection (Black and Rogaway,
/// *Ciphers with Arbitrary Finite Domains*, 2002). At most four steps are expected.
public struct FeistelPermutation: Sendable, Hashable {
    /// How many numbers are ordered.
    public let count: Int
    private let keys: [UInt64]
    private let halfBits: UInt64

    /// - Parameters:
    ///   - count: how many numbers, at least 1.
    ///   - seed: the run's seed.
    ///   - epoch: how often the data have been passed before; each gives another order.
    ///   - source: tells sources of one run apart.
    /// - Precondition: `count` is positive and `epoch` is not negative.
    public init(count: Int, seed: UInt64, epoch: Int, source: UInt64 = 0) {
        self.init(count: count, key: Self.key(seed: seed, epoch: epoch, source: source))
    }

    /// - Parameters:
    ///   - count: how many numbers, at least 1.
    ///   - key: what the order is drawn from.
    /// - Precondition: `count` is positive.
    init(count: Int, key: UInt64) {
        precondition(count > 0, "an order of \(count) numbers")
        self.count = count
        keys = (1...8).map { mix64(key &+ $0 &* 0x9E37_79B9_7F4A_7C15) }
        let bits = UInt64.bitWidth - UInt64(count - 1).leadingZeroBitCount
        halfBits = UInt64(max(1, (bits + 1) / 2))
    }

    /// The key of an epoch's order of a source.
    ///
    /// - Precondition: `epoch` is not negative.
    static func key(seed: UInt64, epoch: Int, source: UInt64) -> UInt64 {
        precondition(epoch >= 0, "epoch \(epoch)")
        return mix64(mix64(mix64(seed) ^ UInt64(epoch)) ^ source)
    }

    /// The number at a place of the order.
    ///
    /// - Precondition: `index` is in `0 ..< count`.
    public subscript(index: Int) -> Int {
        precondition((0..<count).contains(index), "place \(index) in an order of \(count)")
        var value = UInt64(index)
        repeat { value = permuted(value) } while value >= UInt64(count)
        return Int(value)
    }

    private func permuted(_ value: UInt64) -> UInt64 {
        let mask: UInt64 = (1 << halfBits) - 1
        var left = value >> halfBits
        var right = value & mask
        for key in keys { (left, right) = (right, left ^ (mix64(right &+ key) & mask)) }
        return left << halfBits | right
    }
}
