public import Training

/// A micro-batch of pairs.
public struct PreferenceBatch: Sendable {
    /// What a whole optimiser step has, so that means over tokens are exact however the step is cut. Each pair counts
    /// as much as its weight.
    public struct StepTotals: Sendable, Hashable {
        /// Pairs.
        public var pairs = 0.0
        /// Predicted tokens of the chosen answers.
        public var answerTokens = 0.0
        /// Predicted tokens of the prompts and the chosen answers.
        public var rowTokens = 0.0

        /// The totals of some pairs.
        public init(_ examples: some Sequence<PreferenceExample>) {
            for example in examples {
                let unpredicted = example.prompt.isEmpty ? 1 : 0
                pairs += example.weight
                answerTokens += example.weight * Double(example.chosen.count - unpredicted)
                rowTokens += example.weight * Double(example.prompt.count + example.chosen.count - 1)
            }
        }
    }

    /// The pairs, B of them.
    public let examples: [PreferenceExample]
    /// Their tokens: the chosen answers first, then the rejected ones.
    public let answers: PackedAnswers
    /// What the whole step has.
    public let totals: StepTotals

    /// Lays pairs end to end: the collator.
    ///
    /// - Parameters:
    ///   - examples: at least one.
    ///   - sharesPrefix: whether both answers share one computation of the prompt; the results are the same.
    ///   - totals: of the whole step; `nil` where this is all of it.
    public init(_ examples: [PreferenceExample], sharesPrefix: Bool = true, totals: StepTotals? = nil) {
        precondition(!examples.isEmpty, "a micro-batch has at least one pair")
        self.examples = examples
        answers = PackedAnswers(
            examples.map { PackedAnswers.Group(prompt: $0.prompt, answers: [$0.chosen, $0.rejected]) },
            sharesPrefix: sharesPrefix)
        self.totals = totals ?? StepTotals(examples)
    }

    /// The pairs of an optimiser step, or of a held-out set, in micro-batches.
    ///
    /// - Parameters:
    ///   - examples: all of them.
    ///   - limit: how much goes into one micro-batch, in pairs or in tokens.
    ///   - sharesPrefix: whether both answers share one computation of the prompt.
    public static func microBatches(
        _ examples: [PreferenceExample], limit: Packing.MicroBatchLimit, sharesPrefix: Bool = true
    ) -> [PreferenceBatch] {
        let totals = StepTotals(examples)
        let lengths = examples.map { sharesPrefix ? $0.packedCount : $0.tokenCount }
        return Packing.microBatches(lengths: lengths, limit: limit).map {
            PreferenceBatch(Array(examples[$0]), sharesPrefix: sharesPrefix, totals: totals)
        }
    }

    /// Pairs in this micro-batch.
    var count: Int { examples.count }
    /// Labels of the chosen answers.
    var chosenRanges: ArraySlice<Range<Int>> { answers.ranges[..<count] }
    /// Labels of the rejected answers.
    var rejectedRanges: ArraySlice<Range<Int>> { answers.ranges[count...] }
}
