#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A place in a file with the bytes after it at hand: memory is one chunk and the record being read.
///
/// Positions that are handed in are relative to the cursor, so they stay right when a new chunk arrives.
struct ByteCursor {
    let file: any ByteSource
    /// Line of the byte under the cursor, from 1.
    private(set) var line: Int
    /// Rows before the cursor.
    private(set) var ordinal: Int
    private let maximumRecordBytes: Int
    private let chunkBytes: Int
    /// Bytes from which a record gets the room of the longest at once; what is not written takes no memory.
    private static let longRecord = 4 << 20
    private var buffer: [UInt8]
    private var bufferOffset: Int
    private var head = 0

    /// What hashes the bytes that the cursor has passed since it was last set, if anything.
    var hash: XXH64?

    /// - Parameter ahead: bytes of the file from `position` on that are in memory already.
    init(file: any ByteSource, position: RowPosition, options: DataFileOptions, ahead: [UInt8] = []) {
        self.buffer = ahead
        self.file = file
        self.line = position.line
        self.ordinal = position.ordinal
        self.bufferOffset = position.byteOffset
        self.maximumRecordBytes = options.maximumRecordBytes
        self.chunkBytes = options.chunkBytes
    }

    /// Bytes of the file before the cursor.
    var offset: Int { bufferOffset + head }

    var position: RowPosition { RowPosition(ordinal: ordinal, byteOffset: offset, line: line) }

    /// Bytes after the cursor that are in memory.
    private var available: Int { buffer.count - head }

    /// The byte `index` places after the cursor; `nil` behind the end of the file.
    ///
    /// - Throws: `DataError` when a record grows over the limit.
    @inline(__always)
    mutating func byte(at index: Int) throws(DataError) -> UInt8? {
        if index >= available, try !fill(beyond: index) { return nil }
        return buffer[head + index]
    }

    /// The distance to the first `byte` that lies at least `start` after the cursor; `nil` when the file has none.
    mutating func distance(to byte: UInt8, from start: Int = 0) throws(DataError) -> Int? {
        var searched = start
        while true {
            if searched < available {
                let found = buffer.withUnsafeBufferPointer { bytes -> Int? in
                    guard let base = bytes.baseAddress else { return nil }
                    let from = base + head + searched
                    guard let hit = memchr(from, Int32(byte), available - searched) else { return nil }
                    return UnsafeRawPointer(hit) - UnsafeRawPointer(base) - head
                }
                if let found {
                    guard found <= maximumRecordBytes else { throw tooLong() }
                    return found
                }
                searched = available
            }
            if try !fill(beyond: searched) { return nil }
        }
    }

    /// Bytes from the cursor to the end of the file, once a search has met the end: all of them are then in memory.
    /// (The size that the file had when it was opened may no longer be true.)
    var bytesToEnd: Int { available }

    /// Moves the cursor over `count` bytes in memory that hold `lines` line feeds.
    mutating func skip(_ count: Int, lines: Int) {
        precondition(count <= available, "a cursor moved over bytes that it has not seen")
        if hash != nil {
            buffer.withUnsafeBytes { hash?.update(UnsafeRawBufferPointer(rebasing: $0[head..<(head + count)])) }
        }
        head += count
        line += lines
    }

    /// Moves the cursor behind a row.
    mutating func finishRow(_ frame: RowFrame) {
        skip(frame.consumed, lines: frame.lines)
        ordinal += 1
    }

    /// Moves the cursor over spaces, tabs and line ends.
    mutating func skipWhitespace() throws(DataError) {
        while let byte = try byte(at: 0), byte.isJSONWhitespace {
            skip(1, lines: byte == UInt8(ascii: "\n") ? 1 : 0)
        }
    }

    /// Moves the cursor over a byte order mark that starts the file.
    mutating func skipByteOrderMark() throws(DataError) {
        guard offset == 0 else { return }
        for (index, expected) in byteOrderMark.enumerated() {
            guard try byte(at: index) == expected else { return }
        }
        skip(byteOrderMark.count, lines: 0)
    }

    /// Hands over the `count` bytes after the cursor, which must be in memory.
    func withBytes<Result>(_ count: Int, _ body: (UnsafeRawBufferPointer) throws(DataError) -> Result) throws(DataError)
        -> Result
    {
        precondition(count <= available, "a cursor was asked for bytes that it has not seen")
        return try buffer.withUnsafeBufferPointer { bytes throws(DataError) -> Result in
            try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[head..<(head + count)]))
        }
    }

    /// An error at the byte `index` places after the cursor, `lines` further down.
    func error(_ kind: DataError.Kind, at index: Int = 0, lines: Int = 0, message: String, fix: String) -> DataError {
        file.error(kind, offset: offset + index, line: line + lines, message: message, fix: fix)
    }

    /// Reads chunks until the byte at `index` is in memory; `false` when the file ends before it.
    private mutating func fill(beyond index: Int) throws(DataError) -> Bool {
        guard index <= maximumRecordBytes else { throw tooLong() }
        while index >= available {
            if head > 0 {
                buffer.removeFirst(head)
                bufferOffset += head
                head = 0
            }
            let before = buffer.count
            // Growing by doubling would hold a long record twice while it is copied, and room for two more.
            if before > Self.longRecord, buffer.capacity < maximumRecordBytes {
                buffer.reserveCapacity(maximumRecordBytes + 2 * chunkBytes)
            }
            do throws(DataError) {
                try file.read(count: chunkBytes, at: bufferOffset + before, into: &buffer)
            } catch {
                throw placed(error)
            }
            guard buffer.count > before else { return false }
        }
        return true
    }

    /// Damage in a compressed file is told with the last row before it, which is what can still be used.
    private func placed(_ error: DataError) -> DataError {
        guard error.kind == .damaged else { return error }
        var error = error
        error.message += "; \(ordinal == 1 ? "1 whole row comes" : "\(ordinal) whole rows come") before it"
        error.line = line
        return error
    }

    private func tooLong() -> DataError {
        error(
            .limit, message: "the record that starts here is longer than \(maximumRecordBytes) bytes",
            fix: "A line end, quote or bracket may be missing; split the record if it is really that long.")
    }
}

extension UInt8 {
    /// Space, tab, line feed or carriage return.
    var isJSONWhitespace: Bool { self == 0x20 || self == 0x09 || self == 0x0A || self == 0x0D }
}
