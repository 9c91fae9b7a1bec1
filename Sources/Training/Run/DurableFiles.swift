import Foundation
import TextCore

/// A file operation that the system refused.
public struct FileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was tried, on which file, and why it failed.
    public let message: String
    /// The system's error number.
    public let code: Int32

    /// An error with a message of its own.
    public init(_ message: String, code: Int32) {
        self.message = message
        self.code = code
    }

    /// The failure that `errno` tells of.
    init(doing action: String, _ path: String, code: Int32 = errno) {
        self.init("cannot \(action) \(path): \(String(cString: strerror(code)))", code: code)
    }

    /// Whether the disk is full, a quota is used up, or a file may not become so large.
    public var isDiskFull: Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }

    public var description: String { message }
}

/// Files written so that a crash leaves the old or the new, never a mixture.
///
/// A failed `fsync` is final: the kernel may have dropped the data, and asking again would report success.
struct DurableFiles: Sendable {
    /// What is asked of the system.
    let calls: any FileCalls

    /// On the system itself.
    static let system = DurableFiles(calls: SystemCalls())

    // MARK: Writing

    /// Creates a file of what `content` hands over, and waits until the disk has it.
    ///
    /// - Returns: how many bytes they are, and their hash, both as they were handed over.
    /// - Throws: `FileError`; what `content` throws.
    @discardableResult
    func create(
        _ path: String, content: (_ sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws -> (size: Int, hash: String) {
        let file = calls.create(path)
        guard file >= 0 else { throw FileError(doing: "create", path, code: -file) }
        var hash = SHA256()
        var size = 0
        do {
            try content { bytes in
                // Piece by piece, so that what is hashed is still near when it is written.
                for start in stride(from: 0, to: bytes.count, by: Self.pieceSize) {
                    let piece = UnsafeRawBufferPointer(
                        rebasing: bytes[start..<min(bytes.count, start + Self.pieceSize)])
                    hash.update(piece)
                    try write(piece, to: file, path: path)
                    size += piece.count
                }
            }
            let synchronized = calls.synchronize(file)
            guard synchronized == 0 else { throw FileError(doing: "write", path, code: -synchronized) }
        } catch {
            _ = calls.close(file)
            throw error
        }
        let closed = calls.close(file)
        // An interrupted call has closed the file, and the disk has it already.
        guard closed == 0 || closed == -EINTR else { throw FileError(doing: "close", path, code: -closed) }
        return (size, hash.finalized().hexadecimal)
    }

    /// Creates a file of `bytes` and waits until the disk has it.
    @discardableResult
    func create(_ path: String, _ bytes: [UInt8]) throws -> (size: Int, hash: String) {
        try create(path) { sink in try bytes.withUnsafeBytes { try sink($0) } }
    }

    /// Writes all bytes, however many calls it takes.
    func write(_ bytes: UnsafeRawBufferPointer, to file: Int32, path: String) throws {
        var rest = bytes
        while !rest.isEmpty {
            let count = calls.write(file, rest)
            if count == -Int(EINTR) { continue }
            // A disk that takes nothing and gives no reason is no disk to wait for.
            guard count > 0 else { throw FileError(doing: "write", path, code: count == 0 ? EIO : Int32(-count)) }
            rest = UnsafeRawBufferPointer(rebasing: rest[min(count, rest.count)...])
        }
    }

    /// Waits until the disk has the names in a folder.
    func synchronizeFolder(_ path: String) throws {
        let file = calls.openFolder(path)
        guard file >= 0 else { throw FileError(doing: "open", path, code: -file) }
        let synchronized = calls.synchronize(file)
        _ = calls.close(file)
        guard synchronized == 0 else { throw FileError(doing: "write", path, code: -synchronized) }
    }

    /// Gives a file or folder another name in one step, and waits until the disk has it.
    func rename(_ path: String, to target: String) throws {
        let renamed = calls.rename(path, target)
        guard renamed == 0 else { throw FileError(doing: "rename \(path) to", target, code: -renamed) }
        try synchronizeFolder((target as NSString).deletingLastPathComponent)
    }

    /// Makes `path` a symbolic link to `target`, in place of a link that was there.
    func link(_ path: String, to target: String) throws {
        if (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) == target { return }
        let temporary = "\(path).tmp-\(getpid())"
        _ = calls.remove(temporary)
        let made = calls.link(temporary, to: target)
        guard made == 0 else { throw FileError(doing: "create", temporary, code: -made) }
        do { try rename(temporary, to: path) } catch {
            _ = calls.remove(temporary)
            throw error
        }
    }

    /// Makes a folder and those above it.
    func makeFolder(_ path: String) throws {
        var made = calls.makeFolder(path)
        if made == 0 || made == -EEXIST { return }
        let parent = (path as NSString).deletingLastPathComponent
        guard made == -ENOENT, !parent.isEmpty, parent != path else {
            throw FileError(doing: "create", path, code: -made)
        }
        try makeFolder(parent)
        made = calls.makeFolder(path)
        guard made == 0 || made == -EEXIST else { throw FileError(doing: "create", path, code: -made) }
    }

    /// Removes a file, a link, or a folder of files; what cannot be removed stays.
    func removeAll(_ path: String) {
        guard calls.remove(path) != 0 else { return }
        for name in Self.names(in: path) { removeAll(path + "/" + name) }
        _ = calls.removeFolder(path)
    }

    // MARK: Reading

    private static let pieceSize = 1 << 20

    /// The bytes of a file.
    ///
    /// - Parameter limit: bytes that it may have; `nil` for a run's own log, which grows with the run.
    static func read(_ path: String, limit: Int? = nil) throws -> [UInt8] {
        if let limit {
            do throws(RegularFile.Problem) {
                return try RegularFile.bytes(at: path, limit: limit)
            } catch {
                throw TrainingError("\(path): \(error)")
            }
        }
        var bytes: [UInt8] = []
        try forEachChunk(of: path) { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// Calls `body` with consecutive pieces of a file of at most a mebibyte.
    static func forEachChunk(of path: String, _ body: (UnsafeRawBufferPointer) -> Void) throws {
        // A pipe in the place of a file of a checkpoint would be waited for, and a device never ends.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw FileError(doing: "open", path) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw TrainingError("\(path) is no regular file")
        }
        try withUnsafeTemporaryAllocation(byteCount: pieceSize, alignment: 64) { buffer in
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

    /// Names in a folder, sorted; none when there is no such folder.
    static func names(in path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }
}

// On the system itself.
extension DurableFiles {
    /// Creates a file of `bytes` and waits until the disk has it.
    static func create(_ path: String, _ bytes: [UInt8]) throws { try system.create(path, bytes) }

    /// Writes all bytes, however many calls it takes.
    static func writeAll(_ bytes: [UInt8], to file: Int32, path: String) throws {
        try bytes.withUnsafeBytes { try system.write($0, to: file, path: path) }
    }

    /// Gives a file or folder another name in one step, and waits until the disk has it.
    static func rename(_ path: String, to target: String) throws { try system.rename(path, to: target) }

    /// Makes a folder and those above it.
    static func makeFolder(_ path: String) throws { try system.makeFolder(path) }
}
