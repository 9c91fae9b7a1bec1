import ArgumentParser
import DataChecks
import Reports

/// Where a command writes its report.
struct ReportFileOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Write a report as Markdown.", valueName: "file"))
    var markdown: String?
    @Option(help: ArgumentHelp("Write a report as one HTML page.", valueName: "file"))
    var html: String?

    /// Writes what is asked for, each file whole or not at all.
    ///
    /// - Throws: `DataError` when the disk refuses.
    func write(_ document: @autoclosure () throws -> ReportDocument, _ terminal: Terminal) throws {
        guard markdown != nil || html != nil else { return }
        let document = try document()
        for (path, text) in [(markdown, { document.markdown }), (html, { document.html })] {
            guard let path else { continue }
            try RowFile.write(text(), to: path)
            terminal.note("wrote \(path)")
        }
    }
}
