import CZstd
import OrderedCollections
public import TextCore

/// How shards are written.
public struct ShardOptions: Sendable, Hashable {
    /// Level of zstd's compression, in 1 ... 19.
    public var compressionLevel: Int
    /// Most bytes of text in a frame; only a record that is larger by itself has a larger one.
    public var frameBytes: Int
    /// Most bytes of text in a shard; only a record that is larger by itself has a larger one.
    public var shardBytes: Int

    /// - Precondition: the level is in 1 ... 19, and a frame is at most 64 MiB and no larger than a shard.
    public init(compressionLevel: Int = 3, frameBytes: Int = 256 << 10, shardBytes: Int = 256 << 20) {
        precondition((1...19).contains(compressionLevel), "compression level \(compressionLevel)")
        precondition(
            frameBytes > 0 && frameBytes <= ShardFormat.largestFrame && shardBytes >= frameBytes,
            "frames of \(frameBytes) bytes in shards of \(shardBytes)")
        self.compressionLevel = compressionLevel
        self.frameBytes = frameBytes
        self.shardBytes = shardBytes
    }
}

/// Writes one shard, record by record; memory is one frame and the index.
///
/// The file appears under its name with `finish()`; a writer that is dropped before leaves nothing behind.
public final class ShardWriter {
    /// Where the shard will lie.
    public let path: String
    /// Records so far.
    public private(set) var records = 0
    /// Bytes of text so far.
    public private(set) var textBytes = 0
    private let output: OutputFile
    private let options: ShardOptions
    private let sequence: Int
    private let context: OpaquePointer
    private var header: ShardHeader
    private let metadataBytes: Int
    private var index: ShardIndex
    private var frame: [UInt8] = []
    private var frameRecords = 0
    private var compressed: [UInt8] = []

