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
    /// What rows mean; `nil` where each is one text.
    private let decoder: RecordDecoder?
    private let limit: Int?
    private let gold: ColumnPath?
    private let group: ColumnPath?
    private let takes: @Sendable (RawRow, Int) throws -> Bool

    /// - Parameters:
    ///   - side: where its rows belong.
    ///   - source: the rows.
    ///   - decoder: what they mean.
    ///   - limit: the first so many rows only.
    ///   - gold: the column of the right answer, if any.
    ///   - group: the column that rows are grouped by, if any.
    ///   - takes: which rows are used, by what they hold and their number; others are passed over.
    public init(
        _ side: CheckedRow.Side, _ source: any FramedSource, _ decoder: RecordDecoder, limit: Int? = nil,
        gold: String? = nil, group: String? = nil,
        takes: @escaping @Sendable (RawRow, _ ordinal: Int) throws -> Bool = { _, _ in true }
    ) {
        self.side = side
        self.source = source
        self.decoder = decoder
        self.limit = limit
        self.gold = gold.map(ColumnPath.init)
        self.group = group.map(ColumnPath.init)
        self.takes = takes
    }

    /// Rows of no known format, of which all columns together are the prompt.
    public init(whole side: CheckedRow.Side, _ source: any FramedSource) {
        self.side = side
        self.source = source
        (decoder, limit, gold, group) = (nil, nil, nil, nil)
        takes = { _, _ in true }
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
            frame, row, address in outcome(frame, row, ordinal: address.ordinal)
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
            let index = source.hasRandomAccess ? number * frames / looked : number
            guard let frame = try? source.frame(index) else { continue }
            let first = source.frames.rows(of: index).lowerBound
            let each = max(1, count / looked)
            let step = max(1, frame.count / each)
            for row in stride(from: 0, to: frame.count, by: step).prefix(each) {
                if case .take(.row(let row), _) = outcome(frame, row, ordinal: first + row) { rows.append(row) }
            }
        }
        return rows
    }

    private func outcome(_ frame: DecodedFrame, _ row: Int, ordinal: Int) -> Prepared<Outcome> {
        do {
            let raw = try frame.row(row)
            guard try takes(raw, ordinal) else { return .skip }
            var checked =
                try decoder.map { CheckedRow(side, raw, try $0.record(raw), gold: gold, group: group) }
                ?? CheckedRow(whole: side, raw)
            checked.ordinal = ordinal
            return .take(.row(checked))
        } catch {
            let place = frame.provenance(of: row)
            let message = (error as? DataError).map { "\($0.message). \($0.fix)" } ?? "\(error)"
            return .take(
                .malformed(ordinal: ordinal, source: "\(place.file):\(place.line)", message: message))
        }
    }
}
