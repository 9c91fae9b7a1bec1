import DataChecks
import Decisions
import Evaluation
import Foundation
import LanguageModels
import OrderedCollections
import Reports
import TextCore
import Training

/// The gate of a recipe, judged on what the run's folder holds.
struct RunGate {
    let loaded: LoadedRecipe
    let settings: GateSettings
    let folder: URL
    let terminal: Terminal
    let stop: StopSignal

    /// - Precondition: the recipe has a gate.
    init(_ loaded: LoadedRecipe, folder: URL, terminal: Terminal, stop: StopSignal) {
        guard let settings = loaded.recipe.gate else { preconditionFailure("a recipe without a gate is judged") }
        self.loaded = loaded
        self.settings = settings
        self.folder = folder
        self.terminal = terminal
        self.stop = stop
    }

    /// Judges the run's model.
    ///
    /// - Parameter trained: the model as the run has it in memory; `nil` to compare the exported one with the folder's.
    /// - Throws: `CommandFailure` when there is nothing to judge, `CancellationError` when a stop is requested.
    func judge(trained: LanguageModel? = nil) throws -> GateVerdict {
        let candidate = try Measurements(run: folder, at: .end)
        let baseline = try baseline(for: candidate)
        try check(candidate)
        let names = OrderedSet(settings.require.compactMap(\.metric))
        let metrics = names.compactMap { candidate.metric($0, baseline: baseline) }
        let gate = Gate(
            conditions: settings.require.flatMap(\.conditions), confidence: settings.confidence,
            correction: settings.correction == .holm ? .holm : .none, seed: UInt64(loaded.recipe.seed))
        var checks = GateChecks(loaded, folder: folder, candidate: candidate, trained: trained)
        let results = try settings.require.compactMap { requirement in
            if stop.isRequested { throw CancellationError() }
            return try requirement.check.map { try checks.result($0, requirement) }
        }
        return gate.verdict(metrics: metrics, checks: results)
    }

    /// Judges, and keeps the verdict in `gate.json` and `gate.md`.
    func settle(trained: LanguageModel? = nil) throws -> GateVerdict {
        let verdict = try judge(trained: trained)
        try write(verdict)
        return verdict
    }

    private func write(_ verdict: GateVerdict) throws {
        var members = verdict.json.object ?? [:]
        members["recipe"] = .string(loaded.recipe.name)
        members["baseline"] = .string(settings.baseline.words)
        members["on_fail"] = .string(settings.onFail.rawValue)
        let step = (try? Measurements(run: folder, at: .end))?.step
        members["step"] = step.map { .integer($0) } ?? .null
        members["fingerprint"] = .string(loaded.fingerprint)
        let document = ReportDocument(
            title: "Gate of \(loaded.recipe.name)",
            subtitle: "after step \(step.map { "\($0)" } ?? "?"), compared with \(settings.baseline.words)",
            blocks: verdict.blocks)
        try (JSON.object(members).text(.pretty) + "\n").write(
            to: folder.appending(path: RunFolder.gate), atomically: true, encoding: .utf8)
        try document.markdown.write(to: folder.appending(path: "gate.md"), atomically: true, encoding: .utf8)
    }

    /// What gains are measured from; `nil` where no condition needs it.
    private func baseline(for candidate: Measurements) throws -> Measurements? {
        guard settings.require.contains(where: \.needsBaseline) else { return nil }
        switch settings.baseline {
        case .base: return try Measurements(run: folder, at: .start)
        case .run(let name):
            return try Measurements(run: folder.deletingLastPathComponent().appending(path: name), at: .end)
        case .named(let name): return try Measurements(run: folder, baseline: name)
        case .folder(let path):
            if FileManager.default.fileExists(atPath: path.url.appending(path: "eval").path) {
                return try Measurements(run: path.url, at: .end)
            }
            return try measured(path)
        }
    }

    /// The suites that the gate asks for, put to the model in a folder.
    private func measured(_ path: RecipePath) throws -> Measurements {
        let choice = try ModelChoice(path.absolute)
        let runner = SuiteRunner(
            model: choice.model, tokenizer: choice.text.tokenizer, stopIDs: choice.text.stopIDs, stop: stop,
            seed: UInt64(loaded.recipe.seed))
        let wanted = Set(
            settings.require.compactMap { $0.metric?.split(separator: ".").dropFirst().first.map(String.init) })
        var results: [SuiteResult] = []
        for suite in loaded.recipe.evaluation.suites where wanted.contains(suite.name) {
            terminal.note("gate       suite \(suite.name) on the baseline \(path.absolute)")
            results.append(
                try runner.run(
                    try SuiteData.suite(
                        suite, text: choice.text, trainOn: loaded.recipe.trainOn, rewards: RewardAssembly(loaded))))
        }
        return Measurements(name: path.absolute, suites: results)
    }

    /// - Throws: `RecipeError` with every metric of the gate that was not measured.
    func check(_ measured: Measurements) throws(RecipeError) {
        let known = measured.metricNames
        var problems: [RecipeProblem] = []
        for (index, requirement) in settings.require.enumerated() {
            guard let name = requirement.metric, !known.contains(name) else { continue }
            problems.append(
                RecipeProblem(
                    loaded.position(of: "gate.require.\(index).metric"), "nothing measures '\(name)' row by row",
                    why: "The gate can judge only what is known of each row",
                    fix: nearestName(to: name, among: known).map { "Did you mean '\($0)'?" }
                        ?? "Write one of \(known.joined(separator: ", "))"))
        }
        if !problems.isEmpty { throw RecipeError(problems) }
    }
}

extension GateRequirement {
    /// Whether it compares with the baseline.
    var needsBaseline: Bool { minGain != nil || maxDrop != nil || maxRise != nil }

    /// The same in the words of `Decisions`: where min and max stand together, each is a condition of its own.
    var conditions: [GateCondition] {
        if let check { return [GateCondition(kind: .check(check.rawValue))] }
        let kinds: [GateCondition.Kind?] = [
            min.map { .min($0) }, max.map { .max($0) }, minGain.map { .minGain($0) }, maxDrop.map { .maxDrop($0) },
            maxRise.map { .maxRise($0) },
        ]
        return kinds.compactMap(\.self).map { GateCondition(metric: metric ?? "", kind: $0) }
    }
}

extension GateBaseline {
    /// As a recipe writes it.
    var words: String {
        switch self {
        case .base: "base"
        case .run(let name): "run:\(name)"
        case .named(let name): "baseline:\(name)"
        case .folder(let path): path.absolute
        }
    }
}
