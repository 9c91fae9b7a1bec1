import LanguageModels
import OrderedCollections
import ShardIO
import TextCore
import Training

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

    /// - Throws: `ModelError` that names the first example that the model cannot read.
    func check(_ examples: [Example], for model: LanguageModel) throws

    /// How examples become batches.
    func plan(_ recipe: Recipe, limit: Packing.MicroBatchLimit) -> BatchPlan<Example, Goal.Batch>

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

    /// Measures the held-out examples; `loss` first.
    ///
    /// - Throws: `CancellationError` when a stop is requested before it is done.
    func measure(
        _ held: [Example], model: LanguageModel, objective: Goal, stop: StopSignal
    ) throws -> [(name: String, value: Double)]
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

extension Recipe {
    /// The method that the recipe names.
    func makeMethod(_ text: ModelText) -> any Method {
        switch method {
        case .sft, .pretrain: SFTMethod(self, text: text)
        case .dpo: DPOMethod(self, dpo ?? DPOSettings(), text: text)
        case .kto: KTOMethod(self, kto ?? KTOSettings(), text: text)
        case .reward: RewardMethod(self, reward ?? RewardSettings(), text: text)
        }
    }
}

extension Method {
    func measured(_ held: [Example]) -> [Example] { held }
}
