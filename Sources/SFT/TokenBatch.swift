public import LanguageModels
import TensorCore
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

/// How rows are packed together.
public enum TokenPacking: Sendable, Hashable {
    /// Whole rows in packed rows of at most so many tokens, each where the least room is left; a longer row loses its
    /// tail. No document attends to another.
    case bestFit(maxLength: Int)
    /// Rows end to end, cut every so many tokens: each packed row is one document, as in pretraining.
    case wrapped(maxLength: Int)

    fileprivate func pack(_ examples: [TrainingExample]) -> [[TrainingExample]] {
        switch self {
        case .bestFit(let maxLength):
            Packing.bestFitDecreasing(lengths: examples.map(\.ids.count), maxLength: maxLength)
                .map { pieces in pieces.map { examples[$0.row].piece($0.range) } }
        case .wrapped(let maxLength): examples.wrapped(maxLength: maxLength).map { [$0] }
        }
    }
}

extension TrainingExample {
    /// The tokens of a part of the row; the row itself where that is all of it.
    fileprivate func piece(_ range: Range<Int>) -> TrainingExample { range == ids.indices ? self : self[range] }
}

extension BatchPlan where Example == TrainingExample, Batch == TokenBatch {
    /// Rows, or packed rows, as batches of documents end to end.
    ///
    /// - Parameters:
    ///   - globalBatchSize: rows, or packed rows, of an optimiser step.
    ///   - limit: how much goes into one micro-batch.
    ///   - packing: how rows are packed, a window of a thousand at a time; `nil` for a row an example.
    ///   - shuffleSeed: orders the packed rows of a window anew; `nil` leaves them as packing made them.
    public static func tokens(
        globalBatchSize: Int, limit: Packing.MicroBatchLimit, packing: TokenPacking? = nil, shuffleSeed: UInt64? = nil
    ) -> BatchPlan {
        BatchPlan(
            globalBatchSize: globalBatchSize, limit: limit, length: { $0.ids.count }, name: { $0.source },
            packing: packing.map { packing in
                PackingPlan { examples, pass, index in
                    let rows = packing.pack(examples)
                    guard let shuffleSeed else { return rows }
                    let stream = RandomStream(seed: shuffleSeed, purpose: "packed rows", step: pass, index: index)
                    return stream.permutation(of: rows.count).map { rows[$0] }
                }
            },
            collate: { groups, cut in
                var documents = 0
                return cut.map { range in
                    let members = groups[range].joined()
                    defer { documents += members.count }
                    return TokenBatch(members, firstDocument: documents)
                }
            })
    }
}

extension [TrainingExample] {
    /// The rows in their order in micro-batches of at most so many tokens, for measuring.
    public func batches(ofTokens tokens: Int) -> some Sequence<TokenBatch> {
        let rows = filter { !$0.ids.isEmpty }
        return Packing.microBatches(lengths: rows.map(\.ids.count), limit: .tokens(tokens)).lazy.map {
            TokenBatch(rows[$0])
        }
    }

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
