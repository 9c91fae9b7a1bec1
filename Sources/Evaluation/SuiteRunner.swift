import Foundation
public import LanguageModels
import OrderedCollections
import SFT
import Statistics
import TensorCore
public import Tokenization
public import Training
import Verifiers

/// Puts suites to a model.
public struct SuiteRunner {
    /// The model that is judged.
    public let model: LanguageModel
    /// Its tokenizer.
    public let tokenizer: Tokenizer
    /// Tokens that end an answer.
    public let stopIDs: Set<Int>
    /// Read between tokens; a stopped suite throws `CancellationError`.
    public let stop: StopSignal
    /// Of the random numbers, where answers are drawn.
    public let seed: UInt64

    /// Answers that are generated together.
    private static let batch = 32

    /// - Parameters:
    ///   - model: the model that is judged.
    ///   - tokenizer: its tokenizer.
    ///   - stopIDs: tokens that end an answer.
    ///   - stop: read between tokens.
    ///   - seed: of the random numbers, where answers are drawn.
    public init(
        model: LanguageModel, tokenizer: Tokenizer, stopIDs: Set<Int>, stop: StopSignal = StopSignal(), seed: UInt64 = 0
    ) {
        self.model = model
        self.tokenizer = tokenizer
        self.stopIDs = stopIDs
        self.stop = stop
        self.seed = seed
    }

    /// An answer of the model.
    public struct Answer: Sendable, Hashable {
        /// The text, without the stop token.
        public var text: String
        /// Tokens, with the stop token.
        public var tokenCount: Int
        /// Whether the model stopped by itself.
        public var stopped: Bool
    }

    /// Judges the model by a suite.
    ///
    /// - Throws: `CancellationError` when stopped, `ModelError` for a prompt that the model cannot read.
    public func run(_ suite: Suite) throws -> SuiteResult {
        let start = ContinuousClock.now
        var result: SuiteResult
        switch suite.judgement {
        case .answers: result = try judgeAnswers(suite)
        case .loss(let asPerplexity): result = try measureLoss(suite, asPerplexity: asPerplexity)
        }
        result.seconds = (ContinuousClock.now - start) / .seconds(1)
        return result
    }

    /// The model's answers to some questions, in order.
    ///
    /// - Throws: `CancellationError` when stopped, `ModelError` for a prompt that the model cannot read.
    public func answers(_ items: [SuiteItem], judgement: Suite.Judgement) throws -> [Answer] {
        let limits: AnswerLimits = if case .answers(let limits) = judgement { limits } else { AnswerLimits() }
        var settings = GenerationSettings()
        settings.sampling.temperature = limits.temperature
        settings.sampling.topP = limits.topP
        settings.sampling.topK = limits.topK > 0 ? limits.topK : nil
        settings.maximumNewTokens = limits.maxNewTokens
        settings.stopTokens = stopIDs
        settings.stopStrings = limits.stop
        settings.decode = { tokenizer.decode($0) }
        settings.seed = seed
        settings.batchLimit = Self.batch
        // A run that goes on trains without the copies that few rows at a time read.
        defer { model.dropPackedWeights() }
        let completions = try Generator(model, settings).completions(
            of: items.map(\.prompt), shouldStop: { stop.isRequested })
        if stop.isRequested { throw CancellationError() }
        return completions.map { completion in
            let stopped = completion.stopReason == .stopToken || completion.stopReason == .stopString
            var text = tokenizer.decode(completion.ids.filter { !stopIDs.contains($0) }, skipSpecialTokens: true)
            for stop in limits.stop {
                if let range = text.range(of: stop) { text = String(text[..<range.lowerBound]) }
            }
            return Answer(text: text, tokenCount: completion.ids.count, stopped: stopped)
        }
    }

    private func judgeAnswers(_ suite: Suite) throws -> SuiteResult {
        let answers = try answers(suite.items, judgement: suite.judgement)
        let verdicts = try Self.verdicts(suite.items, answers, stop)
        let outcomes = zip(zip(suite.items, answers), verdicts).map { Self.outcome($0.0, $0.1, $1) }
        var result = SuiteResult(name: suite.name, kind: suite.kind, count: outcomes.count)
        result.outcomes = outcomes
        guard !outcomes.isEmpty else { return result }
        let judged = outcomes.compactMap(\.score)
        let passed = Double(outcomes.count { $0.passed })
        result.unjudged = outcomes.count - judged.count
        result.figures["accuracy"] = passed / Double(outcomes.count)
        if !judged.isEmpty { result.figures["score"] = judged.reduce(0, +) / Double(judged.count) }
        let interval = Interval.wilson(successes: passed, trials: outcomes.count)
        result.figures["accuracy_low"] = interval.lower
        result.figures["accuracy_high"] = interval.upper
        result.figures["stopped"] = Double(answers.count { $0.stopped }) / Double(answers.count)
        if suite.items.allSatisfy({ $0.label != nil }) {
            let classes = ClassTable(outcomes.map { ($0.label ?? "", $0.extracted) })
            result.classes = classes
            result.figures["macro_f1"] = classes.macroF1
            result.figures["base_rate"] = classes.baseRate
        }
        return result
    }

