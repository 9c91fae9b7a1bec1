import CZstd
import Foundation

/// Appends lines to a zstd file, a frame with a checksum for each call, so that what has been written can always be
/// read: `zstd -dc` reads all of it, and a frame that a crash cut is removed when the log is opened again.
public final class FrameLog {
    /// The file.
    public let path: String
    /// Bytes of the file, which ends at the end of a frame.
    public private(set) var size: Int
    private let file: Int32
    private let context: OpaquePointer

    /// Opens a log, made where absent.
    ///
    /// - Parameters:
    ///   - path: the file; by habit it ends in `.jsonl.zst`.
    ///   - end: bytes to keep, such as a position that a checkpoint holds; `nil` keeps every whole frame.
    /// - Throws: `DataError` when the file cannot be written, or is shorter than `end`.
    public init(path: String, end: Int? = nil) throws(DataError) {
        guard let context = ZSTD_createCCtx() else {
            throw DataError(
                .unwritable, file: path, message: "there is no memory for a compressor", fix: "Free some memory.")
        }
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else {
            ZSTD_freeCCtx(context)
            throw Self.failure("open", path)
        }
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)
        self.path = path
        self.file = file
        self.context = context
        size = end ?? Self.wholeFrames(path)
        let length = Int(lseek(file, 0, SEEK_END))
        guard length >= size else {
            throw DataError(
                .damaged, file: path, byteOffset: length,
                message: "the log has \(length) bytes, and \(size) had been written when the checkpoint was",
                fix: "Put the whole file back, or remove it and start the run anew.")
        }
        guard ftruncate(file, off_t(size)) == 0, lseek(file, off_t(size), SEEK_SET) >= 0 else {
            throw Self.failure("shorten", path)
        }
    }

    deinit {
        close(file)
        ZSTD_freeCCtx(context)
    }

    /// Appends lines as one frame, or nothing where the disk refuses it.
    ///
    /// - Parameter lines: each a line of text, without its line feed.
    /// - Throws: `DataError` when the disk refuses it.
    public func append(_ lines: [String]) throws(DataError) {
        guard !lines.isEmpty else { return }
        let text = Array(lines.joined(separator: "\n").utf8) + [UInt8(ascii: "\n")]
        var frame = [UInt8](repeating: 0, count: ZSTD_compressBound(text.count))
        let count = frame.withUnsafeMutableBytes { target in
            text.withUnsafeBytes { ZSTD_compress2(context, target.baseAddress, target.count, $0.baseAddress, $0.count) }
        }
        guard ZSTD_isError(count) == 0 else {
            throw DataError(
                .unwritable, file: path, message: "zstd failed: \(String(cString: ZSTD_getErrorName(count)))",
                fix: "Free some memory.")
        }
        var written = 0
        while written < count {
            let got = frame.withUnsafeBytes { write(file, $0.baseAddress! + written, count - written) }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else {
                let failure = Self.failure("write", path)
                // Part of a frame would make what comes after it unreadable.
                if ftruncate(file, off_t(size)) == 0 { lseek(file, off_t(size), SEEK_SET) }
                throw failure
            }
            written += got
        }
        size += count
    }

    /// Waits until the disk has everything that was appended.
    ///
    /// - Throws: `DataError` when the disk refuses it.
    public func synchronize() throws(DataError) {
        guard fsync(file) == 0 else { throw Self.failure("sync", path) }
    }

    /// Bytes up to the end of the last frame that is whole.
    private static func wholeFrames(_ path: String) -> Int {
        guard let bytes = try? Data(contentsOf: URL(filePath: path), options: .mappedIfSafe) else { return 0 }
        return bytes.withUnsafeBytes { bytes in
            var end = 0
            while end < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[end...])
                let frame = ZSTD_findFrameCompressedSize(rest.baseAddress, rest.count)
                if ZSTD_isError(frame) != 0 { break }
                end += frame
            }
            return end
        }
    }

    private static func failure(_ doing: String, _ path: String) -> DataError {
        DataError(
            .unwritable, file: path, message: "cannot \(doing) this file: \(String(cString: strerror(errno)))",
            fix: "Look at the folder's permissions and at the space on the disk.")
    }
}
