public import Foundation
import Synchronization
import TextCore

/// Appends events to `events.jsonl`: one line and one system call each, so that readers never see half a line of a
/// running process, and a crash loses nothing that was logged.
///
/// A full disk ends no run: what cannot be written is kept in memory and written with the next event that can.
public final class EventLog: Sendable {
    /// The file.
    public let url: URL
    private let file: Int32
    private let write: @Sendable (Int32, UnsafeRawBufferPointer) -> Int
    private let onFailure: @Sendable (FileError) -> Void
    private let state: Mutex<State>

    /// Bytes of lines that are kept while the disk refuses them; older ones are given up for newer ones.
    static let keptBytes = 4 << 20

    private struct State {
        /// Bytes of the file, all of whole lines.
        var size: Int
        /// Lines that the disk has refused so far.
        var waiting: [[UInt8]] = []
        var waitingBytes = 0
        /// Lines that were given up.
        var lost = 0
        var hasWarned = false
    }

    /// Opens the file, made where absent. Half a line that a crash left at its end is removed.
    ///
    /// - Parameter onFailure: told once, when the disk first refuses a line.
    /// - Throws: `FileError` when the file cannot be opened or written.
    public convenience init(_ url: URL, onFailure: @escaping @Sendable (FileError) -> Void = { _ in }) throws {
        try self.init(url, onFailure: onFailure) { Foundation.write($0, $1.baseAddress, $1.count) }
    }

    /// - Parameter write: writes to a descriptor and gives the bytes written, or -1 with `errno`.
    package init(
        _ url: URL, onFailure: @escaping @Sendable (FileError) -> Void,
        write: @escaping @Sendable (Int32, UnsafeRawBufferPointer) -> Int
    ) throws {
        self.url = url
        self.write = write
        self.onFailure = onFailure
        let size = try Self.removeTornLine(url)
        file = open(url.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        state = Mutex(State(size: size))
        guard file >= 0 else { throw FileError(doing: "open", url.path) }
    }

    deinit { close(file) }

    /// Writes one event, after those that could not be written before. May be called on any thread.
    public func append(_ event: RunEvent) {
        let failure = state.withLock { state -> FileError? in
            Self.keep(Array((event.json.text() + "\n").utf8), in: &state)
            return flush(&state)
        }
        if let failure { onFailure(failure) }
    }

    /// Tries once more to write what the disk has refused so far.
    ///
    /// - Returns: the number of events that are not in the file.
    public func finish() -> Int {
        state.withLock { state in
            _ = flush(&state)
            return state.waiting.count + state.lost
        }
    }

    private static func keep(_ line: [UInt8], in state: inout State) {
        state.waiting.append(line)
        state.waitingBytes += line.count
        while state.waitingBytes > keptBytes, state.waiting.count > 1 {
            state.waitingBytes -= state.waiting.removeFirst().count
            state.lost += 1
        }
    }

    /// Writes whole lines as far as the disk takes them.
    ///
    /// - Returns: the failure, if nobody was told of one yet.
    private func flush(_ state: inout State) -> FileError? {
        while let line = state.waiting.first {
            if let code = writeWhole(line) {
                // Half a line would spoil the next one.
                _ = ftruncate(file, off_t(state.size))
                defer { state.hasWarned = true }
                return state.hasWarned ? nil : FileError(doing: "write", url.path, code: code)
            }
            state.waiting.removeFirst()
            state.waitingBytes -= line.count
            state.size += line.count
        }
        return nil
    }

    /// - Returns: the system's error number, if it failed.
    private func writeWhole(_ bytes: [UInt8]) -> Int32? {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = write(file, UnsafeRawBufferPointer(rebasing: rest))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return count < 0 ? errno : EIO }
                rest = rest.dropFirst(count)
            }
            return nil
        }
    }

    /// The events of a file; lines that are none are skipped and counted.
    ///
    /// - Throws: `FileError` when the file cannot be read.
    public static func read(_ url: URL) throws -> (events: [RunEvent], skippedLines: Int) {
        let lines = try DurableFiles.read(url.path).split(separator: UInt8(ascii: "\n"))
        let events = lines.compactMap { line in (try? JSON(parsing: line)).flatMap { RunEvent(json: $0) } }
        return (events, lines.count - events.count)
    }

    /// - Returns: the bytes of the file.
    private static func removeTornLine(_ url: URL) throws -> Int {
        guard FileManager.default.fileExists(atPath: url.path) else { return 0 }
        let bytes = try DurableFiles.read(url.path)
        guard let last = bytes.last, last != UInt8(ascii: "\n") else { return bytes.count }
        let kept = (bytes.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
        guard truncate(url.path, off_t(kept)) == 0 else { throw FileError(doing: "shorten", url.path) }
        return kept
    }
}
