import TextCore

/// Rows in frames of about 256 KiB, each of which can be read alone: what a shuffled pass over a large data set reads.
public protocol FramedSource: RecordSource {
    /// A hash of everything that decides which rows there are: the manifest's SHA-256, or one of the file's content.
    /// Two sources with one identity give the same rows in the same frames.
    var identity: String { get }

    /// How the rows fall into frames.
    var frames: FrameTable { get }

    /// Whether `frame(_:)` costs one frame wherever it lies. `false` for one long compressed frame, of which every part
    /// is behind all others: such a source is read from the start to the end.
    var hasRandomAccess: Bool { get }

    /// Reads, checks and decodes a frame.
    ///
    /// - Precondition: `index` is in `0 ..< frames.count`.
    /// - Throws: `DataError` when the frame is damaged, cut, or has changed since the source was opened.
    func frame(_ index: Int) throws(DataError) -> DecodedFrame
}

/// How the rows of a source fall into frames: 8 bytes a frame.
public struct FrameTable: Sendable, Hashable {
    /// The number of the first row of each frame, and after them the number of all rows.
    private let firstRows: [Int]

    /// - Parameter counts: rows of each frame, in order.
    public init(rowCounts counts: some Sequence<Int>) {
        firstRows = counts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
    }

    /// Frames.
    public var count: Int { firstRows.count - 1 }

    /// Rows in all frames.
    public var rowCount: Int { firstRows[firstRows.count - 1] }

    /// The numbers of a frame's rows within the source.
    ///
    /// - Precondition: `frame` is in `0 ..< count`.
    public func rows(of frame: Int) -> Range<Int> { firstRows[frame]..<firstRows[frame + 1] }

    /// The frame that holds a row.
    ///
    /// - Precondition: `row` is in `0 ..< rowCount`.
    public func frame(ofRow row: Int) -> Int {
        precondition(row >= 0 && row < rowCount, "row \(row) of a source with \(rowCount) rows")
        return firstRows.partitioningIndex { $0 > row } - 1
    }
}

extension Array {
    /// The first index whose element fulfils the predicate, when all elements behind one that does do so too.
    func partitioningIndex(where isBehind: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// The rows of one frame, in memory and not yet parsed.
public struct DecodedFrame: Sendable {
    /// Where a row lies, counted from the start of the frame.
    struct Row: Sendable {
        var offset: UInt32
        var length: UInt32
        var line: UInt32
    }

    /// The frame's content.
    let text: FrameText
    let rows: [Row]
    /// The place of the frame's first byte, and the number of its first row.
    let start: Provenance
    /// How the bytes of a row become columns.
    let parse: @Sendable (UnsafeRawBufferPointer, Provenance) throws(DataError) -> JSON
    /// Whether the bytes of a row are the text of a JSON object, so that its record can be read straight from them.
    public let isJSON: Bool

    /// Rows in the frame.
    public var count: Int { rows.count }

    /// Where a row came from.
    public func provenance(of row: Int) -> Provenance {
        let place = rows[row]
        return Provenance(
            file: start.file, line: start.line + Int(place.line), byteOffset: start.byteOffset + Int(place.offset),
            ordinal: start.ordinal + row)
    }

    /// Hands over the bytes of a row.
    public func withBytes<Result, Failure: Error>(
        of row: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let place = rows[row]
        return try text.withBytes { all throws(Failure) -> Result in
            try body(UnsafeRawBufferPointer(rebasing: all[Int(place.offset)..<Int(place.offset) + Int(place.length)]))
        }
    }

    /// A row with its columns parsed.
    ///
    /// - Throws: `DataError` when the row is malformed.
    public func row(_ row: Int) throws(DataError) -> RawRow {
        let provenance = provenance(of: row)
        let parse = parse
        let fields = try withBytes(of: row) { bytes throws(DataError) -> JSON in try parse(bytes, provenance) }
        return RawRow(fields: fields, provenance: provenance)
    }
}

/// The rows of a framed source one after the other; memory is one frame.
///
/// Of a position only the row's number counts: it finds the frame.
struct FramedRowStream: RowStream {
    private let source: any FramedSource
    private var ordinal: Int
    private var loaded: (index: Int, frame: DecodedFrame)?

    init(source: any FramedSource, position: RowPosition) {
        self.source = source
        ordinal = max(0, position.ordinal)
    }

    var position: RowPosition { RowPosition(ordinal: ordinal, byteOffset: 0, line: ordinal + 1) }

    mutating func next() throws(DataError) -> RawRow? {
        let table = source.frames
        guard ordinal < table.rowCount else { return nil }
        let index =
            if let loaded, table.rows(of: loaded.index).contains(ordinal) { loaded.index } else {
                table.frame(ofRow: ordinal)
            }
        let frame: DecodedFrame
        if let loaded, loaded.index == index {
            frame = loaded.frame
        } else {
            loaded = nil
            frame = try source.frame(index)
            loaded = (index, frame)
        }
        let row = try frame.row(ordinal - table.rows(of: index).lowerBound)
        ordinal += 1
        return row
    }

    mutating func seek(toRow ordinal: Int) throws(DataError) -> Bool {
        self.ordinal = max(0, ordinal)
        return ordinal < source.frames.rowCount
    }
}
