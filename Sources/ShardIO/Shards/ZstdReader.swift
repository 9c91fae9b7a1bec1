import CZstd

/// Where a zstd frame starts, in the compressed file and in the text that it holds.
struct ZstdFrameStart: Sendable {
    /// Frames with content before this one; skippable frames do not count.
    var number: Int
    /// Bytes of the file before the frame.
    var offset: Int
    /// Bytes of text before the frame.
    var textOffset: Int

    static let first = ZstdFrameStart(number: 0, offset: 0, textOffset: 0)
}

/// Decodes a zstd file from a frame's start to its end: all frames one after the other, skippable ones between them.
///
/// What the file says of itself decides the memory of one window alone, and a window above 128 MiB is refused: text
/// leaves in pieces as large as the caller's buffer.
///
/// `@unchecked Sendable`: it is owned by whoever took it out of `CompressedInput`'s pool, one thread at a time.
final class ZstdReader: @unchecked Sendable {
    /// What decoding a frame to its end has shown.
    struct FinishedFrame {
        var start: ZstdFrameStart
        var textBytes: Int
        var hasChecksum: Bool
    }

    static let largestWindow = 1 << 27
    /// Text that is read however small its file is.
    private static let freeExpansion = 64 << 20
    private static let largestHeader = 18

    private let file: InputFile
    private let maximumExpansion: Int
    private let context: OpaquePointer
    private let input: UnsafeMutableRawBufferPointer
    private var inputStart = 0
    private var inputCount = 0
    private var consumed = 0
    private var current: (start: ZstdFrameStart, hasChecksum: Bool)?
    private var framesBefore = 0
    private var failure: DataError?
    /// Bytes of text before what `read` gives next.
    private(set) var textOffset = 0
    private let finished: (FinishedFrame) -> Void