    /// A verifier that fails has not scored 0: the outcome has no score, and says why.
    private static func outcome(
        _ item: SuiteItem, _ answer: Answer, _ verdict: Result<Verdict, VerifierFailure>?
    ) -> SuiteResult.Outcome {
        var outcome = SuiteResult.Outcome(
            id: item.id, source: item.source, expected: item.expected, label: item.label, answer: answer.text,
            passed: false, stopped: answer.stopped)
        switch verdict {
        case .success(.score(let score)):
            outcome.score = score.value
            outcome.passed = score.passed ?? (score.value >= (item.verifier?.range.upperBound ?? 1))
            outcome.extracted = score.extracted
            outcome.note = score.note
        case .success(.abstain(let reason)): outcome.note = "no verdict: \(reason)"
        case .failure(let failure): outcome.note = "the verifier failed: \(failure)"
        case nil: break
        }
        return outcome
    }

    /// Verifiers that wait do so together, a few at a time; the order of the answers is kept.
    private static func verdicts(
        _ items: [SuiteItem], _ answers: [Answer], _ stop: StopSignal
    ) throws -> [Result<Verdict, VerifierFailure>?] {
        let calls = zip(items, answers).map { item, answer -> (BoundVerifier, Rollout)? in
            guard let verifier = item.verifier else { return nil }
            var rollout = item.question
            rollout.fullText = answer.text
            rollout.stopReason = answer.stopped ? .stop : .length
            rollout.tokenCount = answer.tokenCount
            return (verifier, rollout)
        }
        guard calls.contains(where: { $0.map { !$0.0.isImmediate } ?? false }) else {
            return try calls.map { call in
                if stop.isRequested { throw CancellationError() }
                return call.map { call in Result { () throws(VerifierFailure) in try call.0.verify(call.1) } }
            }
        }
        return try waiting(unless: { stop.wasRequested }) {
            await withTaskGroup(of: (Int, Result<Verdict, VerifierFailure>?).self) { group in
                var verdicts = [Result<Verdict, VerifierFailure>?](repeating: nil, count: calls.count)
                for index in calls.indices {
                    // As many at once as an endpoint is likely to bear.
                    if index >= 16, let (done, verdict) = await group.next() { verdicts[done] = verdict }
                    group.addTask {
                        guard let (verifier, rollout) = calls[index] else { return (index, nil) }
                        do throws(VerifierFailure) {
                            let context = VerificationContext(deadline: .now + .seconds(120))
                            return (index, .success(try await verifier.verify(rollout, in: context)))
                        } catch {
                            return (index, .failure(error))
                        }
                    }
                }
                for await (done, verdict) in group { verdicts[done] = verdict }
                return verdicts
            }
        }
    }

    private func measureLoss(_ suite: Suite, asPerplexity: Bool) throws -> SuiteResult {
        let items = suite.items.filter { $0.row?.ids.isEmpty == false }
        let batches = items.compactMap(\.row).batches(ofTokens: 4096)
        let measurement = try SFTObjective().measurement(
            of: batches.lazy.prefix { _ in !stop.isRequested }, model: model, seed: seed)
        if stop.isRequested { throw CancellationError() }
        var result = SuiteResult(name: suite.name, kind: suite.kind, count: items.count)
        guard let loss = measurement.metrics.first(where: { $0.name == "loss" })?.value else { return result }
        if asPerplexity { result.figures["perplexity"] = exp(loss) }
        result.figures["loss"] = loss
        let losses = measurement.rows.first { $0.name == "loss" } ?? RowFigures("loss", sums: [], weights: [])
        result.rows = zip(items, zip(losses.sums, losses.weights)).map { item, part in
            let values: OrderedDictionary =
                part.1 > 0 ? ["loss": MeasuredRow.Value(part.0 / part.1, weight: part.1)] : [:]
            return MeasuredRow(id: item.id, source: item.source, values: values)
        }
        return result
    }
}
