/// How sampled answers change the policy. The defaults and meanings are TRL's where TRL has the option.
public struct PolicySettings: Sendable, Hashable {
    /// Over what a ratio of probabilities is taken. The raw value is its name in a recipe.
    public enum ImportanceLevel: String, Sendable, Hashable, CaseIterable {
        /// Over each token by itself.
        case token
        /// Over the answer, as the geometric mean over its tokens (GSPO; Zheng et al., 2025).
        case sequence
        /// Over the answer, as the product over its tokens.
        case product
    }

    /// How losses of tokens become one number. The raw value is its name in a recipe.
    public enum Aggregation: String, Sendable, Hashable, CaseIterable {
        /// The mean over the trained tokens of the step.
        case token
        /// The mean over those of each micro-batch, these then averaged; over the step, where that is the scope.
        case microBatchToken = "micro_batch_token"
        /// The mean over answers of the mean over their tokens.
        case sequenceMean = "seq_mean"
        /// The mean over answers of the sum over their tokens.
        case sequenceSum = "seq_sum"
        /// The mean over answers of the sum over their tokens, divided by the longest that an answer may be.
        case sequenceSumConstant = "seq_sum_const"
    }

    /// Over what those numbers are taken that TRL takes over each micro-batch.
    public enum Scope: Sendable, Hashable {
        /// Over the whole step: the same however it is cut.
        case step
        /// Over each micro-batch, as TRL does.
        case microBatch
    }

    /// An estimate of how far the policy is from the reference, from x = ln π_ref − ln π of a sampled token.
    public enum KLEstimator: String, Sendable, Hashable, CaseIterable {
        /// −x.
        case k1
        /// x² / 2.
        case k2
        /// eˣ − x − 1, which is never negative (Schulman, "Approximating KL divergence", 2020).
        case k3
    }

    /// Where the distance from the reference counts.
    public enum KLPlacement: String, Sendable, Hashable, CaseIterable {
        /// In the loss.
        case loss
        /// In the advantage of each token: as −β (k1 − its mean over the step).
        case advantage
    }

    /// An entropy bonus whose weight follows the entropy.
    public struct AdaptiveEntropy: Sendable, Hashable {
        /// What the weight is at least.
        public var minimum = 0.0
        /// What it is at most.
        public var maximum = 1.0
        /// By how much it changes after every step.
        public var delta = 0.005
        /// The entropy in nats below which it grows.
        public var target = 0.2

        /// TRL's defaults.
        public init() {}
    }

    /// What is done about answers that another program, or older weights, sampled: w = π_old / π_sampling.
    public struct SamplingCorrection: Sendable, Hashable {
        /// The raw value is its name in a recipe.
        public enum Mode: String, Sendable, Hashable, CaseIterable {
            /// A token counts w, within the bounds.
            case tokenTruncate = "token_truncate"
            /// A token counts w, and nothing outside the bounds.
            case tokenMask = "token_mask"
            /// An answer counts the product of its w, within the bounds.
            case sequenceTruncate = "sequence_truncate"
            /// An answer counts the product of its w, and nothing outside the bounds.
            case sequenceMask = "sequence_mask"

            /// Whether w is of an answer.
            var isOfSequence: Bool { self == .sequenceTruncate || self == .sequenceMask }
            /// Whether what is outside the bounds is dropped.
            var drops: Bool { self == .tokenMask || self == .sequenceMask }
        }

        /// What is done.
        public var mode: Mode
        /// The lower bound; `nil` for none.
        public var minimum: Double?
        /// The upper bound; `nil` for none.
        public var maximum: Double?

        /// TRL's defaults.
        public init(mode: Mode = .sequenceMask, minimum: Double? = nil, maximum: Double? = 3) {
            self.mode = mode
            self.minimum = minimum
            self.maximum = maximum
        }
    }

