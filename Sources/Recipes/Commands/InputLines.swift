import Glibc
import TextCore

/// The lines of standard input, none longer than a person writes.
struct InputLines {
    /// Bytes of a line; without a limit, input without line ends would fill the memory.
    private static let longestLine = 1 << 20

    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false

    /// The next line without its end; `nil` behind the last.
    ///
    /// - Throws: `CommandFailure` if it is too long or no UTF-8.
    mutating func next() throws -> String? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                return try take(end, consumed: end + 1)
            }
            searched = buffer.count
            if isAtEnd { return start < buffer.count ? try take(buffer.count, consumed: buffer.count) : nil }
            guard buffer.count - start <= Self.longestLine else {
                throw CommandFailure(
                    message: "a line of standard input is longer than \(Self.longestLine) bytes", status: .data)
            }
            buffer.removeFirst(start)
            (searched, start) = (searched - start, 0)
            readMore()
        }
    }

    private mutating func take(_ end: Int, consumed: Int) throws -> String {
        let line = buffer[start..<end]
        start = consumed
        guard let text = String(validating: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
        else {
            throw CommandFailure(message: "a line of standard input is not UTF-8 text", status: .data)
        }
        return text
    }

    private mutating func readMore() {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        var count = read(STDIN_FILENO, &chunk, chunk.count)
        while count < 0, errno == EINTR { count = read(STDIN_FILENO, &chunk, chunk.count) }
        if count > 0 { buffer += chunk[..<count] } else { isAtEnd = true }
    }
}
