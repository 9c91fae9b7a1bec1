import ArgumentParser
import Datasets
import Foundation
import TextCore

/// `hone data`: making data sets.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Make data sets.", subcommands: [DataTicketsCommand.self])
}

/// `hone data tickets`: the support tickets of the quickstart.
struct DataTicketsCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "tickets", abstract: "Write the quickstart's support tickets: train.jsonl and test.jsonl.",
        discussion: "The same seed gives the same bytes. No customer is on both sides.")

    @Option(name: [.customShort("o"), .customLong("out")], help: ArgumentHelp("Folder to write.", valueName: "folder"))
    var folder: String
    @Option(help: "Tickets in all.")
    var count = 9000
    @Option(help: "Share of the customers whose tickets are kept for the test.")
    var testFraction = 0.1
    @Option(help: "Of the random numbers.")
    var seed: UInt64 = 42
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (2...1_000_000).contains(count) else { throw ValidationError("--count takes 2 to 1,000,000") }
        guard testFraction > 0, testFraction < 1 else { throw ValidationError("--test-fraction is between 0 and 1") }
    }

    func run(_ terminal: Terminal) throws {
        try TicketGenerator(seed: seed).write(
            count: count, to: folder, testFraction: testFraction)
        if output.json { return terminal.print(["folder": .string(folder), "tickets": .integer(count)]) }
        terminal.print("\(folder): \(grouped(count)) tickets in train.jsonl and test.jsonl")
    }
}
