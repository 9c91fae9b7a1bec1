import Foundation
import ShardIO
import Testing
import TextCore

/// A log of frames that a crash may cut.
@Suite struct FrameLogTests {
    private func withLog(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "log-\(UUID().uuidString).jsonl.zst").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func lines(_ path: String) throws -> [Int] {
        let source = try DataSourceOpener.open(path: path)
        return try (0..<source.frames.count).flatMap { frame in
            let decoded = try source.frame(frame)
            return try (0..<decoded.count).map { try decoded.row($0).fields["n"]?.int ?? -1 }
        }
    }

    private func line(_ number: Int) -> String {
        "{\"n\":\(number),\"text\":\"\(String(repeating: "x", count: 100))\"}"
    }

    @Test func `what was appended is read back, frame after frame`() throws {
        try withLog { path in
            let log = try FrameLog(path: path)
            try log.append([line(1), line(2)])
            try log.append([])
            try log.append([line(3)])
            #expect(try lines(path) == [1, 2, 3])
            #expect(log.size == (try Data(contentsOf: URL(filePath: path)).count))
        }
    }

    @Test func `a frame that a crash cut is removed when the log is opened again, wherever it was cut`() throws {
        try withLog { path in
            let log = try FrameLog(path: path)
            try log.append([line(1)])
            let whole = log.size
            try log.append([line(2)])
            let all = try Data(contentsOf: URL(filePath: path))
            for length in whole..<all.count {
                try all.prefix(length).write(to: URL(filePath: path))
                let again = try FrameLog(path: path)
                #expect(again.size == whole)
                try again.append([line(3)])
                #expect(try lines(path) == [1, 3])
            }
        }
    }

    @Test func `a log goes on from the place that a checkpoint holds, and is refused when it is shorter`() throws {
        try withLog { path in
            let log = try FrameLog(path: path)
            try log.append([line(1)])
            let place = log.size
            try log.append([line(2)])
            let again = try FrameLog(path: path, end: place)
            try again.append([line(4)])
            #expect(try lines(path) == [1, 4])
            let error = #expect(throws: DataError.self) { try FrameLog(path: path, end: again.size + 1) }
            #expect(error?.description.contains("when the checkpoint was") == true)
        }
    }
}
