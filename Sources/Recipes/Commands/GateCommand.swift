import ArgumentParser
import Decisions
import Evaluation
import Foundation
import OrderedCollections
import Reports
import TextCore
import Training

/// `hone gate`: whether the model of a run may be shipped.
struct GateCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "gate", abstract: "Judge whether the model of a run may be shipped.",
        discussion: """
            Compares what the run has measured with the baseline, by the conditions of the recipe's gate: ship, don't \
            ship, or not enough data, with how many more examples would decide. The verdict is kept in gate.json and \
            gate.md of the run, and in its report. Status 3 unless it is to be shipped.

            With --recipe the gate of another recipe is tried, and nothing is kept: a gate that is chosen after the \
            figures are known proves nothing.
            """)

    @Argument(help: "A run folder, or the recipe of a run.")
    var run: String
    @Option(help: ArgumentHelp("Judge by the gate of this recipe.", valueName: "file"))
    var recipe: String?
    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) throws {
        let stop = StopSignal()
        let signals = SignalHandlers(stop)
        defer { signals.cancel() }
        let folder = try folder()
        guard RunFolder.holdsRun(folder) else {
            throw CommandFailure(
                message: "\(folder.path) holds no run; name a run folder, or the recipe of a run that has been trained",
                status: .missing)
        }
        var loaded = try LoadedRecipe.load(folder.appending(path: "resolved.yaml").path)
        if let recipe { loaded = try LoadedRecipe.load(recipe) }
        guard loaded.recipe.gate != nil else {
            throw loaded.problem(
                at: "gate", "the recipe has no gate", why: "Nothing says what must hold before the model is shipped",
                fix: "Add `gate: {require: [{metric: suites.NAME.accuracy, min_gain: 0.05}]}`")
        }
        let gate = RunGate(loaded, folder: folder, terminal: terminal, stop: stop)
        let verdict = try recipe == nil ? gate.settle() : gate.judge()
        let page = try recipe == nil ? RunReport(folder: folder).write() : nil
        if output.json {
            terminal.print(verdict.json)
        } else {
            for line in verdict.lines { terminal.print(line) }
            if let page { terminal.print("report  \(page.path)") }
        }
        if verdict.outcome != .ship { throw ExitCode(ExitStatus.fellShort.rawValue) }
    }

    /// The run's folder; of a recipe, where it trains.
    private func folder() throws -> URL {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: run, isDirectory: &isFolder) else {
            throw CommandFailure(message: "\(run): no such file or folder", status: .missing)
        }
        return isFolder.boolValue
            ? URL(fileURLWithPath: run).standardizedFileURL : try LoadedRecipe.load(run).recipe.outputFolder.url
    }
}
