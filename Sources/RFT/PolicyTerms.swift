public import TensorCore

/// What a loss may know of the N trained tokens of a micro-batch, of S answers. Log-probabilities are in nats.
public struct PolicyTerms {
    /// ln π of each token, [N]; tracked.
    public let logProbability: Tensor
    /// ln π of each token before the first step on it, [N].
    public let old: Tensor
    /// The advantage at each token, [N].
    public let advantages: Tensor
    /// The advantage of each answer, S of them.
    public let answerAdvantages: [Float]
    /// Which tokens are of which answer, S ranges; none is empty.
    public let answers: [Range<Int>]
    /// Over what ratios are taken.
    public let level: PolicySettings.ImportanceLevel
    /// ln π_old − ln π_sampling of each token, [N]; `nil` where the difference is not corrected.
    public let samplingLogRatio: Tensor?
    /// ln π − ln π_old of each token, [N]; tracked.
    public let logRatio: Tensor
    /// π / π_old at the level of the loss, for each token, [N]; tracked. At most e⁴⁰, and without a gradient there.
    public let ratio: Tensor
    /// For each token its answer.
    private let owners: [Int]

    /// The terms of some answers.
    public init(
        logProbability: Tensor, old: Tensor, advantages: Tensor, answerAdvantages: [Float], answers: [Range<Int>],
        level: PolicySettings.ImportanceLevel, samplingLogRatio: Tensor? = nil
    ) {
        precondition(
            logProbability.shape == old.shape && old.shape == advantages.shape
                && answers.last?.upperBound == old.count && answers.count == answerAdvantages.count,
            "terms of different tokens")
        self.logProbability = logProbability
        self.old = old
        self.advantages = advantages
        self.answerAdvantages = answerAdvantages
        self.answers = answers
        self.level = level
        self.samplingLogRatio = samplingLogRatio
        owners = answers.enumerated().flatMap { Array(repeating: $0.offset, count: $0.element.count) }
        logRatio = logProbability - old
        let answered = Answered(ranges: answers, owners: owners)
        let exponent =
            switch level {
            case .token: logRatio
            case .sequence: answered.spread(answered.means(logRatio))
            case .product: answered.spread(answered.sums(logRatio))
            }
        ratio = exponent.clamped(to: -40...40).exponential()
    }

    /// The sum over the tokens of each answer: [N] → [S].
    public func sums(_ values: Tensor) -> Tensor { Answered(ranges: answers, owners: owners).sums(values) }

    /// The mean over the tokens of each answer: [N] → [S].
    public func means(_ values: Tensor) -> Tensor { Answered(ranges: answers, owners: owners).means(values) }

    /// A number of each answer given to each of its tokens: [S] → [N].
    public func spread(_ values: Tensor) -> Tensor { Answered(ranges: answers, owners: owners).spread(values) }

    /// A number for each token, made from its advantage.
    public func byAdvantage(_ body: (Float) -> Float) -> Tensor {
        Tensor(advantages.scalars.map(body), shape: advantages.shape)
    }
}

/// Tokens and the answers they are of.
private struct Answered {
    let ranges: [Range<Int>]
    let owners: [Int]

    func sums(_ values: Tensor) -> Tensor {
        .concatenated(ranges.map { values.slice($0).sum().reshaped([1]) })
    }

    func means(_ values: Tensor) -> Tensor {
        sums(values) / Tensor(ranges.map { Float($0.count) }, shape: [ranges.count])
    }

    func spread(_ values: Tensor) -> Tensor {
        embedding(values.reshaped([ranges.count, 1]), owners).reshaped([owners.count])
    }
}
