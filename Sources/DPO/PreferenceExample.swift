/// ln π_ref of the two answers of a pair under the reference, in nats: sums over their tokens, weighted by LD-DPO where
/// that is on.
public struct ReferenceLogProbabilities: Sendable, Hashable {
    /// Of the preferred answer.
    public var chosen: Float
    /// Of the other answer.
    public var rejected: Float

    /// The sums of a pair.
    public init(chosen: Float, rejected: Float) {
        self.chosen = chosen
        self.rejected = rejected
    }
}

/// A preference as tokens: the prompt once, and after it either answer.
public struct PreferenceExample: Sendable, Hashable {
    /// Ids of the prompt: the longest common beginning of both rows that belongs to no answer. Where it is empty, the
    /// first token of an answer is predicted by nothing and carries no loss.
    public var prompt: [Int32]
    /// Ids of the preferred answer, its stop token included; at least one.
    public var chosen: [Int32]
    /// Ids of the other answer, its stop token included; at least one.
    public var rejected: [Int32]
    /// By how much the one is preferred, where the row says so.
    public var margin: Double?
    /// How much the pair counts.
    public var weight: Double
    /// What a reference said of the pair, where that was computed beforehand.
    public var reference: ReferenceLogProbabilities?
    /// Where the row came from, as `file:line`.
    public var source: String

    public init(
        prompt: [Int32], chosen: [Int32], rejected: [Int32], margin: Double? = nil, weight: Double = 1,
        reference: ReferenceLogProbabilities? = nil, source: String = ""
    ) {
        self.prompt = prompt
        self.chosen = chosen
        self.rejected = rejected
        self.margin = margin
        self.weight = weight
        self.reference = reference
        self.source = source
    }

    /// Tokens of both rows, the prompt in each: what TRL counts as `num_tokens`.
    public var tokenCount: Int { 2 * prompt.count + chosen.count + rejected.count }

    /// Tokens that a model reads when the rows share their prompt.
    public var packedCount: Int { prompt.count + chosen.count + rejected.count }

    /// Tokens of the longer row.
    public var longestRow: Int { prompt.count + max(chosen.count, rejected.count) }
}
