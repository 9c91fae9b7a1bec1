/// Why a text is not JSON, and where.
public struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, in one clause.
    public let message: String
    /// Bytes before the offending one.
    public let offset: Int
    /// Line of the offending byte, from 1.
    public let line: Int
    /// Column of the offending byte in its line, in bytes from 1.
    public let column: Int

    public var description: String { "\(line):\(column): \(message)" }
}

/// What a JSON text may cost; a text beyond a limit is an error, never a trap.
public struct JSONLimits: Sendable {
    /// Arrays and objects inside each other, at most.
    public var depth: Int
    /// Size of the text in bytes, at most.
    public var bytes: Int
    /// Values in the text, keys not counted, at most: what bounds the memory of the tree, about 100 bytes each.
    public var values: Int

    /// - Parameters:
    ///   - depth: nesting of arrays and objects, 1 to 512.
    ///   - bytes: size of the text.
    ///   - values: values of any kind in the text.
    public init(depth: Int = 64, bytes: Int = 256 << 20, values: Int = 1 << 22) {
        precondition((1...512).contains(depth), "JSON depth limit \(depth) is not in 1...512")
        self.depth = depth
        self.bytes = bytes
        self.values = values
    }
}

extension JSON {
    /// Parses one JSON value (RFC 8259) that fills `bytes`.
    ///
    /// Stricter than the usual parser where leniency changes data in silence: a key written twice, invalid UTF-8,
    /// a lone surrogate and text after the value are errors.
    ///
    /// - Throws: `JSONError` at the first byte that is wrong, or when a limit is passed.
    public init(parsing bytes: some Sequence<UInt8>, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        let contiguous = ContiguousArray(bytes)
        self = try contiguous.withUnsafeBufferPointer { buffer throws(JSONError) -> JSON in
            try JSON(parsing: UnsafeRawBufferPointer(buffer), limits: limits)
        }
    }

    /// Parses one JSON value that fills `text`.
    ///
    /// - Throws: `JSONError` at the first byte that is wrong, or when a limit is passed.
    public init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        try self.init(parsing: text.utf8, limits: limits)
    }

    /// Parses one JSON value that fills `bytes`, without copying them.
    ///
    /// - Throws: `JSONError` at the first byte that is wrong, or when a limit is passed.
    public init(parsing bytes: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        var reader = JSONReader(bytes, limits: limits)
        self = try reader.document()
    }
}
