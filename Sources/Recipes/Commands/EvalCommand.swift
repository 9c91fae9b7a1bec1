import ArgumentParser
import Evaluation
import Foundation
import LanguageModels
import OrderedCollections
import TextCore
import Training

/// `hone eval`: the suites of a recipe on any model or adapter.
struct EvalCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval", abstract: "Judge a model by the suites of a recipe.",
        discussion: "Without --model the recipe's own model is judged, before any training.")

    @OptionGroup var options: RecipeOptions
    @Option(help: ArgumentHelp("Model, adapter or run folder.", valueName: "folder"))
    var model: String?
    @Option(help: ArgumentHelp("Base model of an adapter that does not name it.", valueName: "folder"))
    var base: String?
    @Option(help: ArgumentHelp("Suite to run; all if absent.", valueName: "name"))
    var suite: [String] = []
    @Flag(help: "Put the suites to the recipe's baselines too.")
    var baselines = false
    @Flag(help: "Print every answer too, with --json; without, the wrong ones.")
    var answers = false
    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) throws {
        let loaded = try options.load()
        let recipe = loaded.recipe
        let known = recipe.evaluation.suites.map(\.name)
        for name in suite where !known.contains(name) {
            throw CommandFailure(
                message: "the recipe has no suite '\(name)'. "
                    + (nearestName(to: name, among: known).map { "Did you mean '\($0)'?" }
                        ?? "It has: \(known.joined(separator: ", "))"),
                status: .usage)
        }
        guard !known.isEmpty else {
            throw loaded.problem(
                at: "evaluation", "the recipe has no suite", why: "There is nothing to judge the model by",
                fix: "Add `evaluation: {suites: [{name: test, path: test.jsonl, verifier: exact}]}`")
        }
        guard let path = model ?? recipe.model.path?.absolute else {
            throw CommandFailure(
                message: "the recipe's model is made by training; name one with --model", status: .usage)
        }
        let stop = StopSignal()
        let signals = SignalHandlers(stop)
        defer { signals.cancel() }
        let choice = try ModelChoice(path, base: base ?? recipe.model.path?.absolute)
        var runner = SuiteRunner(
            model: choice.model, tokenizer: choice.text.tokenizer, stopIDs: choice.text.stopIDs, stop: stop,
            seed: UInt64(recipe.seed))
        runner.latencySamples = recipe.evaluation.latencySamples
        runner.base = try divergenceBase(choice, recipe)
        let rewards = RewardAssembly(loaded)
        var results: [SuiteResult] = []
        for settings in recipe.evaluation.suites where suite.isEmpty || suite.contains(settings.name) {
            let suite = try SuiteData.suite(
                settings, text: choice.text, trainOn: recipe.trainOn, rewards: rewards)
            let result = try runner.run(suite)
            results.append(result)
            if !output.json { show(result, on: terminal) }
        }
        var others: [BaselineAssembly.Result] = []
        if baselines {
            let assembly = BaselineAssembly(
                loaded: loaded, text: choice.text, rewards: rewards, stop: stop, note: { terminal.note($0) })
            try assembly.forEachResult(runner, suites: suite) { other in
                others.append(other)
                if !output.json { terminal.print("baseline \(other.baseline), \(other.result.summary)") }
            }
        }
        if output.json {
            var report: OrderedDictionary<String, JSON> = [
                "model": .string(path), "suites": .array(results.map { $0.json(withAnswers: answers) }),
            ]
            if baselines {
                report["baselines"] = .array(
                    others.map { other in
                        var members = other.result.json(withAnswers: answers).object ?? [:]
                        members["baseline"] = .string(other.baseline)
                        return .object(members)
                    })
            }
            terminal.print(.object(report))
        }
    }

    /// What suites of metric kl measure from: the model without its adapter, or else the recipe's own model.
    private func divergenceBase(_ choice: ModelChoice, _ recipe: Recipe) throws -> DivergenceBase? {
        guard recipe.evaluation.suites.contains(where: { $0.metric == .divergence }) else { return nil }
        if choice.model.adapter != nil { return .adapterOff }
        guard let path = base ?? recipe.model.path?.absolute, let model else { return nil }
        guard ModelChoice.resolved(model).standardizedFileURL != ModelChoice.resolved(path).standardizedFileURL else {
            return .model(choice.model)
        }
        let other = try ModelChoice(path).model
        guard other.configuration.vocabularySize == choice.model.configuration.vocabularySize else {
            throw CommandFailure(
                message:
                    "\(path) has a vocabulary of \(other.configuration.vocabularySize) tokens and the model one of "
                    + "\(choice.model.configuration.vocabularySize), so no divergence lies between them; name the base "
                    + "with --base", status: .data)
        }
        return .model(other)
    }

    private func show(_ fields: FieldTable, on terminal: Terminal) {
        let width = min(40, fields.rows.map(\.path.count).max() ?? 5)
        terminal.print("  " + "field".rightPadded(to: width) + "  expected  answered  precision  recall     f1")
        for row in fields.rows {
            let figures = [row.precision, row.recall, row.f1].map { value in
                (value.map { String(format: "%.3f", $0) } ?? "-")
            }
            terminal.print(
                "  " + row.path.rightPadded(to: width) + String(format: "%10.0f%10.0f", row.expected, row.answered)
                    + figures[0].leftPadded(to: 11) + figures[1].leftPadded(to: 8) + figures[2].leftPadded(to: 7))
        }
        terminal.print(
            "  micro F1 \(String(format: "%.3f", fields.microF1)), macro F1 \(String(format: "%.3f", fields.macroF1))")
    }

    private func show(_ result: SuiteResult, on terminal: Terminal) {
        terminal.print(result.summary)
        for remark in result.remarks { terminal.note("  \(remark)") }
        if let warning = result.sizeWarning { terminal.note("! \(warning)") }
        if let classes = result.classes {
            let width = min(40, classes.rows.map(\.label.count).max() ?? 5)
            terminal.print(
                "  " + "label".rightPadded(to: width) + "  items  answered  precision  recall     f1")
            for row in classes.rows {
                let figures = [row.precision, row.recall, row.f1].map { value in
                    (value.map { String(format: "%.3f", $0) } ?? "-")
                }
                terminal.print(
                    "  " + row.label.rightPadded(to: width) + String(row.support).leftPadded(to: 7)
                        + String(row.predicted).leftPadded(to: 10) + figures[0].leftPadded(to: 11)
                        + figures[1].leftPadded(to: 8) + figures[2].leftPadded(to: 7))
            }
            terminal.print("  macro F1 \(String(format: "%.3f", classes.macroF1))")
        }
        if let fields = result.fields { show(fields, on: terminal) }
        guard answers else { return }
        for outcome in result.outcomes where !outcome.passed {
            terminal.print(
                "  \(outcome.source): \(JSON.string(outcome.answer).text()), expected \(JSON.string(outcome.expected).text())"
                    + (outcome.note.map { " (\($0))" } ?? ""))
        }
    }
}
