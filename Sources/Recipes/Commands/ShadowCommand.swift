import ArgumentParser
import Decisions
import Foundation
import TextCore

/// `hone shadow`: two models that answered the same requests.
struct ShadowCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "shadow",
        abstract: "Compare a candidate with the model in use by logs of the same requests.",
        discussion: """
            Logs are JSON lines, one a request, paired by `id`: {"id": "r1", "passed": true, "latency_ms": 120, "cost": \
            0.0003, "error": null}. Instead of `passed` there may be a `score`, or a `label` and what is `expected`. The \
            decision (ship, roll back, go on) holds its error rate however often the growing logs are looked at. Status 3 \
            when the candidate is to be rolled back.
            """)

    @Argument(help: "Log of the model in use.")
    var control: String
    @Argument(help: "Log of the candidate.")
    var candidate: String
    @Option(help: ArgumentHelp("Least share of requests that both label alike.", valueName: "share"))
    var minAgreement: Double?
    @OptionGroup var options: ReleaseOptions
    @OptionGroup var files: ReportFileOptions
    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) throws {
        let rules = try options.rules(minAgreement: minAgreement)
        let columns = try options.columns()
        var progress = DataProgress(terminal)
        defer { progress.finish() }
        let comparison = try ReleaseComparison.shadow(
            control: control, candidate: candidate, rules: rules, columns: columns
        ) { lines in progress.show { "\(counted(lines, "line"))" } }
        progress.finish()
        try comparison.finish("Shadow", files, output, terminal)
    }
}
