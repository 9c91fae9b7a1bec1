import DataChecks
import Foundation
import OrderedCollections
import ShardIO
import TextCore
import Tokenization
import Training

/// Checks of the data of a recipe.
enum RecipeDataCheck {
    /// What is checked, and what is told on the way.
    struct Options {
        /// The only checks to run; all where it is empty.
        var only: [String] = []
        /// Whether checks that take long are left out where there are many rows.
        var quick = false
        /// The column that holds a row's class; the answer where it is `nil`.
        var labelColumn: String?
        /// Told how many rows have been looked at, and how many there are.
        var progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }
    }

    /// Runs the checks over every row of a recipe. No weights are loaded.
    ///
    /// - Parameters:
    ///   - text: the model's tokenizer and template; read where it is `nil`.
    ///   - leftOut: the rows that the recipe leaves out; found where it is `nil` and the recipe leaves some out.
    /// - Throws: `DataError` for files that cannot be read, `DataCheckError` for a check that there is not,
    ///   `CancellationError` when a stop is requested.
    static func run(
        _ loaded: LoadedRecipe, text: ModelText? = nil, leftOut known: LeftOutRows? = nil, options: Options = Options(),
        stop: StopSignal = StopSignal()
    ) throws -> DataCheckReport {
        // Nothing is written where the run will be.
        let log = FileManager.default.temporaryDirectory.appendingPathComponent("quarantine-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: log) }
        let start = ContinuousClock.now
        let gone = try known ?? LeftOutRows(loaded.recipe, stop: stop)
        let rows = try RecipeRows(loaded.recipe, leftOut: gone, quarantineLog: log)
        let (checks, leftOut) = try DataCheckCatalog.choice(
            only: options.only, rows: rows.rowCount, quick: options.quick)
        var settings = try settings(loaded, text: text ?? ModelText(loaded.recipe.model))
        settings.labelColumn = options.labelColumn
        settings.commonText = rows.commonText()
        settings.isStopped = { stop.isRequested }
        var checker = DataChecker(checks, settings, leftOut: leftOut)
        try rows.forEachBatch { _, batch in
            try checker.add(batch)
            options.progress(checker.rows, rows.rowCount)
        }
        var report = try checker.report()
        if let gone { report.add(gone) }
        report.seconds = (ContinuousClock.now - start) / .seconds(1)
        return report
    }

    /// What checks have to know of a recipe.
    static func settings(_ loaded: LoadedRecipe, text: ModelText) throws -> DataCheckSettings {
        let recipe = loaded.recipe
        var settings = DataCheckSettings()
        settings.method = recipe.method.checked
        settings.groupColumn = recipe.data.groupBy
        settings.maxLength = recipe.sequence.maxLength
        settings.needsGold = recipe.goldColumn != nil
        settings.seed = UInt64(recipe.seed)
        let tokenizer = text.tokenizer
        settings.tokenCount = { tokenizer.encode($0, addSpecialTokens: false).count }
        settings.specialTexts = tokenizer.specialIDs.sorted().compactMap { tokenizer.token(for: $0) }
        settings.stopTexts = text.stopIDs.sorted().compactMap { tokenizer.token(for: $0) }
        settings.encode = recipe.method == .rft ? promptFacts(text) : facts(try loaded.makeMethod(text), text)
        return settings
    }

    /// Rows as the method makes tokens of them.
    private static func facts(
        _ method: some Method, _ text: ModelText
    ) -> @Sendable (CheckedRow) -> DataCheckSettings.EncodedFacts {
        { row in
            guard let record = row.record else { return .init(problem: "the row is not known") }
            do {
                var report = DataReport(text: text)
                _ = try method.examples(try method.encode(record), &report)
                return .init(
                    tokens: report.longest, trained: report.trainedTokens,
                    endsInStop: report.trainedTokens == 0 ? nil : report.health.missingStop.count == 0,
                    hasDoubleStart: report.health.doubleStart.count > 0)
            } catch { return .init(problem: "\(error)") }
        }
    }

    /// Prompts as reward fine-tuning makes tokens of them; its verifiers are not needed for that.
    private static func promptFacts(_ text: ModelText) -> @Sendable (CheckedRow) -> DataCheckSettings.EncodedFacts {
        let encoder = text.encoder(trainOn: .completion)
        return { row in
            guard let record = row.record else { return .init(problem: "the row is not known") }
            do { return .init(tokens: try encoder.prompt(record).count) } catch { return .init(problem: "\(error)") }
        }
    }
}

extension DataCheckReport {
    /// Tells of rows that the recipe leaves out, which no check has seen.
    fileprivate mutating func add(_ leftOut: LeftOutRows) {
        guard !leftOut.rows.isEmpty else { return }
        findings.append(
            Finding(
                "rows.left_out", .note,
                "the recipe leaves out \(leftOut.rows.lines.joined(separator: ", ")); they were not checked",
                why: "`data.dedup` and `data.decontaminate` ask for it", count: leftOut.rows.count,
                rows: leftOut.rows.prefix(Finding.rowLimit).map {
                    Finding.Row($0.source, excerpt: $0.reason.words, other: $0.of, score: $0.score)
                }, figures: OrderedDictionary(uniqueKeysWithValues: leftOut.rows.counts.map { ($0, .integer($1)) })))
    }
}

extension DataChecker {
    /// Looks at the rows of a batch, and notes those that cannot be read.
    mutating func add(_ batch: [CheckedSource.Outcome]) throws {
        var rows: [CheckedRow] = []
        rows.reserveCapacity(batch.count)
        for outcome in batch {
            switch outcome {
            case .row(let row): rows.append(row)
            case .malformed(_, let source, let message): addMalformed(source, message)
            }
        }
        try add(rows)
    }
}
