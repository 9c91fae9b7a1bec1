import Foundation
import ShardIO
import TensorCore
import TextCore

/// Whether streaming a large data set takes more memory than streaming a small one: each is read, shuffled and parsed
/// in a process of its own.
///
/// The small one is a shard of 20 MB; the large one is that shard again and again, by hard links.
struct StreamMemoryBenchmark {
    /// Size of the shards of the large data set.
    let megabytes: Int

    /// Text that makes about 20 MB of a shard.
    private static let textMegabytes = 57

    func run() throws -> Measurement {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let (small, large) = (folder.path + "/small", folder.path + "/large")
        let manifest = try PreferenceRows(seed: 5).writeShards(megabytes: Self.textMegabytes, to: small)
        let repeated = try Self.repeat(manifest, in: small, megabytes: megabytes, to: large)
        let readings = try [small, large].map { try StreamMemory(json: Subprocess.own(["--read", $0])) }
        guard readings.map(\.rows) == [manifest.records, repeated.records] else {
            throw Subprocess.Failure(description: "\(readings.map(\.rows)) rows were read")
        }
        var result = Measurement()
        func pair(_ value: (Int) -> Double) -> JSON { .array((0..<2).map { .number(value($0).rounded(digits: 4)) }) }
        let manifests = [manifest, repeated]
        result["megabytes_of_shards"] = pair { Double(manifests[$0].bytes) / 1e6 }
        result["megabytes_of_text"] = pair { Double(manifests[$0].textBytes) / 1e6 }
        result["rows"] = .array(readings.map { .integer($0.rows) })
        result["rss_before_mib"] = pair { readings[$0].startMebibytes }
        result["peak_rss_mib"] = pair { readings[$0].peakMebibytes }
        result["growth"] = .target(readings[1].peakMebibytes / readings[0].peakMebibytes - 1, atMost: 0.05)
        result["over_empty_mib"] = .target(
            readings.map { $0.peakMebibytes - $0.startMebibytes }.max() ?? .nan, atMost: 96)
        return result
    }

    /// A data set that has one shard under many names.
    private static func `repeat`(
        _ manifest: DatasetManifest, in folder: String, megabytes: Int, to copy: String
    ) throws -> DatasetManifest {
        let shard = manifest.shards[0]
        var result = manifest
        result.shards = (0..<max(2, megabytes * 1_000_000 / shard.bytes)).map { number in
            var entry = shard
            entry.name = "data-\(String(100_000 + number).dropFirst()).jsonl.zst"
            return entry
        }
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
        for entry in result.shards {
            try FileManager.default.linkItem(atPath: "\(folder)/\(shard.name)", toPath: "\(copy)/\(entry.name)")
        }
        let text = result.json.text(.pretty) + "\n"
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(copy)/\(DatasetManifest.fileName)"))
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
        startMebibytes = Self.peak()
        let data = try DataSourceOpener.open(path: path)
        let decoder = try RecordDecoder(source: data, format: "preference")
        let order = try SampleOrder(sources: [.init(data)], settings: .init(shuffleSeed: 1))
        let stream = try SampleStream(sources: [data], order: order) { frame, row, _ in
            let record = try decoder.record(frame, row)
            return .take(record, id: record.info.id)
        }
        rows = 0
        while case .sample = try stream.next() { rows += 1 }
        peakMebibytes = Self.peak()
    }

    init(json: JSON) throws {
        guard let rows = json["rows"]?.int, let start = json["start_mib"]?.double, let peak = json["peak_mib"]?.double
        else { throw Subprocess.Failure(description: "no memory in \(json.text())") }
        (self.rows, startMebibytes, peakMebibytes) = (rows, start, peak)
    }

    var json: JSON {
        ["rows": .integer(rows), "start_mib": .number(startMebibytes), "peak_mib": .number(peakMebibytes)]
    }

    private static func peak() -> Double { Double(ProcessMemory.peakResidentBytes) / 1_048_576 }
}
