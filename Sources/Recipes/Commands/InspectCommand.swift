import ArgumentParser
import Foundation
import ShardIO
import TextCore
import Tokenization
import Training

/// `hone inspect`: rows as a model will see them, with what is trained in colour.
struct InspectCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show rows as text and tokens, with what is trained in colour, and what would be dropped.")

    @OptionGroup var options: RecipeOptions
    @Option(help: ArgumentHelp("Rows to show.", valueName: "count"))
    var rows = 3
    @Option(help: ArgumentHelp("Show the row that begins on this line of the first file.", valueName: "line"))
    var row: Int?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if rows < 0 { throw ValidationError("--rows takes 0 or more") }
    }

    func run(_ terminal: Terminal) throws {
        let loaded = try options.load()
        let recipe = loaded.recipe
        let text = try ModelText(recipe.model)
        let encoder = text.encoder(trainOn: recipe.trainOn)
        var report = DataReport(text: text)
        var shown: [JSON] = []
        for source in recipe.data.train {
            let rows = try SourceRows(source, report: &report)
            try rows.forEach { raw, record in
                let encoded = try encoder.encode(record)
                report.add(encoded, maxLength: recipe.sequence.maxLength)
                let isWanted = row.map { $0 == raw.provenance.line && shown.isEmpty } ?? (shown.count < self.rows)
                guard isWanted else { return }
                shown.append(json(raw, encoded, text: text))
                if !output.json { show(raw, encoded, text: text, on: terminal) }
            }
        }
        if let row, shown.isEmpty {
            throw CommandFailure(message: "no row begins on line \(row)", status: .usage)
        }
        if output.json {
            return terminal.print(["rows": .array(shown), "summary": report.json(recipe.sequence)])
        }
        for line in report.formats { terminal.print(line) }
        terminal.print(report.sizeLine)
        terminal.print(report.lengthLine)
        for line in report.remarks(recipe.sequence) { terminal.print("! \(line)") }
    }

    private func show(_ raw: RawRow, _ row: EncodedRow, text: ModelText, on terminal: Terminal) {
        let rule = String(repeating: "─", count: 72)
        terminal.print(
            "\(rule)\n\(row.example.source)  \(row.example.ids.count) tokens, \(row.example.trainedCount) trained")
        terminal.print("row:      \(raw.fields.text())")
        terminal.print("rendered: \(JSON.string(row.text).text())")
        let pieces = zip(row.example.ids, row.example.trained).map { id, trained in
            let piece = text.tokenizer.token(for: Int(id)) ?? "?"
            let plain = piece.replacingOccurrences(of: "\n", with: "⏎")
            if terminal.hasColour { return trained ? "\u{1B}[1;32m\(plain)\u{1B}[0m" : "\u{1B}[2m\(plain)\u{1B}[0m" }
            return trained ? "[\(plain)]" : plain
        }
        terminal.print("tokens:   \(pieces.joined(separator: terminal.hasColour ? "·" : " "))")
        if row.example.ids.count > 0, !terminal.hasColour { terminal.print("          (trained tokens in brackets)") }
        for warning in row.warnings { terminal.print("! \(warning.description)") }
    }

    private func json(_ raw: RawRow, _ row: EncodedRow, text: ModelText) -> JSON {
        [
            "source": .string(row.example.source), "row": raw.fields, "text": .string(row.text),
            "ids": .array(row.example.ids.map { .integer(Int($0)) }),
            "pieces": .array(row.example.ids.map { .string(text.tokenizer.token(for: Int($0)) ?? "") }),
            "trained": .array(row.example.trained.map { .bool($0) }),
            "warnings": .array(row.warnings.map { .string($0.description) }),
        ]
    }
}
