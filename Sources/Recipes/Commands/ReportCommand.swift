import ArgumentParser
import Foundation
import Reports
import TextCore
import Training

/// `hone report`: writes the report of a run again, from the files of its folder.
struct ReportCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write report.md and report.html of a run from the files of its folder.",
        discussion: "Nothing is trained or measured; what is missing or damaged is named in the report.")

    @Argument(help: ArgumentHelp("The run folder.", valueName: "run"))
    var folder: String
    @Option(
        name: .customLong("price-per-hour"),
        help: ArgumentHelp("What an hour of the machine costs.", valueName: "amount"))
    var price: Double?
    @Option(help: ArgumentHelp("What stands before an amount.", valueName: "sign"))
    var currency = "$"
    @OptionGroup var files: ReportFileOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let price, !(0...1e9).contains(price) { throw ValidationError("--price-per-hour takes an amount from 0 on") }
    }

    func run(_ terminal: Terminal) throws {
        let folder = URL(fileURLWithPath: self.folder, isDirectory: true).standardizedFileURL
        guard RunFolder.holdsRun(folder) else {
            throw CommandFailure(
                message:
                    "\(folder.path) is no run folder: it has no events.jsonl. Name the folder that `hone train` wrote, "
                    + "`output_dir` of its recipe", status: .missing)
        }
        let report = RunReport(folder: folder, pricePerHour: price, currency: currency)
        let page = try report.write()
        try files.write(report.document, terminal)
        let markdown = folder.appendingPathComponent("report.md").path
        if output.json {
            terminal.print(["html": .string(page.path), "markdown": .string(markdown)])
        } else {
            terminal.print(page.path)
        }
    }
}
