/// What one row of a metric came to.
public struct Observation: Sendable, Hashable {
    /// What pairs the row with the same row of another model: stable between runs.
    public var id: String
    /// Its value: 1 or 0 for pass or fail, a loss per token, a latency, ...
    public var value: Double
    /// What it counts in the metric's mean, such as its trained tokens.
    public var weight: Double

    /// One row.
    public init(id: String, value: Double, weight: Double = 1) {
        self.id = id
        self.value = value
        self.weight = weight
    }
}

/// A metric of a candidate, and of the baseline where there is one, row by row.
public struct GateMetric: Sendable {
    /// Which way it gets better.
    public enum Direction: String, Sendable, Hashable, CaseIterable {
        case higherIsBetter, lowerIsBetter
    }

    /// What a difference of it is counted in.
    public enum Scale: String, Sendable, Hashable, CaseIterable {
        /// Its own units: points of a share, nats of a loss.
        case absolute
        /// Shares of the baseline's value: 0.02 is two per cent more, as for perplexity and latency.
        case relative
    }

    /// How rows become the metric.
    public enum Summary: Sendable, Hashable {
        /// Their weighted mean.
        case mean
        /// The exponential of their weighted mean: perplexity, from losses per token with tokens as weights. Its
        /// differences are always relative.
        case exponentialOfMean
        /// The value below which this share of the rows lies, as 0.95 for a p95; weights are not looked at.
        case quantile(Double)
    }

    /// What conditions call it, such as `suites.support.score`.
    public var name: String
    /// Which way it gets better.
    public var direction: Direction
    /// What its differences are counted in.
    public var scale: Scale
    /// Whether every value is 0 or 1. A metric whose values are all 0 or 1 is treated so in any case.
    public var isBinary: Bool
    /// How rows become the metric.
    public var summary: Summary
    /// The least and the largest value that a row can have, if that is known: what rows not yet seen might hold is then
    /// allowed for. Where it is absent, values of a metric where higher is better that all lie in 0 ... 1 are taken for
    /// scores.
    public var range: ClosedRange<Double>?
    /// The rows of the model that is judged.
    public var candidate: [Observation]
    /// The rows of the model it is compared with.
    public var baseline: [Observation]?

    /// A metric.
    public init(
        name: String, direction: Direction = .higherIsBetter, scale: Scale = .absolute, isBinary: Bool = false,
        summary: Summary = .mean, range: ClosedRange<Double>? = nil, candidate: [Observation],
        baseline: [Observation]? = nil
    ) {
        self.name = name
        self.direction = direction
        self.scale = scale
        self.isBinary = isBinary
        self.summary = summary
        self.range = range
        self.candidate = candidate
        self.baseline = baseline
    }
}

/// What a check that is no metric came to.
public struct GateCheckResult: Sendable, Hashable {
    /// What conditions call it, such as `no_contamination`.
    public var name: String
    /// Whether it holds.
    public var passed: Bool
    /// What was found, in a sentence.
    public var detail: String

    /// A result.
    public init(name: String, passed: Bool, detail: String) {
        self.name = name
        self.passed = passed
        self.detail = detail
    }
}
