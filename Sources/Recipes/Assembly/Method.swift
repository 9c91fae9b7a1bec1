import Evaluation
import Foundation
import LanguageModels
import OrderedCollections
import ShardIO
import TextCore
import Training
import Verifiers

/// A training method: how rows become examples, how examples become batches, and what is minimised.
///
/// A new method is a type of this protocol, a word of `TrainingMethod`, and a case in `AnyRecipeRun`.
protocol Method: Sendable {
    /// What is trained on.
    associatedtype Example: Sendable
    /// A row as tokens, before the rules for long and useless ones.
    associatedtype Encoded: Sendable
    /// What is minimised.
    associatedtype Goal: Objective
    /// What rows become before they are trained on: the batches themselves, or prompts that are yet to be answered.
    associatedtype Planned = Goal.Batch

    /// A row as tokens. It is called on several threads.
    ///
    /// - Throws: `EncodingError` for a row that cannot be encoded.
    func encode(_ record: TrainingRecord) throws -> Encoded

    /// Counts a row and gives what is trained on of it: nothing where it is left out, several examples where it is split.
    ///
    /// - Throws: `EncodingError` for a row that does not fit the model.
    func examples(_ encoded: Encoded, _ report: inout DataReport) throws -> [Example]

    /// What a row looks like to the model: one text, or one for each answer.
    func shown(_ encoded: Encoded) -> [ShownRow]

    /// The rows to measure on from those held out: pretraining lays them end to end.
    func measured(_ held: [Example]) -> [Example]

    /// The weakest sandbox in which its verifiers run what the model writes; `nil` where they run nothing.
    var sandbox: SandboxTier? { get }

    /// - Throws: `ModelError` that names the first example that the model cannot read.
    func check(_ examples: [Example], for model: LanguageModel) throws

    /// How examples become batches, or what these are made from.
    func plan(_ recipe: Recipe, limit: Packing.MicroBatchLimit) -> BatchPlan<Example, Planned>

    /// The steps that are made from the rows.
    func steps(
        _ stream: BatchStream<TrainingRows<Self>, Planned>, model: LanguageModel, objective: Goal,
        limit: Packing.MicroBatchLimit, preparation: Preparation
    ) throws -> any StepSource<Goal.Batch>

    /// The largest micro-batch of the first `steps` steps, or what it can be like at the most where rows are read, or
    /// answers written, only while training.
    func largest(
        _ stream: BatchStream<TrainingRows<Self>, Planned>, recipe: Recipe, limit: Packing.MicroBatchLimit, steps: Int
    ) throws -> LargestBatch<Goal.Batch>

    /// What a micro-batch puts through the model.
    func memory(of batch: Goal.Batch) -> ModelMemory.Batch

    /// Optimiser steps of a pass that has so many groups.
    func stepsOfPass(groups: Int, _ recipe: Recipe) -> Int

    /// The objective, once the model is as it is before the first step. It may add to the rows what it computes once,
    /// such as the log-probabilities of the reference.
    ///
    /// - Parameters:
    ///   - model: the model as it starts.
    ///   - rows: everything that is trained on; empty where rows are streamed.
    ///   - held: everything that is measured on.
    func objective(
        for model: LanguageModel, rows: inout [Example], held: inout [Example], preparation: Preparation
    ) throws -> Goal

    /// Measures the held-out examples, altogether and one by one; `loss` first.
    ///
    /// - Throws: `CancellationError` when a stop is requested before it is done.
    func measure(_ held: [Example], model: LanguageModel, objective: Goal, stop: StopSignal) throws -> HeldResult
}

extension Method {
    var sandbox: SandboxTier? { nil }

    /// What `batches` give, and for each example where it is from and what it holds.
    func held(
        _ batches: some Sequence<Goal.Batch>, rows: [(source: String, content: String)], model: LanguageModel,
        objective: some Objective<Goal.Batch>, stop: StopSignal
    ) throws -> HeldResult {
        let measurement = try objective.measurement(of: batches.lazy.prefix { _ in !stop.isRequested }, model: model)
        if stop.isRequested { throw CancellationError() }
        return HeldResult(measurement, rows: rows)
    }
}

extension [Int32] {
    /// The ids as text, which tells apart what rows hold.
    var listed: String { map(String.init).joined(separator: " ") }
}

/// What a method may use while it gets ready.
struct Preparation {
    let loaded: LoadedRecipe
    let text: ModelText
    let fingerprint: Fingerprint
    let terminal: Terminal
    let stop: StopSignal
    /// Whether rows are read while training.
    let isStreaming: Bool
    /// The run folder; `nil` where there is no run.
    var folder: URL?
    /// Whether the run goes on from a checkpoint.
    var isResuming = false
}

