import Foundation
import ShardIO
import TextCore

/// Whether streaming a large data set takes more memory than streaming a small one: each is read, shuffled and parsed
/// in a process of its own.
struct StreamMemoryBenchmark {
    /// Text of the larger data set.
    let megabytes: Int

    private static let smallMegabytes = 20

    func run() throws -> Measurement {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let rows = PreferenceRows(seed: 5)
        let readings = try [Self.smallMegabytes, megabytes].map { size in
            let path = "\(folder.path)/\(size)"
            try rows.writeShards(megabytes: size, to: path)
            defer { try? FileManager.default.removeItem(atPath: path) }
            return try StreamMemory(json: Subprocess.own(["--read", path]))
        }
        var result = Measurement()
        let (small, large) = (readings[0], readings[1])
        result["text_megabytes"] = [.integer(Self.smallMegabytes), .integer(megabytes)]
        result["rows"] = [.integer(small.rows), .integer(large.rows)]
        result["empty_rss_mib"] = .number(small.startMebibytes.rounded(digits: 4))
        result["streaming_rss_mib"] = [
            .number(small.peakMebibytes.rounded(digits: 4)), .number(large.peakMebibytes.rounded(digits: 4)),
        ]
        result["growth"] = .target(large.peakMebibytes / small.peakMebibytes - 1, atMost: 0.05)
        result["over_empty_mib"] = .target(
            max(small.peakMebibytes - small.startMebibytes, large.peakMebibytes - large.startMebibytes), atMost: 96)
        return result
    }
}

/// The memory of a process that streamed a data set.
struct StreamMemory {
    /// Rows that were parsed.
    var rows: Int
    /// The most memory resident before anything was opened, and until the end.
    var startMebibytes: Double
    var peakMebibytes: Double

    /// Reads a data set to its end in this process: shuffled, and every row parsed.
    init(reading path: String) throws {
        startMebibytes = try Self.peak()
        let data = try DataSourceOpener.open(path: path)
        let decoder = try RecordDecoder(source: data, format: "preference")
        let order = try SampleOrder(sources: [.init(data)], settings: .init(shuffleSeed: 1))
        let stream = try SampleStream(sources: [data], order: order) { frame, row, _ in
            let record = try decoder.record(frame, row)
            return .take(record, id: record.info.id)
        }
        rows = 0
        while case .sample = try stream.next() { rows += 1 }
        peakMebibytes = try Self.peak()
    }

    init(json: JSON) throws {
        guard let rows = json["rows"]?.int, let start = json["start_mib"]?.double, let peak = json["peak_mib"]?.double
        else { throw Subprocess.Failure(description: "no memory in \(json.text())") }
        (self.rows, startMebibytes, peakMebibytes) = (rows, start, peak)
    }

    var json: JSON {
        ["rows": .integer(rows), "start_mib": .number(startMebibytes), "peak_mib": .number(peakMebibytes)]
    }

    private static func peak() throws -> Double {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        guard let words = line?.split(whereSeparator: \.isWhitespace), words.count == 3,
            let kibibytes = Double(words[1])
        else { throw Subprocess.Failure(description: "/proc/self/status has no VmHWM") }
        return kibibytes / 1024
    }
}
