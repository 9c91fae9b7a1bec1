/// Where the frames of a shard lie, what they hold, and what their text hashes to.
///
/// Memory is 32 bytes a frame: frames have no gaps between them, so the end of one is the start of the next.
struct ShardIndex: Sendable {
    /// Places of the frames in the file, and behind them the place of the index.
    private(set) var offsets: [Int]
    /// Bytes of text before each frame, and behind them all bytes of text.
    private(set) var textOffsets: [Int] = [0]
    private(set) var hashes: [UInt64] = []
    /// Records of each frame.
    private(set) var counts: [Int] = []
    /// The hash that the index ends with, which decides what the shard holds.
    private(set) var hash: UInt64 = 0

    /// An index without frames.
    ///
    /// - Parameter start: bytes of the file before the first frame.
    init(start: Int) { offsets = [start] }

    var count: Int { hashes.count }
    var records: Int { counts.reduce(0, +) }
    var textBytes: Int { textOffsets[textOffsets.count - 1] }

    func compressedBytes(_ frame: Int) -> Int { offsets[frame + 1] - offsets[frame] }
    func textBytes(_ frame: Int) -> Int { textOffsets[frame + 1] - textOffsets[frame] }

    mutating func append(compressedBytes: Int, textBytes: Int, records: Int, hash: UInt64) {
        offsets.append(offsets[offsets.count - 1] + compressedBytes)
        textOffsets.append(textOffsets[textOffsets.count - 1] + textBytes)
        counts.append(records)
        hashes.append(hash)
    }

    /// The content of the index frame.
    mutating func encodedContent() -> [UInt8] {
        var content: [UInt8] = []
        content.reserveCapacity(count * ShardFormat.entryBytes + 16)
        var first: UInt64 = 0
        for frame in 0..<count {
            content.append(littleEndian: UInt64(offsets[frame]))
            content.append(littleEndian: UInt32(clamping: compressedBytes(frame)))
            content.append(littleEndian: UInt32(clamping: textBytes(frame)))
            content.append(littleEndian: first)
            content.append(littleEndian: hashes[frame])
            first += UInt64(counts[frame])
        }
        content.append(littleEndian: first)
        hash = XXH64.hash(content)
        content.append(littleEndian: hash)
        return content
    }

    /// The seek table's frame, the last of the file.
    func encodedSeekTable(indexFrameBytes: Int) -> [UInt8] {
        var entries: [UInt8] = []
        func append(_ compressed: Int, _ text: Int, _ hash: UInt64) {
            entries.append(littleEndian: UInt32(clamping: compressed))
            entries.append(littleEndian: UInt32(clamping: text))
            entries.append(littleEndian: UInt32(truncatingIfNeeded: hash))
        }
        let nothing = XXH64.hash([])
        append(offsets[0], 0, nothing)
        for frame in 0..<count { append(compressedBytes(frame), textBytes(frame), hashes[frame]) }
        append(indexFrameBytes, 0, nothing)
        var table: [UInt8] = []
        table.append(littleEndian: ShardFormat.seekTableMagic)
        table.append(littleEndian: UInt32(clamping: entries.count + ShardFormat.seekFooterBytes))
        table += entries
        table.append(littleEndian: UInt32(clamping: count + 2))
        table.append(0x80)
        table.append(littleEndian: ShardFormat.seekableMagic)
        return table
    }

    /// Reads the index and the seek table of a file whose header takes `headerBytes`.
    ///
    /// - Throws: `DataError` when either is missing or damaged, or when they contradict each other or the file's size.
    static func read(from file: InputFile, headerBytes: Int) throws(DataError) -> ShardIndex {
        let footerStart = file.size - ShardFormat.seekFooterBytes
        var footer = LittleEndianReader(
            footerStart > headerBytes ? try file.bytes(count: ShardFormat.seekFooterBytes, at: footerStart) : [])
        guard let entries = footer.take(UInt32.self), footer.take(UInt8.self) == 0x80,
            footer.take(UInt32.self) == ShardFormat.seekableMagic
        else {
            throw damaged(file, at: file.size, "the file does not end with a shard's seek table: it was cut off")
        }
        let frames = Int(entries) - 2
        let tableBytes = 8 + 12 * Int(entries) + ShardFormat.seekFooterBytes
        let contentBytes = frames * ShardFormat.entryBytes + 16
        let tableStart = file.size - tableBytes
        let indexStart = tableStart - contentBytes - 8
        guard frames > 0, indexStart > headerBytes else {
            throw damaged(file, at: footerStart, "the seek table tells of \(entries) frames, which do not fit")
        }
        // A file may have a length that nobody wrote; its frames have to be read one by one.
        guard frames <= ShardFormat.largestFrameCount else {
            throw damaged(
                file, at: footerStart,
                "the seek table tells of \(frames) frames, and a shard has at most \(ShardFormat.largestFrameCount)")
        }
        var frame = LittleEndianReader(try file.bytes(count: contentBytes + 8, at: indexStart))
        guard frame.take(UInt32.self) == ShardFormat.indexMagic, frame.take(UInt32.self) == UInt32(contentBytes),
            let content = frame.take(bytes: contentBytes)
        else { throw damaged(file, at: indexStart, "there is no index where the seek table has it") }
        guard var index = decode(content, start: headerBytes, end: indexStart) else {
            throw damaged(file, at: indexStart, "the index does not fit its checksum, or its frames have gaps")
        }
        // Writing the table again is the shortest way to compare every byte of it.
        _ = index.encodedContent()
        guard
            try file.bytes(count: tableBytes, at: tableStart)
                == index.encodedSeekTable(indexFrameBytes: contentBytes + 8)
        else { throw damaged(file, at: tableStart, "the seek table contradicts the index") }
        return index
    }

    private static func decode(_ content: [UInt8], start: Int, end: Int) -> ShardIndex? {
        var tail = LittleEndianReader(Array(content.suffix(8)))
        guard tail.take(UInt64.self) == XXH64.hash(Array(content.dropLast(8))) else { return nil }
        var index = ShardIndex(start: start)
        var reader = LittleEndianReader(content)
        var records = 0
        let count = (content.count - 16) / ShardFormat.entryBytes
        var pending: (compressed: Int, text: Int, hash: UInt64)?
        for frame in 0...count {
            let isEnd = frame == count
            let offset = isEnd ? UInt64(end) : reader.take(UInt64.self)
            let compressed = isEnd ? 0 : reader.take(UInt32.self)
            let text = isEnd ? 0 : reader.take(UInt32.self)
            guard let offset, let compressed, let text, let first = reader.take(UInt64.self),
                let first = Int(exactly: first)
            else { return nil }
            if let pending {
                guard first > records else { return nil }
                index.append(
                    compressedBytes: pending.compressed, textBytes: pending.text, records: first - records,
                    hash: pending.hash)
                records = first
            } else if first != 0 {
                return nil
            }
            // What zstd cannot compress grows by less than a MiB in 64.
            guard offset == UInt64(index.offsets[index.offsets.count - 1]), text <= ShardFormat.largestFrame,
                compressed <= ShardFormat.largestFrame + 1 << 20
            else { return nil }
            if !isEnd {
                guard let hash = reader.take(UInt64.self) else { return nil }
                pending = (Int(compressed), Int(text), hash)
            }
        }
        return index
    }

    private static func damaged(_ file: InputFile, at offset: Int, _ message: String) -> DataError {
        DataError(
            .damaged, file: file.path, byteOffset: offset, message: message,
            fix: "Fetch the file again, or build the data set again.")
    }
}
