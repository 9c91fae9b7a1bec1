public import LanguageModels
public import Training

/// Rows end to end as one micro-batch, with the positions that carry loss.
///
/// There is no padding. Only positions whose next token is trained go through the head of the model.
public struct TokenBatch: Sendable {
    /// The documents, T tokens in all; no document attends to another.
    public var tokens: PackedTokens
    /// Rows of the hidden states whose next token is trained, N of them, rising, each below T.
    public var positions: [Int]
    /// Those next tokens.
    public var labels: [Int32]
    /// The number of the first document within the optimiser step: noise is keyed by it, so that the cut into
    /// micro-batches does not change it.
    public var firstDocument: Int

    /// Lays rows end to end: the collator. A row without tokens is left out.
    ///
    /// - Parameters:
    ///   - examples: each a document of its own.
    ///   - firstDocument: documents of this optimiser step in micro-batches before this one.
    public init(_ examples: some Sequence<TrainingExample>, firstDocument: Int = 0) {
        var (ids, lengths, positions, labels): ([Int], [Int], [Int], [Int32]) = ([], [], [], [])
        for example in examples where !example.ids.isEmpty {
            let start = ids.count
            for index in 1..<max(1, example.ids.count) where example.trained[index] {
                positions.append(start + index - 1)
                labels.append(example.ids[index])
            }
            ids.append(contentsOf: example.ids.lazy.map(Int.init))
            lengths.append(example.ids.count)
        }
        tokens = PackedTokens(ids: ids, lengths: lengths)
        self.positions = positions
        self.labels = labels
        self.firstDocument = firstDocument
    }
}

/// The batches of every optimiser step of a run over rows in memory.
///
/// A row of the data order is a group of documents: one for each example, or several where rows are packed.
public struct TokenBatches: Sendable {
    /// The documents.
    public let examples: [TrainingExample]
    /// Which documents form a row.
    public let rows: [[Int]]
    /// Which rows a step takes.
    public let order: DataOrder
    /// How much goes into one micro-batch.
    public let limit: Packing.MicroBatchLimit
    private let cache = EpochCache()

    /// - Parameters:
    ///   - examples: the documents; at least one has tokens.
    ///   - packedInto: packs documents into rows of at most this many tokens (best fit, decreasing; a longer document
    ///     loses its tail); `nil` for a row an example.
    ///   - globalBatchSize: rows of an optimiser step.
    ///   - limit: how much goes into one micro-batch.
    ///   - shuffleSeed: orders the rows of every epoch; `nil` for file order.
    /// - Throws: `TrainingError` when there is no token to train on.
    public init(
        _ examples: [TrainingExample], packedInto maxLength: Int? = nil, globalBatchSize: Int,
        limit: Packing.MicroBatchLimit, shuffleSeed: UInt64?
    ) throws {
        var documents = examples
        if let maxLength {
            let packed = Packing.bestFitDecreasing(lengths: examples.map(\.ids.count), maxLength: maxLength)
            documents = []
            var groups: [[Int]] = []
            for pieces in packed {
                groups.append(Array(documents.count..<documents.count + pieces.count))
                documents.append(contentsOf: pieces.map { examples[$0.row][$0.range] })
            }
            rows = groups
        } else {
            rows = examples.indices.filter { !examples[$0].ids.isEmpty }.map { [$0] }
        }
        self.examples = documents
        self.limit = limit
        guard documents.contains(where: { $0.trainedCount > 0 }) else {
            throw TrainingError(
                "no token of \(examples.count) rows carries loss, so there is nothing to learn. "
                    + "Look at them with `hone inspect`, and at sft.train_on")
        }
        order =
            if let shuffleSeed {
                .shuffled(rowCount: rows.count, globalBatchSize: globalBatchSize, seed: shuffleSeed)
            } else {
                .sequential(rowCount: rows.count, globalBatchSize: globalBatchSize)
            }
    }

    /// The micro-batches of step `step` (from 0).
    public func batch(_ step: Int) -> StepBatch<TokenBatch> {
        let epochRows = cache.rows(of: order.epoch(ofStep: step), in: order)
        let groups = epochRows[order.positions(ofStep: step)].map { rows[$0] }
        let lengths = groups.map { $0.reduce(0) { $0 + examples[$1].ids.count } }
        var documents = 0
        let microBatches = Packing.microBatches(lengths: lengths, limit: limit).map { range in
            let members = groups[range].joined()
            defer { documents += members.count }
            return TokenBatch(members.lazy.map { examples[$0] }, firstDocument: documents)
        }
        return StepBatch(
            microBatches: microBatches, tokens: lengths.reduce(0, +), epoch: order.epochsDone(afterStep: step),
            position: order.position(afterStep: step))
    }

    /// All rows in file order in micro-batches, for measuring.
    public var all: some Sequence<TokenBatch> {
        let lengths = rows.map { $0.reduce(0) { $0 + examples[$1].ids.count } }
        return Packing.microBatches(lengths: lengths, limit: limit).lazy.map { range in
            TokenBatch(rows[range].joined().lazy.map { examples[$0] })
        }
    }
}

extension [TrainingExample] {
    /// - Throws: `ModelError` that names the first row with a token outside the model's vocabulary, or with more
    ///   tokens than the model's context has. Training on such a row would be an error of the program.
    public func check(for model: LanguageModel) throws {
        for example in self { try model.check(example.ids.map(Int.init), location: example.source) }
    }

    /// Documents end to end, cut every `maxLength` tokens: rows for pretraining, each one document to the model.
    public func wrapped(maxLength: Int) -> [TrainingExample] {
        Packing.wrapped(lengths: map(\.ids.count), maxLength: maxLength).map { pieces in
            TrainingExample(
                ids: pieces.flatMap { self[$0.row].ids[$0.range] },
                trained: pieces.flatMap { self[$0.row].trained[$0.range] },
                source: pieces.first.map { self[$0.row].source } ?? "")
        }
    }
}
