/// Pieces of text that most rows share: the words of a template around each question, a greeting.
///
/// Compared as they are, two rows with one long template and different questions would look alike.
public struct CommonText: Sendable, Hashable {
    /// Shares of the rows above which a piece is common.
    static let share = 0.8
    /// Rows below which nothing is called common.
    static let leastRows = 20
    /// Pieces of its own that a text must have; with fewer it is compared whole.
    static let leastOwn = 4

    private var hashes: Set<UInt32> = []
    /// A bit for each of the hashes' lower bits, so that most pieces are dismissed at once.
    private var bits: [UInt64] = []

    /// Nothing in common.
    public init() {}

    /// What most of the texts share.
    ///
    /// - Parameter samples: texts of each source; a source has a template of its own. Of equal texts one counts.
    public init(samples: [[String]]) {
        for sample in samples {
            let texts = Set(sample.map { NormalizedText($0) })
            guard texts.count >= Self.leastRows else { continue }
            var counts: [UInt32: Int] = [:]
            for text in texts { for hash in Set(Shingles.hashes(of: text)) { counts[hash, default: 0] += 1 } }
            let least = Int((Self.share * Double(texts.count)).rounded(.up))
            hashes.formUnion(counts.lazy.filter { $0.value >= least }.map(\.key))
        }
        guard !hashes.isEmpty else { return }
        bits = Array(repeating: 0, count: 1024)
        for hash in hashes { bits[Int(hash >> 6 & 1023)] |= 1 << UInt64(hash & 63) }
    }

    var isEmpty: Bool { hashes.isEmpty }

    func contains(_ hash: UInt32) -> Bool {
        !bits.isEmpty && bits[Int(hash >> 6 & 1023)] >> UInt64(hash & 63) & 1 == 1 && hashes.contains(hash)
    }
}
