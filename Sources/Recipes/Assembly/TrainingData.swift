import DataChecks
import Foundation
import OrderedCollections
import ShardIO
import TextCore
import Tokenization
import Training

/// The rows of a recipe: held in memory as tokens, or read while training.
struct TrainingData<Trained: Method>: Sendable {
    /// Rows to train on; empty where they are streamed.
    var rows: HeldRows<Trained.Example>
    /// Rows held out.
    var held: [Trained.Example] = []
    /// What was found: of all rows, or of the first ones where rows are streamed.
    var report: DataReport
    private let reader: RowReader<Trained>

    /// Reads and tokenizes what `recipe` names: every row, or where rows are streamed those that are held out and the
    /// first of the others, to see what they are like.
    ///
    /// - Parameter quarantineLog: where damaged rows are listed.
    /// - Throws: `DataError`, `EncodingError` for a row that cannot be read or tokenized.
    init(
        _ loaded: LoadedRecipe, method: Trained, text: ModelText, quarantineLog: URL, stop: StopSignal = StopSignal()
    ) throws {
        let sources = try RowReader<Trained>.open(loaded.recipe)
        try self.init(
            RowReader(
                loaded.recipe, method: method, sources: sources,
                leftOut: LeftOutRows(loaded.recipe, sources: sources, stop: stop), quarantineLog: quarantineLog),
            text: text, stop: stop)
    }

    /// Reads and tokenizes the rows of sources that are open already.
    init(_ reader: RowReader<Trained>, text: ModelText, stop: StopSignal) throws {
        let (recipe, method) = (reader.recipe, reader.method)
        self.reader = reader
        report = DataReport(text: text)
        report.formats = reader.decisions
        report.integrity = reader.integrity
        report.leftOut = reader.leftOut?.rows.counts ?? [:]
        rows = HeldRows(sources: reader.sources.count)
        if recipe.data.streaming {
            try look(stop: stop)
        } else {
            try readAll(stop: stop)
        }
        held += try reader.evaluationRows(&report, stop: stop)
        held = method.measured(held)
        report.countsAllRows = !recipe.data.streaming
    }

    /// Rows that are left out as duplicates or because they give suites away; `nil` where none are looked for.
    var leftOut: LeftOutRows? { reader.leftOut }

    /// Rows of all sources.
    var rowCount: Int { reader.order.rowCount }

    /// Whether it is known before training how many rows a pass has.
    var hasKnownPasses: Bool { !reader.recipe.data.streaming && reader.order.hasEpochs }

    /// The rows in the order of the run.
    ///
    /// - Parameter acceptsDataChange: whether a position of other data is gone on from all the same.
    func stream(acceptsDataChange: Bool, stop: StopSignal) throws -> TrainingRows<Trained> {
        guard reader.recipe.data.streaming else {
            return .held(try HeldStream(rows, order: reader.order, acceptsDataChange: acceptsDataChange))
        }
        return .streamed(try StreamedRows(reader, report: report, acceptsDataChange: acceptsDataChange, stop: stop))
    }

    private mutating func readAll(stop: StopSignal) throws {
        report.damaged = try reader.forEachRow { row, address in
            if stop.isRequested { throw CancellationError() }
            let examples = try reader.method.examples(row.encoded, &report)
            if row.isHeld {
                held += examples
            } else {
                rows.append(examples, source: address.source, ordinal: address.ordinal, id: row.id)
            }
        }
    }

    /// How many rows are looked at before rows are streamed.
    private static var rowsLookedAt: Int { 1000 }

    private mutating func look(stop: StopSignal) throws {
        report.damaged = try reader.forEachRow(heldOnly: false, limit: Self.rowsLookedAt) { row, _ in
            if stop.isRequested { throw CancellationError() }
            if !row.isHeld { _ = try reader.method.examples(row.encoded, &report) }
        }
        guard reader.rule.fraction > 0 else { return }
        // The rows that are held out must be known before the first step, so the data are read once for them.
        var uncounted = report
        try reader.forEachRow(heldOnly: true) { row, _ in
            if stop.isRequested { throw CancellationError() }
            held += try reader.method.examples(row.encoded, &uncounted)
        }
    }

    /// Everything that stops a run: what the rows show, and a split that leaves one side empty.
    func problems(_ loaded: LoadedRecipe, context: Int?) -> [RecipeProblem] {
        let found = report.problems(loaded, context: context)
        let data = loaded.recipe.data
        guard found.isEmpty else { return found }
        let isEmpty = !data.streaming && rows.examples.isEmpty
        if data.eval.isEmpty, data.valFraction > 0, isEmpty || held.isEmpty {
            let side = isEmpty ? "leaves no row to train on" : "holds out no row"
            let unit = data.groupBy.map { "groups by '\($0)'" } ?? "rows"
            return [
                RecipeProblem(
                    loaded.position(of: "data.val_fraction"),
                    "data.val_fraction \(data.valFraction) \(side) of \(grouped(rowCount))",
                    why: "The \(unit) are split by a hash, and there are too few of them for this share",
                    fix: "Write another share, or name held-out rows in data.eval")
            ]
        }
        guard isEmpty else { return [] }
        return [
            RecipeProblem(
                loaded.position(of: "data.train"), "no row of \(grouped(rowCount)) is left to train on",
                why: "All of them were filtered out, too long, or without a token that carries loss",
                fix: "Look at them with `hone inspect`, and at data.train[].filter and sequence.on_overflow")
        ]
    }
}

/// Rows to train on in the order of the run.
enum TrainingRows<Trained: Method>: ExampleStream {
    case held(HeldStream<Trained.Example>)
    case streamed(StreamedRows<Trained>)

    mutating func next() throws -> [Trained.Example]? {
        switch self {
        case .held(var stream):
            defer { self = .held(stream) }
            return try stream.next()
        case .streamed(let stream): return try stream.next()
        }
    }

    var position: JSON {
        switch self {
        case .held(let stream): stream.position
        case .streamed(let stream): stream.position
        }
    }

    /// What was found in rows that are read while training; nothing of rows that were looked at before.
    var remarks: [String] {
        switch self {
        case .held: []
        case .streamed(let stream): stream.remarks
        }
    }

    var passes: Double {
        switch self {
        case .held(let stream): stream.passes
        case .streamed(let stream): stream.passes
        }
    }

    mutating func seek(to position: JSON) throws {
        switch self {
        case .held(var stream):
            try stream.seek(to: position)
            self = .held(stream)
        case .streamed(let stream): try stream.seek(to: position)
        }
    }
}
