import ArgumentParser
import Foundation
import LanguageModels
import RFT
import TextCore
import Training
import Verifiers

/// `hone verify`: tries the rewards of a recipe before a run learns the wrong thing from them.
struct VerifyCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Try the rewards of a recipe on its rows, before a run.",
        discussion: """
            Right answers must pass and ways to cheat must not; answers of other rows may pass by chance alone; the \
            same answer must always get the same score, and in time. Then the model answers some prompts, which tells \
            how many groups will teach something. Exit status 3 says that the rewards are not ready for a run.
            """)

    @OptionGroup var options: RecipeOptions
    @Flag(help: "Do not load the model and let it answer.")
    var noPolicy = false
    @Option(help: ArgumentHelp("Rows to try, spread evenly over the data.", valueName: "count"))
    var rows: Int?
    @Option(help: ArgumentHelp("Prompts that the model answers.", valueName: "count"))
    var prompts: Int?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let rows, !(1...1_000_000).contains(rows) { throw ValidationError("--rows takes 1 to 1000000") }
        if let prompts, !(1...100_000).contains(prompts) { throw ValidationError("--prompts takes 1 to 100000") }
    }

    func run(_ terminal: Terminal) throws {
        let loaded = try options.load()
        let (method, text) = try loaded.rewardMethod()
        let trial = RewardTrial(loaded, method: method, rows: rows, prompts: prompts)
        let asked = try trial.rows()
        let stop = StopSignal()
        let signals = SignalHandlers(stop)
        defer { signals.cancel() }
        var engine: (any RolloutEngine)?
        if !noPolicy {
            let model = try ModelAssembly.model(loaded, text: text)
            model.setTrainable(.none)
            engine = try method.engine(model)
        }
        let report = try trial.report(on: asked, engine: engine, stop: { stop.isRequested })
        if output.json { terminal.print(report.json) } else { terminal.print(report.text) }
        if !report.isSound { throw ExitCode(ExitStatus.fellShort.rawValue) }
    }
}

extension LoadedRecipe {
    /// The recipe's method, which must be rft.
    func rewardMethod() throws -> (method: RFTMethod, text: ModelText) {
        guard recipe.method == .rft else {
            throw problem(
                at: "method", "the recipe's method is \(recipe.method.rawValue)",
                why: "Only method rft has rewards", fix: "Name a recipe with `method: rft`")
        }
        let text = try ModelText(recipe.model)
        return (try RFTMethod(self, text: text), text)
    }
}
