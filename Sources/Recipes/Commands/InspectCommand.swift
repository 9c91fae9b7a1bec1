import ArgumentParser
import Foundation
import OrderedCollections
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
        func inspect(_ method: some Method) throws { try show(loaded, method, text, on: terminal) }
        try inspect(loaded.makeMethod(text))
    }

    private func show<Trained: Method>(
        _ loaded: LoadedRecipe, _ method: Trained, _ text: ModelText, on terminal: Terminal
    ) throws {
        let recipe = loaded.recipe
        var report = DataReport(text: text)
        var shown: [JSON] = []
        for settings in recipe.data.train {
            let rows = try SourceRows(settings)
            report.formats.append(rows.decoder.decision.sentence)
            report.integrity.append("\(rows.source.path): \(rows.source.integrity)")
            try rows.forEach { raw, record in
                let encoded = try method.encode(record)
                _ = try method.examples(encoded, &report)
                let isWanted = row.map { $0 == raw.provenance.line && shown.isEmpty } ?? (shown.count < self.rows)
                guard isWanted else { return }
                let texts = method.shown(encoded)
                shown.append(json(raw, texts, text: text))
                if !output.json { show(raw, texts, text: text, on: terminal) }
            }
        }
        if let row, shown.isEmpty {
            throw CommandFailure(message: "no row begins on line \(row)", status: .usage)
        }
        if output.json {
            return terminal.print(["rows": .array(shown), "summary": report.json(recipe.sequence)])
        }
        for line in report.sourceLines { terminal.print(line) }
        for line in report.remarks(recipe.sequence) { terminal.print("! \(line)") }
    }

    private func show(_ raw: RawRow, _ texts: [ShownRow], text: ModelText, on terminal: Terminal) {
        let rule = String(repeating: "─", count: 72)
        terminal.print("\(rule)\n\(raw.provenance.file):\(raw.provenance.line)")
        terminal.print("row:      \(raw.fields.text())")
        for shown in texts {
            let trained = shown.trained.count { $0 }
            let label = shown.label.map { "\($0): " } ?? ""
            terminal.print("\(label)\(shown.ids.count) tokens, \(trained) trained")
            terminal.print("rendered: \(JSON.string(shown.text).text())")
            terminal.print("tokens:   \(pieces(shown, text: text, hasColour: terminal.hasColour))")
            for warning in shown.warnings { terminal.print("! \(warning)") }
        }
        if !terminal.hasColour { terminal.print("          (trained tokens in brackets)") }
    }

    private func pieces(_ shown: ShownRow, text: ModelText, hasColour: Bool) -> String {
        zip(shown.ids, shown.trained).map { id, trained in
            let piece = text.tokenizer.token(for: Int(id)) ?? "?"
            let plain = piece.replacingOccurrences(of: "\n", with: "⏎")
            if hasColour { return trained ? "\u{1B}[1;32m\(plain)\u{1B}[0m" : "\u{1B}[2m\(plain)\u{1B}[0m" }
            return trained ? "[\(plain)]" : plain
        }.joined(separator: hasColour ? "·" : " ")
    }

    private func json(_ raw: RawRow, _ texts: [ShownRow], text: ModelText) -> JSON {
        var members: OrderedDictionary<String, JSON> = [
            "source": .string("\(raw.provenance.file):\(raw.provenance.line)"), "row": raw.fields,
        ]
        let all = texts.map { shown -> JSON in
            guard case .object(var members) = shown.json else { return shown.json }
            members["pieces"] = .array(shown.ids.map { .string(text.tokenizer.token(for: Int($0)) ?? "") })
            return .object(members)
        }
        // A row of one text has its members beside the row, as scripts read them.
        if all.count == 1, case .object(let only) = all[0] {
            members.merge(only) { $1 }
        } else {
            members["texts"] = .array(all)
        }
        return .object(members)
    }
}
