import ArgumentParser
import Decisions
import Foundation
import TextCore

/// `hone canary`: two models that share the traffic.
struct CanaryCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "canary",
        abstract: "Decide on a candidate that gets a part of the traffic, while it comes in.",
        discussion: """
            One log of JSON lines with an `arm` in each, or a log of the control and one of the candidate: {"arm": \
            "candidate", "passed": true, "latency_ms": 120, "cost": 0.0003, "error": null}. Instead of `passed` there may \
            be a `score`, or a `label` and what is `expected`. The decision (ship, roll back, go on) holds its error rate \
            however often the growing log is looked at. Status 3 when the candidate is to be rolled back.
            """)

    @Argument(help: ArgumentHelp("A log with arms, or the control's log and the candidate's.", valueName: "log"))
    var logs: [String]
    @Option(help: ArgumentHelp("Arm of the model in use.", valueName: "arm"))
    var control = "control"
    @Option(help: ArgumentHelp("Arm of the candidate.", valueName: "arm"))
    var candidate = "candidate"
    @Option(
        help: ArgumentHelp(
            "Requests of the control for one of the candidate, for two logs without time.", valueName: "count"))
    var ratio = 1
    @OptionGroup var options: ReleaseOptions
    @OptionGroup var files: ReportFileOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...2).contains(logs.count) else { throw ValidationError("name one log with arms, or two logs") }
        guard (1...1_000_000).contains(ratio) else { throw ValidationError("--ratio takes 1 or more") }
        guard control != candidate else { throw ValidationError("--control and --candidate name the same arm") }
    }

    func run(_ terminal: Terminal) throws {
        let rules = try options.rules()
        let columns = try options.columns()
        var progress = DataProgress(terminal)
        defer { progress.finish() }
        func show(_ lines: Int) { progress.show { "\(counted(lines, "line"))" } }
        let comparison =
            logs.count == 1
            ? try ReleaseComparison.canary(
                log: logs[0], control: control, candidate: candidate, rules: rules, columns: columns, progress: show)
            : try ReleaseComparison.canary(
                control: logs[0], candidate: logs[1], ratio: ratio, rules: rules, columns: columns, progress: show)
        progress.finish()
        try comparison.finish("Canary", files, output, terminal)
    }
}
