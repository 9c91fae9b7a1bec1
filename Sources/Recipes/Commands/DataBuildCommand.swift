import ArgumentParser
import Foundation
import ShardIO
import TextCore
import Training

/// `hone data build`: files of rows into shards.
struct DataBuildCommand: ConcurrentCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Write the rows of data files into compressed shards with a manifest.",
        discussion: """
            Inputs are JSONL, JSON, CSV, TSV or text files, these compressed with zstd, or folders of shards. Every \
            row is checked and written in the one form of its kind; all rows must be of one kind. A shard is an \
            ordinary .jsonl.zst: `zstd -dc` gives its lines.
            """)

    @Argument(help: ArgumentHelp("Files and folders to read, in this order.", valueName: "input"))
    var inputs: [String]
    @Option(name: [.customShort("o"), .customLong("out")], help: ArgumentHelp("Folder to write.", valueName: "folder"))
    var folder: String
    @Option(help: ArgumentHelp("Shuffle all rows by this seed; without it they keep their order.", valueName: "seed"))
    var shuffleSeed: UInt64?
    @Option(help: "What a row holds: a format's name, or auto to find it from the first rows of each input.")
    var format = "auto"
    @Option(
        help: ArgumentHelp(
            "Column of a field that has another name in the files; several with commas or several times.",
            valueName: "field=column"))
    var columns: [String] = []
    @Option(help: "Level of compression, 1 to 19.")
    var level = 3
    @Option(help: ArgumentHelp("Text after which a new shard begins, such as 256MB.", valueName: "size"))
    var maxShardSize = ByteSize(bytes: 256 << 20)
    @Option(help: "What the names of the shards begin with.")
    var name = "data"
    @Flag(help: "Replace a data set that is in the folder.")
    var overwrite = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard !inputs.isEmpty else { throw ValidationError("name at least one input") }
        guard (1...19).contains(level) else { throw ValidationError("--level takes 1 to 19") }
        guard maxShardSize.bytes >= 256 << 10 else { throw ValidationError("--max-shard-size is at least 256KiB") }
        guard !name.isEmpty, !name.hasPrefix("."), name.utf8.count <= 100, !name.contains("/"), !name.contains("\0")
        else { throw ValidationError("--name is the beginning of a file's name") }
        _ = try mappings()
    }

    func run(_ terminal: Terminal) async throws {
        let stop = StopSignal()
        let signals = SignalHandlers(stop)
        defer { signals.cancel() }
        try checkFolder()
        let sources = try openSources(terminal)
        var builder = DatasetBuilder(
            folder: folder,
            options: DatasetWriter.Options(
                shards: ShardOptions(
                    compressionLevel: level, frameBytes: min(256 << 10, maxShardSize.bytes),
                    shardBytes: maxShardSize.bytes), name: name,
                shuffleSeed: shuffleSeed, overwrite: overwrite, honeVersion: HoneVersion.current))
        var progress = DataProgress(terminal)
        for (source, decoder) in sources {
            do { try await builder.add(source, decoder, stop, &progress) } catch is CancellationError {
                throw CommandFailure(
                    message: "stopped; \(folder) holds no data set, at most a part of one. Build it again with "
                        + "--overwrite", status: ExitStatus(rawValue: ExitStatus.stopped) ?? .interrupted)
            }
        }
        let manifest = try builder.finish()
        progress.finish()
        report(manifest, seconds: progress.seconds, formats: sources.map(\.decoder.decision.sentence), terminal)
    }

    /// Every input with what its rows are, before anything is written.
    private func openSources(_ terminal: Terminal) throws -> [(source: any FramedSource, decoder: RecordDecoder)] {
        let mappings = try mappings()
        return try inputs.map { path in
            let source = try DataSourceOpener.open(path: path)
            let decoder = try RecordDecoder(source: source, format: format, columns: mappings)
            terminal.note(decoder.decision.sentence)
            if source.integrity != "verified" { terminal.note("\(path): \(source.integrity)") }
            return (source, decoder)
        }
    }

    private func mappings() throws -> [ColumnMapping] {
        try columns.flatMap { text -> [Substring] in
            let parts = text.split(separator: ",", omittingEmptySubsequences: false)
            return parts.allSatisfy { $0.contains("=") } ? parts : [text[...]]
        }.map { part in
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard pair.count == 2, !pair[0].isEmpty, !pair[1].isEmpty else {
                throw ValidationError("--columns takes field=column, such as prompt=question, and not '\(part)'")
            }
            return ColumnMapping(field: pair[0], column: pair[1])
        }
    }

    /// Refuses a folder that would lose something.
    private func checkFolder() throws {
        let target = RecipePath(folder).absolute
        for input in inputs {
            let path = RecipePath(input).absolute
            if path == target || path.hasPrefix(target + "/") && isShardOrManifest(path) {
                throw CommandFailure(
                    message: "\(input) lies in \(folder), which would be overwritten while it is read; name another "
                        + "folder with -o", status: .usage)
            }
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        if !overwrite, names.contains(where: { isShardOrManifest(folder + "/" + $0) }) {
            throw CommandFailure(
                message: "\(folder) holds a data set or a part of one; name another folder, or add --overwrite to "
                    + "replace it", status: .usage)
        }
    }

    private func isShardOrManifest(_ path: String) -> Bool {
        let name = (path as NSString).lastPathComponent
        return name == DatasetManifest.fileName
            || name.hasSuffix(".jsonl.zst") && (try? ShardFile.isShard(path: path)) ?? false
    }

    private func report(_ manifest: DatasetManifest, seconds: Double, formats: [String], _ terminal: Terminal) {
        let ratio = Double(manifest.textBytes) / Double(max(1, manifest.bytes))
        if output.json {
            return terminal.print([
                "folder": .string(folder), "schema": .string(manifest.schema), "rows": .integer(manifest.records),
                "shards": .integer(manifest.shards.count), "frames": .integer(manifest.frames),
                "raw_bytes": .integer(manifest.textBytes), "bytes": .integer(manifest.bytes),
                "ratio": .number((ratio * 1000).rounded() / 1000), "sha256": .string(manifest.sha256),
                "seconds": .number((seconds * 1000).rounded() / 1000),
                "sources": manifest.json["sources"] ?? [], "formats": .array(formats.map(JSON.string)),
            ])
        }
        let order = manifest.shuffleSeed.map { "shuffled with seed \($0)" } ?? "in the order of the inputs"
        terminal.print(
            "\(folder): \(counted(manifest.records, "row")) of \(manifest.schema) in \(counted(manifest.shards.count, "shard")), \(order)"
        )
        terminal.print(
            "\(byteText(manifest.textBytes)) of JSON lines became \(byteText(manifest.bytes)), \(fixed(ratio, 1)) to 1, in "
                + "\(fixed(seconds, 1)) s")
    }
}

/// A number of bytes as people write it: `1000000`, `64MiB`, `256MB`, `1G`.
struct ByteSize: ExpressibleByArgument, CustomStringConvertible {
    let bytes: Int

    init(bytes: Int) { self.bytes = bytes }

    init?(argument: String) {
        let units = [
            "": 1, "b": 1, "k": 1 << 10, "kb": 1000, "kib": 1 << 10, "m": 1 << 20, "mb": 1_000_000, "mib": 1 << 20,
            "g": 1 << 30, "gb": 1_000_000_000, "gib": 1 << 30,
        ]
        let digits = argument.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits), let unit = units[argument.dropFirst(digits.count).lowercased()] else {
            return nil
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit)
        guard !overflow, product > 0, product <= 1 << 40 else { return nil }
        bytes = product
    }

    var description: String { bytes % (1 << 20) == 0 ? "\(bytes >> 20)MiB" : "\(bytes)" }
    var defaultValueDescription: String { description }
}
