import TextCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Why a log cannot be read or judged, and what to do.
public struct ReleaseLogError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What happened.
    public enum Kind: Sendable, Hashable {
        /// There is no such file.
        case missing
        /// Reading failed.
        case unreadable
        /// The rows are not what they must be.
        case malformed
    }

    /// What happened.
    public let kind: Kind
    /// What happened, where, and what to type instead.
    public let message: String

    public var description: String { message }
}

/// The lines of a log, of which only a piece is in memory at a time.
final class LogLines {
    /// Bytes of the longest line that is read.
    static let longest = 16 << 20
    private static let piece = 1 << 20

    let path: String
    /// The line read last, from 1.
    private(set) var number = 0
    private let file: Int32
    private var buffer = [UInt8](repeating: 0, count: LogLines.piece)
    private var (start, end) = (0, 0)
    private var isAtEnd = false

    /// Opens a log.
    ///
    /// - Throws: `ReleaseLogError` if there is no such file or it cannot be opened.
    init(_ path: String) throws(ReleaseLogError) {
        self.path = path
        file = open(path, O_RDONLY | O_CLOEXEC)
        var status = stat()
        guard file >= 0, fstat(file, &status) == 0 else {
            let reason = String(cString: strerror(errno))
            throw ReleaseLogError(kind: errno == ENOENT ? .missing : .unreadable, message: "\(path): \(reason)")
        }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            close(file)
            throw ReleaseLogError(kind: .unreadable, message: "\(path): this is a folder; name a file of JSON lines")
        }
    }

    deinit { if file >= 0 { close(file) } }

    /// The next line that is not blank, without its end.
    ///
    /// - Parameter body: what is done with it; `nil` stands for a line too long to be read.
    /// - Returns: whether there was a line.
    /// - Throws: `ReleaseLogError` if reading fails.
    func next(_ body: (UnsafeRawBufferPointer?) -> Void) throws(ReleaseLogError) -> Bool {
        while true {
            var searched = start
            var isTooLong = false
            while true {
                let found = buffer[searched..<end].firstIndex(of: UInt8(ascii: "\n"))
                if let found {
                    searched = found
                    break
                }
                if isAtEnd {
                    searched = end
                    break
                }
                if end - start > Self.longest {
                    isTooLong = true
                    start = end
                }
                searched = try readMore()
            }
            guard start < searched || searched < end || isTooLong else { return false }
            number += 1
            let line = start..<searched
            start = min(end, searched + 1)
            if isTooLong || line.count > Self.longest {
                body(nil)
                return true
            }
            if buffer[line].allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
            buffer.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[line])) }
            return true
        }
    }

    /// Reads on behind what is left, and gives the place where the new bytes begin.
    private func readMore() throws(ReleaseLogError) -> Int {
        if start > 0 {
            let (from, count) = (start, end - start)
            buffer.withUnsafeMutableBytes { bytes in
                guard let base = bytes.baseAddress else { return }
                memmove(base, base + from, count)
            }
            (start, end) = (0, count)
        }
        if end == buffer.count { buffer += [UInt8](repeating: 0, count: buffer.count) }
        let from = end
        while true {
            let room = buffer.count - from
            let got = buffer.withUnsafeMutableBytes { bytes in
                bytes.baseAddress.map { read(file, $0 + from, room) } ?? 0
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else {
                throw ReleaseLogError(kind: .unreadable, message: "\(path): \(String(cString: strerror(errno)))")
            }
            isAtEnd = got == 0
            end += got
            return from
        }
    }
}
