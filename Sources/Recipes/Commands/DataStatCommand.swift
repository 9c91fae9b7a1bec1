import ArgumentParser
import Foundation
import OrderedCollections
import ShardIO
import TextCore

/// `hone data stat`: what a data set or file holds.
struct DataStatCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "stat",
        abstract: "Say what a data set or file holds: rows, sizes, lengths, where it came from, what is checked.")

    @Argument(help: ArgumentHelp("Folder of shards, shard or data file.", valueName: "path"))
    var path: String
    @Flag(help: "Read a folder of shards that has no manifest as far as it goes.")
    var partial = false
    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) throws {
        let source = try DataSourceOpener.open(path: path, options: DataFileOptions(partial: partial))
        var progress = DataProgress(terminal)
        let lengths = try RowLengths(source, &progress)
        progress.finish()
        let facts = DataFacts(source, lengths)
        if output.json { return terminal.print(facts.json) }
        for line in facts.lines { terminal.print(line) }
    }
}

/// How many bytes the rows of a source have.
struct RowLengths {
    /// Rows by their length.
    private var counts: [Int: Int] = [:]
    private(set) var rows = 0
    private(set) var bytes = 0

    init(_ source: any FramedSource, _ progress: inout DataProgress) throws {
        for index in 0..<source.frames.count {
            let frame = try source.frame(index)
            for row in 0..<frame.count {
                let length = frame.withBytes(of: row) { $0.count }
                counts[length, default: 0] += 1
                bytes += length
            }
            rows += frame.count
            let rows = rows
            progress.show { "\(source.path): \(counted(rows, "row"))" }
        }
    }

    var mean: Double { rows > 0 ? Double(bytes) / Double(rows) : 0 }

    /// The lengths at which these shares of the rows are reached.
    func quantiles(_ shares: [Double]) -> [Int] {
        let sorted = counts.sorted { $0.key < $1.key }
        return shares.map { share in
            var passed = 0
            for (length, count) in sorted {
                passed += count
                if Double(passed) >= share * Double(rows) { return length }
            }
            return sorted.last?.key ?? 0
        }
    }
}

/// What is said of a data set or file.
private struct DataFacts {
    private static let shares: [(name: String, share: Double)] = [
        ("min", 0), ("p10", 0.1), ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1),
    ]

    private let source: any FramedSource
    private let lengths: RowLengths
    private let manifest: DatasetManifest?
    private let shards: [ShardFile]

    init(_ source: any FramedSource, _ lengths: RowLengths) {
        self.source = source
        self.lengths = lengths
        let dataset = source as? ShardedDataset
        manifest = dataset?.manifest
        shards = dataset?.shards ?? (source as? ShardFile).map { [$0] } ?? []
    }

    /// The schema of shards; of other files what their rows are seen to be, where that is clear.
    private var schema: String? {
        if let schema = manifest?.schema ?? shards.first?.header.schema { return schema }
        guard let decoder = try? RecordDecoder(source: source), let frame = try? source.frame(0),
            let record = try? decoder.record(frame, 0)
        else { return nil }
        return record.schemaName
    }

    private var textBytes: Int {
        shards.isEmpty ? lengths.bytes + lengths.rows : shards.reduce(0) { $0 + $1.textBytes }
    }

    private var fileBytes: Int {
        if !shards.isEmpty { return shards.reduce(0) { $0 + $1.fileBytes } }
        let size = try? FileManager.default.attributesOfItem(atPath: source.path)[.size] as? NSNumber
        return size?.intValue ?? 0
    }

    private var ratio: Double { Double(textBytes) / Double(max(1, fileBytes)) }

    private var identity: String { source.identity }

    var lines: [String] {
        var lines = [
            "rows        \(grouped(lengths.rows))",
            "schema      \(schema ?? "not recognised; set `format` where it is used")",
        ]
        if !shards.isEmpty { lines.append("shards      \(grouped(shards.count))") }
        lines += [
            "frames      \(grouped(source.frames.count))\(source.hasRandomAccess ? "" : ", readable only one after the other")",
            "bytes       \(byteText(fileBytes))"
                + (isCompressed ? ", \(byteText(textBytes)) of text, \(fixed(ratio, 2)) to 1" : ""),
            "row length  "
                + zip(Self.shares, lengths.quantiles(Self.shares.map(\.share))).map { "\($0.name) \(grouped($1))" }
                .joined(separator: "  ") + "  mean \(fixed(lengths.mean, 1)) bytes",
            "integrity   \(source.integrity)", "identity    \(identity)",
        ]
        if let manifest {
            lines.append("made by     hone \(manifest.honeVersion)")
            lines.append(
                "order       \(manifest.shuffleSeed.map { "shuffled with seed \($0)" } ?? "as in the sources")")
            for item in manifest.sources {
                lines.append("source      \(item.path), \(counted(item.rows, "row")), sha256 \(item.sha256)")
            }
        }
        return lines
    }

    private var isCompressed: Bool { !shards.isEmpty || source.path.hasSuffix(".zst") }

    var json: JSON {
        var object: OrderedDictionary<String, JSON> = [
            "path": .string(source.path), "rows": .integer(lengths.rows), "schema": schema.map(JSON.string) ?? .null,
            "shards": .integer(shards.count), "frames": .integer(source.frames.count), "bytes": .integer(fileBytes),
            "raw_bytes": .integer(textBytes), "ratio": .number((ratio * 1000).rounded() / 1000),
            "random_access": .bool(source.hasRandomAccess), "integrity": .string(source.integrity),
            "identity": .string(identity),
        ]
        var table: OrderedDictionary<String, JSON> = ["mean": .number((lengths.mean * 10).rounded() / 10)]
        for (item, length) in zip(Self.shares, lengths.quantiles(Self.shares.map(\.share))) {
            table[item.name] = .integer(length)
        }
        object["row_bytes"] = .object(table)
        if let manifest {
            object["hone"] = .string(manifest.honeVersion)
            object["shuffle_seed"] = manifest.json["shuffle_seed"]
            object["sources"] = manifest.json["sources"]
            object["files"] = manifest.json["shards"]
        }
        return .object(object)
    }
}
