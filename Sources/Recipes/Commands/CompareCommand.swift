import ArgumentParser
import Evaluation
import Foundation
import Reports
import TextCore
import Training

/// `hone compare`: two models on the same rows.
struct CompareCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Compare two runs or models on the same rows.",
        discussion: """
            A run folder is compared by what it has kept in eval/, without loading a model: as it was after its last \
            evaluation, or RUN@start, RUN@STEP, or RUN@NAME for one of its baselines. With --recipe both are judged now, by \
            the suites of that recipe, and may be model folders or adapters. A file is what `hone eval --json --answers` \
            printed.
            """)

    @Argument(help: "Run folder, model, adapter, or file of results: what is compared with.")
    var first: String
    @Argument(help: "The other.")
    var second: String
    @Option(help: ArgumentHelp("Judge both models by the suites of this recipe.", valueName: "file"))
    var recipe: String?
    @Option(help: ArgumentHelp("Suite to compare; all if absent.", valueName: "name"))
    var suite: [String] = []
    @Option(help: ArgumentHelp("Rows of each list of wins and losses that are shown.", valueName: "count"))
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
        let models: [ComparedModel]
        var seed: UInt64 = 0
        if let recipe {
            let loaded = try LoadedRecipe.load(recipe)
            seed = UInt64(loaded.recipe.seed)
            let known = loaded.recipe.evaluation.suites.map(\.name)
            for name in suite where !known.contains(name) { throw unknown(name, known) }
            let one = try ComparedModel.judged(first, loaded, suites: suite, against: nil, stop: stop)
            models = [one, try ComparedModel.judged(second, loaded, suites: suite, against: one, stop: stop)]
        } else {
            models = try [first, second].map { path in
                guard let model = try ComparedModel.kept(path) else {
                    throw CommandFailure(
                        message:
                            "\(path) has no eval/ with results; name a recipe with --recipe, by whose suites both are "
                            + "judged", status: .missing)
                }
                return model
            }
            let known = models[0].results.map(\.name)
            for name in suite where !known.contains(name) { throw unknown(name, known) }
        }
        let report = try ComparisonReport(models[0], models[1], only: suite, seed: seed)
        try files.write(report.document(rows: max(rows, 200)), terminal)
        if output.json { return terminal.print(report.json) }
        for line in report.lines(rows: rows) { terminal.print(line) }
    }

    private func unknown(_ name: String, _ known: [String]) -> CommandFailure {
        CommandFailure(
            message: "there is no suite '\(name)'. "
                + (nearestName(to: name, among: known).map { "Did you mean '\($0)'?" }
                    ?? "There are: \(known.joined(separator: ", "))"),
            status: .usage)
    }
}
