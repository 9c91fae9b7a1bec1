public import TensorCore

/// A setting that some losses read. The raw value is its key in a recipe.
public enum LossOption: String, Sendable, Hashable, CaseIterable {
    case labelSmoothing = "label_smoothing"
    case divergence = "f_divergence"
    case divergenceAlpha = "f_alpha"
    case temperature = "discopop_tau"
    case gamma
    case alphaPO = "alphapo_alpha"
    case lengthDiscount = "ld_alpha"
    case weighting = "wpo"
    case sftWeight = "sft_weight"
}

/// A loss over pairs: from the terms of B pairs a number for each.
///
/// One value describes one loss entirely: what it computes, what it needs, which settings it reads and in which
/// ranges. Put your own into a `PreferenceLossRegistry`.
public struct PreferenceLoss: Sendable {
    /// Cross-entropy that a loss takes over the tokens of the chosen rows, as a mean over tokens.
    public enum TokenTerm: Sendable, Hashable {
        /// Over the chosen answers.
        case answers
        /// Over the prompts and the chosen answers.
        case rows
    }

    /// What stands for the log-ratio where a loss has no reference: it gives the rewards that are reported.
    public enum ImplicitReward: Sendable, Hashable {
        /// ln π, the sum over the answer's tokens.
        case sum
        /// ln π / tokens.
        case mean
    }

    /// A number for each pair that is reported under a name.
    public typealias Metric = (name: String, values: Tensor)

    /// Its name in a recipe.
    public let name: String
    /// What it is, in a sentence, for help.
    public let summary: String
    /// Whether it compares with a reference policy.
    public let needsReference: Bool
    /// The settings it reads beside β.
    public let options: Set<LossOption>
    /// The divergences that mean something to it.
    public let divergences: Set<Divergence>
    /// Whether a pair's number depends on the other pairs of its micro-batch.
    public let dependsOnMicroBatch: Bool
    /// The cross-entropy it adds, with factor 1.
    public let tokenTerm: TokenTerm?
    /// The factor of the cross-entropy over the chosen answers that goes with it where the settings say nothing.
    public let defaultSFTWeight: Double
    /// What its reported rewards are made of where there is no reference.
    public let implicitReward: ImplicitReward
    /// What is wrong with the settings it reads, as plain sentences.
    public let check: @Sendable (LossSettings) -> [LossProblem]
    /// [B], differentiable with respect to the policy's terms; `nil` for a loss over tokens alone.
    public let perPair: (@Sendable (PreferenceTerms, LossSettings) -> Tensor)?
    /// What it reports beside the metrics of all losses.
    public let metrics: @Sendable (PreferenceTerms, LossSettings) -> [Metric]

    /// Describes a loss; what most losses have in common need not be said.
    public init(
        _ name: String, summary: String, needsReference: Bool = true, options: Set<LossOption> = [],
        divergences: Set<Divergence> = [.reverseKL], dependsOnMicroBatch: Bool = false, tokenTerm: TokenTerm? = nil,
        defaultSFTWeight: Double = 0, implicitReward: ImplicitReward = .sum,
        check: @escaping @Sendable (LossSettings) -> [LossProblem] = { _ in [] },
        metrics: @escaping @Sendable (PreferenceTerms, LossSettings) -> [Metric] = { _, _ in [] },
        perPair: (@Sendable (PreferenceTerms, LossSettings) -> Tensor)?
    ) {
        self.name = name
        self.summary = summary
        self.needsReference = needsReference
        self.options = options
        self.divergences = divergences
        self.dependsOnMicroBatch = dependsOnMicroBatch
        self.tokenTerm = tokenTerm
        self.defaultSFTWeight = defaultSFTWeight
        self.implicitReward = implicitReward
        self.check = check
        self.metrics = metrics
        self.perPair = perPair
    }
}

extension Set<LossOption> {
    /// What every loss over log-ratios reads: they are made of weighted sums, and a pair may be weighted.
    static let ofRatios: Set = [.lengthDiscount, .weighting, .sftWeight]
    /// What losses over scores read besides.
    static let ofScores: Set = ofRatios.union([.divergence, .divergenceAlpha])
}

extension Set<Divergence> {
    static let all = Set(Divergence.allCases)
}
