import Evaluation
import Foundation
import LanguageModels
import OrderedCollections
import Statistics
import TextCore
import Tokenization
import Training

/// Measures a model during a run: the loss on held-out rows and every suite; keeps the first and the latest results.
final class Judge<Judged: Method> {
    private let method: Judged
    private let objective: Judged.Goal
    private let held: [Judged.Example]
    private let suites: [Suite]
    private let model: LanguageModel
    private let tokenizer: Tokenizer
    private let folder: RunFolder
    private let stop: StopSignal
    private let warn: (String) -> Void
    private var runner: SuiteRunner
    private let settings: EvaluationSettings
    /// What else answers the questions before the first step.
    private let baselines: BaselineAssembly?
    /// The first answers to suites that compare with them, by suite and question.
    private var firstAnswers: [String: [String: String]] = [:]
    /// Figures of the held-out rows at the start and of the last measurement.
    private(set) var heldFigures = HeldFigures()
    /// Results of `evaluation.baselines`.
    private(set) var baselineResults: [(name: String, result: SuiteResult)] = []
    /// Results at the start, the baseline.
    private(set) var first: [SuiteResult] = []
    /// Results of the last measurement.
    private(set) var latest: [SuiteResult] = []
    /// The step after which the last measurement was made.
    private var lastStep: Int?
    /// Held-out rows at the start and of the last measurement; `nil` where none were measured.
    private(set) var firstHeld, latestHeld: HeldResult?

    init(
        _ method: Judged, objective: Judged.Goal, held: [Judged.Example], suites: [Suite], model: LanguageModel,
        text: ModelText, seed: UInt64, folder: RunFolder, stop: StopSignal, settings: EvaluationSettings,
        base: DivergenceBase? = nil, baselines: BaselineAssembly? = nil, warn: @escaping (String) -> Void
    ) {
        (self.settings, self.baselines) = (settings, baselines)
        (self.method, self.objective, self.held, self.suites) = (method, objective, held, suites)
        (self.model, self.folder, self.stop, self.warn) = (model, folder, stop, warn)
        tokenizer = text.tokenizer
        runner = SuiteRunner(model: model, tokenizer: text.tokenizer, stopIDs: text.stopIDs, stop: stop, seed: seed)
        runner.base = base
    }

    /// Takes up what the run measured before its first step, when it goes on from a checkpoint.
    func recall() {
        let kept = RunEvaluations(run: folder.url)
        for problem in kept.problems { warn("\(problem). It is left out of what is compared") }
        first = suites.compactMap { suite in kept.suites[suite.name]?[0] }
        for result in first { rememberAnswers(result) }
        if let held = kept.held[0] { (firstHeld, heldFigures.before) = (held, held.metrics) }
    }

    private func rememberAnswers(_ result: SuiteResult) {
        guard suites.contains(where: { $0.name == result.name && $0.comparesWithBaseline }) else { return }
        firstAnswers[result.name] = Dictionary(result.outcomes.map { ($0.id, $0.answer) }, uniquingKeysWith: { $1 })
    }

    /// One measurement.
    ///
    /// - Throws: `CancellationError` when a stop is requested before it is whole.
    func evaluate(_ state: TrainingState) throws -> [EvaluationReport] {
        var reports: [EvaluationReport] = []
        let isStart = state.step == 0
        // Without at_start only what must be known of the model before it changes is measured.
        let isPartial = isStart && !settings.atStart
        if !held.isEmpty, !isPartial {
            var result = try method.measure(held, model: model, objective: objective, stop: stop)
            result.step = state.step
            reports.append(EvaluationReport(metrics: result.metrics))
            heldFigures.rows = held.count
            if state.step == 0 { (heldFigures.before, firstHeld) = (result.metrics, result) }
            (heldFigures.after, latestHeld) = (result.metrics, result)
            keep(result.json, as: "held-step-\(state.step)", "figures of the held-out rows after step \(state.step)")
        }
        latest = []
        // Requests are timed before the first step and after the last: between them a run has no time to lose.
        runner.latencySamples = isStart ? settings.latencySamples : 0
        for suite in suites where !isPartial || suite.isRegression {
            let result = try runner.run(suite, against: firstAnswers[suite.name] ?? [:])
            latest.append(result)
            keep(
                result.json(withAnswers: true), as: "\(suite.name)-step-\(state.step)",
                "answers of suite \(suite.name) after step \(state.step)")
            reports.append(EvaluationReport(suite: suite.name, metrics: result.metrics))
        }
        if isStart {
            first = latest
            for result in first { rememberAnswers(result) }
            try baselines?.forEachResult(runner) { baseline in
                baselineResults.append((baseline.baseline, baseline.result))
                keep(baseline.json, as: baseline.file, "answers of baseline \(baseline.baseline)")
            }
        }
        lastStep = state.step
        return reports
    }

