public import TextCore

/// Where a row came from.
public struct Provenance: Sendable, Hashable {
    /// The file as the user named it.
    public var file: String
    /// Physical line on which the row starts, from 1.
    public var line: Int
    /// Bytes of the file before the row.
    public var byteOffset: Int
    /// Rows of the file before this one.
    public var ordinal: Int

    public init(file: String, line: Int, byteOffset: Int, ordinal: Int) {
        self.file = file
        self.line = line
        self.byteOffset = byteOffset
        self.ordinal = ordinal
    }
}

/// A row of a data file before anyone has asked what it means.
public struct RawRow: Sendable, Hashable {
    /// The columns: always a JSON object.
    public var fields: JSON
    /// Where the row came from.
    public var provenance: Provenance

    public init(fields: JSON, provenance: Provenance) {
        self.fields = fields
        self.provenance = provenance
    }
}

/// A place between two rows of a file: three integers that resume a stream exactly.
public struct RowPosition: Sendable, Hashable {
    /// Rows before the place.
    public var ordinal: Int
    /// Bytes of the file before the place.
    public var byteOffset: Int
    /// Physical line of the place, from 1.
    public var line: Int

    public init(ordinal: Int, byteOffset: Int, line: Int) {
        self.ordinal = ordinal
        self.byteOffset = byteOffset
        self.line = line
    }

    /// Before the first row.
    public static let start = RowPosition(ordinal: 0, byteOffset: 0, line: 1)
}
