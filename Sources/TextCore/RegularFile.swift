#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Reads whole files that somebody else may have written: regular ones, none larger than it may be.
package enum RegularFile {
    /// Why a file was not read.
    package enum Problem: Error, Sendable, Hashable, CustomStringConvertible {
        case missing
        /// A folder, a pipe, a device: something without an end, or that would be waited for.
        case notRegular
        case tooLarge(bytes: Int, limit: Int)
        case unreadable(String)

        package var description: String {
            switch self {
            case .missing: "there is no such file"
            case .notRegular: "this is no regular file"
            case .tooLarge(let bytes, let limit): "\(bytes) bytes, and at most \(limit) are read"
            case .unreadable(let reason): "the file cannot be read: \(reason)"
            }
        }
    }

    /// The bytes of a file.
    ///
    /// Nothing is allocated before the size is known to be allowed, and a pipe or a device is never waited for.
    ///
    /// - Parameter limit: bytes that are read at most.
    /// - Throws: `Problem` if there is no such file, it is no regular file or larger, or reading fails.
    package static func bytes(at path: String, limit: Int) throws(Problem) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            throw errno == ENOENT || errno == ENOTDIR ? .missing : .unreadable(String(cString: strerror(errno)))
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
        let size = Int(status.st_size)
        guard size <= limit else { throw .tooLarge(bytes: size, limit: limit) }
        var failure: Int32?
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size, let base = buffer.baseAddress {
                let got = read(file, base + count, size - count)
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = errno }
                if got <= 0 { break }
                count += got
            }
        }
        if let failure { throw .unreadable(String(cString: strerror(failure))) }
        return bytes
    }
}
