import Synchronization
import TextCore

/// A data file whose rows have been laid into frames of about 256 KiB: 40 bytes of memory a frame.
///
/// A frame is a range of the file's text that starts between two rows, so the frames depend on the text alone and not
/// on how it was compressed.
final class FramedDataFile: FramedSource {
    /// Where a frame lies, and what its bytes hash to.
    private struct Block {
        var offset: Int
        var end: Int
        var line: Int
        var hash: UInt64
    }

    /// A frame is closed behind the row that takes it to this many bytes.
    static let frameBytes = 256 << 10

    private let source: DataFile
    private let blocks: [Block]
    let frames: FrameTable
    let identity: String
    /// The frames last read, where reading must go forward: several threads may ask for neighbours in any order.
    private let recent = Mutex<[Int: [UInt8]]>([:])

    /// How many frames are remembered of a source without random access.
    private static let remembered = 16

    init(_ source: DataFile) throws(DataError) {
        self.source = source
        var cursor = source.cursor(at: .start)
        var content = XXH64()
        content.update(XXH64.hash(try source.file.bytes(count: cursor.offset, at: 0)))
        cursor.hash = XXH64()
        var blocks: [Block] = []
        var counts: [Int] = []
        var start = cursor.position
        while true {
            let row = try source.framing.nextFrame(&cursor)
            if let row { cursor.finishRow(row) }
            if row == nil || cursor.offset - start.byteOffset >= Self.frameBytes {
                let hash = cursor.hash?.digest() ?? 0
                content.update(hash)
                cursor.hash = XXH64()
                if cursor.ordinal > start.ordinal {
                    // Rows of a frame are placed with 32 bits.
                    guard cursor.offset - start.byteOffset <= UInt32.max else {
                        throw cursor.error(
                            .limit, message: "a record is longer than 4 GiB", fix: "Split the record.")
                    }
                    blocks.append(
                        Block(offset: start.byteOffset, end: cursor.offset, line: start.line, hash: hash))
                    counts.append(cursor.ordinal - start.ordinal)
                }
                start = cursor.position
            }
            if row == nil { break }
        }
        guard !blocks.isEmpty else { throw emptyError(file: source.path) }
        self.blocks = blocks
        frames = FrameTable(rowCounts: counts)
        let unit = source.kind == .txt ? ".\(source.options.textUnit.rawValue)" : ""
        identity = "\(source.kind.rawValue)\(unit):xxh64:\(content.digest().hexadecimal):\(cursor.offset)"
    }

    var path: String { source.path }
    var integrity: String { source.integrity }
    var hasRandomAccess: Bool { source.compressed?.hasRandomAccess ?? true }

    func rows(from position: RowPosition) throws(DataError) -> any RowStream { try source.rows(from: position) }

    func frame(_ index: Int) throws(DataError) -> DecodedFrame {
        let block = blocks[index]
        let bytes = try hasRandomAccess ? read(block) : readForward(index)
        var position = RowPosition(
            ordinal: frames.rows(of: index).lowerBound, byteOffset: block.offset, line: block.line)
        var cursor = source.cursor(at: position, ahead: bytes)
        // A CSV file's first frame starts behind its header, which the cursor knows.
        position = cursor.position
        var rows: [DecodedFrame.Row] = []
        rows.reserveCapacity(frames.rows(of: index).count)
        for _ in frames.rows(of: index) {
            guard let row = try source.framing.nextFrame(&cursor) else { throw changed(at: block) }
            rows.append(
                DecodedFrame.Row(
                    offset: UInt32(clamping: cursor.offset - block.offset), length: UInt32(clamping: row.length),
                    line: UInt32(clamping: cursor.line - block.line)))
            cursor.finishRow(row)
        }
        let (framing, file) = (source.framing, source.file)
        return DecodedFrame(
            text: .array(bytes), rows: rows,
            start: Provenance(
                file: path, line: block.line, byteOffset: block.offset, ordinal: position.ordinal),
            parse: { bytes, place throws(DataError) -> JSON in
                try framing.decode(bytes, offset: place.byteOffset, line: place.line, file: file)
            },
            isJSON: source.kind == .jsonl || source.kind == .json)
    }

    /// The bytes of a frame, which must be those of the pass that found it.
    private func read(_ block: Block) throws(DataError) -> [UInt8] {
        let bytes = try source.file.bytes(count: block.end - block.offset, at: block.offset)
        guard bytes.count == block.end - block.offset else {
            throw DataError(
                .unreadable, file: path, line: block.line, byteOffset: block.offset,
                message: "the file has become shorter while it was read", fix: "Start again once it is complete.")
        }
        guard XXH64.hash(bytes) == block.hash else { throw changed(at: block) }
        return bytes
    }

    private func changed(at block: Block) -> DataError {
        DataError(
            .damaged, file: path, line: block.line, byteOffset: block.offset,
            message: "the file has changed since it was opened", fix: "Start again once it is complete.")
    }

    /// The bytes of a frame of a source that can only be read forward, one thread at a time.
    ///
    /// Frames that are passed on the way are remembered, because another thread probably waits for them.
    private func readForward(_ index: Int) throws(DataError) -> [UInt8] {
        try recent.withLock { recent throws(DataError) -> [UInt8] in
            if let bytes = recent[index] { return bytes }
            let last = recent.keys.max() ?? -1
            let first = index > last && index - last <= Self.remembered ? last + 1 : index
            for passed in first...index {
                recent[passed] = try read(blocks[passed])
                recent = recent.filter { $0.key > passed - Self.remembered && $0.key <= passed }
            }
            return recent[index] ?? []
        }
    }
}
