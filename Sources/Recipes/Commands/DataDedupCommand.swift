import ArgumentParser
import DataChecks
import Foundation
import OrderedCollections
import ShardIO
import TextCore
import Training

/// `hone data dedup`: rows without those that repeat others or give away what a model is judged by.
struct DataDedupCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "dedup",
        abstract: "Write rows without those that say what an earlier row says, or that give a test away.",
        discussion: """
            The rows are written in the format that they came in, to the letter. Beside the file, FILE.removed.jsonl lists \
            every row that is not in it with the reason and the row that it is like, and FILE.dedup.json sums up. Of a \
            recipe the files of data.train are read; where there are several, -o names a folder.
            """)

    @Argument(help: ArgumentHelp("Data file, folder of shards, or recipe.", valueName: "file"))
    var file: String
    @Flag(help: "Leave out rows that are nearly the same as an earlier one, too.")
    var near = false
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Files of rows that a model is judged by; rows that give them away are left out.", valueName: "test"))
    var against: [String] = []
    @Flag(help: "With --against: keep rows that say what others say.")
    var keepDuplicates = false
    @Option(name: [.customShort("o"), .customLong("out")], help: ArgumentHelp("File to write.", valueName: "file"))
    var out: String
    @Flag(help: "Replace what is there.")
    var overwrite = false
    @OptionGroup var text: RowTextOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if keepDuplicates, near { throw ValidationError("--near and --keep-duplicates cannot both hold") }
        if keepDuplicates, against.isEmpty { throw ValidationError("--keep-duplicates needs --against") }
    }

    private typealias Input = (source: any FramedSource, rows: CheckedSource, out: String)

    func run(_ terminal: Terminal) throws {
        let stop = StopSignal()
        let signals = SignalHandlers(stop)
        defer { signals.cancel() }
        let inputs = try inputs(terminal)
        let records = ["\(out).removed.jsonl", "\(out).dedup.json"]
        for path in inputs.map(\.out) + records {
            if !overwrite, FileManager.default.fileExists(atPath: path) {
                throw CommandFailure(
                    message: "\(path) is there already; name another file, or add --overwrite to replace it",
                    status: .usage)
            }
        }
        for input in inputs where RecipePath(input.source.path).absolute == RecipePath(input.out).absolute {
            throw CommandFailure(
                message: "\(input.out) would be overwritten while it is read; name another file with -o", status: .usage
            )
        }
        var progress = DataProgress(terminal)
        let removed = try removed(inputs, stop, &progress, terminal)
        progress.finish()
        if inputs.count > 1 { try RowFile.makeFolder(out) }
        var kept = 0
        for (number, input) in inputs.enumerated() {
            kept += try write(input, without: Set(removed.lazy.filter { $0.file == number }.map(\.ordinal)), stop)
        }
        try RowFile.write(removed.text, to: records[0])
        let summary: JSON = [
            "files": .array(inputs.map { ["file": .string($0.source.path), "identity": .string($0.source.identity)] }),
            "rows": .integer(kept + removed.count), "kept": .integer(kept),
            "removed": .object(removed.counts.mapValues { .integer($0) }),
            "duplicates": .string(rule.rawValue), "threshold": .number(text.threshold),
            "against": .array(against.map { .string($0) }),
            "seconds": .number((progress.seconds * 1000).rounded() / 1000),
        ]
        try RowFile.write(summary.text(.pretty) + "\n", to: records[1])
        report(removed, kept: kept, summary, terminal)
    }

    private var rule: RowRemoval.Duplicates { keepDuplicates ? .none : near ? .near : .exact }

    /// The files to read, and what each becomes.
    private func inputs(_ terminal: Terminal) throws -> [Input] {
        guard ["yaml", "yml"].contains((file as NSString).pathExtension.lowercased()) else {
            let (source, rows) = try text.open(file, .train, terminal)
            return [(source, rows, out)]
        }
        let recipe = try LoadedRecipe.load(file).recipe
        let entries = recipe.data.train
        return try entries.enumerated().map { number, settings in
            let source = try DataSourceOpener.open(path: settings.path.absolute)
            let decoder = try RecordDecoder(
                source: source, format: settings.format, columns: settings.columns.mappings)
            terminal.note(decoder.decision.sentence)
            // A file keeps its name; of two with one name the later is numbered.
            let name = (settings.path.name as NSString).deletingPathExtension
            let isTaken = entries[..<number].contains { $0.path.name == settings.path.name }
            let path = "\(out)/\(name)\(isTaken ? "-\(number)" : "").\(RowFile.kind(of: source).rawValue)"
            return (source, CheckedSource(.train, source, decoder), entries.count == 1 ? out : path)
        }
    }

    private func removed(
        _ inputs: [Input], _ stop: StopSignal, _ progress: inout DataProgress, _ terminal: Terminal
    ) throws -> [RemovedRow] {
        let judged = try against.map { try text.open($0, .suite($0), terminal).rows }
        let common = CommonText(samples: (judged + inputs.map(\.rows)).map { $0.sample(512).map(\.prompt) })
        var removal = try RowRemoval(rule, threshold: text.threshold, common: common)
        for (path, rows) in zip(against, judged) {
            try rows.forEachBatch { batch in
                for outcome in batch {
                    switch outcome {
                    case .row(let row): removal.addJudged(row)
                    case .malformed(_, let source, let message):
                        throw CommandFailure(
                            message: "\(source): \(message) Rows of \(path) cannot be compared while one is broken",
                            status: .data)
                    }
                }
            }
        }
        var count = 0
        for (number, input) in inputs.enumerated() {
            try input.rows.forEachBatch { batch in
                if stop.isRequested { throw CancellationError() }
                for outcome in batch { try removal.add(outcome, file: number) }
                count += batch.count
                progress.show { "\(input.source.path): \(counted(count, "row"))" }
            }
        }
        progress.show { "comparing \(counted(count, "row"))" }
        return try removal.rows { stop.isRequested }
    }

    private func write(_ input: Input, without removed: Set<Int>, _ stop: StopSignal) throws -> Int {
        var file = try RowFile(path: input.out, like: input.source)
        for index in 0..<input.source.frames.count {
            if stop.isRequested { throw CancellationError() }
            let (frame, first) = (try input.source.frame(index), input.source.frames.rows(of: index).lowerBound)
            for row in 0..<frame.count where !removed.contains(first + row) { try file.append(frame, row) }
        }
        return try file.finish()
    }

    private func report(_ removed: [RemovedRow], kept: Int, _ summary: JSON, _ terminal: Terminal) {
        let unusable = removed.filter { $0.reason == .malformed }
        if let first = unusable.first {
            terminal.warn(
                "\(counted(unusable.count, "row")) cannot be read and are left out; first \(first.source): \(first.of)")
        }
        if output.json { return terminal.print(summary) }
        terminal.print(
            "\(out): \(counted(kept, "row")) of \(grouped(kept + removed.count)); \(grouped(removed.count)) left out")
        for line in removed.lines { terminal.print("left out: \(line)") }
        if !removed.isEmpty { terminal.print("\(out).removed.jsonl lists them") }
    }
}
