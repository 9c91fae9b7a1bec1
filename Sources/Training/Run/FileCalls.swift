#if canImport(Glibc)
    import Glibc
#endif

/// The calls of the system that change files: everything that checkpoints are made with goes through them, so that tests
/// can write down what is done, and let any of it fail.
///
/// Calls give what the system's do, but a failure is the negated number of the error.
package protocol FileCalls: Sendable {
    /// Makes an empty file, or empties one, and gives its descriptor.
    func create(_ path: String) -> Int32
    /// Appends some of the bytes and says how many.
    func write(_ file: Int32, _ bytes: UnsafeRawBufferPointer) -> Int
    /// Opens a folder to be synchronised, and gives its descriptor.
    func openFolder(_ path: String) -> Int32
    /// Waits until the disk has a file, or the names in a folder.
    func synchronize(_ file: Int32) -> Int32
    func close(_ file: Int32) -> Int32
    func makeFolder(_ path: String) -> Int32
    func rename(_ path: String, _ target: String) -> Int32
    /// Makes a symbolic link at `path`.
    func link(_ path: String, to target: String) -> Int32
    func remove(_ path: String) -> Int32
    func removeFolder(_ path: String) -> Int32
    /// Bytes that may still be written on the disk of a folder; `nil` where the system does not say.
    func freeBytes(_ folder: String) -> Int?
}

/// The system's own calls.
package struct SystemCalls: FileCalls {
    package init() {}

    package func create(_ path: String) -> Int32 {
        result(Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644))
    }

    package func write(_ file: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        let count = Glibc.write(file, bytes.baseAddress, bytes.count)
        return count < 0 ? -Int(errno) : count
    }

    package func openFolder(_ path: String) -> Int32 { result(Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) }

    package func synchronize(_ file: Int32) -> Int32 { result(fsync(file)) }

    package func close(_ file: Int32) -> Int32 { result(Glibc.close(file)) }

    package func makeFolder(_ path: String) -> Int32 { result(mkdir(path, 0o755)) }

    package func rename(_ path: String, _ target: String) -> Int32 { result(Glibc.rename(path, target)) }

    package func link(_ path: String, to target: String) -> Int32 { result(symlink(target, path)) }

    package func remove(_ path: String) -> Int32 { result(unlink(path)) }

    package func removeFolder(_ path: String) -> Int32 { result(rmdir(path)) }

    package func freeBytes(_ folder: String) -> Int? {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return nil }
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return overflow ? .max : Int(clamping: bytes)
    }

    private func result(_ value: Int32) -> Int32 { value < 0 ? -errno : value }
}
