import TextCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One shard: its header, index and seek table are checked when it is opened, and each frame when it is read.
public struct ShardFile: FramedSource {
    public let path: String
    /// What the shard says of itself.
    public let header: ShardHeader
    public let frames: FrameTable
    /// Bytes of text in all frames.
    public var textBytes: Int { index.textBytes }
    /// Bytes of the file.
    public var fileBytes: Int { file.size }
    /// Where the frames lie and what they hash to.
    let index: ShardIndex
    private let file: InputFile
    private let decoders: ShardDecoderPool

    /// Opens a shard.
    ///
    /// - Throws: `DataError` when the file is missing, no shard, damaged or cut, or of an unknown version.
    public init(path: String) throws(DataError) { try self.init(path: path, decoders: ShardDecoderPool()) }

    init(path: String, decoders: ShardDecoderPool) throws(DataError) {
        let file = try InputFile(path: path)
        let (header, headerBytes) = try ShardHeader.read(from: file)
        do throws(DataError) {
            index = try ShardIndex.read(from: file, headerBytes: headerBytes)
        } catch {
            guard error.kind == .damaged else { throw error }
            var error = error
            let found = ShardRemains(path: path)
            let expected = header.metadata["records"]?.int.map { "\($0) records are expected" } ?? "It is incomplete"
            error.fix = "\(expected), and \(found) can still be read. \(error.fix)"
            throw error
        }
        if let records = header.metadata["records"]?.int, records != index.records {
            throw DataError(
                .damaged, file: path, byteOffset: 0,
                message: "the header tells of \(records) records, and the index of \(index.records)",
                fix: "Header and frames are of different files; build the data set again.")
        }
        self.path = path
        self.header = header
        self.file = file
        self.decoders = decoders
        frames = FrameTable(rowCounts: index.counts)
    }

    /// Whether a file starts as shards do, of whatever version.
    ///
    /// - Throws: `DataError` when the file cannot be read.
    public static func isShard(path: String) throws(DataError) -> Bool {
        ShardHeader.isHeader(
            try InputFile(path: path).bytes(count: ShardFormat.markOffset + ShardFormat.mark.count, at: 0))
    }

    public var identity: String { "shard:\(header.uuid):\(index.hash.hexadecimal)" }
    public var hasRandomAccess: Bool { true }
    public var integrity: String { "verified frame by frame; other shards are unknown without a manifest" }

    public func rows(from position: RowPosition) throws(DataError) -> any RowStream {
        FramedRowStream(source: self, position: position)
    }

    public func frame(_ index: Int) throws(DataError) -> DecodedFrame {
        let numbers = frames.rows(of: index)
        let text = try decoders.decode(index, of: file, index: self.index)
        guard let rows = text.withBytes({ lines(of: $0, expected: numbers.count) }) else {
            throw DataError(
                .damaged, file: path, byteOffset: self.index.offsets[index],
                message: "frame \(index + 1) of \(frames.count) does not hold \(numbers.count) lines",
                fix: "It fits its checksum, so it was written wrongly; build the data set again.")
        }
        return DecodedFrame(
            text: .lent(text), rows: rows,
            start: Provenance(
                file: path, line: numbers.lowerBound + 1, byteOffset: self.index.textOffsets[index],
                ordinal: numbers.lowerBound),
            parse: parseJSONLine, isJSON: true)
    }
}

/// Where the lines of a frame lie; `nil` when they are not as many as expected, or the last is not ended.
private func lines(of text: UnsafeRawBufferPointer, expected: Int) -> [DecodedFrame.Row]? {
    guard let base = text.baseAddress, text.last == UInt8(ascii: "\n") else { return nil }
    var rows: [DecodedFrame.Row] = []
    rows.reserveCapacity(expected)
    var start = 0
    while start < text.count, rows.count < expected,
        let end = memchr(base + start, Int32(UInt8(ascii: "\n")), text.count - start)
    {
        let length = UnsafeRawPointer(end) - (base + start)
        rows.append(
            DecodedFrame.Row(
                offset: UInt32(clamping: start), length: UInt32(clamping: length), line: UInt32(rows.count)))
        start += length + 1
    }
    if start < text.count { rows.removeAll() }
    return rows.count == expected ? rows : nil
}

/// Parses the bytes of a line as a JSON object, with errors placed in the text of the file.
private func parseJSONLine(_ bytes: UnsafeRawBufferPointer, _ place: Provenance) throws(DataError) -> JSON {
    let value: JSON
    do throws(JSONError) {
        value = try JSON(parsing: bytes)
    } catch {
        throw DataError(
            .syntax, file: place.file, line: place.line, column: error.column,
            byteOffset: place.byteOffset + error.offset, message: "broken JSON: \(error.message)",
            fix: "The line was written so; mend it where the shard was built from.")
    }
    guard value.object != nil else {
        throw DataError(
            .syntax, file: place.file, line: place.line, column: 1, byteOffset: place.byteOffset,
            message: "a row is \(value.kind), not an object",
            fix: "The line was written so; mend it where the shard was built from.")
    }
    return value
}

/// What can still be decoded of a file that is damaged or cut.
struct ShardRemains: CustomStringConvertible {
    private(set) var records = 0

    init(path: String) {
        // Whatever ends the decoding is the damage that the caller already reports.
        guard let file = try? InputFile(path: path), let input = try? CompressedInput(file) else { return }
        var offset = 0
        var bytes: [UInt8] = []
        while true {
            bytes.removeAll(keepingCapacity: true)
            guard (try? input.read(count: 256 << 10, at: offset, into: &bytes)) != nil, !bytes.isEmpty else { return }
            records += bytes.count { $0 == UInt8(ascii: "\n") }
            offset += bytes.count
        }
    }

    var description: String { records == 1 ? "1 record" : "\(records) records" }
}
