import Statistics

/// A summary of a text's pieces in 96 bytes, by which alike texts are found without comparing all pairs (MinHash; Broder,
/// "On the resemblance and containment of documents", 1997).
///
/// In each of eight rounds the pieces fall into twelve places at random, and a place keeps the least of its pieces (one
/// permutation hashing; Li, Owen and Zhang, 2012); a place without one takes that of another (Shrivastava, "Optimal
/// Densification", 2017). Eight bits of each are kept (Li and König, "b-Bit Minwise Hashing", 2010). Two texts agree in a
/// place with a probability of their Jaccard index, and by chance in one of 256. Places are taken together in bands: two
/// texts are compared where all places of a band agree, which happens in some band with probability 1 - (1 - sʳ)ᵇ for
/// similarity s, r places a band and b bands.
struct TextSketch: Sendable {
    /// How alike rows are that are called near duplicates.
    static let nearThreshold = 0.8
    /// Places.
    static let count = 96

    private static let rounds = 8
    private static let perRound = count / rounds
    /// What pieces are multiplied with in each round.
    private static let factors: [UInt64] = {
        var random = CounterRandom(0x736B_6574_6368)
        return (0..<rounds).map { _ in random.next() | 1 }
    }()
    /// For each place of a round the order in which it asks the others.
    private static let lenders: [[Int]] = (0..<perRound).map { place in
        var random = CounterRandom(0x6C65_6E64, UInt64(place))
        return random.permutation(perRound)
    }

    /// Eight places a word.
    fileprivate let words: [UInt64]

    /// The sketch of pieces; all texts without pieces have the same.
    init(_ hashes: [UInt32]) {
        var least = [UInt32](repeating: .max, count: Self.count)
        least.withUnsafeMutableBufferPointer { least in
            for (round, factor) in Self.factors.enumerated() {
                let first = round * Self.perRound
                for hash in hashes {
                    let product = UInt64(hash) &* factor
                    let place = first + Int((product >> 32) &* UInt64(Self.perRound) >> 32)
                    least[place] = min(least[place], UInt32(truncatingIfNeeded: product >> 12))
                }
            }
        }
        var words = [UInt64](repeating: 0, count: Self.count / 8)
        for index in 0..<(hashes.isEmpty ? 0 : Self.count) {
            var value = least[index]
            if value == .max {
                let first = index / Self.perRound * Self.perRound
                value = Self.lenders[index % Self.perRound].lazy.map { least[first + $0] }.first { $0 != .max } ?? .max
            }
            words[index / 8] |= UInt64((value &* 0x9E37_79B1) >> 24) << UInt64(8 * (index % 8))
        }
        self.words = words
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
    private static let width = TextSketch.count / 8
    private var words: [UInt64] = []

    mutating func append(_ sketch: TextSketch) { words += sketch.words }

    /// How many places of two sketches agree, 0 ... 96; less where it is clear early that it is below `least`.
    func agreement(_ left: Int, _ right: Int, atLeast least: Int) -> Int {
        words.withUnsafeBufferPointer { words in
            Self.agreement(words, Self.width * left, words, Self.width * right, least)
        }
    }

    /// How many places of a sketch agree with one of the table's; less where it is clear early that it is below `least`.
    func agreement(_ sketch: TextSketch, _ other: Int, atLeast least: Int) -> Int {
        words.withUnsafeBufferPointer { words in
            sketch.words.withUnsafeBufferPointer { Self.agreement($0, 0, words, Self.width * other, least) }
        }
    }

    @inline(__always)
    private static func agreement(
        _ left: UnsafeBufferPointer<UInt64>, _ first: Int, _ right: UnsafeBufferPointer<UInt64>, _ second: Int,
        _ least: Int
    ) -> Int {
        precondition(first + width <= left.count && second + width <= right.count, "a sketch that is not in the table")
        let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
        var sums: UInt64 = 0
        var count: Int { Int((sums &* 0x0101_0101_0101_0101) >> 56) }
        for index in 0..<width {
            // Bytes that differ are not 0 in the difference; the highest bit of each byte then says which are.
            let difference = left[first + index] ^ right[second + index]
            sums &+= ~(((difference & low) &+ low) | difference | low) >> 7
            // A third of the places has a third of the agreement, but for three deviations.
            if index == width / 3 - 1, count < least / 3 - 8 { return count }
        }
        return count
    }

    /// The hash of a band of one of the table's sketches; equal for texts that agree in all of its places.
    func key(_ index: Int, band: Int, _ bands: SketchBands) -> UInt32 {
        words.withUnsafeBytes { bytes in
            Self.key(
                UnsafeRawBufferPointer(rebasing: bytes[TextSketch.count * index..<TextSketch.count * (index + 1)]),
                band: band, bands)
        }
    }

    /// The hashes of all bands of a sketch.
    static func keys(_ sketch: TextSketch, _ bands: SketchBands) -> [UInt32] {
        sketch.words.withUnsafeBytes { bytes in (0..<bands.count).map { key(bytes, band: $0, bands) } }
    }

    private static func key(_ places: UnsafeRawBufferPointer, band: Int, _ bands: SketchBands) -> UInt32 {
        var key = UInt64(band)
        for place in places[band * bands.rows..<(band + 1) * bands.rows] { key = key << 8 | UInt64(place) }
        key = (key ^ UInt64(band) << 56) &* 0xFF51_AFD7_ED55_8CCD
        return UInt32(truncatingIfNeeded: (key ^ key >> 29) >> 16)
    }
}
