import ArgumentParser
import Decisions
import TextCore

/// Options of the commands that follow a candidate in production.
struct ReleaseOptions: ParsableArguments {
    @Option(help: "By how much the candidate's mean score may be worse.")
    var margin = 0.02
    @Option(help: "Chance of a wrong decision, of either kind, however often one looks.")
    var level = 0.05
    @Option(help: ArgumentHelp("What scores there are.", valueName: "low,high"))
    var scoreRange = "0,1"
    @Flag(help: "Compare no scores: decide by the limits alone.")
    var limitsOnly = false
    @Option(help: ArgumentHelp("Largest share of the candidate's requests without an answer.", valueName: "share"))
    var maxErrorRate: Double?
    @Option(help: ArgumentHelp("By how much that share may be above the control's.", valueName: "share"))
    var maxErrorRise: Double?
    @Option(
        name: .customLong("max-p95-ms"),
        help: ArgumentHelp("Milliseconds that 95 % of the candidate's requests must stay within.", valueName: "ms"))
    var maxP95: Double?
    @Option(help: ArgumentHelp("Largest mean cost of a candidate's request.", valueName: "amount"))
    var maxCost: Double?
    @Option(help: ArgumentHelp("Share of lines that may be malformed.", valueName: "share"))
    var maxBadLines = 0.01
    @Option(
        help: ArgumentHelp(
            "Another name of a column: \(ReleaseColumns.known.joined(separator: ", ")).", valueName: "column=name"))
    var column: [String] = []

    /// What the columns are called.
    ///
    /// - Throws: `CommandFailure` if an assignment is none.
    func columns() throws -> ReleaseColumns {
        var columns = ReleaseColumns()
        do { for assignment in column { try columns.rename(assignment) } } catch {
            throw CommandFailure(message: "--column: \(error)", status: .usage)
        }
        return columns
    }

    /// What must hold.
    ///
    /// - Throws: `CommandFailure` if an option is out of its range.
    func rules(minAgreement: Double? = nil) throws -> ReleaseRules {
        var rules = ReleaseRules()
        let ends = scoreRange.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
        guard ends.count == 2, let low = ends[0], let high = ends[1], low < high, low.isFinite, high.isFinite else {
            throw CommandFailure(
                message: "--score-range takes two numbers, such as 1,5, and not '\(scoreRange)'", status: .usage)
        }
        rules.scoreRange = low...high
        rules.margin = margin
        rules.level = level
        rules.comparesQuality = !limitsOnly
        rules.maxErrorRate = maxErrorRate
        rules.maxErrorRise = maxErrorRise
        rules.maxP95Latency = maxP95
        rules.maxCost = maxCost
        rules.minAgreement = minAgreement
        rules.maxBadLines = maxBadLines
        if let problem = rules.problem { throw CommandFailure(message: problem, status: .usage) }
        return rules
    }
}

extension ReleaseComparison {
    /// Prints and writes what came of it; a candidate to be rolled back ends the command with status 3.
    func finish(_ title: String, _ files: ReportFileOptions, _ output: OutputOptions, _ terminal: Terminal) throws {
        try files.write(document(title), terminal)
        if output.json {
            terminal.print(json)
        } else {
            for caution in cautions { terminal.warn(caution) }
            for line in printedLines { terminal.print(line.printable) }
        }
        if monitor.decision == .rollBack { throw ExitCode(ExitStatus.fellShort.rawValue) }
    }
}
