import TextCore

/// Rows in frames of about 256 KiB, each of which can be read alone: what a shuffled pass over a large data set reads.
public protocol FramedSource: RecordSource {
    /// A hash of everything that decides which rows there are: the manifest's SHA-256, or that of the file's content.
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
}

/// The rows of one frame, in memory and not yet parsed.
public struct DecodedFrame: Sendable {
    /// The frame's content.
    let bytes: [UInt8]
    /// Where in `bytes` each row lies, and where it came from.
    let rows: [(range: Range<Int>, provenance: Provenance)]
    /// How the bytes of a row become columns.
    let parse: @Sendable (UnsafeRawBufferPointer, Provenance) throws(DataError) -> JSON
    /// Whether the bytes of a row are the text of a JSON object, so that its record can be read straight from them.
    public let isJSON: Bool

    /// Rows in the frame.
    public var count: Int { rows.count }

    /// Where a row came from.
    public func provenance(of row: Int) -> Provenance { rows[row].provenance }

    /// Hands over the bytes of a row.
    public func withBytes<Result, Failure: Error>(
        of row: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try bytes.withUnsafeBufferPointer { all throws(Failure) -> Result in
            try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(all)[rows[row].range]))
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
