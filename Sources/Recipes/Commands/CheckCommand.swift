import ArgumentParser
import Evaluation
import Foundation
import OrderedCollections
import TextCore
import Tokenization

/// `hone check`: every problem of a recipe, its files and its rows at once.
struct CheckCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Find every problem of a recipe and its data; no weights are loaded.")

    @OptionGroup var options: RecipeOptions
    @Flag(help: "Check the recipe only, not the rows.")
    var noData = false
    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) throws {
        let loaded = try options.load()
        let text = try ModelText(loaded.recipe.model)
        var report: OrderedDictionary<String, JSON> = [
            "recipe": .string(options.recipe), "fingerprint": .string(loaded.fingerprint),
        ]
        if noData {
            if output.json { return terminal.print(.object(report)) }
            return terminal.print("\(options.recipe): no problem found in the recipe")
        }
        func reading(_ method: some Method) throws -> DataReport {
            // Nothing is written where the run will be.
            let log = FileManager.default.temporaryDirectory.appendingPathComponent("quarantine-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: log) }
            let data = try TrainingData(loaded, method: method, text: text, quarantineLog: log)
            let problems = data.problems(loaded, context: text.contextLength)
            if !problems.isEmpty { throw RecipeError(problems) }
            return data.report
        }
        let rows = try reading(loaded.makeMethod(text))
        let suites = try loaded.recipe.evaluation.suites.map {
            try SuiteData.suite(
                $0, text: text, trainOn: loaded.recipe.trainOn, rewards: RewardAssembly(loaded))
        }
        let sequence = loaded.recipe.sequence
        if output.json {
            report["data"] = rows.json(sequence)
            report["suites"] = .array(suites.map { ["name": .string($0.name), "rows": .integer($0.items.count)] })
            return terminal.print(.object(report))
        }
        for line in rows.sourceLines { terminal.print(line) }
        for line in rows.remarks(sequence) { terminal.print("! \(line)") }
        for suite in suites { terminal.print("suite \(suite.name): \(grouped(suite.items.count)) rows") }
        terminal.print("\(options.recipe): no problem found")
    }
}
