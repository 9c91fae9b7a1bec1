import CZstd
import Synchronization

/// Decodes single frames of shards; what it needs for that is kept from one frame to the next.
///
/// `@unchecked Sendable`: it is owned by whoever took it out of a `ShardDecoderPool`, one thread at a time.
final class ShardDecoder: @unchecked Sendable {
    private let context: OpaquePointer
    private var compressed: UnsafeMutableRawBufferPointer

    init(path: String) throws(DataError) {
        guard let context = ZSTD_createDCtx() else {
            throw DataError(
                .unreadable, file: path, message: "there is no memory for a decoder", fix: "Free some memory.")
        }
        // `ZSTD_d_forceIgnoreChecksum`: our hash of the text is the whole of which zstd's checksum is the lower half,
        // so one pass over the text checks both.
        ZSTD_DCtx_setParameter(context, ZSTD_d_experimentalParam3, 1)
        self.context = context
        compressed = .allocate(byteCount: 256 << 10, alignment: 16)
    }

    deinit {
        ZSTD_freeDCtx(context)
        compressed.deallocate()
    }

    /// The text of a frame, checked against the frame's own checksum and against the index.
    ///
    /// - Throws: `DataError` when the frame is not the one that the index tells of.
    func decode(
        _ frame: Int, of file: InputFile, index: ShardIndex, into memory: FrameMemory
    ) throws(DataError) -> LentMemory {
        let (offset, size, textBytes) = (index.offsets[frame], index.compressedBytes(frame), index.textBytes(frame))
        if compressed.count < size {
            compressed.deallocate()
            compressed = .allocate(byteCount: size, alignment: 16)
        }
        func damaged(_ message: String) -> DataError {
            DataError(
                .damaged, file: file.path, byteOffset: offset,
                message: "frame \(frame + 1) of \(index.count) \(message)",
                fix: "Its \(index.counts[frame]) records are lost; fetch the file again, or build the data set again.")
        }
        let source = UnsafeMutableRawBufferPointer(rebasing: compressed[..<size])
        guard try file.read(into: source, at: offset) == size else { throw damaged("is cut off") }
        var header = ZSTD_frameHeader()
        guard ZSTD_getFrameHeader(&header, source.baseAddress, size) == 0, header.frameType == ZSTD_frame,
            header.frameContentSize == UInt64(textBytes), header.checksumFlag == 1, header.dictID == 0,
            header.windowSize <= UInt64(ShardFormat.largestWindow), size >= 4
        else { throw damaged("has another header than its index says") }
        let text = memory.lend(textBytes)
        let result = text.fill {
            ZSTD_decompressDCtx(context, $0.baseAddress, textBytes, source.baseAddress, size)
        }
        guard ZSTD_isError(result) == 0 else {
            throw damaged("cannot be decoded (\(String(cString: ZSTD_getErrorName(result))))")
        }
        let hash = text.withBytes { XXH64.hash($0) }
        let checksum = UInt32(littleEndian: source.loadUnaligned(fromByteOffset: size - 4, as: UInt32.self))
        guard result == textBytes, hash == index.hashes[frame], checksum == UInt32(truncatingIfNeeded: hash) else {
            throw damaged("does not fit its checksum")
        }
        return text
    }
}

/// Decoders that are not in use, one for each thread that decodes at the same time, and the memory they decode into.
final class ShardDecoderPool: Sendable {
    private let memory = FrameMemory()
    private let idle = Mutex<[ShardDecoder]>([])

    func decode(_ frame: Int, of file: InputFile, index: ShardIndex) throws(DataError) -> LentMemory {
        let decoder =
            if let idle = idle.withLock({ $0.popLast() }) { idle } else { try ShardDecoder(path: file.path) }
        let text = try decoder.decode(frame, of: file, index: index, into: memory)
        idle.withLock { $0.append(decoder) }
        return text
    }
}
