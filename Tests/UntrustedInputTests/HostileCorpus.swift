import Foundation
import Testing
import TextCore

/// A folder of `Tests/Fixtures/hostile` and what a reader must say of its files.
struct HostileCorpus {
    /// What was read of one file.
    struct Reading {
        let file: String
        let outcome: String
        let message: String
        /// Seconds of the processor.
        let seconds: Double
        /// Bytes that were resident at the most, and those of them that were not before the file was read.
        let peak, growth: Int

        init(_ json: JSON) {
            file = json["file"]?.string ?? "?"
            outcome = json["outcome"]?.string ?? "?"
            message = json["message"]?.string ?? ""
            seconds = json["seconds"]?.double ?? .infinity
            peak = json["peak"]?.int ?? .max
            growth = json["growth"]?.int ?? .max
        }
    }

    private struct Case {
        let file, outcome: String
        let says: [String]
    }

    let name: String
    private let target: String
    private let cases: [Case]

    /// - Parameter target: the reader's name; the folder's own by default.
    init(_ name: String, target: String? = nil) throws {
        self.name = name
        self.target = target ?? name
        let url = PackageFolder.url.appending(path: "Tests/Fixtures/hostile/\(name)/cases.json")
        cases = try (JSON(parsing: [UInt8](try Data(contentsOf: url))).array ?? []).map { json in
            Case(
                file: json["file"]?.string ?? "", outcome: json["expect"]?.string ?? "",
                says: json["says"]?.array?.compactMap(\.string) ?? [])
        }
    }

    /// Reads every file and checks what is said of it.
    ///
    /// - Parameters:
    ///   - seconds: of the processor, for one file.
    ///   - growth: MiB beyond what the process held before.
    ///   - count: files that the folder has at least.
    func check(
        seconds: Double, growth: Int, count: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(cases.count >= count, "\(name) has \(cases.count) files", sourceLocation: sourceLocation)
        let folder = PackageFolder.url.appending(path: "Tests/Fixtures/hostile/\(name)")
        let readings = try Self.read(target, cases.map { folder.appending(path: $0.file) })
        for (expected, reading) in zip(cases, readings) {
            #expect(
                reading.file == expected.file && reading.outcome == expected.outcome
                    && expected.says.allSatisfy(reading.message.contains),
                "\(name)/\(expected.file): \(expected.outcome), saying \(expected.says); was \(reading)",
                sourceLocation: sourceLocation)
            #expect(reading.seconds <= seconds, "\(name)/\(expected.file): \(reading)", sourceLocation: sourceLocation)
            #expect(
                reading.growth <= growth << 20, "\(name)/\(expected.file): \(reading)", sourceLocation: sourceLocation)
        }
        print(Self.summary(name, readings))
    }

    /// Reads files one after the other in one process; a file that ends it is an error that names it.
    static func read(_ target: String, _ files: [URL]) throws -> [Reading] {
        let result = try FuzzProcess.run(["read", target] + files.map(\.path))
        let readings = result.lines.map(Reading.init)
        guard readings.count == files.count else {
            throw FuzzProcessError(
                message: "reading \(files[readings.count].path) ended with status \(result.status): "
                    + "\(result.text.suffix(2000))")
        }
        return readings
    }

    /// The line of the table in `docs/reliability.md`.
    static func summary(_ name: String, _ readings: [Reading]) -> String {
        let refused = readings.count { $0.outcome == "refused" }
        let slowest = readings.map(\.seconds).max() ?? 0
        let growth = (readings.map(\.growth).max() ?? 0) >> 20
        let peak = (readings.map(\.peak).max() ?? 0) >> 20
        return "\(name): \(readings.count) inputs, \(refused) refused, slowest \(Int(slowest * 1000)) ms, "
            + "\(growth) MiB more, \(peak) MiB at the peak"
    }
}

/// A folder that is removed when the test ends.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "hone-untrusted-\(UUID())")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func file(_ name: String) -> URL { url.appending(path: name) }

    /// Writes parts one behind the other; the file may be larger than memory should hold.
    @discardableResult
    func write(_ name: String, _ parts: [UInt8]..., repeating part: [UInt8] = [], times: Int = 0) throws -> URL {
        let url = file(name)
        try Data().write(to: url)
        let handle = try FileHandle(forWritingTo: url)
        defer { try? handle.close() }
        for part in parts { try handle.write(contentsOf: part) }
        // Millions of small parts go out some thousand at a time.
        let together = max(1, (64 << 10) / max(1, part.count))
        let chunk = Array(repeatElement(part, count: together).joined())
        for _ in 0..<(times / together) { try handle.write(contentsOf: chunk) }
        try handle.write(contentsOf: chunk.prefix(part.count * (times % together)))
        return url
    }

    /// A file of `size` bytes of which only the first are on the disk; the others read as zeros.
    func writeSparse(_ name: String, _ start: [UInt8], size: Int, end: [UInt8] = []) throws -> URL {
        let url = try write(name, start)
        let handle = try FileHandle(forWritingTo: url)
        defer { try? handle.close() }
        try handle.truncate(atOffset: UInt64(size))
        if !end.isEmpty {
            try handle.seek(toOffset: UInt64(size - end.count))
            try handle.write(contentsOf: end)
        }
        return url
    }
}
