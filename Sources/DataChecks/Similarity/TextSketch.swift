import Statistics

/// A short summary of a text's pieces by which alike texts are found without comparing all pairs (MinHash; Broder, "On
/// the resemblance and containment of documents", 1997).
///
/// Under each of 96 random orders of all pieces it holds the least of the text's. Two texts agree in each place with a
/// probability of their Jaccard index. Places are taken together in bands: two texts are compared where all places of a
/// band agree, which happens in some band with probability 1 - (1 - sʳ)ᵇ for similarity s, r places a band and b bands.
struct TextSketch: Sendable {
    /// How alike rows are that are called near duplicates.
    static let nearThreshold = 0.8

    private static let lanes = 6
    private var least:
        (
            SIMD16<UInt32>, SIMD16<UInt32>, SIMD16<UInt32>, SIMD16<UInt32>, SIMD16<UInt32>, SIMD16<UInt32>
        )

    /// The random orders: each multiplies by an odd number and adds another (Dietzfelbinger et al., 1997); the pieces are
    /// well mixed before.
    private static let orders: [(factor: SIMD16<UInt32>, offset: SIMD16<UInt32>)] = {
        var random = CounterRandom(0x736B_6574_6368)
        return (0..<lanes).map { _ in
            var (factor, offset) = (SIMD16<UInt32>(), SIMD16<UInt32>())
            for index in 0..<16 {
                factor[index] = UInt32(truncatingIfNeeded: random.next() >> 16) | 1
                offset[index] = UInt32(truncatingIfNeeded: random.next() >> 16)
            }
            return (factor, offset)
        }
    }()

    /// How places make bands.
    struct Bands: Sendable, Hashable {
        /// Places in a band.
        let rows: Int
        /// Bands.
        var count: Int { 16 * lanes / rows }

        /// For texts that are alike to 0.8 and more: 99 % of such pairs are found, 22 % of those at 0.5.
        static let near = Bands(rows: 6)
        /// For texts that are alike to a half and more: 98 % of pairs at 0.5 are found.
        static let half = Bands(rows: 3)
    }

    /// `nil` of a text without pieces.
    init?(_ shingles: Shingles) {
        guard !shingles.hashes.isEmpty else { return nil }
        let none = SIMD16<UInt32>(repeating: .max)
        least = (none, none, none, none, none, none)
        let orders = Self.orders
        // Lane by lane, so that the least stay in registers.
        least.0 = Self.least(shingles.hashes, orders[0])
        least.1 = Self.least(shingles.hashes, orders[1])
        least.2 = Self.least(shingles.hashes, orders[2])
        least.3 = Self.least(shingles.hashes, orders[3])
        least.4 = Self.least(shingles.hashes, orders[4])
        least.5 = Self.least(shingles.hashes, orders[5])
    }

    private static func least(
        _ hashes: [UInt32], _ order: (factor: SIMD16<UInt32>, offset: SIMD16<UInt32>)
    ) -> SIMD16<UInt32> {
        var least = SIMD16<UInt32>(repeating: .max)
        for hash in hashes {
            let value = order.factor &* SIMD16(repeating: hash) &+ order.offset
            least.replace(with: value, where: value .< least)
        }
        return least
    }

    /// The hash of each band; equal for two texts that agree in it.
    func keys(_ bands: Bands) -> [UInt32] {
        withUnsafeBytes(of: least) { bytes in
            let places = bytes.bindMemory(to: UInt32.self)
            return (0..<bands.count).map { band in
                var key: UInt64 = UInt64(band) &* 0x9E37_79B9_7F4A_7C15
                for place in places[band * bands.rows..<(band + 1) * bands.rows] {
                    key = (key ^ UInt64(place)) &* 0xFF51_AFD7_ED55_8CCD
                    key ^= key >> 32
                }
                return UInt32(truncatingIfNeeded: key >> 16)
            }
        }
    }
}
