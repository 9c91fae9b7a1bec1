import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Why a file could not be read or written.
package struct TensorFileError: Error, Sendable, CustomStringConvertible {
    /// What happened, with the file's path.
    package let description: String

    init(_ path: String, _ what: String) { description = "\(path): \(what)" }

    init(_ path: String, _ what: String, errno code: Int32) {
        self.init(path, "\(what): \(String(cString: strerror(code)))")
    }
}

/// A regular file read at given places: copied with `pread`, where a file that shrinks meanwhile is an error, or mapped,
/// which copies nothing (see `MappedFile` for what happens when the file changes).
package final class TensorFile {
    private let descriptor: Int32
    private let path: String
    private var mapping: MappedFile?
    /// Bytes in the file when it was opened.
    package let size: Int

    /// - Throws: `TensorFileError` if there is no regular file at `path` that may be read.
    package init(reading path: String) throws(TensorFileError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw TensorFileError(path, "cannot be opened", errno: errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw TensorFileError(path, "is no regular file")
        }
        self.descriptor = descriptor
        self.path = path
        size = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// `count` bytes from `offset`.
    ///
    /// - Throws: `TensorFileError` if they are not all in the file or cannot be read.
    package func bytes(at offset: Int, count: Int) throws(TensorFileError) -> [UInt8] {
        try check(offset, count)
        var failure: TensorFileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            failure = buffer.baseAddress.flatMap { read(into: $0, at: offset, count: count) }
            initialized = failure == nil ? count : 0
        }
        if let failure { throw failure }
        return bytes
    }

    /// A tensor whose numbers are stored row-major and little-endian from `offset`.
    ///
    /// - Precondition: the product of `shape` is known not to overflow.
    /// - Throws: `TensorFileError` if they are not all in the file or cannot be read; nothing is allocated before.
    package func tensor(at offset: Int, shape: [Int], dtype: DType) throws(TensorFileError) -> Tensor {
        let count = shape.reduce(1, *) * dtype.size
        try check(offset, count)
        var failure: TensorFileError?
        let tensor = Tensor(
            shape, dtype: dtype, uninitialized: { failure = readOnAllThreads(into: $0, at: offset, count: count) })
        if let failure { throw failure }
        return tensor
    }

    /// The same tensor as a part of the mapped file where that is possible: its numbers are then read from the file when
    /// they are used, and nothing is allocated.
    ///
    /// - Throws: `TensorFileError` as `tensor(at:shape:dtype:)`.
    package func mappedTensor(at offset: Int, shape: [Int], dtype: DType) throws(TensorFileError) -> Tensor {
        let count = shape.reduce(1, *) * dtype.size
        try check(offset, count)
        // A number that begins in the middle of another's place cannot be read there.
        guard offset % dtype.size == 0, count > 0 else { return try tensor(at: offset, shape: shape, dtype: dtype) }
        let file = try mapped()
        guard offset + count <= file.size else {
            throw TensorFileError(path, "became shorter while it was opened: \(file.size) of \(size) bytes are left")
        }
        return Tensor(
            storage: Storage(file, range: offset..<offset + count), offset: 0, shape: shape, dtype: dtype)
    }

    /// Bytes as a part of the mapped file.
    ///
    /// - Throws: `TensorFileError` if they are not all in the file, or it cannot be mapped.
    package func mappedStorage(at offset: Int, byteCount: Int) throws(TensorFileError) -> Storage {
        try check(offset, byteCount)
        let file = try mapped()
        guard offset + byteCount <= file.size else {
            throw TensorFileError(path, "became shorter while it was opened: \(file.size) of \(size) bytes are left")
        }
        return Storage(file, range: offset..<offset + byteCount)
    }

    /// The file as memory, mapped once.
    package func mapped() throws(TensorFileError) -> MappedFile {
        if let mapping { return mapping }
        let file = try MappedFile(descriptor, path: path)
        mapping = file
        return file
    }

    private func check(_ offset: Int, _ count: Int) throws(TensorFileError) {
        guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
            throw TensorFileError(path, "bytes \(offset) to \(offset) + \(count) are outside its \(size) bytes")
        }
    }

    private func readOnAllThreads(
        into pointer: UnsafeMutableRawPointer, at offset: Int, count: Int
    ) -> TensorFileError? {
        let block = 8 << 20
        let failures = Mutex<[TensorFileError]>([])
        Parallel.forEach((count + block - 1) / block) { index in
            let start = index * block
            let failure = read(into: pointer + start, at: offset + start, count: min(block, count - start))
            if let failure { failures.withLock { $0.append(failure) } }
        }
        return failures.withLock { $0.first }
    }

    private func read(into pointer: UnsafeMutableRawPointer, at offset: Int, count: Int) -> TensorFileError? {
        var done = 0
        while done < count {
            // Linux reads at most 2 GiB at once.
            let got = pread(descriptor, pointer + done, min(count - done, 1 << 30), off_t(offset + done))
            if got < 0 {
                if errno == EINTR { continue }
                return TensorFileError(path, "cannot be read at byte \(offset + done)", errno: errno)
            }
            if got == 0 { return TensorFileError(path, "ended at byte \(offset + done) while it was read") }
            done += got
        }
        return nil
    }
}

/// Writes a file from front to back under a temporary name, and gives it its own name when it is whole.
package final class TensorFileWriter {
    private var descriptor: Int32
    private let path: String
    private var temporaryPath: String { path + ".partial" }

    /// - Throws: `TensorFileError` if the file cannot be made.
    package init(creating path: String) throws(TensorFileError) {
        self.path = path
        descriptor = open(path + ".partial", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw TensorFileError(path, "cannot be created", errno: errno) }
    }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        unlink(temporaryPath)
    }

    /// Appends bytes.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(TensorFileError) {
        if let failure = put(bytes) { throw failure }
    }

    /// Appends bytes.
    package func write(_ bytes: [UInt8]) throws(TensorFileError) {
        let failure = bytes.withUnsafeBytes { put($0) }
        if let failure { throw failure }
    }

    /// Appends the numbers of a tensor as they are stored.
    package func write(_ tensor: Tensor) throws(TensorFileError) {
        let failure = withExtendedLifetime(tensor) {
            put(UnsafeRawBufferPointer(start: tensor.bytes, count: tensor.count * tensor.dtype.size))
        }
        if let failure { throw failure }
    }

    /// Waits for the disk and gives the file its name. Without this call nothing remains.
    package func finish() throws(TensorFileError) {
        guard fsync(descriptor) == 0 else { throw TensorFileError(path, "cannot be written", errno: errno) }
        close(descriptor)
        descriptor = -1
        guard rename(temporaryPath, path) == 0 else {
            let code = errno
            unlink(temporaryPath)
            throw TensorFileError(path, "cannot be put in place", errno: code)
        }
    }

    private func put(_ bytes: UnsafeRawBufferPointer) -> TensorFileError? {
        guard let start = bytes.baseAddress else { return nil }
        var done = 0
        while done < bytes.count {
            let put = Glibc.write(descriptor, start + done, min(bytes.count - done, 1 << 30))
            if put < 0 {
                if errno == EINTR { continue }
                return TensorFileError(path, "cannot be written", errno: errno)
            }
            done += put
        }
        return nil
    }
}
