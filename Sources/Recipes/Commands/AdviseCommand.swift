import ArgumentParser
import Decisions
import Foundation
import Reports
import TextCore

#if canImport(Glibc)
    import Glibc
#endif

/// `hone advise`: whether a model is worth tuning at all.
struct AdviseCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "advise",
        abstract: "Say whether to tune a model at all: five gates, the method, the memory, the cost and its payback.",
        discussion: """
            Asks on the terminal, or reads the answers from a file, which --template writes. The verdict is one of prompt, \
            retrieve, distil, sft, dpo, rft, pretrain and don't.
            """)

    @Argument(help: ArgumentHelp("Answers, a YAML file; asked for on the terminal if absent.", valueName: "answers"))
    var answers: String?
    @Flag(help: "Print a file of answers to fill in.")
    var template = false
    @OptionGroup var files: ReportFileOptions
    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) throws {
        if template {
            terminal.write(AdviceFile.template)
            return
        }
        let advice = Advice(try answers.map { try AdviceFile.read($0) } ?? ask(terminal))
        try files.write(advice.document, terminal)
        if output.json { return terminal.print(advice.json) }
        for line in advice.lines { terminal.print(line) }
    }

    private func ask(_ terminal: Terminal) throws -> AdviceAnswers {
        // Questions are no results: a script reads the verdict alone.
        let dialogue = AdviceDialogue(
            read: { readLine() },
            show: { text in try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) })
        let answers = try dialogue.run()
        try? FileHandle.standardError.write(contentsOf: Data("\n".utf8))
        return answers
    }
}

extension Advice {
    /// The advice for a terminal.
    var lines: [String] {
        var lines = ["\(choice.rawValue): \(title)", "", reason, ""]
        for gate in gates {
            let mark = gate.isPassed.map { $0 ? "+" : "x" } ?? " "
            lines.append(
                "\(mark) gate \(gate.number)  \(gate.question) "
                    + (gate.isPassed == nil ? "not reached" : "\(gate.answer). \(gate.consequence)"))
        }
        if let adapter {
            lines += ["", "adapter  \(adapter.kind?.rawValue ?? "none fits"): \(adapter.reason)"]
            for option in adapter.options {
                guard let bytes = option.bytes else { continue }
                let fits = option.fits.map { $0 ? ", fits" : ", does not fit" } ?? ""
                lines.append(
                    "         \(option.kind.rawValue) \(ReportText.number(option.kind.memoryFactor)) x the model: "
                        + ReportText.bytes(bytes) + fits)
            }
        }
        for (title, texts) in [("data", data), ("risks", risks), ("next", steps)] {
            lines.append("")
            for (index, text) in texts.enumerated() {
                lines.append((index == 0 ? title : "").rightPadded(to: 7) + "- " + text.replacing("**", with: ""))
            }
        }
        if let cost {
            lines += ["", "cost   " + cost.summary.replacing("**", with: "")]
            if let refusal = cost.refusal { lines.append("       " + refusal) }
            lines.append("")
            let table = cost.volumes.map { cost.at(requestsPerDay: $0) }.map { cost in
                [
                    ReportText.grouped(cost.requestsPerDay), cost.yearlyNow.text(cost.currency),
                    cost.yearlyTuned.text(cost.currency), cost.netSaving.text(cost.currency),
                    cost.paybackText,
                    cost.refusal == nil ? "worth it" : "a rounding error",
                ]
            }
            let rows =
                [["requests a day", "now, a year", "tuned, a year", "saved, net", "paid back in", ""]] + table
            let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
            for row in rows {
                lines.append(
                    "       "
                        + zip(row, widths).dropLast().map { $0.leftPadded(to: $1) }.joined(separator: "  ") + "  "
                        + (row.last ?? ""))
            }
        }
        return lines
    }
}
