import ArgumentParser
import DataChecks
import Foundation
import OrderedCollections
import ShardIO
import TextCore

/// How the rows of a file are to be read, and compared.
struct RowTextOptions: ParsableArguments {
    @Option(help: "What a row holds: a format's name, or auto to find it from the first rows.")
    var format = "auto"
    @Option(
        help: ArgumentHelp(
            "Column of a field that has another name in the file; several with commas or several times.",
            valueName: "field=column"))
    var columns: [String] = []
    @Option(help: ArgumentHelp("How alike rows are at least that are nearly the same, 0.5 to 1.", valueName: "share"))
    var threshold = DataCheckSettings().nearThreshold

    func validate() throws {
        guard (0.5...1).contains(threshold) else { throw ValidationError("--threshold takes 0.5 to 1") }
        _ = try mappings()
    }

    private func mappings() throws -> [ColumnMapping] {
        try columns.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }.map { part in
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard pair.count == 2, !pair[0].isEmpty, !pair[1].isEmpty else {
                throw ValidationError("--columns takes field=column, such as prompt=question, and not '\(part)'")
            }
            return ColumnMapping(field: pair[0], column: pair[1])
        }
    }

    /// The rows of a file as they are compared.
    ///
    /// Rows of no known format are compared whole, which is said.
    func open(
        _ path: String, _ side: CheckedRow.Side, _ terminal: Terminal
    ) throws -> (source: any FramedSource, rows: CheckedSource) {
        let source = try DataSourceOpener.open(path: path)
        do {
            let decoder = try RecordDecoder(source: source, format: format, columns: try mappings())
            terminal.note(decoder.decision.sentence)
            return (source, CheckedSource(side, source, decoder))
        } catch let error as DataError where error.kind == .option && format == "auto" && columns.isEmpty {
            terminal.note(
                "\(path): \(error.message); rows are compared whole. Set --format or --columns to tell prompts from answers"
            )
            return (source, CheckedSource(whole: side, source))
        }
    }
}
