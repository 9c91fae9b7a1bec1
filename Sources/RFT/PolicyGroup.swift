public import LanguageModels

/// One answer that was sampled, with what was said of it.
///
/// Everything per token has as many entries as `completion`; entries of tokens that are not trained are never read.
public struct PolicySample: Sendable {
    /// Ids of the answer, the stop token included. What a tool or a user said between is part of it.
    public var completion: [Int32]
    /// Which of them the policy wrote, and is trained on.
    public var isTrained: [Bool]
    /// ln of each token's probability when it was drawn, in nats: at the temperature of the sampling and over the
    /// whole vocabulary (where top-k or top-p cut it, with ln of the mass that was kept added); `nil` if unknown.
    public var samplingLogProbabilities: [Float]?
    /// ln π of the policy before the first step on this sample; `nil` for the policy as it is in each step, with which
    /// every ratio is 1.
    public var oldLogProbabilities: [Float]?
    /// ln π of the reference; `nil` where there is none.
    public var referenceLogProbabilities: [Float]?
    /// Entropy of the distribution that each token was drawn from, in nats; `nil` if unknown.
    public var entropies: [Float]?
    /// What is added to the advantage at each token; `nil` for nothing.
    public var tokenAdvantages: [Float]?
    /// By how much the answer was better than was to be expected.
    public var advantage: Double
    /// Whether the answer was cut off before it ended.
    public var isTruncated: Bool
    /// Of the policy that wrote it: how many steps had been done.
    public var version: Int

    /// - Parameters:
    ///   - completion: ids of the answer.
    ///   - isTrained: which of them the policy wrote; `nil` for all.
    ///   - samplingLogProbabilities: of each token when it was drawn.
    ///   - advantage: by how much the answer was better than was to be expected.
    ///   - isTruncated: whether it was cut off before it ended.
    ///   - version: of the policy that wrote it.
    public init(
        completion: [Int32], isTrained: [Bool]? = nil, samplingLogProbabilities: [Float]? = nil, advantage: Double = 0,
        isTruncated: Bool = false, version: Int = 0
    ) {
        self.completion = completion
        self.isTrained = isTrained ?? Array(repeating: true, count: completion.count)
        self.samplingLogProbabilities = samplingLogProbabilities
        self.advantage = advantage
        self.isTruncated = isTruncated
        self.version = version
    }

    /// A completion that was drawn, with everything that was recorded of its tokens.
    ///
    /// - Parameters:
    ///   - completion: what was written.
    ///   - version: of the policy that wrote it.
    public init(_ completion: Completion, version: Int = 0) {
        var sampled = completion.logProbabilities
        if completion.logRetainedMass.count == sampled.count {
            for (index, mass) in completion.logRetainedMass.enumerated() { sampled[index] += mass }
        }
        self.init(
            completion: completion.ids.map { Int32($0) }, isTrained: completion.isSampled,
            samplingLogProbabilities: sampled,
            isTruncated: !completion.stopReason.isByModel, version: version)
        entropies = completion.entropies
    }

    /// Whether training on it would change anything by way of its advantage.
    var hasAdvantage: Bool { advantage != 0 || tokenAdvantages?.contains { $0 != 0 } ?? false }

    /// Whether everything per token has as many entries as tokens.
    var isConsistent: Bool {
        let lists = [
            samplingLogProbabilities, oldLogProbabilities, referenceLogProbabilities, entropies, tokenAdvantages,
        ]
        return isTrained.count == completion.count
            && lists.allSatisfy { $0.map { $0.count == completion.count } ?? true }
    }
}

/// A prompt and the answers that were sampled to it.
public struct PolicyGroup: Sendable {
    /// Ids of the prompt, at least one.
    public var prompt: [Int32]
    /// The answers.
    public var samples: [PolicySample]

    /// A prompt and the answers to it.
    public init(prompt: [Int32], samples: [PolicySample]) {
        self.prompt = prompt
        self.samples = samples
    }
}
