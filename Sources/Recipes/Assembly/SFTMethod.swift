import Evaluation
import LanguageModels
import SFT
import ShardIO
import Tokenization
import Training

/// Supervised fine-tuning and continued pretraining.
struct SFTMethod: Method {
    private let recipe: Recipe
    private let encoder: ExampleEncoder
    private let vocabularySize: Int?

    init(_ recipe: Recipe, text: ModelText) {
        self.recipe = recipe
        encoder = text.encoder(trainOn: recipe.trainOn)
        vocabularySize = text.vocabularySize
    }

    private var sequence: SequenceSettings { recipe.sequence }

    func encode(_ record: TrainingRecord) throws -> EncodedRow { try encoder.encode(record) }

    func examples(_ row: EncodedRow, _ report: inout DataReport) throws -> [TrainingExample] {
        report.add(row, maxLength: sequence.maxLength)
        let example = row.example
        try example.ids.check(vocabularySize: vocabularySize, source: example.source)
        let limit = sequence.maxLength
        let parts: [TrainingExample]
        // Packed pretraining lays documents end to end before it cuts, so that no sequence is cut short here.
        let isCutLater = recipe.method == .pretrain && sequence.packing && sequence.onOverflow == .split
        if example.ids.count <= limit || isCutLater {
            parts = [example]
        } else {
            switch sequence.onOverflow {
            case .error, .drop: parts = []
            case .truncate: parts = [example[0..<limit]]
            case .split:
                parts = stride(from: 0, to: example.ids.count, by: limit).map {
                    example[$0..<min(example.ids.count, $0 + limit)]
                }
            }
        }
        // A row on which nothing is trained would cost time and teach nothing; it has been counted.
        return parts.filter { $0.trainedCount > 0 }
    }

    func shown(_ row: EncodedRow) -> [ShownRow] {
        [
            ShownRow(
                text: row.text, ids: row.example.ids, trained: row.example.trained,
                warnings: row.warnings.map(\.description))
        ]
    }

    func measured(_ held: [TrainingExample]) -> [TrainingExample] {
        recipe.method == .pretrain && sequence.packing ? held.wrapped(maxLength: sequence.maxLength) : held
    }

    func check(_ examples: [TrainingExample], for model: LanguageModel) throws {
        // What is packed into one document is cut to the context's length later.
        guard !(recipe.method == .pretrain && sequence.packing) else { return }
        try examples.check(for: model)
    }

    func plan(_ recipe: Recipe, limit: Packing.MicroBatchLimit) -> BatchPlan<TrainingExample, TokenBatch> {
        let packing: TokenPacking? =
            !sequence.packing
            ? nil
            : recipe.method == .pretrain
                ? .wrapped(maxLength: sequence.maxLength) : .bestFit(maxLength: sequence.maxLength)
        return .tokens(
            globalBatchSize: recipe.train.globalBatchSize, limit: limit, packing: packing,
            shuffleSeed: recipe.data.shuffle ? UInt64(recipe.seed) : nil)
    }

    func memory(of batch: TokenBatch) -> ModelMemory.Batch {
        ModelMemory.Batch(
            tokens: batch.tokens.ids.count, labels: batch.positions.count, isUniform: recipe.sft?.loss != .dft)
    }

    func objective(
        for model: LanguageModel, rows: inout [TrainingExample], held: inout [TrainingExample],
        preparation: Preparation
    ) -> SFTObjective {
        SFTObjective(loss: recipe.sft?.loss == .dft ? .dft : .nll, neftuneAlpha: recipe.sft?.neftuneAlpha)
    }

    func measure(
        _ held: [TrainingExample], model: LanguageModel, objective: SFTObjective, stop: StopSignal
    ) throws -> HeldResult {
        // Held-out rows are judged by plain cross-entropy, whatever the loss that trains.
        let rows = held.filter { !$0.ids.isEmpty }
        return try self.held(
            rows.batches(ofTokens: 4096),
            rows: rows.map { ($0.source, $0.ids.listed + " from \($0.trained.firstIndex(of: true) ?? 0)") },
            model: model, objective: SFTObjective(), stop: stop)
    }
}

extension [Int32] {
    /// - Throws: `EncodingError` for an id that the model has no row for.
    func check(vocabularySize: Int?, source: String) throws(EncodingError) {
        guard let size = vocabularySize, let bad = first(where: { Int($0) >= size }) else { return }
        throw EncodingError(
            source: source,
            message: "token id \(bad) is out of range: the model's vocabulary has \(size) rows, so its tokenizer is "
                + "not the one it was made with. Use the model's own tokenizer files.")
    }
}

extension Recipe {
    /// Which tokens carry loss in supervised fine-tuning, and where a model's answer begins in a suite.
    var trainOn: TrainOn { method == .pretrain ? .all : (sft?.trainOn.choice ?? .assistant) }
}

extension TrainedTokens {
    /// The same choice in the words of `Tokenization`.
    var choice: TrainOn {
        switch self {
        case .assistant: .assistant
        case .lastAssistant: .lastAssistant
        case .completion: .completion
        case .all: .all
        }
    }
}
