public import Foundation
import TextCore

/// Appends events to `events.jsonl`: one line and one system call each, so that readers never see half a line of a
/// running process, and a crash loses nothing that was logged.
public final class EventLog: Sendable {
    /// The file.
    public let url: URL
    private let file: Int32

    /// Opens the file, made where absent. Half a line that a crash left at its end is removed.
    ///
    /// - Throws: `FileError` when the file cannot be opened or written.
    public init(_ url: URL) throws {
        self.url = url
        try Self.removeTornLine(url)
        file = open(url.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw FileError(doing: "open", url.path) }
    }

    deinit { close(file) }

    /// Writes one event.
    ///
    /// - Throws: `FileError` when the disk refuses it.
    public func append(_ event: RunEvent) throws {
        try DurableFiles.writeAll(Array((event.json.text() + "\n").utf8), to: file, path: url.path)
    }

    /// The events of a file; lines that are none are skipped and counted.
    ///
    /// - Throws: `FileError` when the file cannot be read.
    public static func read(_ url: URL) throws -> (events: [RunEvent], skippedLines: Int) {
        let lines = try DurableFiles.read(url.path).split(separator: UInt8(ascii: "\n"))
        let events = lines.compactMap { line in (try? JSON(parsing: line)).flatMap { RunEvent(json: $0) } }
        return (events, lines.count - events.count)
    }

    private static func removeTornLine(_ url: URL) throws {
        guard FileManager.default.fileExists(atPath: url.path) else { return }
        let bytes = try DurableFiles.read(url.path)
        guard let last = bytes.last, last != UInt8(ascii: "\n") else { return }
        let kept = (bytes.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
        guard truncate(url.path, kept) == 0 else { throw FileError(doing: "shorten", url.path) }
    }
}
