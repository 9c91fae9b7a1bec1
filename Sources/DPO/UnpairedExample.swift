/// An answer with a verdict, as tokens.
public struct UnpairedExample: Sendable, Hashable {
    /// Ids of the prompt.
    public var prompt: [Int32]
    /// Ids of the answer, its stop token included; at least one.
    public var completion: [Int32]
    /// Whether the answer is a good one.
    public var isDesirable: Bool
    /// How much the row counts.
    public var weight: Double
    /// Where the row came from, as `file:line`.
    public var source: String

    public init(
        prompt: [Int32], completion: [Int32], isDesirable: Bool, weight: Double = 1, source: String = ""
    ) {
        self.prompt = prompt
        self.completion = completion
        self.isDesirable = isDesirable
        self.weight = weight
        self.source = source
    }

    /// Tokens of the row.
    public var tokenCount: Int { prompt.count + completion.count }
}

extension PreferenceExample {
    /// The pair as two rows: the chosen answer, which is desirable, and the rejected one.
    public var unpaired: [UnpairedExample] {
        [(chosen, true), (rejected, false)].map { completion, isDesirable in
            UnpairedExample(
                prompt: prompt, completion: completion, isDesirable: isDesirable, weight: weight, source: source)
        }
    }
}

extension Sequence<PreferenceExample> {
    /// Pairs as rows: first all chosen answers, then all rejected ones, so that neighbours have different prompts.
    public var unpaired: [UnpairedExample] {
        let rows = map(\.unpaired)
        return rows.map { $0[0] } + rows.map { $0[1] }
    }
}
