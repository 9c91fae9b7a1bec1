/// Something that gives rows in its own order, such as a JSONL file.
public protocol RecordSource: Sendable {
    /// The path as the user wrote it.
    var path: String { get }

    /// What may be promised about the bytes, in a few words that are printed once: `not checksummed`.
    var integrity: String { get }

    /// A stream of the rows from `position` on; memory is a chunk or a frame, and one row.
    ///
    /// - Throws: `DataError` when the source cannot be read.
    func rows(from position: RowPosition) throws(DataError) -> any RowStream
}

extension RecordSource {
    /// A stream of all rows.
    ///
    /// - Throws: `DataError` when the source cannot be read.
    public func rows() throws(DataError) -> any RowStream { try rows(from: .start) }
}

/// Rows one after the other.
public protocol RowStream {
    /// The place before the row that `next()` gives next; kept in a checkpoint, it resumes the stream.
    var position: RowPosition { get }

    /// The next row; `nil` behind the last.
    ///
    /// - Throws: `DataError` when the row is malformed, or when there was no row at all.
    mutating func next() throws(DataError) -> RawRow?

    /// Moves forward or back to the row with this number without decoding those before it.
    ///
    /// - Throws: `DataError` when a row before it is not well framed.
    /// - Returns: Whether there is such a row.
    mutating func seek(toRow ordinal: Int) throws(DataError) -> Bool
}
