import DataChecks
import Foundation
import OrderedCollections
import ShardIO
import TextCore

/// The rows of a recipe as checks see them: those of its suites and held-out data, then those to train on.
struct RecipeRows {
    /// Sources in the order in which they are read.
    let sources: [CheckedSource]
    /// How the format of each file was decided.
    let decisions: [String]
    private let corruption: CorruptionPolicy

    /// What held-out rows are called.
    static let heldOut = "data.eval"

    /// Opens every file; of data files it takes a pass over each to find its rows.
    ///
    /// - Parameter leftOut: rows to train on that are passed over.
    /// - Throws: `DataError` for a file that cannot be read or whose format is not clear.
    init(_ recipe: Recipe, leftOut: LeftOutRows?, quarantineLog: URL) throws {
        let data = recipe.data
        corruption =
            data.onCorrupt == .fail
            ? .fail : .quarantine(log: quarantineLog.path, maxBadFraction: data.maxBad ?? 0.001)
        var sources: [CheckedSource] = []
        var decisions: [String] = []
        func add(
            _ side: CheckedRow.Side, path: RecipePath, format: String, columns: NameMap, limit: Int?, gold: String?,
            takes: @escaping @Sendable (RawRow, Int) throws -> Bool = { _, _ in true }
        ) throws {
            let source = try DataSourceOpener.open(path: path.absolute)
            let decoder = try RecordDecoder(
                source: SoundRows(source: source), format: format, columns: columns.mappings)
            decisions.append(decoder.decision.sentence)
            sources.append(
                CheckedSource(
                    side, source, decoder, limit: limit, gold: gold, group: data.groupBy, takes: takes))
        }
        let gold = recipe.goldColumn
        for suite in recipe.evaluation.suites {
            guard let reading = try suite.reading() else { continue }
            try add(
                .suite(suite.name), path: suite.path, format: reading.format, columns: reading.columns,
                limit: suite.maxSamples, gold: suite.target ?? gold)
        }
        for source in data.eval {
            let filter = try source.rowFilter
            try add(
                .suite(Self.heldOut), path: source.path, format: source.format, columns: source.columns,
                limit: source.maxSamples, gold: gold
            ) { row, _ in filter?.matches(row) ?? true }
        }
        // Rows that are held out of the files to train on are judged by as well: the files are read for them first.
        let rule = HoldoutRule(
            fraction: data.eval.isEmpty ? data.valFraction : 0, groupBy: data.groupBy, seed: UInt64(recipe.seed))
        for isHeld in rule.fraction > 0 ? [true, false] : [false] {
            for (number, source) in data.train.enumerated() {
                let filter = try source.rowFilter
                try add(
                    isHeld ? .suite(Self.heldOut) : .train, path: source.path, format: source.format,
                    columns: source.columns, limit: source.maxSamples, gold: gold
                ) { row, ordinal in
                    if let leftOut, leftOut.contains(source: number, ordinal) { return false }
                    guard filter?.matches(row) ?? true else { return false }
                    return try rule.fraction > 0 ? rule.holdsOut(row) == isHeld : true
                }
            }
        }
        self.sources = sources
        self.decisions = Array(OrderedSet(decisions))
    }

    /// Rows of all sources at the most, before any is filtered out.
    var rowCount: Int { sources.reduce(0) { $0 + $1.rowCount } }

    /// Texts that most rows of a file share.
    func commonText() -> CommonText {
        CommonText(samples: sources.map { $0.sample(512).map(\.prompt) })
    }

    /// Calls `body` with all rows, some thousands at a time: those of suites first.
    func forEachBatch(_ body: (CheckedSource, [CheckedSource.Outcome]) throws -> Void) throws {
        for source in sources {
            try source.forEachBatch(corruption: corruption) { try body(source, $0) }
        }
    }
}

extension Recipe {
    /// The column that the right answer is in, where rewards name one.
    var goldColumn: String? { rewards.compactMap(\.target).first }
}

extension TrainingMethod {
    /// The same in the words of `DataChecks`.
    var checked: DataCheckSettings.Method {
        switch self {
        case .sft: .supervised
        case .pretrain: .pretraining
        case .dpo, .reward: .preference
        case .kto: .unpaired
        case .rft: .reward
        }
    }
}