    /// Times requests to the trained model, and keeps that with what was measured of it last.
    ///
    /// - Throws: `CancellationError` when a stop is requested before it is whole.
    func finish() throws {
        guard settings.latencySamples > 0, let lastStep, lastStep > 0 else { return }
        runner.latencySamples = settings.latencySamples
        for (index, result) in latest.enumerated() {
            guard let suite = suites.first(where: { $0.name == result.name }), result.kind == .answers else { continue }
            try runner.addLatency(to: &latest[index], of: suite)
            keep(
                latest[index].json(withAnswers: true), as: "\(suite.name)-step-\(lastStep)",
                "answers of suite \(suite.name) after step \(lastStep)")
        }
    }

    /// What became of the suites that guard what the model could do before.
    var forgetting: [SuiteComparison] {
        latest.filter(\.isRegression).compactMap { result in
            first.first { $0.name == result.name }.flatMap { try? SuiteComparison($0, result) }
        }
    }

    /// All of the last measurement.
    var measurements: Measurements {
        var all = Measurements(name: folder.url.lastPathComponent, suites: latest)
        all.held = latestHeld
        return all
    }

    private func keep(_ json: JSON, as name: String, _ what: String) {
        do {
            try folder.write(json.text(.pretty) + "\n", to: "eval/\(name).json")
        } catch {
            // The figures are in the event all the same; a full disk ends no run.
            warn("\(error). The \(what) are not kept")
        }
    }

    /// An answer to the first question of the first suite that has any, when one is due.
    func sample(after event: RunEvent, every steps: Int?) throws -> RunEvent? {
        guard let steps, event.kind == .step, let step = event.fields["step"]?.int, step % steps == 0,
            let suite = suites.first(where: { $0.kind == .answers })
        else { return nil }
        let item = suite.items[step / steps % suite.items.count]
        let answers: [SuiteAnswer]
        do { answers = try runner.answers([item], judgement: suite.judgement) } catch is CancellationError {
            // The step that the sample belongs to is done, and must be kept although its sample was cut off.
            return nil
        }
        guard let answer = answers.first else { return nil }
        return RunEvent(
            .sample,
            [
                "step": .integer(step), "suite": .string(suite.name), "source": .string(item.source),
                "prompt": .string(tokenizer.decode(item.prompt, skipSpecialTokens: false)),
                "completion": .string(answer.text), "expected": .string(item.expected),
            ])
    }
}

/// What was measured on held-out rows before and after training.
struct HeldFigures {
    var rows = 0
    /// Empty where nothing was measured before the first step.
    var before: [(name: String, value: Double)] = []
    var after: [(name: String, value: Double)] = []

    /// One line for people: the loss, and the share of pairs that are judged rightly.
    func line(_ metrics: [(name: String, value: Double)]) -> String? {
        guard let loss = metrics.first(where: { $0.name == "loss" }) else { return nil }
        var line = "held-out rows: loss \((loss.value * 10000).rounded() / 10000)"
        if let share = metrics.first(where: { $0.name == "preference_accuracy" })?.value {
            let interval = Interval.wilson(successes: share * Double(rows), trials: rows)
            line +=
                ", preference_accuracy \(percent(share)) % of \(grouped(rows)) "
                + "(95 % interval \(percent(interval.lower)) to \(percent(interval.upper)))"
        }
        return line
    }

    var json: JSON {
        ["rows": .integer(rows), "before": JSON(metrics: before), "after": JSON(metrics: after)]
    }

    private func percent(_ share: Double) -> Double { (share * 1000).rounded() / 10 }
}
