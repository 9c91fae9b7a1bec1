/// The 64-bit xxHash of bytes that arrive in pieces (Yann Collet's XXH64, version 0.1.1 of its specification).
///
/// It tells damage, not malice: use SHA-256 where somebody may want two contents to look alike. The checksum of a zstd
/// frame is the lower half of this hash.
public struct XXH64: Sendable {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5
    private static let stripe = 32

    private let seed: UInt64
    private var lanes: Lanes
    private var byteCount: UInt64 = 0
    /// The bytes after the last whole stripe.
    private var pending: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// The four accumulators, which take eight bytes of a stripe each.
    private struct Lanes {
        var a, b, c, d: UInt64

        init(seed: UInt64) {
            a = seed &+ prime1 &+ prime2
            b = seed &+ prime2
            c = seed
            d = seed &- prime1
        }

        @inline(__always)
        mutating func add(_ bytes: UnsafeRawPointer) {
            a = round(a, word(bytes))
            b = round(b, word(bytes + 8))
            c = round(c, word(bytes + 16))
            d = round(d, word(bytes + 24))
        }

        /// Takes whole stripes from the front of `bytes`.
        @inline(__always)
        mutating func addStripes(_ bytes: UnsafeRawPointer, count: Int) {
            var lanes = self
            var next = bytes
            let end = bytes + (count & ~(stripe - 1))
            while next < end {
                lanes.add(next)
                next += stripe
            }
            self = lanes
        }

        var merged: UInt64 {
            var hash = rotated(a, 1) &+ rotated(b, 7) &+ rotated(c, 12) &+ rotated(d, 18)
            for lane in [a, b, c, d] { hash = (hash ^ round(0, lane)) &* prime1 &+ prime4 }
            return hash
        }
    }

    /// A hash of nothing so far.
    public init(seed: UInt64 = 0) {
        self.seed = seed
        lanes = Lanes(seed: seed)
    }

    /// Adds `bytes` to what is hashed.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        let filled = Int(byteCount % UInt64(Self.stripe))
        byteCount &+= UInt64(bytes.count)
        var start = 0
        if filled > 0 {
            start = min(Self.stripe - filled, bytes.count)
            withUnsafeMutableBytes(of: &pending) { pending in
                UnsafeMutableRawBufferPointer(rebasing: pending[filled...]).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[..<start]))
            }
            guard filled + start == Self.stripe else { return }
            withUnsafeBytes(of: pending) { full in if let address = full.baseAddress { lanes.add(address) } }
        }
        lanes.addStripes(base + start, count: bytes.count - start)
        let rest = bytes[(start + (bytes.count - start) & ~(Self.stripe - 1))...]
        withUnsafeMutableBytes(of: &pending) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest)) }
    }

    /// Adds the bytes of `bytes` to what is hashed.
    public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// Adds the eight bytes of `word`, lowest first, to what is hashed.
    public mutating func update(_ word: UInt64) { withUnsafeBytes(of: word.littleEndian) { update($0) } }

    /// The hash of all bytes added so far; more can be added afterwards.
    public func digest() -> UInt64 {
        withUnsafeBytes(of: pending) { pending in
            Self.finish(
                lanes: lanes, seed: seed, byteCount: byteCount,
                tail: UnsafeRawBufferPointer(rebasing: pending[..<Int(byteCount % UInt64(Self.stripe))]))
        }
    }

    /// The hash of `bytes`.
    public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        var lanes = Lanes(seed: seed)
        if let base = bytes.baseAddress { lanes.addStripes(base, count: bytes.count) }
        return finish(
            lanes: lanes, seed: seed, byteCount: UInt64(bytes.count),
            tail: UnsafeRawBufferPointer(rebasing: bytes[(bytes.count & ~(stripe - 1))...]))
    }

    /// The hash of `bytes`.
    public static func hash(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
        bytes.withUnsafeBytes { hash($0, seed: seed) }
    }

    /// Adds the fewer than 32 bytes behind the last stripe, and scatters.
    private static func finish(
        lanes: Lanes, seed: UInt64, byteCount: UInt64, tail: UnsafeRawBufferPointer
    ) -> UInt64 {
        var hash = (byteCount >= UInt64(stripe) ? lanes.merged : seed &+ prime5) &+ byteCount
        var index = 0
        while index + 8 <= tail.count {
            let word = UInt64(littleEndian: tail.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            hash = rotated(hash ^ round(0, word), 27) &* prime1 &+ prime4
            index += 8
        }
        if index + 4 <= tail.count {
            let word = UInt32(littleEndian: tail.loadUnaligned(fromByteOffset: index, as: UInt32.self))
            hash = rotated(hash ^ (UInt64(word) &* prime1), 23) &* prime2 &+ prime3
            index += 4
        }
        while index < tail.count {
            hash = rotated(hash ^ (UInt64(tail[index]) &* prime5), 11) &* prime1
            index += 1
        }
        hash = (hash ^ (hash >> 33)) &* prime2
        hash = (hash ^ (hash >> 29)) &* prime3
        return hash ^ (hash >> 32)
    }

    @inline(__always)
    private static func word(_ bytes: UnsafeRawPointer) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    }

    @inline(__always)
    private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        rotated(lane &+ word &* prime2, 31) &* prime1
    }

    @inline(__always)
    private static func rotated(_ value: UInt64, _ count: UInt64) -> UInt64 {
        (value << count) | (value >> (64 &- count))
    }
}

extension UInt64 {
    /// Sixteen lower-case hexadecimal digits.
    var hexadecimal: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
