public import TensorCore

/// A loss over sampled answers: from the terms of N tokens a number for each.
///
/// One value describes one loss entirely: what it computes, how its numbers are put together, which settings it reads
/// and what it reports. Put your own into a `PolicyLossRegistry`.
public struct PolicyLoss: Sendable {
    /// Its name in a recipe.
    public let name: String
    /// What it is, in a sentence, for help.
    public let summary: String
    /// The settings it reads that not all losses read.
    public let options: Set<PolicyOption>
    /// How losses of tokens become one number where the settings say nothing.
    public let aggregation: PolicySettings.Aggregation
    /// Over what it may take ratios, first what it does where the settings say nothing; empty if it takes none.
    public let levels: [PolicySettings.ImportanceLevel]
    /// Whether its numbers take the correction of the sampling into account themselves.
    public let correctsSampling: Bool
    /// What is wrong with the settings it reads.
    public let check: @Sendable (PolicySettings) -> [PolicyProblem]
    /// [N], differentiable with respect to the policy's terms.
    public let perToken: @Sendable (PolicyTerms, PolicySettings) -> Tensor
    /// What it reports beside the metrics of all losses.
    public let metrics: @Sendable (PolicyTerms, PolicySettings) -> [PolicyMetric]

    /// Describes a loss; what most losses have in common need not be said.
    public init(
        _ name: String, summary: String, options: Set<PolicyOption> = [],
        aggregation: PolicySettings.Aggregation = .token, levels: [PolicySettings.ImportanceLevel] = [],
        correctsSampling: Bool = false, check: @escaping @Sendable (PolicySettings) -> [PolicyProblem] = { _ in [] },
        metrics: @escaping @Sendable (PolicyTerms, PolicySettings) -> [PolicyMetric] = { _, _ in [] },
        perToken: @escaping @Sendable (PolicyTerms, PolicySettings) -> Tensor
    ) {
        self.name = name
        self.summary = summary
        self.options = options
        self.aggregation = aggregation
        self.levels = levels
        self.correctsSampling = correctsSampling
        self.check = check
        self.metrics = metrics
        self.perToken = perToken
    }
}

/// A number that is reported under a name.
public struct PolicyMetric: Sendable {
    /// How the numbers of micro-batches become one.
    public enum Kind: Sendable {
        /// The sum of all, divided by their total weight.
        case mean(sum: Double, weight: Double)
        /// The smallest.
        case smallest(Double)
        /// The largest.
        case largest(Double)
    }

    /// Its name.
    public var name: String
    /// Its value.
    public var kind: Kind

    /// A number under a name.
    public init(_ name: String, _ kind: Kind) {
        self.name = name
        self.kind = kind
    }
}
