#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An open regular file that is read by position, so that several readers may share it.
///
/// Reads use `pread` rather than a mapping: a file that someone cuts short while it is read gives an error, no signal.
final class InputFile: ByteSource {
    /// The path as the user wrote it.
    let path: String
    /// Size in bytes when the file was opened.
    let size: Int
    private let descriptor: Int32

    /// - Throws: `DataError` when the path is missing, no regular file, empty, or may not be read.
    init(path: String) throws(DataError) {
        // Without O_NONBLOCK, opening a FIFO would wait for a writer for ever.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.openError(path: path, code: errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw Self.openError(path: path, code: code)
        }
        let type = status.st_mode & S_IFMT
        guard type == S_IFREG else {
            close(descriptor)
            throw DataError(
                .unreadable, file: path,
                message: type == S_IFDIR ? "this is a folder, not a file" : "this is no regular file",
                fix: type == S_IFDIR
                    ? "Name the data files inside it, one entry of `data.train` each."
                    : "Copy its content into a file first; data are read more than once.")
        }
        guard status.st_size > 0 else {
            close(descriptor)
            throw DataError(
                .empty, file: path, message: "the file is empty",
                fix: "There is nothing to train on; check the step that wrote it.")
        }
        self.path = path
        self.size = Int(status.st_size)
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    private static func openError(path: String, code: Int32) -> DataError {
        switch code {
        case ENOENT, ENOTDIR:
            DataError(
                .missing, file: path, message: "no such file",
                fix: "Paths in a recipe are relative to the recipe's own folder.")
        case EACCES:
            DataError(
                .unreadable, file: path, message: "permission denied",
                fix: "Make the file readable: chmod u+r '\(path)'.")
        default:
            DataError(
                .unreadable, file: path, message: "cannot be opened: \(String(cString: strerror(code)))",
                fix: "Check the path and the disk.")
        }
    }

    /// Fills `bytes` from `offset` on, and says how many there were: fewer only at the end of the file.
    ///
    /// - Throws: `DataError` when the device reports an error.
    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(DataError) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        var done = 0
        while done < bytes.count {
            let got = pread(descriptor, base + done, bytes.count - done, off_t(offset + done))
            if got < 0, errno == EINTR { continue }
            if got < 0 {
                throw DataError(
                    .unreadable, file: path, byteOffset: offset + done,
                    message: "reading failed: \(String(cString: strerror(errno)))", fix: "Check the disk.")
            }
            if got == 0 { break }
            done += got
        }
        return done
    }

    func read(count: Int, at offset: Int, into buffer: inout [UInt8]) throws(DataError) {
        let start = buffer.count
        buffer.append(contentsOf: repeatElement(0, count: count))
        let got = try buffer.withMutableRawBytes { bytes throws(DataError) -> Int in
            try read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[start...]), at: offset)
        }
        buffer.removeLast(count - got)
    }
}

/// The bytes of a file, or what a compressed file holds, read by position.
protocol ByteSource: AnyObject, Sendable {
    /// The path as the user wrote it.
    var path: String { get }

    /// Appends up to `count` bytes from `offset` on to `buffer`. Fewer come only before the end, or before damage,
    /// which the next call then reports.
    ///
    /// - Throws: `DataError` when the bytes cannot be read or are damaged.
    func read(count: Int, at offset: Int, into buffer: inout [UInt8]) throws(DataError)
}

extension ByteSource {
    /// All of up to `count` bytes from `offset` on; fewer only at the end.
    ///
    /// - Throws: `DataError` when the bytes cannot be read or are damaged.
    func bytes(count: Int, at offset: Int) throws(DataError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            let before = bytes.count
            try read(count: count - before, at: offset + before, into: &bytes)
            guard bytes.count > before else { break }
        }
        return bytes
    }

    /// Whether the text begins with UTF-8's byte order mark.
    private func hasByteOrderMark() throws(DataError) -> Bool {
        var start: [UInt8] = []
        try read(count: 3, at: 0, into: &start)
        return start == byteOrderMark
    }

    /// An error at a byte of the file, with its column found by reading back to the start of the line.
    func error(_ kind: DataError.Kind, offset: Int, line: Int, message: String, fix: String) -> DataError {
        DataError(
            kind, file: path, line: line, column: try? column(of: offset), byteOffset: offset, message: message,
            fix: fix)
    }

    /// Column of the byte at `offset` in its line, from 1; the byte order mark is not counted.
    private func column(of offset: Int) throws(DataError) -> Int? {
        let window = 64 << 10
        var end = offset
        while end > 0 {
            let start = max(0, end - window)
            var bytes: [UInt8] = []
            try read(count: end - start, at: start, into: &bytes)
            if let newline = bytes.lastIndex(of: UInt8(ascii: "\n")) { return offset - (start + newline) }
            end = start
            if offset - end > 16 << 20 { return nil }
        }
        let mark = try hasByteOrderMark() ? 3 : 0
        return max(offset - mark, 0) + 1
    }
}

/// UTF-8's byte order mark, which some editors and spreadsheets write first.
let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
