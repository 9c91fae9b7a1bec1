import DataChecks
import Foundation
import ShardIO
import TextCore
import Training

/// The rows of a recipe's training data that `data.dedup` and `data.decontaminate` leave out.
///
/// They are found in one pass before a run and depend on the files and the recipe alone, so that a run that is resumed
/// leaves out the same.
struct LeftOutRows: Sendable {
    /// The rows, in the order of the files.
    let rows: [RemovedRow]
    /// For each source a bit a row.
    private let bits: [[UInt64]]

    /// `nil` where the recipe leaves nothing out.
    ///
    /// - Parameter known: the sources of `data.train`, in their order; opened where they are `nil`.
    /// - Throws: `DataError` for rows that are damaged, `CancellationError` when a stop is requested.
    init?(_ recipe: Recipe, sources known: [any FramedSource]? = nil, stop: StopSignal) throws {
        let data = recipe.data
        guard data.dedup != .none || !data.decontaminate.isEmpty else { return nil }
        let sources = try known ?? data.train.map { try DataSourceOpener.open(path: $0.path.absolute) }
        // Damaged rows are listed when the rows are read for the run, not here.
        let log = FileManager.default.temporaryDirectory.appendingPathComponent("quarantine-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: log) }
        let corruption: CorruptionPolicy =
            data.onCorrupt == .fail
            ? .fail : .quarantine(log: log.path, maxBadFraction: data.maxBad ?? 0.001)
        // Rows that are held out of these files are judged by too, and are not themselves left out.
        let rule = HoldoutRule(
            fraction: data.decontaminate.contains(.suites) && data.eval.isEmpty ? data.valFraction : 0,
            groupBy: data.groupBy, seed: UInt64(recipe.seed))
        func opened(_ side: CheckedRow.Side, isHeld: Bool) throws -> [CheckedSource] {
            try zip(data.train, sources).map { settings, source in
                let filter = try settings.rowFilter
                let decoder = try RecordDecoder(
                    source: corruption == .fail ? source : SoundRows(source: source), format: settings.format,
                    columns: settings.columns.mappings)
                return CheckedSource(side, source, decoder, limit: settings.maxSamples) { row, _ in
                    guard filter?.matches(row) ?? true else { return false }
                    return try rule.fraction > 0 ? rule.holdsOut(row) == isHeld : !isHeld
                }
            }
        }
        let judged = try Self.judged(recipe)
        let held = rule.fraction > 0 ? try opened(.suite(RecipeRows.heldOut), isHeld: true) : []
        let trained = try opened(.train, isHeld: false)
        let common = CommonText(samples: (judged + trained).map { $0.sample(512).map(\.prompt) })
        var removal = try RowRemoval(RowRemoval.Duplicates(data.dedup), common: common)
        for (source, corruption) in judged.map({ ($0, .fail) }) + held.map({ ($0, corruption) }) {
            try source.forEachBatch(corruption: corruption) { batch in
                if stop.isRequested { throw CancellationError() }
                for case .row(let row) in batch { removal.addJudged(row) }
            }
        }
        for (number, source) in trained.enumerated() {
            try source.forEachBatch(corruption: corruption) { batch in
                if stop.isRequested { throw CancellationError() }
                // A row that cannot be read ends the run, or is passed over, where it is read.
                for case .row(let row) in batch { try removal.add(.row(row), file: number) }
            }
        }
        rows = try removal.rows { stop.isRequested }
        bits = Self.bits(rows, sources)
    }

    private static func bits(_ rows: [RemovedRow], _ sources: [any FramedSource]) -> [[UInt64]] {
        var bits = sources.map { [UInt64](repeating: 0, count: $0.frames.rowCount / 64 + 1) }
        for row in rows { bits[row.file][row.ordinal / 64] |= 1 << UInt64(row.ordinal % 64) }
        return bits
    }

    /// What the rows to train on are compared with.
    private static func judged(_ recipe: Recipe) throws -> [CheckedSource] {
        var opened: [CheckedSource] = []
        func open(_ path: RecipePath, _ format: String, _ columns: NameMap, _ limit: Int?, _ filter: RowFilter?) throws
        {
            let source = try DataSourceOpener.open(path: path.absolute)
            let decoder = try RecordDecoder(source: source, format: format, columns: columns.mappings)
            opened.append(
                CheckedSource(.suite(path.name), source, decoder, limit: limit) { row, _ in filter?.matches(row) ?? true
                })
        }
        for entry in recipe.data.decontaminate {
            switch entry {
            case .suites:
                for suite in recipe.evaluation.suites {
                    guard let reading = try suite.reading() else { continue }
                    try open(suite.path, reading.format, reading.columns, suite.maxSamples, nil)
                }
                for source in recipe.data.eval {
                    try open(source.path, source.format, source.columns, source.maxSamples, try source.rowFilter)
                }
            case .path(let path):
                // A file that a suite reads is read as the suite reads it.
                let suite = recipe.evaluation.suites.first { $0.path == path }
                let reading = try suite?.reading()
                try open(path, reading?.format ?? "auto", reading?.columns ?? recipe.sharedColumns, nil, nil)
            }
        }
        return opened
    }

    /// Whether a row is left out.
    func contains(source: Int, _ ordinal: Int) -> Bool {
        bits[source][ordinal / 64] >> UInt64(ordinal % 64) & 1 == 1
    }

    /// How many, and a hash of which.
    var identity: String {
        var hash = SHA256()
        for words in bits {
            for word in words { withUnsafeBytes(of: word.littleEndian) { hash.update($0) } }
        }
        return "\(rows.count) rows \(hash.finalized().hexadecimal)"
    }
}

extension Recipe {
    /// The columns of the rows to train on, where all sources name the same ones.
    fileprivate var sharedColumns: NameMap {
        let all = Set(data.train.map(\.columns))
        return all.count == 1 ? all.first ?? NameMap() : NameMap()
    }
}

extension RowRemoval.Duplicates {
    fileprivate init(_ rule: DedupRule) {
        self =
            switch rule {
            case .none: .none
            case .exact: .exact
            case .near: .near
            }
    }
}