/// Where the batches of a run come from, one step after the other.
protocol StepSource<Batch> {
    associatedtype Batch

    /// The batches of step `step`, from 0.
    mutating func next(step: Int) throws -> StepBatch<Batch>

    /// Goes to the place that a checkpoint holds.
    mutating func seek(to position: JSON) throws

    /// Called when the steps are about to begin, in a run folder of its own.
    mutating func begin() throws

    /// Called before a checkpoint: whatever the position relies on is then to be on the disk.
    func synchronize() throws
}

extension BatchStream: StepSource {
    mutating func next(step: Int) throws -> StepBatch<Batch> { try next() }
    mutating func begin() {}
    func synchronize() {}
}

/// A text as the model sees it.
struct ShownRow {
    /// Which of the row's texts it is, where there are several: `chosen`.
    var label: String?
    var text: String
    var ids: [Int32]
    /// For each token whether it is trained.
    var trained: [Bool]
    /// What the template did that is worth knowing.
    var warnings: [String]

    var json: JSON {
        var members: OrderedDictionary<String, JSON> = [:]
        if let label { members["label"] = .string(label) }
        members["text"] = .string(text)
        members["ids"] = .array(ids.map { .integer(Int($0)) })
        members["trained"] = .array(trained.map { .bool($0) })
        members["warnings"] = .array(warnings.map { .string($0) })
        return .object(members)
    }
}

extension LoadedRecipe {
    /// The method that the recipe names.
    ///
    /// - Throws: `RecipeError` for verifiers that cannot be made.
    func makeMethod(_ text: ModelText) throws -> any Method {
        switch recipe.method {
        case .sft, .pretrain: SFTMethod(recipe, text: text)
        case .dpo: DPOMethod(recipe, recipe.dpo ?? DPOSettings(), text: text)
        case .kto: KTOMethod(recipe, recipe.kto ?? KTOSettings(), text: text)
        case .reward: RewardMethod(recipe, recipe.reward ?? RewardSettings(), text: text)
        case .rft: try RFTMethod(self, text: text)
        }
    }
}

extension Method where Planned == Goal.Batch {
    func steps(
        _ stream: BatchStream<TrainingRows<Self>, Planned>, model: LanguageModel, objective: Goal,
        limit: Packing.MicroBatchLimit, preparation: Preparation
    ) -> any StepSource<Goal.Batch> { stream }

    func largest(
        _ stream: BatchStream<TrainingRows<Self>, Planned>, recipe: Recipe, limit: Packing.MicroBatchLimit, steps: Int
    ) throws -> LargestBatch<Goal.Batch> {
        guard !recipe.data.streaming else {
            // As long as rows may be, every token of them scored.
            let longest = recipe.sequence.maxLength
            let tokens =
                switch limit {
                case .rows(let rows): longest * rows
                case .tokens(let tokens): max(tokens, longest)
                }
            let isPacked = recipe.method.isPreference
            return LargestBatch(
                shape: ModelMemory.Batch(
                    tokens: tokens, labels: recipe.method == .reward ? 0 : tokens, gathered: isPacked ? tokens : 0,
                    isUniform: !isPacked), microBatches: recipe.train.globalBatchSize,
                tokensPerStep: Double(longest * recipe.train.globalBatchSize) / 2)
        }
        var stream = stream
        var largest = LargestBatch<Goal.Batch>(shape: .init(tokens: 0, labels: 0), microBatches: 1)
        var seen = (steps: 0.0, tokens: 0.0)
        for _ in 0..<steps where stream.passes < 1 {
            let step = try stream.next()
            seen.steps += 1
            seen.tokens += Double(step.tokens)
            largest.microBatches = max(largest.microBatches, step.microBatches.count)
            for batch in step.microBatches {
                let shape = memory(of: batch)
                guard (shape.tokens, shape.labels) > (largest.shape.tokens, largest.shape.labels) else { continue }
                (largest.shape, largest.batch) = (shape, batch)
            }
        }
        largest.tokensPerStep = seen.tokens / max(1, seen.steps)
        return largest
    }
}

extension PackedAnswers {
    /// What they put through the model; `prompts` where the tokens of prompts are scored too.
    func memory(includesPrompts: Bool = false) -> ModelMemory.Batch {
        let branches = zip(tokens.lengths, tokens.prefixes).reduce(0) { sum, document in
            document.1.map { sum + document.0 + tokens.lengths[$0] } ?? sum
        }
        return ModelMemory.Batch(
            tokens: tokens.ids.count, labels: labels.count + (includesPrompts ? promptLabels.count : 0),
            gathered: branches, isUniform: false)
    }
}

extension Method {
    func stepsOfPass(groups: Int, _ recipe: Recipe) -> Int { groups }

    func measured(_ held: [Example]) -> [Example] { held }
}
