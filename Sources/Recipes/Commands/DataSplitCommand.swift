import ArgumentParser
import DataChecks
import Foundation
import OrderedCollections
import ShardIO
import TextCore
import Training

/// `hone data split`: rows to train on and rows to judge by, which share nothing.
struct DataSplitCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "split",
        abstract: "Divide a file into rows to train on and rows to judge by, so that the two share nothing.",
        discussion: """
            Rows with one value of the column go to one side, and groups that have a row in common stay together. By time \
            the latest rows are judged by, and those of them that an earlier row says already are left out. train and \
            test are written in the format that the rows came in; removed.jsonl lists rows that are in neither, and \
            split.json says what was decided.
            """)

    @Argument(help: ArgumentHelp("Data file or folder of shards.", valueName: "file"))
    var file: String
    @Option(
        help: ArgumentHelp(
            "What to divide by: a column, or user, source, time for a column that usually holds it, or row for each row by itself.",
            valueName: "column"))
    var by: String
    @Option(help: ArgumentHelp("Share of the rows to judge by at the most.", valueName: "share"))
    var fraction: Double?
    @Option(help: ArgumentHelp("By time: judge by rows from this date on, such as 2026-03-01.", valueName: "date"))
    var at: String?
    @Flag(help: "Keep rows that are nearly the same together too.")
    var near = false
    @Option(help: "Decides which groups are judged by.")
    var seed: UInt64 = 42
    @Option(name: [.customShort("o"), .customLong("out")], help: ArgumentHelp("Folder to write.", valueName: "folder"))
    var folder: String
    @Flag(help: "Replace a split that is in the folder.")
    var overwrite = false
    @OptionGroup var text: RowTextOptions
    @OptionGroup var output: OutputOptions

    /// Columns that usually hold what the words mean.
    private static let usual: [String: [String]] = [
        "user": [
            "user", "user_id", "userid", "customer", "customer_id", "account", "account_id", "author", "author_id",
            "patient_id", "speaker", "username",
        ],
        "source": [
            "source", "source_id", "document", "document_id", "doc_id", "url", "origin", "domain", "file", "title",
            "conversation_id", "thread_id",
        ],
        "time": [
            "time", "timestamp", "date", "datetime", "created_at", "created", "updated_at", "ts", "published",
            "published_at",
        ],
    ]

    func validate() throws {
        if let fraction, !(fraction > 0 && fraction < 1) { throw ValidationError("--fraction is between 0 and 1") }
        if at != nil, fraction != nil { throw ValidationError("--at and --fraction cannot both hold") }
        if let at, RowTime(at) == nil { throw ValidationError("--at takes a date such as 2026-03-01, not '\(at)'") }
    }

    func run(_ terminal: Terminal) throws {
        let stop = StopSignal()
        let signals = SignalHandlers(stop)
        defer { signals.cancel() }
        let (source, rows) = try text.open(file, .train, terminal)
        let column = try column(of: source, terminal)
        let kind = RowFile.kind(of: source).rawValue
        let paths = ["train.\(kind)", "test.\(kind)", "removed.jsonl", "split.json"].map { "\(folder)/\($0)" }
        if !overwrite, let taken = paths.first(where: { FileManager.default.fileExists(atPath: $0) }) {
            throw CommandFailure(
                message: "\(taken) is there already; name another folder, or add --overwrite to replace it",
                status: .usage)
        }
        var progress = DataProgress(terminal)
        let plan = try plan(rows, column: column, stop, &progress)
        progress.finish()
        try RowFile.makeFolder(folder)
        var train = try RowFile(path: paths[0], like: source)
        var test = try RowFile(path: paths[1], like: source)
        for index in 0..<source.frames.count {
            if stop.isRequested { throw CancellationError() }
            let (frame, first) = (try source.frame(index), source.frames.rows(of: index).lowerBound)
            for row in 0..<frame.count {
                switch plan.sides.indices.contains(first + row) ? plan.sides[first + row] : .removed {
                case .train: try train.append(frame, row)
                case .test: try test.append(frame, row)
                case .removed: break
                }
            }
        }
        let counts = (train: try train.finish(), test: try test.finish())
        guard counts.train + counts.test + plan.removed.count == source.frames.rowCount else {
            preconditionFailure("\(source.frames.rowCount) rows became \(counts) and \(plan.removed.count)")
        }
        try RowFile.write(plan.removed.text, to: paths[2])
        let summary = summary(plan, counts, column: column, source)
        try RowFile.write(summary.text(.pretty) + "\n", to: paths[3])
        report(plan, counts, column: column, summary, terminal)
    }

    /// The column to divide by; `nil` for each row by itself.
    private func column(of source: any FramedSource, _ terminal: Terminal) throws -> String? {
        let first = try source.frame(0).row(0).fields
        let columns = first.object.map { Array($0.keys) } ?? []
        if ColumnPath(by).value(in: first) != nil { return by }
        if by == "row" { return nil }
        let found = Self.usual[by]?.first { ColumnPath($0).value(in: first) != nil }
        guard let found else {
            throw CommandFailure(
                message:
                    "\(file): the first row has no column \(Self.usual[by] == nil ? "'\(by)'" : "that tells its \(by)"). "
                    + (nearestName(to: by, among: columns).map { "Did you mean '\($0)'? " } ?? "")
                    + "Its columns are \(columns.prefix(20).joined(separator: ", ").clipped(to: 400))", status: .data)
        }
        terminal.note("divided by column '\(found)'")
        return found
    }

    private func isByTime(_ column: String?) -> Bool {
        by == "time" || at != nil || column.map { Self.usual["time"]?.contains($0) ?? false } ?? false
    }

    private func plan(
        _ rows: CheckedSource, column: String?, _ stop: StopSignal, _ progress: inout DataProgress
    ) throws -> DataSplit.Plan {
        let share = fraction ?? 0.2
        let rule: DataSplit.Rule =
            if let at, let moment = RowTime(at) { .from(moment) } else {
                isByTime(column) ? .latest(fraction: share) : .groups(fraction: share)
            }
        let common = CommonText(samples: [rows.sample(512).map(\.prompt)])
        var split = try DataSplit(rule, near: near, threshold: text.threshold, common: common, seed: seed)
        let path = column.map { ColumnPath($0) }
        var count = 0
        try rows.forEachBatch { batch in
            if stop.isRequested { throw CancellationError() }
            for outcome in batch {
                switch outcome {
                case .row(let row):
                    try split.add(row, value: path.map { $0.value(in: row.fields) } ?? .integer(row.ordinal))
                case .malformed(let ordinal, let source, let message): split.addMalformed(ordinal, source, message)
                }
            }
            count += batch.count
            progress.show { "\(file): \(counted(count, "row"))" }
        }
        guard split.usable > 0 else {
            let first = try split.plan().removed.first
            throw CommandFailure(
                message: "\(file): no row can be divided by '\(by)'; \(first.map { "\($0.source): \($0.of)" } ?? "")",
                status: .data)
        }
        return try split.plan { stop.isRequested }
    }

    private func summary(
        _ plan: DataSplit.Plan, _ counts: (train: Int, test: Int), column: String?, _ source: any FramedSource
    ) -> JSON {
        var members: OrderedDictionary<String, JSON> = [
            "file": .string(file), "identity": .string(source.identity), "by": .string(column ?? "row"),
            "rows": .integer(source.frames.rowCount), "train": .integer(counts.train), "test": .integer(counts.test),
            "removed": .object(plan.removed.counts.mapValues { .integer($0) }), "near": .bool(near),
            "threshold": .number(text.threshold),
        ]
        if isByTime(column) {
            members["at"] = plan.cut.map { .number($0.seconds) } ?? .null
        } else {
            members["fraction"] = .number(fraction ?? 0.2)
            members["seed"] = .string(String(seed))
            members["groups"] = [
                "train": .integer(plan.groups.train), "test": .integer(plan.groups.test),
                "joined": .integer(plan.groups.joined),
            ]
        }
        return .object(members)
    }

    private func report(
        _ plan: DataSplit.Plan, _ counts: (train: Int, test: Int), column: String?, _ summary: JSON,
        _ terminal: Terminal
    ) {
        let unusable = plan.removed.filter { $0.reason == .malformed }
        if let first = unusable.first {
            terminal.warn(
                "\(counted(unusable.count, "row")) cannot be used and are in neither file; first \(first.source): \(first.of)"
            )
        }
        if counts.test == 0 || counts.train == 0 {
            terminal.warn(
                "one side has no row: there are too few groups of this size, or the date is outside of the data")
        }
        if output.json { return terminal.print(summary) }
        let all = max(1, counts.train + counts.test)
        terminal.print(
            "\(folder): \(counted(counts.train, "row")) to train on, \(grouped(counts.test)) to judge by "
                + "(\(fixed(100 * Double(counts.test) / Double(all), 1)) %)")
        if isByTime(column) {
            if let cut = plan.cut {
                let date = Date(timeIntervalSince1970: cut.seconds).formatted(.iso8601)
                terminal.print("judged by are rows from \(date) on")
            }
        } else {
            terminal.print(
                "groups of '\(column ?? "row")': \(grouped(plan.groups.train)) to train on, \(grouped(plan.groups.test)) to judge by"
                    + (plan.groups.joined > 0
                        ? "; \(grouped(plan.groups.joined)) kept with others that say the same" : ""))
        }
        for line in plan.removed.lines { terminal.print("left out: \(line); removed.jsonl lists them") }
    }
}
