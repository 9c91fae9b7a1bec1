/// A preference as tokens: the prompt once, and after it either answer.
public struct PreferenceExample: Sendable, Hashable {
    /// Ids of the prompt: the longest common beginning of both rows that belongs to no answer; at least one.
    public var prompt: [Int32]
    /// Ids of the preferred answer, its stop token included.
    public var chosen: [Int32]
    /// Ids of the other answer, its stop token included.
    public var rejected: [Int32]
    /// By how much the one is preferred, where the row says so.
    public var margin: Double?
    /// How much the pair counts.
    public var weight: Double
    /// Where the row came from, as `file:line`.
    public var source: String

    public init(
        prompt: [Int32], chosen: [Int32], rejected: [Int32], margin: Double? = nil, weight: Double = 1,
        source: String = ""
    ) {
        self.prompt = prompt
        self.chosen = chosen
        self.rejected = rejected
        self.margin = margin
        self.weight = weight
        self.source = source
    }
}
