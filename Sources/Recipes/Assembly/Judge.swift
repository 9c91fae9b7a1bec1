import Evaluation
import Foundation
import LanguageModels
import OrderedCollections
import SFT
import TextCore
import Tokenization
import Training

/// Measures a model during a run: the loss on held-out rows and every suite; keeps the first and the latest results.
final class Judge {
    private let run: RecipeRun
    private let model: LanguageModel
    private let folder: RunFolder
    private let held: TokenBatches?
    private let runner: SuiteRunner
    /// Results at the start, the baseline.
    private(set) var first: [SuiteResult] = []
    /// Results of the last measurement.
    private(set) var latest: [SuiteResult] = []

    init(_ run: RecipeRun, model: LanguageModel, folder: RunFolder) throws {
        self.run = run
        self.model = model
        self.folder = folder
        held =
            run.data.held.isEmpty
            ? nil : try TokenBatches(run.data.held, globalBatchSize: 1, limit: .tokens(4096), shuffleSeed: nil)
        runner = SuiteRunner(
            model: model, tokenizer: run.text.tokenizer, stopIDs: run.text.stopIDs, stop: run.stop,
            seed: UInt64(run.loaded.recipe.seed))
    }

    /// One measurement.
    ///
    /// - Throws: `CancellationError` when a stop is requested before it is whole.
    func evaluate(_ state: TrainingState) throws -> [EvaluationReport] {
        var reports: [EvaluationReport] = []
        if let held {
            // Held-out rows are judged by plain cross-entropy, whatever the loss that trains.
            let batches = held.all.lazy.prefix { [stop = run.stop] _ in !stop.isRequested }
            let metrics = try SFTObjective().measure(batches, model: model)
            if run.stop.isRequested { throw CancellationError() }
            reports.append(EvaluationReport(metrics: metrics))
        }
        latest = []
        for suite in run.suites {
            let result = try runner.run(suite)
            latest.append(result)
            try folder.write(
                result.json(withAnswers: true).text(.pretty) + "\n", to: "eval/\(suite.name)-step-\(state.step).json")
            reports.append(EvaluationReport(suite: suite.name, metrics: result.metrics))
        }
        if state.step == 0 { first = latest }
        return reports
    }

    /// An answer to the first question of the first suite that has any, when one is due.
    func sample(after event: RunEvent, every steps: Int?) throws -> RunEvent? {
        guard let steps, event.kind == .step, let step = event.fields["step"]?.int, step % steps == 0,
            let suite = run.suites.first(where: { $0.items.contains { !$0.prompt.isEmpty } })
        else { return nil }
        let item = suite.items[step / steps % suite.items.count]
        let answers: [SuiteRunner.Answer]
        do { answers = try runner.answers([item], judgement: suite.judgement) } catch is CancellationError {
            // The step that the sample belongs to is done, and must be kept although its sample was cut off.
            return nil
        }
        guard let answer = answers.first else { return nil }
        return RunEvent(
            .sample,
            [
                "step": .integer(step), "suite": .string(suite.name), "source": .string(item.source),
                "prompt": .string(run.text.tokenizer.decode(item.prompt, skipSpecialTokens: false)),
                "completion": .string(answer.text), "expected": .string(item.expected),
            ])
    }
}
