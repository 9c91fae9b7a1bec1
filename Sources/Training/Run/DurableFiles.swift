import Foundation

/// A file operation that the system refused.
public struct FileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was tried, on which file, and why it failed.
    public let message: String
    /// The system's error number.
    public let code: Int32

    /// The failure that `errno` tells of.
    init(doing action: String, _ path: String, code: Int32 = errno) {
        self.code = code
        self.message = "cannot \(action) \(path): \(String(cString: strerror(code)))"
    }

    /// Whether the disk is full or a quota is used up.
    public var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }

    public var description: String { message }
}

/// Files written so that a crash leaves the old or the new, never a mixture.
///
/// A failed `fsync` is final: the kernel may have dropped the data, and asking again would report success.
enum DurableFiles {
    /// Creates a file of `bytes` and waits until the disk has it.
    static func create(_ path: String, _ bytes: [UInt8]) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw FileError(doing: "create", path) }
        do {
            try writeAll(bytes, to: file, path: path)
            guard fsync(file) == 0 else { throw FileError(doing: "write", path) }
        } catch {
            close(file)
            throw error
        }
        guard close(file) == 0 else { throw FileError(doing: "close", path) }
    }

    /// Writes all bytes, however many calls it takes.
    static func writeAll(_ bytes: [UInt8], to file: Int32, path: String) throws {
        try bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let count = write(file, buffer.baseAddress! + done, buffer.count - done)
                if count < 0 {
                    if errno == EINTR { continue }
                    throw FileError(doing: "write", path)
                }
                done += count
            }
        }
    }

    /// The bytes of a file.
    static func read(_ path: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try forEachChunk(of: path) { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// Calls `body` with consecutive pieces of a file of at most a mebibyte.
    static func forEachChunk(of path: String, _ body: (UnsafeRawBufferPointer) -> Void) throws {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw FileError(doing: "open", path) }
        defer { close(file) }
        try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 64) { buffer in
            while true {
                let count = Foundation.read(file, buffer.baseAddress, buffer.count)
                if count < 0 {
                    if errno == EINTR { continue }
                    throw FileError(doing: "read", path)
                }
                if count == 0 { return }
                body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        }
    }

    /// Waits until the disk has a file, or the names in a folder.
    static func synchronize(_ path: String) throws {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw FileError(doing: "open", path) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw FileError(doing: "write", path) }
    }

    /// Gives a file or folder another name in one step, and waits until the disk has it.
    static func rename(_ path: String, to target: String) throws {
        guard Foundation.rename(path, target) == 0 else { throw FileError(doing: "rename \(path) to", target) }
        try synchronize((target as NSString).deletingLastPathComponent)
    }

    /// Makes `path` a symbolic link to `target`, in place of a link that was there.
    static func link(_ path: String, to target: String) throws {
        let temporary = "\(path).tmp-\(getpid())"
        unlink(temporary)
        guard symlink(target, temporary) == 0 else { throw FileError(doing: "create", temporary) }
        do { try rename(temporary, to: path) } catch {
            unlink(temporary)
            throw error
        }
    }

    /// Makes a folder and those above it.
    static func makeFolder(_ path: String) throws {
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        let parent = (path as NSString).deletingLastPathComponent
        guard errno == ENOENT, !parent.isEmpty, parent != path else { throw FileError(doing: "create", path) }
        try makeFolder(parent)
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw FileError(doing: "create", path) }
    }

    /// Names in a folder, sorted; none when there is no such folder.
    static func names(in path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }
}