    /// Starts a shard.
    ///
    /// - Parameters:
    ///   - schema: what a record is, such as `pref/1`.
    ///   - metadata: whatever else is to be noted, as an object.
    ///   - sequence: number of the shard in its data set; shards with equal records differ by it.
    /// - Throws: `DataError` when the file cannot be created, or schema or metadata are too large.
    public init(
        path: String, schema: String, metadata: JSON = [:], options: ShardOptions = ShardOptions(), sequence: Int = 0
    ) throws(DataError) {
        header = ShardHeader(uuid: .zero, schema: schema, metadata: metadata)
        metadataBytes = Self.metadata(metadata, records: .max, textBytes: .max).text().utf8.count
        guard schema.utf8.count <= UInt16.max, metadataBytes <= ShardFormat.largestMetadata else {
            throw DataError(
                .limit, file: path, message: "a shard's schema or metadata are too large",
                fix: "Metadata have at most 64 KiB; note less.")
        }
        guard let context = ZSTD_createCCtx() else {
            throw DataError(
                .unwritable, file: path, message: "there is no memory for a compressor", fix: "Free some memory.")
        }
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(options.compressionLevel))
        ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        self.context = context
        self.path = path
        self.options = options
        self.sequence = sequence
        do throws(DataError) {
            output = try OutputFile(path: path)
            let placeholder = header.encoded(metadataBytes: metadataBytes)
            index = ShardIndex(start: placeholder.count)
            try output.write(placeholder)
        } catch {
            ZSTD_freeCCtx(context)
            throw error
        }
    }

    deinit { ZSTD_freeCCtx(context) }

    private static func metadata(_ metadata: JSON, records: Int, textBytes: Int) -> JSON {
        var members = metadata.object ?? [:]
        members["records"] = .integer(records)
        members["raw_bytes"] = .integer(textBytes)
        return .object(members)
    }

    /// Appends a record.
    ///
    /// - Throws: `DataError` when it is larger than 64 MiB, or the disk is full.
    public func append(_ record: JSON) throws(DataError) {
        precondition(record.object != nil, "a record is \(record.kind)")
        try record.utf8().withRawBytes { bytes throws(DataError) in try append(line: bytes) }
    }

    /// Appends a record from its text.
    ///
    /// - Parameter line: a JSON object on one line, without a line feed.
    /// - Throws: `DataError` when it does not start with `{`, holds a line feed, is larger than 64 MiB, or the disk is
    ///   full.
    public func append(line: UnsafeRawBufferPointer) throws(DataError) {
        guard line.first == UInt8(ascii: "{"), !line.contains(UInt8(ascii: "\n")) else {
            throw DataError(
                .syntax, file: path, message: "record \(records + 1) is not one line that starts with {",
                fix: "Parse the row, and append it as JSON.")
        }
        guard line.count < ShardFormat.largestRecord else {
            throw DataError(
                .limit, file: path, message: "record \(records + 1) has \(line.count) bytes, and 64 MiB are allowed",
                fix: "Split the record.")
        }
        if frame.count + line.count >= options.frameBytes { try closeFrame() }
        frame.append(contentsOf: line)
        frame.append(UInt8(ascii: "\n"))
        frameRecords += 1
        records += 1
        textBytes += line.count + 1
    }

    private func closeFrame() throws(DataError) {
        guard frameRecords > 0 else { return }
        // Zstd takes a window as large as the text unless it is told otherwise; a reader expects 8 MiB at most.
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, frame.count > ShardFormat.largestWindow ? 23 : 0)
        let bound = ZSTD_compressBound(frame.count)
        if compressed.count < bound { compressed = [UInt8](repeating: 0, count: bound) }
        let size = compressed.withUnsafeMutableBytes { target in
            frame.withUnsafeBytes { text in
                ZSTD_compress2(context, target.baseAddress, bound, text.baseAddress, text.count)
            }
        }
        guard ZSTD_isError(size) == 0 else {
            throw DataError(
                .unwritable, file: path, message: "zstd failed: \(String(cString: ZSTD_getErrorName(size)))",
                fix: "Free some memory and build again.")
        }
        try compressed.withRawBytes { bytes throws(DataError) in
            try output.write(UnsafeRawBufferPointer(rebasing: bytes[..<size]))
        }
        index.append(
            compressedBytes: size, textBytes: frame.count, records: frameRecords, hash: XXH64.hash(frame))
        frame.removeAll(keepingCapacity: true)
        frameRecords = 0
    }

    /// Writes what is left, index and seek table, puts the file on the disk and gives it its name.
    ///
    /// - Throws: `DataError` when there is no record, or the disk is full.
    /// - Returns: what a manifest says of the shard.
    public func finish() throws(DataError) -> DatasetManifest.Shard {
        try closeFrame()
        guard records > 0 else { throw emptyError(file: path) }
        let content = index.encodedContent()
        var indexFrame: [UInt8] = []
        indexFrame.append(littleEndian: ShardFormat.indexMagic)
        indexFrame.append(littleEndian: UInt32(clamping: content.count))
        try output.write(indexFrame + content)
        try output.write(index.encodedSeekTable(indexFrameBytes: indexFrame.count + content.count))
        header.uuid = uuid(index: content)
        header.metadata = Self.metadata(header.metadata, records: records, textBytes: textBytes)
        try output.write(header.encoded(metadataBytes: metadataBytes), at: 0)
        try output.commit()
        return DatasetManifest.Shard(
            name: fileName(path), bytes: output.size, sha256: try sha256(ofFile: path), records: records,
            frames: index.count, textBytes: textBytes, indexHash: index.hash.hexadecimal)
    }

    private func uuid(index: [UInt8]) -> ShardUUID {
        var hash = SHA256()
        hash.update("hone shard \(header.schema)\n\(sequence)\n")
        hash.update(index)
        return ShardUUID(hash.finalized())
    }
}

/// The SHA-256 of a file's bytes, as hexadecimal digits.
///
/// - Parameter progress: is told the bytes of each piece that has been read.
/// - Throws: `DataError` when the file cannot be read.
func sha256(ofFile path: String, progress: (Int) -> Void = { _ in }) throws(DataError) -> String {
    let file = try InputFile(path: path)
    var hash = SHA256()
    var offset = 0
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    while true {
        let got = try file.read(into: buffer, at: offset)
        if got == 0 { return hash.finalized().hexadecimal }
        // Nobody waits for what a cancelled task gives.
        if Task.isCancelled {
            throw DataError(.unreadable, file: path, message: "its reading was stopped", fix: "Start it again.")
        }
        hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
        offset += got
        progress(got)
    }
}
