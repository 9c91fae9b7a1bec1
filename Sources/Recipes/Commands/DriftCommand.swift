import ArgumentParser
import DataChecks
import Foundation
import OrderedCollections
import Reports
import TextCore
import Training

/// `hone drift`: whether a model is still asked what it was trained on.
struct DriftCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "drift",
        abstract: "Compare what a model is asked now with what it was trained on, and say whether to retrain.",
        discussion: """
            Compares lengths, words, classes and whole texts of two files, and with --suite says how much of production \
            the suite still covers. No model is loaded. Exit status 3 says that something is to be done: retrain, or \
            refresh the suite.

            The text of a row is found by the file's format, or named by --text; the class is the answer where that is \
            short, or named by --label.
            """)

    @Argument(help: ArgumentHelp("Rows that the model was trained on.", valueName: "train"), completion: .file())
    var train: String
    @Argument(help: ArgumentHelp("Rows that it is asked now.", valueName: "production"), completion: .file())
    var production: String
    @Option(help: ArgumentHelp("Rows that it is judged by.", valueName: "file"), completion: .file())
    var suite: String?
    @Option(help: ArgumentHelp("Column of the text, in all files.", valueName: "column"))
    var text: String?
    @Option(help: ArgumentHelp("Column of the class, in all files.", valueName: "column"))
    var label: String?
    @Option(
        help: ArgumentHelp("Column of the text in the production file, where it has another name.", valueName: "column")
    )
    var productionText: String?
    @Option(
        help: ArgumentHelp(
            "Column of the class in the production file, where it has another name.", valueName: "column"))
    var productionLabel: String?
    @Option(help: "Chance of an alarm where nothing has changed, over all tests together.")
    var level = Drift.level
    @Option(help: "Of the choice of rows and of random divisions.")
    var seed: UInt64 = 42
    @OptionGroup var files: ReportFileOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard level > 0, level <= 0.5 else { throw ValidationError("--level is above 0 and at most 0.5") }
    }

    func run(_ terminal: Terminal) throws {
        let stop = StopSignal()
        let signals = SignalHandlers(stop)
        defer { signals.cancel() }
        var progress = DataProgress(terminal)
        func read(_ path: String, _ columns: DriftFile.Columns) throws -> DriftFile {
            let file = try DriftFile(path: path, columns: columns, seed: seed) { done, all in
                if stop.isRequested { throw CancellationError() }
                progress.show { "\(path): \(grouped(done)) of \(counted(all, "row"))" }
            }
            if file.malformed > 0, let first = file.malformedRows.first {
                progress.finish()
                terminal.warn(
                    "\(path): \(counted(file.malformed, "row")) cannot be read and are not compared; the first: "
                        + "\(first.source): \(first.excerpt)")
            }
            return file
        }
        let known = try read(train, .init(text: text, label: label))
        let asked = try read(production, .init(text: productionText ?? text, label: productionLabel ?? label))
        let judged = try suite.map { try read($0, .init(text: text, label: label)) }
        progress.finish()
        let report = try Drift.report(
            train: known.sample, production: asked.sample, suite: judged?.sample, level: level, seed: seed)
        let document = ReportDocument(
            title: "Drift", subtitle: "\(train) against \(production)", blocks: report.blocks)
        try files.write(document, terminal)
        if output.json { terminal.print(json(report, known, asked, judged)) } else { show(report, on: terminal) }
        if report.needsAction { throw ExitCode(ExitStatus.fellShort.rawValue) }
    }

    private func json(_ report: DriftReport, _ train: DriftFile, _ production: DriftFile, _ suite: DriftFile?) -> JSON {
        guard case .object(var members) = report.json else { return report.json }
        members["malformed"] = [
            "train": .integer(train.malformed), "production": .integer(production.malformed),
            "suite": .integer(suite?.malformed ?? 0),
        ]
        return .object(members)
    }

    private func show(_ report: DriftReport, on terminal: Terminal) {
        terminal.print(report.summary)
        let reasons = report.reasons
        terminal.print("")
        for reason in reasons.why { terminal.print("  - \(reason)") }
        terminal.print("")
        for test in report.tests {
            let mark = test.isDrift(level: level) ? "x" : "+"
            terminal.print(
                "  \(mark) " + test.subject.rawValue.rightPadded(to: 11)
                    + "p \(fixed(test.adjusted, 4))  \(test.sentence)")
        }
        if report.needsAction, !report.moved.isEmpty {
            terminal.print("\nrows that moved most")
            for row in report.moved.prefix(5) { terminal.print("  \(row.source)  \(row.excerpt.printable)") }
        }
        if let coverage = report.coverage, !coverage.clusters.isEmpty, coverage.isRotten {
            terminal.print("\nlargest groups that the suite does not cover")
            for cluster in coverage.clusters.prefix(5) {
                terminal.print("  \(grouped(cluster.count).leftPadded(to: 6))  \(cluster.example.excerpt.printable)")
            }
        }
        guard !reasons.steps.isEmpty else { return }
        terminal.print("\nwhat to do")
        for (index, step) in reasons.steps.enumerated() { terminal.print("  \(index + 1). \(step)") }
    }
}