    /// The loss, by its name in a registry.
    public var loss = "dapo"
    /// How losses of tokens become one number; `nil` for what the loss says.
    public var aggregation: Aggregation?
    /// Over what a ratio is taken; `nil` for what the loss says.
    public var importanceLevel: ImportanceLevel?
    /// Over what those numbers are taken that TRL takes over each micro-batch.
    public var scope = Scope.step
    /// How far a ratio may fall below 1 and still count, above 0; of `dppo`, how far a probability may fall.
    public var epsilon = 0.2
    /// How far it may rise; `nil` for as far as it may fall. Of `cispo` the highest ratio itself.
    public var epsilonHigh: Double?
    /// The highest ratio that counts against an answer (INTELLECT-2, 2025), above 1 + ε; `nil` for no bound.
    public var delta: Double?
    /// How many times its advantage a token may cost at most where that is negative (Ye et al., "Dual-clip PPO", 2020);
    /// `nil` for no bound.
    public var dualClip: Double?
    /// β: how strongly the distance from the reference counts, 0 for not at all.
    public var beta = 0.0
    /// How that distance is estimated.
    public var klEstimator = KLEstimator.k3
    /// Where it counts.
    public var klPlacement = KLPlacement.loss
    /// Whether its estimate in the loss is weighted by the ratio, which makes its gradient that of the true distance.
    public var correctsKL = true
    /// Whether answers that were cut off are left out. Their rewards still count in those of their group.
    public var masksTruncated = false
    /// The part of the tokens, those with the highest entropy, that is trained on, in 0 to 1.
    public var topEntropyQuantile = 1.0
    /// The weight of the entropy bonus; where it is adaptive, what it starts with.
    public var entropyCoefficient = 0.0
    /// How that weight follows the entropy; `nil` for not at all.
    public var adaptiveEntropy: AdaptiveEntropy?
    /// Answers with a negative advantage are left out when they were sampled that much more likely than they are now:
    /// the mean over tokens in nats; `nil` for never.
    public var offPolicyThreshold: Double?
    /// What is done about a difference between sampling and training; `nil` for nothing.
    public var samplingCorrection: SamplingCorrection?
    /// The temperature of the sampling, by which logits are divided here too, above 0.
    public var temperature = 1.0
    /// Tokens of an answer, at most: what `seq_sum_const` divides by.
    public var maximumCompletionLength = 512
    /// The slope of SAPO's gate where the advantage is positive.
    public var sapoPositive = 1.0
    /// The same where it is not.
    public var sapoNegative = 1.05
    /// k of VESPO where the advantage is not negative.
    public var vespoPositiveK = 2.0
    /// λ of VESPO where the advantage is not negative.
    public var vespoPositiveLambda = 3.0
    /// k of VESPO where the advantage is negative.
    public var vespoNegativeK = 3.0
    /// λ of VESPO where the advantage is negative.
    public var vespoNegativeLambda = 2.0
    /// Whether answers without a signal are run forward alone, for the metrics of all tokens. Without, their entropies
    /// are those of the sampling, where these are known.
    public var measuresIdle = true

    /// All defaults, for a loss.
    public init(_ loss: String = "dapo") { self.loss = loss }

    /// How far a ratio may rise above 1.
    public var upperEpsilon: Double { epsilonHigh ?? epsilon }
    /// Whether a reference is compared with.
    public var needsReference: Bool { beta != 0 }
    /// Whether there is an entropy bonus.
    public var hasEntropyBonus: Bool { entropyCoefficient != 0 || adaptiveEntropy != nil }

    /// The tokens of a sample that are trained, as indices into it.
    func trainedTokens(of sample: PolicySample) -> [Int] {
        if masksTruncated && sample.isTruncated { return [] }
        return sample.isTrained.indices.filter { sample.isTrained[$0] }
    }

    /// Whether a group must be trained on, and is not only to be measured.
    func trains(_ group: PolicyGroup) -> Bool {
        // The quantile of a micro-batch is taken over all of its tokens.
        let needsAll =
            beta != 0 && klPlacement == .loss || hasEntropyBonus || topEntropyQuantile < 1 && scope == .microBatch
        return needsAll || group.samples.contains(where: \.hasAdvantage)
    }
}
