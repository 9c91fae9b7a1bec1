import ArgumentParser
import Decisions
import Evaluation
import Foundation
import OrderedCollections
import Reports
import TextCore
import Training

/// `hone train`: a run of a recipe.
struct TrainCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train a model as a recipe says.",
        discussion: """
            The run folder holds the resolved recipe, events.jsonl, checkpoints and final/, the trained model. Ctrl-C \
            and SIGTERM save a checkpoint and stop; --resume goes on from the newest one. SIGUSR1 saves a checkpoint and \
            goes on.

            Where the recipe has a gate, it is judged at the end: status 3 says that the model is not to be shipped.
            """)

    @OptionGroup var options: RecipeOptions
    @Flag(help: "Go on from the newest whole checkpoint of the run folder; start if there is none.")
    var resume = false
    @Flag(help: "With --resume: go on although the data are no longer those that the run began with.")
    var acceptDataChange = false
    @Flag(help: "Replace the run that the folder holds.")
    var overwrite = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if acceptDataChange, overwrite { throw ValidationError("--accept-data-change goes with --resume") }
        if resume, overwrite { throw ValidationError("--resume and --overwrite exclude each other") }
    }

    func run(_ terminal: Terminal) throws {
        let stop = StopSignal()
        let signals = SignalHandlers(stop, saves: true)
        defer { signals.cancel() }
        let loaded = try options.load()
        let goesOn = resume || loaded.recipe.checkpoint.resume != .never
        let summary = try train(
            loaded, policy: goesOn ? .resume : overwrite ? .overwrite : .new, terminal: terminal, stop: stop)
        let page = writeReport(of: summary, terminal)
        report(summary, page, on: terminal)
        if case .stopped = summary.ending {
            terminal.note("stopped; go on with: hone train \(options.recipe) --resume")
            throw ExitCode(ExitStatus.stopped)
        }
        guard let verdict = summary.verdict, verdict.outcome != .ship, let gate = loaded.recipe.gate else { return }
        if gate.onFail == .warn { return terminal.warn("the gate did not open; the recipe only warns (on_fail: warn)") }
        throw ExitCode(ExitStatus.fellShort.rawValue)
    }

    private func train(
        _ loaded: LoadedRecipe, policy: RunFolder.Policy, terminal: Terminal, stop: StopSignal
    ) throws -> RunSummary {
        let text = try ModelText(loaded.recipe.model)
        func run(_ method: some Method) throws -> RunSummary {
            var run = try RecipeRun(
                loaded, method: method, text: text, policy: policy, acceptsDataChange: acceptDataChange,
                registry: Registry.current, terminal: terminal, stop: stop)
            return try run.run()
        }
        return try run(loaded.makeMethod(text))
    }

    /// The report of the run; a disk that has no room for it ends no run.
    private func writeReport(of summary: RunSummary, _ terminal: Terminal) -> URL? {
        do { return try RunReport(folder: summary.folder).write() } catch {
            terminal.warn("the report was not written: \(error.localizedDescription)")
            return nil
        }
    }

    private func report(_ summary: RunSummary, _ page: URL?, on terminal: Terminal) {
        if output.json {
            return terminal.print([
                "run": .string(summary.folder.path), "report": page.map { .string($0.path) } ?? .null,
                "ending": .string(summary.ending.reason),
                "steps": .integer(summary.steps), "seconds": .number(summary.seconds),
                "before": .array(summary.before.map { $0.json(withAnswers: false) }),
                "after": .array(summary.after.map { $0.json(withAnswers: false) }),
                "held_out": summary.held.json,
                "regression": .array(summary.forgetting.map { $0.json(limit: 20) }),
                "gate": summary.verdict?.json ?? .null,
            ])
        }
        if let line = summary.held.line(summary.held.before) { terminal.print("before  \(line)") }
        for result in summary.before { terminal.print("before  \(result.summary)") }
        for (name, result) in summary.baselines { terminal.print("\(name.rightPadded(to: 7)) \(result.summary)") }
        if let line = summary.held.line(summary.held.after) { terminal.print("after   \(line)") }
        for result in summary.after { terminal.print("after   \(result.summary)") }
        for comparison in summary.forgetting { if let line = comparison.sentence { terminal.print("kept    \(line)") } }
        for result in summary.after { if let warning = result.sizeWarning { terminal.note("! \(warning)") } }
        for line in summary.verdict?.lines ?? [] { terminal.print("gate    \(line)") }
        terminal.print(
            "\(summary.ending.reason) after \(summary.steps) steps in \((summary.seconds * 10).rounded() / 10) s; "
                + "\(summary.folder.path)/final")
        if let page { terminal.print("report  \(page.path)") }
    }
}
