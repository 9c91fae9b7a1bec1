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
    /// Questions of each suite that are asked again one at a time, to say how long a request takes.
    public var latencySamples = 0
    /// What a divergence is measured from; without it such suites have no figure.
    public var base: DivergenceBase?

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

    /// Judges the model by a suite.
    ///
    /// - Parameters:
    ///   - suite: what is asked.
    ///   - baseline: the baseline's answers by the questions' ids, for suites that compare with it; without any the model
    ///     is its own baseline, and every comparison a tie.
    /// - Throws: `CancellationError` when stopped, `ModelError` for a prompt that the model cannot read.
    public func run(_ suite: Suite, against baseline: [String: String] = [:]) throws -> SuiteResult {
        let start = ContinuousClock.now
        var result: SuiteResult
        switch suite.judgement {
        case .answers:
            var answers = try answers(suite.items, judgement: suite.judgement)
            try time(&answers, of: suite)
            result = try AnswerJudge(suite: suite, baseline: baseline, stop: stop).result(answers)
        case .loss(let asPerplexity): result = try measureLoss(suite, asPerplexity: asPerplexity)
        case .multipleChoice, .preference: result = try rank(suite)
        case .divergence: result = try measureDivergence(suite)
        }
        result.isRegression = suite.isRegression
        result.seconds = (ContinuousClock.now - start) / .seconds(1)
        return result
    }

    // MARK: Answers

    /// The model's answers to some questions, in order.
    ///
    /// - Throws: `CancellationError` when stopped, `ModelError` for a prompt that the model cannot read.
    public func answers(_ items: [SuiteItem], judgement: Suite.Judgement) throws -> [SuiteAnswer] {
        // A run that goes on trains without the copies that few rows at a time read.
        defer { model.dropPackedWeights() }
        return try generate(items, judgement)
    }

    private func generate(_ items: [SuiteItem], _ judgement: Suite.Judgement) throws -> [SuiteAnswer] {
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
        let completions = try Generator(model, settings).completions(
            of: items.map(\.prompt), shouldStop: { stop.isRequested })
        if stop.isRequested { throw CancellationError() }
        return completions.map { completion in
            let stopped = completion.stopReason == .stopToken || completion.stopReason == .stopString
            var text = tokenizer.decode(completion.ids.filter { !stopIDs.contains($0) }, skipSpecialTokens: true)
            for stop in limits.stop {
                if let range = text.range(of: stop) { text = String(text[..<range.lowerBound]) }
            }
            return SuiteAnswer(text: text, tokenCount: completion.ids.count, stopped: stopped)
        }
    }

    /// How long the first questions take when each is asked alone. What is answered then does not count.
    ///
    /// - Throws: `CancellationError` when stopped.
    public func time(_ answers: inout [SuiteAnswer], of suite: Suite) throws {
        let count = min(latencySamples, answers.count)
        guard count > 0 else { return }
        defer { model.dropPackedWeights() }
        // The first request after others makes the copies of weights that all later ones read.
        _ = try generate([suite.items[0]], suite.judgement)
        for index in 0..<count {
            let start = ContinuousClock.now
            let answer = try generate([suite.items[index]], suite.judgement)
            answers[index].seconds = (ContinuousClock.now - start) / .seconds(1)
            answers[index].tokenCount = answer.first?.tokenCount ?? answers[index].tokenCount
        }
    }

    /// Adds to a result how long its first questions take, each asked alone.
    ///
    /// - Throws: `CancellationError` when stopped.
    public func addLatency(to result: inout SuiteResult, of suite: Suite) throws {
        guard case .answers = suite.judgement, result.outcomes.count == suite.items.count else { return }
        var answers = suite.items.map { _ in SuiteAnswer(text: "", tokenCount: 0, stopped: true) }
        try time(&answers, of: suite)
        result.addLatency(answers)
        for (index, answer) in answers.enumerated() where answer.seconds != nil {
            result.outcomes[index].values["latency_ms"] = .init(1000 * (answer.seconds ?? 0))
        }
    }

    // MARK: Loss

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

/// What a model answered.
public struct SuiteAnswer: Sendable, Hashable {
    /// The text, without the stop token.
    public var text: String
    /// Tokens, with the stop token; 0 where nobody counted.
    public var tokenCount: Int
    /// Whether the model stopped by itself.
    public var stopped: Bool
    /// Seconds that the request took, where it was timed alone.
    public var seconds: Double?
    /// What the request cost, where it is charged.
    public var cost: Double?
    /// Why there is no answer, where there is none.
    public var failure: String?

    /// An answer.
    public init(text: String, tokenCount: Int, stopped: Bool) {
        self.text = text
        self.tokenCount = tokenCount
        self.stopped = stopped
    }
}
