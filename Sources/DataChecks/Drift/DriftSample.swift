import TextCore

/// Rows of one file as far as drift is concerned: texts, and classes where there are some.
///
/// A keyed sample in bounded memory: which rows are kept hangs on their numbers and the seed alone.
public struct DriftSample: Sendable {
    /// A row.
    public struct Row: Sendable, Hashable {
        /// Where it is, `file:line`.
        public var source: String
        /// What was asked.
        public var text: String
        /// Its class, where it has one.
        public var label: String?

        /// A row.
        public init(source: String, text: String, label: String? = nil) {
            self.source = source
            self.text = text
            self.label = label
        }
    }

    /// The most rows that are kept.
    public static let limit = 20_000
    /// Characters of a text that are kept.
    static let textLimit = 8000

    private var sample: KeyedSample<Row>

    /// An empty sample.
    ///
    /// - Parameter seed: what the choice of rows is keyed by.
    public init(seed: UInt64 = 42, limit: Int = DriftSample.limit) { sample = KeyedSample(limit: limit, seed: seed) }

    /// Offers a row.
    public mutating func add(_ row: Row) {
        sample.offer(Row(source: row.source, text: row.text.clipped(to: Self.textLimit), label: row.label))
    }

    /// Rows that were offered.
    public var offered: Int { sample.offered }

    /// The rows that are kept, in their order.
    public var rows: [Row] { sample.elements }
}
