import ArgumentParser
import DataChecks
import Foundation
import OrderedCollections
import Reports
import TextCore
import Training

/// `hone data check`: what is wrong with the rows of a recipe.
struct DataCheckCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract:
            "Find what is wrong with the rows of a recipe: duplicates, leaks, labels, secrets; no weights are loaded.",
        discussion: """
            Every finding has rows, a severity, and the edit that mends it. Exit status 3 when one is an error, or with \
            --strict a warning. The checks are: \(DataCheckCatalog.all.map(\.name).joined(separator: ", ")).
            """)

    @OptionGroup var options: RecipeOptions
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("Run this check only; several with commas or several times.", valueName: "check"))
    var only: [String] = []
    @Option(
        help: ArgumentHelp("Column that holds a row's class; otherwise the answer is the class.", valueName: "column"))
    var label: String?
    @Flag(help: "Leave out checks that take long where there are many rows.")
    var quick = false
    @Flag(help: "End with status 3 on warnings too.")
    var strict = false
    @Option(help: ArgumentHelp("Rows to show of each finding.", valueName: "count"))
    var rows = 5
    @OptionGroup var files: ReportFileOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if rows < 0 { throw ValidationError("--rows takes 0 or more") }
    }

    func run(_ terminal: Terminal) throws {
        let stop = StopSignal()
        let signals = SignalHandlers(stop)
        defer { signals.cancel() }
        let loaded = try options.load()
        var progress = DataProgress(terminal)
        var settings = RecipeDataCheck.Options()
        settings.only = only.flatMap { $0.split(separator: ",").map(String.init) }
        settings.quick = quick
        settings.labelColumn = label
        settings.progress = { done, all in progress.show { "\(grouped(done)) of \(grouped(all)) rows" } }
        let report: DataCheckReport
        do { report = try RecipeDataCheck.run(loaded, options: settings, stop: stop) } catch let error as DataCheckError
        {
            throw CommandFailure(message: error.message, status: .usage)
        }
        progress.finish()
        try files.write(
            ReportDocument(
                title: "Data of \(loaded.recipe.name)", subtitle: options.recipe, blocks: report.blocks), terminal)
        if output.json { terminal.print(report.json) } else { show(report, on: terminal) }
        let limit: Finding.Severity = strict ? .warning : .error
        if let worst = report.worst, worst >= limit { throw ExitCode(ExitStatus.fellShort.rawValue) }
    }

    private func show(_ report: DataCheckReport, on terminal: Terminal) {
        for finding in report.findings {
            terminal.print("\(finding.severity.rawValue): \(finding.check): \(finding.message.printable)")
            for row in finding.rows.prefix(rows) {
                let score = row.score.map { $0 < 1 ? " (\(fixed($0, 2)))" : "" } ?? ""
                let beside = row.other.map { " ↔ \($0)" } ?? ""
                terminal.print("    \(row.source)\(beside)\(score): \(row.excerpt)".printable)
            }
            if finding.rows.count > rows, rows > 0 {
                terminal.print("    … \(grouped(finding.count - rows)) more; --json lists them")
            }
            terminal.print("  why: \(finding.why).")
            if !finding.edit.isEmpty { terminal.print("  do:  \(finding.edit.printable).") }
        }
        for (name, reason) in report.leftOut { terminal.print("not checked: \(name): \(reason)") }
        terminal.print(
            "\(options.recipe): \(report.summary); \(fixed(report.seconds, 1)) s, \(byteText(report.peak)) at the most")
    }
}
