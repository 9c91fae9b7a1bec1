import ArgumentParser
import Datasets
import Foundation
import TextCore

/// `hone data tickets`: the support tickets of the quickstart.
struct DataTicketsCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "tickets",
        abstract: "Write the quickstart's support tickets: train.jsonl, test.jsonl and preference.jsonl.",
        discussion: "The same seed gives the same bytes. No customer of the test is in another file.")

    @Option(name: [.customShort("o"), .customLong("out")], help: ArgumentHelp("Folder to write.", valueName: "folder"))
    var folder: String
    @Option(help: "Tickets in all.")
    var count = 9000
    @Option(help: "Further tickets with a right and a worse answer each.")
    var pairs = 2000
    @Option(help: "Share of the customers whose tickets are kept for the test.")
    var testFraction = 0.1
    @Option(help: "Of the random numbers.")
    var seed: UInt64 = 42
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (2...1_000_000).contains(count) else { throw ValidationError("--count takes 2 to 1,000,000") }
        guard (0...1_000_000).contains(pairs) else { throw ValidationError("--pairs takes 0 to 1,000,000") }
        guard testFraction <= 0.95 || pairs == 0 else {
            throw ValidationError("--test-fraction above 0.95 leaves too few customers for --pairs; add `--pairs 0`")
        }
        guard testFraction > 0, testFraction < 1 else { throw ValidationError("--test-fraction is between 0 and 1") }
    }

    func run(_ terminal: Terminal) throws {
        let counts = try TicketGenerator(seed: seed).write(
            count: count, to: folder, testFraction: testFraction, pairs: pairs)
        if output.json {
            return terminal.print([
                "folder": .string(folder), "tickets": .integer(count), "train": .integer(counts.train),
                "test": .integer(counts.test), "pairs": .integer(counts.pairs),
            ])
        }
        terminal.print(
            "\(folder): \(grouped(count)) tickets in train.jsonl and test.jsonl, \(grouped(counts.pairs)) pairs in "
                + "preference.jsonl")
    }
}
