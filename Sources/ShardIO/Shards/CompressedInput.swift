import Synchronization

/// What a zstd file holds, read by position in its text.
///
/// Reading forward is cheap, also for several readers at once. Reading elsewhere starts at the nearest frame that has
/// been seen before it, and decodes up to the place.
final class CompressedInput: ByteSource {
    /// A frame with more text than this is no place to read single blocks from.
    static let longFrame = 16 << 20
    /// Starts of frames that lie closer together than this are not remembered: a bound on memory.
    private static let spacing = 64 << 10
    private static let idleReaders = 8
    /// What idle decoders may hold together; one with a window of 128 MiB stays alone.
    private static let idleBytes = 64 << 20

    /// What has been seen of the file's frames so far.
    private struct Census {
        var starts: [ZstdFrameStart] = [.first]
        var count = 0
        var withChecksum = 0
        var longest = 0
        /// Whether the end has been read, so that the numbers are those of the whole file.
        var isComplete = false

        mutating func add(_ frame: ZstdReader.FinishedFrame) {
            guard frame.start.number == count else { return }
            if frame.start.textOffset - starts[starts.count - 1].textOffset >= spacing { starts.append(frame.start) }
            count += 1
            if frame.hasChecksum { withChecksum += 1 }
            longest = max(longest, frame.textBytes)
        }

        /// The last known frame that starts at or before a place in the text.
        func start(before textOffset: Int) -> ZstdFrameStart {
            starts[max(0, starts.partitioningIndex { $0.textOffset > textOffset } - 1)]
        }
    }

    /// The census on its own, so that the readers that report to it do not keep the input alive.
    private final class SharedCensus: Sendable {
        let value = Mutex(Census())
    }

    private let file: InputFile
    private let maximumExpansion: Int
    private let census = SharedCensus()
    private let idle = Mutex<[ZstdReader]>([])

    /// - Throws: `DataError` when the file does not start as a zstd file does.
    /// - Parameter maximumExpansion: see `DataFileOptions`.
    init(_ file: InputFile, maximumExpansion: Int = 2000) throws(DataError) {
        self.file = file
        self.maximumExpansion = maximumExpansion
        let start = try file.bytes(count: 4, at: 0)
        let magic = start.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard start.count == 4, magic == ShardFormat.frameMagic || magic & ~15 == ShardFormat.skippableMagic else {
            throw DataError(
                .damaged, file: file.path, byteOffset: 0, message: "this is no zstd file",
                fix: "Its name ends in .zst but it does not start as zstd's files do.")
        }
    }

    var path: String { file.path }

    /// What the checksums of the frames promise.
    var integrity: String {
        census.value.withLock { census in
            census.isComplete
                ? "\(census.withChecksum) of \(census.count) frames carry checksums; completeness cannot be verified "
                    + "without a manifest"
                : "checksums are checked where frames carry them; completeness cannot be verified without a manifest"
        }
    }

    /// Whether no frame is so long that reading a part of it costs much more than the part.
    var hasRandomAccess: Bool { census.value.withLock { $0.longest <= Self.longFrame } }

    func read(count: Int, at offset: Int, into buffer: inout [UInt8]) throws(DataError) {
        let reader = try reader(for: offset)
        let start = buffer.count
        buffer.append(contentsOf: repeatElement(0, count: count))
        var got = 0
        do throws(DataError) {
            got = try buffer.withMutableRawBytes { bytes throws(DataError) -> Int in
                let target = UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
                while reader.textOffset < offset {
                    // What is passed over goes into the buffer too and is overwritten.
                    let passed = min(target.count, offset - reader.textOffset)
                    let skipped = try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<passed]))
                    if skipped == 0 { return 0 }
                }
                return try reader.read(into: target)
            }
        } catch {
            buffer.removeLast(count)
            throw error
        }
        buffer.removeLast(count - got)
        if got == 0 { census.value.withLock { $0.isComplete = true } }
        idle.withLock { idle in
            idle.append(reader)
            // The newest stays whatever it holds: the next piece is mostly the one behind.
            var held = idle.reduce(0) { $0 + $1.memoryBytes }
            while idle.count > Self.idleReaders || idle.count > 1 && held > Self.idleBytes {
                held -= idle.removeFirst().memoryBytes
            }
        }
    }

    /// An idle reader that is a little before the place, or one at the start of the frame that holds it.
    private func reader(for offset: Int) throws(DataError) -> ZstdReader {
        let start = census.value.withLock { $0.start(before: offset) }
        let found = idle.withLock { idle -> (ZstdReader, Bool)? in
            let near = idle.indices.filter { idle[$0].textOffset <= offset && idle[$0].textOffset >= start.textOffset }
            if let best = near.max(by: { idle[$0].textOffset < idle[$1].textOffset }) {
                return (idle.remove(at: best), true)
            }
            guard idle.count >= Self.idleReaders else { return nil }
            return (idle.removeFirst(), false)
        }
        if let found {
            if !found.1 { found.0.move(to: start) }
            return found.0
        }
        let census = census
        let reader = try ZstdReader(file, maximumExpansion: maximumExpansion) { frame in
            census.value.withLock { $0.add(frame) }
        }
        reader.move(to: start)
        return reader
    }
}