    /// - Parameter finished: is told each frame that has been decoded to its end.
    /// - Parameters:
    ///   - maximumExpansion: see `DataFileOptions`.
    ///   - finished: told of every frame at its end.
    init(
        _ file: InputFile, maximumExpansion: Int = 2000, finished: @escaping @Sendable (FinishedFrame) -> Void
    ) throws(DataError) {
        guard let context = ZSTD_createDCtx() else {
            throw DataError(
                .unreadable, file: file.path, message: "there is no memory for a decoder", fix: "Free some memory.")
        }
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 27)
        self.file = file
        self.maximumExpansion = maximumExpansion
        self.context = context
        self.finished = finished
        input = .allocate(byteCount: ZSTD_DStreamInSize(), alignment: 16)
    }

    deinit {
        ZSTD_freeDCtx(context)
        input.deallocate()
    }

    /// Goes to the start of a frame.
    func move(to start: ZstdFrameStart) {
        (inputStart, inputCount, consumed) = (start.offset, 0, 0)
        (framesBefore, textOffset, current, failure) = (start.number, start.textOffset, nil, nil)
    }

    /// Decodes up to as many bytes as `output` has, and says how many; 0 only at the end of the file. Text before
    /// damage is given first, and the damage reported by the next call.
    ///
    /// - Throws: `DataError` when the file is damaged, cut, or asks for more memory than is allowed.
    func read(into output: UnsafeMutableRawBufferPointer) throws(DataError) -> Int {
        if let failure { throw failure }
        var produced = 0
        do throws(DataError) {
            while produced < output.count {
                if current == nil, try !startFrame() { break }
                produced += try decode(into: UnsafeMutableRawBufferPointer(rebasing: output[produced...]))
                try checkExpansion()
            }
        } catch {
            failure = error
            if produced == 0 { throw error }
        }
        return produced
    }

    /// Bytes of the file before the next one to decode.
    private var offset: Int { inputStart + consumed }

    /// Reads on behind the bytes that are not decoded yet.
    private func refill() throws(DataError) {
        let left = inputCount - consumed
        if left > 0, let base = input.baseAddress { base.copyMemory(from: base + consumed, byteCount: left) }
        inputStart += consumed
        consumed = 0
        inputCount = left
        inputCount += try file.read(
            into: UnsafeMutableRawBufferPointer(rebasing: input[left...]), at: inputStart + left)
    }

    /// Reads headers up to that of a frame with content; `false` at the end of the file.
    private func startFrame() throws(DataError) -> Bool {
        while true {
            if inputCount - consumed < Self.largestHeader { try refill() }
            let available = inputCount - consumed
            guard available > 0 else { return false }
            var header = ZSTD_frameHeader()
            let result = ZSTD_getFrameHeader(&header, input.baseAddress.map { $0 + consumed }, available)
            if ZSTD_isError(result) != 0 {
                throw damaged(
                    framesBefore == 0 && offset == 0
                        ? "this is no zstd file" : "what follows \(framesText) is no zstd frame",
                    fix: "Data was appended or overwritten; write the file again.")
            }
            guard result == 0 else { throw cut("in the header of \(frameText)") }
            if header.frameType == ZSTD_skippableFrame {
                let size = 8 + Int(clamping: header.frameContentSize)
                guard size <= file.size - offset else { throw cut("in a skippable frame behind \(framesText)") }
                skip(size)
                continue
            }
            try check(header)
            ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
            current = (
                ZstdFrameStart(number: framesBefore, offset: offset, textOffset: textOffset),
                header.checksumFlag != 0
            )
            return true
        }
    }

    private func check(_ header: ZSTD_frameHeader) throws(DataError) {
        guard header.windowSize <= Self.largestWindow else {
            throw DataError(
                .limit, file: file.path, byteOffset: offset,
                message: "\(frameText) asks for a window of \(header.windowSize) bytes, and 128 MiB are allowed",
                fix: "Compress the file again without --long above 27.")
        }
        guard header.dictID == 0 else {
            throw DataError(
                .unsupported, file: file.path, byteOffset: offset,
                message: "\(frameText) was compressed with a dictionary", fix: "Compress the file again without one.")
        }
    }

    private func skip(_ count: Int) {
        if count <= inputCount - consumed {
            consumed += count
        } else {
            (inputStart, inputCount, consumed) = (offset + count, 0, 0)
        }
    }

    /// Decodes more of the current frame.
    private func decode(into output: UnsafeMutableRawBufferPointer) throws(DataError) -> Int {
        guard let frame = current else { return 0 }
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        while true {
            var source = ZSTD_inBuffer(src: input.baseAddress, size: inputCount, pos: consumed)
            let result = ZSTD_decompressStream(context, &target, &source)
            consumed = source.pos
            if ZSTD_isError(result) != 0 {
                throw damaged(
                    ZSTD_getErrorCode(result) == ZSTD_error_checksum_wrong
                        ? "the content of \(frameText) does not fit its checksum"
                        : "\(frameText) cannot be decoded (\(String(cString: ZSTD_getErrorName(result))))",
                    at: frame.start.offset, fix: "The file was damaged after it was written; fetch or write it again.")
            }
            if result == 0 {
                textOffset += target.pos
                framesBefore += 1
                current = nil
                finished(
                    FinishedFrame(
                        start: frame.start, textBytes: textOffset - frame.start.textOffset,
                        hasChecksum: frame.hasChecksum))
                return target.pos
            }
            if target.pos == target.size {
                textOffset += target.pos
                return target.pos
            }
            // A decoder that neither reads nor writes reports an error itself after some calls.
            guard consumed == inputCount else { continue }
            try refill()
            guard inputCount > 0 else {
                // What is there is given first; the next call comes here again.
                textOffset += target.pos
                if target.pos > 0 { return target.pos }
                throw cut("inside \(frameText)", from: frame.start.offset)
            }
        }
    }

    /// What the decoder holds, most of it its window.
    var memoryBytes: Int { Int(clamping: ZSTD_sizeof_DCtx(context)) }

    /// - Throws: `DataError` when the text behind the compressed bytes so far is too long to be data.
    private func checkExpansion() throws(DataError) {
        guard textOffset > Self.freeExpansion else { return }
        let (allowed, overflow) = offset.multipliedReportingOverflow(by: maximumExpansion)
        guard !overflow, textOffset > allowed else { return }
        throw DataError(
            .limit, file: file.path, byteOffset: offset,
            message:
                "\(offset) compressed bytes become more than \(textOffset >> 20) MiB, over \(maximumExpansion) for one",
            fix: "Data do not repeat themselves so. If you know what it is, decompress it first: zstd -d.")
    }

    private var frameText: String { "frame \(framesBefore + 1)" }
    private var framesText: String { framesBefore == 0 ? "the start" : "frame \(framesBefore)" }

    private func cut(_ place: String, from start: Int? = nil) -> DataError {
        damaged(
            "the file is cut off \(place)" + (start.map { ", which starts at byte \($0)" } ?? ""), at: file.size,
            fix: "The end is missing; fetch or write it again.")
    }

    private func damaged(_ message: String, at place: Int? = nil, fix: String) -> DataError {
        DataError(.damaged, file: file.path, byteOffset: place ?? offset, message: message, fix: fix)
    }
}
