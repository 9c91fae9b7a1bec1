public import ShardIO
import TextCore

/// Rows of one file or folder, read on several threads and given in their order.
public struct CheckedSource: Sendable {
    /// A row, or why there is none.
    public enum Outcome: Sendable {
        case row(CheckedRow)
        /// It cannot be read: its number in the source, where it is, `file:line`, and why.
        case malformed(ordinal: Int, source: String, message: String)
    }

    /// Where its rows belong.
    public let side: CheckedRow.Side
    /// The rows.
    public let source: any FramedSource
    private let decoder: RecordDecoder
    private let limit: Int?
    private let gold: ColumnPath?
    private let group: ColumnPath?
    private let takes: @Sendable (RawRow) throws -> Bool

    /// - Parameters:
    ///   - side: where its rows belong.
    ///   - source: the rows.
    ///   - decoder: what they mean.
    ///   - limit: the first so many rows only.
    ///   - gold: the column of the right answer, if any.
    ///   - group: the column that rows are grouped by, if any.
    ///   - takes: which rows are used; others are passed over.
    public init(
        _ side: CheckedRow.Side, _ source: any FramedSource, _ decoder: RecordDecoder, limit: Int? = nil,
        gold: String? = nil, group: String? = nil, takes: @escaping @Sendable (RawRow) throws -> Bool = { _ in true }
    ) {
        self.side = side
        self.source = source
        self.decoder = decoder
        self.limit = limit
        self.gold = gold.map(ColumnPath.init)
        self.group = group.map(ColumnPath.init)
        self.takes = takes
    }

    /// Rows that are read at the most.
    public var rowCount: Int { min(limit ?? .max, source.frames.rowCount) }

    /// How many rows are given at once.
    private static let batchSize = 4096

    /// Calls `body` with all rows, some thousands at a time.
    ///
    /// - Parameter corruption: what happens at damaged frames; a row that is malformed is given as such.
    /// - Throws: `DataError` for a source that is damaged, and what `body` throws.
    public func forEachBatch(
        corruption: CorruptionPolicy = .fail, threads: Int = 2, _ body: ([Outcome]) throws -> Void
    ) throws {
        let order = try SampleOrder(sources: [SampleOrder.Source(source, maxSamples: limit)])
        let stream = try SampleStream(sources: [source], order: order, threads: threads, corruption: corruption) {
            frame, row, _ in outcome(frame, row)
        }
        defer { stream.cancel() }
        var batch: [Outcome] = []
        while case .sample(let sample) = try stream.next() {
            batch.append(sample.element)
            guard batch.count == Self.batchSize else { continue }
            try body(batch)
            batch.removeAll(keepingCapacity: true)
        }
        if !batch.isEmpty { try body(batch) }
    }

    /// Rows from all over the source, at most `count`: its first frames alone where others cannot be read before them.
    ///
    /// Frames that are damaged give none.
    public func sample(_ count: Int) -> [CheckedRow] {
        let frames = source.frames.count
        let looked = source.hasRandomAccess ? min(frames, 32) : min(frames, 4)
        var rows: [CheckedRow] = []
        for number in 0..<looked {
            guard let frame = try? source.frame(source.hasRandomAccess ? number * frames / looked : number) else {
                continue
            }
            let each = max(1, count / looked)
            let step = max(1, frame.count / each)
            for row in stride(from: 0, to: frame.count, by: step).prefix(each) {
                if case .take(.row(let row), _) = outcome(frame, row) { rows.append(row) }
            }
        }
        return rows
    }

    private func outcome(_ frame: DecodedFrame, _ row: Int) -> Prepared<Outcome> {
        do {
            let raw = try frame.row(row)
            guard try takes(raw) else { return .skip }
            let record = try decoder.record(raw)
            return .take(.row(CheckedRow(side, raw, record, gold: gold, group: group)))
        } catch {
            let place = frame.provenance(of: row)
            let message = (error as? DataError).map { "\($0.message). \($0.fix)" } ?? "\(error)"
            return .take(
                .malformed(ordinal: place.ordinal, source: "\(place.file):\(place.line)", message: message))
        }
    }
}
