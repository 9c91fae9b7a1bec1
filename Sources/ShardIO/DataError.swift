import TextCore

/// Why data could not be read: what happened, where, and what to do about it.
public struct DataError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What sort of trouble this is, for callers that treat some kinds apart.
    public enum Kind: Sendable, Hashable {
        /// There is no such file.
        case missing
        /// The file is there but cannot be opened or read, or is no regular file.
        case unreadable
        /// There is no row in it.
        case empty
        /// A record is larger than the limit.
        case limit
        /// The text breaks the rules of its file format.
        case syntax
        /// The bytes are not UTF-8.
        case encoding
        /// A field has the wrong type or is missing.
        case field
        /// A column, format or option was named that does not exist or does not fit.
        case option
        /// The bytes are not those that were written: a checksum, a size or a count does not fit, or the end is missing.
        case damaged
        /// The file was written by a later version, or needs something that this one cannot do.
        case unsupported
        /// A file or folder cannot be written.
        case unwritable
    }

    /// The sort of trouble.
    public var kind: Kind
    /// The file as the user named it.
    public var file: String
    /// Physical line, from 1.
    public var line: Int?
    /// Column in bytes, from 1.
    public var column: Int?
    /// Bytes before the offending one, or before its row.
    public var byteOffset: Int?
    /// The place inside the row, such as `$.messages[2].role`.
    public var jsonPath: String?
    /// What happened, in one clause without a full stop.
    public var message: String
    /// Why it matters and what to do, in sentences.
    public var fix: String

    public init(
        _ kind: Kind, file: String, line: Int? = nil, column: Int? = nil, byteOffset: Int? = nil,
        jsonPath: String? = nil, message: String, fix: String
    ) {
        self.kind = kind
        self.file = file
        self.line = line
        self.column = column
        self.byteOffset = byteOffset
        self.jsonPath = jsonPath?.clipped(to: 400)
        // What a file says in a gigabyte is not repeated whole.
        self.message = message.clipped(to: 2000)
        self.fix = fix
    }

    /// `file:line:column: message at path (byte N). fix`
    public var description: String {
        var text = file
        if let line { text += ":\(line)" }
        if line != nil, let column { text += ":\(column)" }
        text += ": \(message)"
        if let jsonPath { text += " at \(jsonPath)" }
        if let byteOffset { text += " (byte \(byteOffset))" }
        return "\(text). \(fix)"
    }
}
