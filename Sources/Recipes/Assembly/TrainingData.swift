import Foundation
import SFT
import ShardIO
import TextCore
import Tokenization
import Training

/// The rows of a recipe as tokens, with everything that was found on the way.
struct TrainingData {
    /// Rows to train on, in the order of the files.
    var train: [TrainingExample] = []
    /// Rows held out.
    var held: [TrainingExample] = []
    /// What was found.
    var report: DataReport

    /// Reads and tokenizes every row that `recipe` names.
    ///
    /// - Throws: `DataError`, `EncodingError` for a row that cannot be read or tokenized.
    init(_ recipe: Recipe, text: ModelText, stop: () -> Bool = { false }) throws {
        report = DataReport(text: text)
        let encoder = text.encoder(trainOn: recipe.trainOn)
        let rule = HoldoutRule(
            fraction: recipe.data.eval.isEmpty ? recipe.data.valFraction : 0, groupBy: recipe.data.groupBy,
            seed: UInt64(recipe.seed))
        for source in recipe.data.train {
            let rows = try SourceRows(source, report: &report)
            try rows.forEach { row, record in
                if stop() { throw CancellationError() }
                let isHeld = try rule.fraction > 0 && rule.holdsOut(row)
                let examples = try add(try encoder.encode(record), recipe, text: text)
                if isHeld { held += examples } else { train += examples }
            }
        }
        for source in recipe.data.eval {
            try SourceRows(source, report: &report).forEach { _, record in
                if stop() { throw CancellationError() }
                held += try add(try encoder.encode(record), recipe, text: text)
            }
        }
        if recipe.method == .pretrain, recipe.sequence.packing {
            train = train.wrapped(maxLength: recipe.sequence.maxLength)
            held = held.wrapped(maxLength: recipe.sequence.maxLength)
        }
    }

    /// Everything that stops a run: what the rows show, and a split that leaves one side empty.
    func problems(_ loaded: LoadedRecipe, context: Int?) -> [RecipeProblem] {
        let found = report.problems(loaded, context: context)
        let data = loaded.recipe.data
        guard found.isEmpty, data.eval.isEmpty, data.valFraction > 0, train.isEmpty || held.isEmpty else {
            return found
        }
        let side = train.isEmpty ? "leaves no row to train on" : "holds out no row"
        let unit = data.groupBy.map { "groups by '\($0)'" } ?? "rows"
        return [
            RecipeProblem(
                loaded.position(of: "data.val_fraction"),
                "data.val_fraction \(data.valFraction) \(side) of \(grouped(report.rows))",
                why: "The \(unit) are split by a hash, and there are too few of them for this share",
                fix: "Write another share, or name held-out rows in data.eval")
        ]
    }

    /// Counts a row and applies the rule for long ones.
    private mutating func add(_ row: EncodedRow, _ recipe: Recipe, text: ModelText) throws -> [TrainingExample] {
        let sequence = recipe.sequence
        report.add(row, maxLength: sequence.maxLength)
        if let size = text.vocabularySize, let bad = row.example.ids.first(where: { Int($0) >= size }) {
            throw EncodingError(
                source: row.example.source,
                message: "token id \(bad) is out of range: the model's vocabulary has \(size) rows, so its tokenizer "
                    + "is not the one it was made with. Use the model's own tokenizer files.")
        }
        let example = row.example
        let limit = sequence.maxLength
        let parts: [TrainingExample]
        // Packed pretraining lays documents end to end before it cuts, so that no sequence is cut short here.
        let isCutLater = recipe.method == .pretrain && sequence.packing && sequence.onOverflow == .split
        if example.ids.count <= limit || isCutLater {
            parts = [example]
        } else {
            switch sequence.onOverflow {
            case .error, .drop: parts = []
            case .truncate: parts = [example[0..<limit]]
            case .split:
                parts = stride(from: 0, to: example.ids.count, by: limit).map {
                    example[$0..<min(example.ids.count, $0 + limit)]
                }
            }
        }
        // A row on which nothing is trained would cost time and teach nothing; it has been counted.
        return parts.filter { $0.trainedCount > 0 }
    }
}

/// The rows of one file as records.
struct SourceRows {
    let source: DataFile
    let decoder: RecordDecoder
    private let limit: Int

    init(_ settings: DataSource, report: inout DataReport) throws {
        try self.init(
            path: settings.path, format: settings.format, columns: settings.columns, limit: settings.maxSamples)
        report.formats.append(decoder.decision.sentence)
    }

    init(path: RecipePath, format: String, columns: NameMap, limit: Int?) throws {
        source = try DataFile(path: path.absolute)
        decoder = try RecordDecoder(
            source: source, format: format,
            columns: columns.names.map { ColumnMapping(field: $0.key, column: $0.value) })
        self.limit = limit ?? .max
    }

    /// Calls `body` with each row and its record.
    func forEach(_ body: (RawRow, TrainingRecord) throws -> Void) throws {
        var stream = try source.rows()
        var count = 0
        while count < limit, let row = try stream.next() {
            try body(row, try decoder.record(row))
            count += 1
        }
    }
}

extension Recipe {
    /// Which tokens carry loss.
    var trainOn: TrainOn { method == .pretrain ? .all : (sft?.trainOn.choice ?? .assistant) }
}

extension TrainedTokens {
    /// The same choice in the words of `Tokenization`.
    var choice: TrainOn {
        switch self {
        case .assistant: .assistant
        case .lastAssistant: .lastAssistant
        case .completion: .completion
        case .all: .all
        }
    }
}
