/// One row of data as tokens, with what is trained marked.
public struct TrainingExample: Sendable, Hashable {
    /// Token ids, T of them.
    public var ids: [Int32]
    /// For each token, whether predicting it from what comes before carries loss. The first token is never predicted,
    /// so its mark does not matter.
    public var trained: [Bool]
    /// Where the row came from, as `file:line`, for messages.
    public var source: String

    /// - Parameters:
    ///   - ids: token ids.
    ///   - trained: as many marks.
    ///   - source: where the row came from, as `file:line`.
    public init(ids: [Int32], trained: [Bool], source: String = "") {
        precondition(ids.count == trained.count, "\(trained.count) marks for \(ids.count) tokens")
        self.ids = ids
        self.trained = trained
        self.source = source
    }

    /// A row of which every token is trained, as in pretraining.
    public init(ids: [Int32], source: String = "") {
        self.init(ids: ids, trained: Array(repeating: true, count: ids.count), source: source)
    }

    /// Tokens that carry loss: marked ones that something precedes.
    public var trainedCount: Int { trained.dropFirst().count { $0 } }

    /// The tokens of a part of the row.
    public subscript(range: Range<Int>) -> TrainingExample {
        TrainingExample(ids: Array(ids[range]), trained: Array(trained[range]), source: source)
    }
}
