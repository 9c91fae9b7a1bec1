import Statistics

/// A summary of a text's pieces in 96 bytes, by which alike texts are found without comparing all pairs (MinHash; Broder,
/// "On the resemblance and containment of documents", 1997).
///
/// Each place stands for a random order of all pieces and holds eight bits of the text's least (Li and König, "b-Bit
/// Minwise Hashing", 2010). Two texts agree in a place with a probability of their Jaccard index, and by chance in one of
/// 256. Places are taken together in bands: two texts are compared where all places of a band agree, which happens in
/// some band with probability 1 - (1 - sʳ)ᵇ for similarity s, r places a band and b bands.
struct TextSketch: Sendable {
    /// How alike rows are that are called near duplicates.
    static let nearThreshold = 0.8
    /// Places.
    static let count = 96

    fileprivate let places: (SIMD32<UInt8>, SIMD32<UInt8>, SIMD32<UInt8>)

    /// The random orders: each multiplies by an odd number and adds another (Dietzfelbinger et al., 1997); the pieces are
    /// well mixed before.
    private static let orders: [(factor: SIMD32<UInt32>, offset: SIMD32<UInt32>)] = {
        var random = CounterRandom(0x736B_6574_6368)
        return (0..<3).map { _ in
            var (factor, offset) = (SIMD32<UInt32>(), SIMD32<UInt32>())
            for index in 0..<32 {
                factor[index] = UInt32(truncatingIfNeeded: random.next() >> 16) | 1
                offset[index] = UInt32(truncatingIfNeeded: random.next() >> 16)
            }
            return (factor, offset)
        }
    }()

    /// The sketch of pieces; all texts without pieces have the same.
    init(_ hashes: [UInt32]) {
        let orders = Self.orders
        places = (Self.least(hashes, orders[0]), Self.least(hashes, orders[1]), Self.least(hashes, orders[2]))
    }

    private static func least(
        _ hashes: [UInt32], _ order: (factor: SIMD32<UInt32>, offset: SIMD32<UInt32>)
    ) -> SIMD32<UInt8> {
        var least = SIMD32<UInt32>(repeating: .max)
        for hash in hashes {
            let value = order.factor &* SIMD32(repeating: hash) &+ order.offset
            least.replace(with: value, where: value .< least)
        }
        return SIMD32<UInt8>(truncatingIfNeeded: (least &* SIMD32(repeating: 0x9E37_79B1)) &>> 24)
    }
}

/// How places make bands.
struct SketchBands: Sendable, Hashable {
    /// Places in a band.
    let rows: Int
    /// Bands.
    var count: Int { TextSketch.count / rows }

    /// The most places a band may have for texts of this similarity to be found in 97 of 100 cases or more.
    init(threshold: Double) {
        rows =
            [8, 6, 4, 3, 2].first { rows in
                let missed = 1 - pow(threshold, rows)
                return pow(missed, TextSketch.count / rows) < 0.03
            } ?? 1
    }

    /// How many places agree at the least in texts of this similarity, but for 1 in 100.
    static func leastAgreement(threshold: Double) -> Int {
        let deviation = (threshold * (1 - threshold) / Double(TextSketch.count)).squareRoot()
        return max(1, Int(((threshold - 2.4 * deviation) * Double(TextSketch.count)).rounded(.down)))
    }
}

private func pow(_ base: Double, _ exponent: Int) -> Double { (0..<exponent).reduce(1) { power, _ in power * base } }

/// The sketches of many texts: 96 bytes each.
struct SketchTable: Sendable {
    private var places: [SIMD32<UInt8>] = []

    /// Sketches.
    var count: Int { places.count / 3 }

    mutating func append(_ sketch: TextSketch) {
        places.append(sketch.places.0)
        places.append(sketch.places.1)
        places.append(sketch.places.2)
    }

    /// How many places of two sketches agree, 0 ... 96.
    func agreement(_ left: Int, _ right: Int) -> Int {
        (0..<3).reduce(0) { $0 + Self.agreement(places[3 * left + $1], places[3 * right + $1]) }
    }

    /// How many places of a sketch agree with one of the table's.
    func agreement(_ sketch: TextSketch, _ other: Int) -> Int {
        Self.agreement(sketch.places.0, places[3 * other]) + Self.agreement(sketch.places.1, places[3 * other + 1])
            + Self.agreement(sketch.places.2, places[3 * other + 2])
    }

    private static func agreement(_ left: SIMD32<UInt8>, _ right: SIMD32<UInt8>) -> Int {
        let ones = SIMD32<UInt8>.zero.replacing(with: SIMD32(repeating: 1), where: left .== right)
        return Int(ones.wrappedSum())
    }

    /// The hash of a band of one of the table's sketches; equal for texts that agree in all of its places.
    func key(_ index: Int, band: Int, _ bands: SketchBands) -> UInt32 {
        places.withUnsafeBytes { bytes in
            Self.key(
                UnsafeRawBufferPointer(rebasing: bytes[TextSketch.count * index..<TextSketch.count * (index + 1)]),
                band: band, bands)
        }
    }

    /// The hashes of all bands of a sketch.
    static func keys(_ sketch: TextSketch, _ bands: SketchBands) -> [UInt32] {
        withUnsafeBytes(of: sketch.places) { bytes in (0..<bands.count).map { key(bytes, band: $0, bands) } }
    }

    private static func key(_ places: UnsafeRawBufferPointer, band: Int, _ bands: SketchBands) -> UInt32 {
        var key = UInt64(band)
        for place in places[band * bands.rows..<(band + 1) * bands.rows] { key = key << 8 | UInt64(place) }
        key = (key ^ UInt64(band) << 56) &* 0xFF51_AFD7_ED55_8CCD
        return UInt32(truncatingIfNeeded: (key ^ key >> 29) >> 16)
    }
}
