/// What the value of a metric means.
public struct MetricTraits: Sendable, Hashable {
    /// Whether more is better.
    public var higherIsBetter: Bool
    /// Whether differences are told as shares of the value before, as for perplexity and latency.
    public var isRelative: Bool

    /// The traits of a metric of suites or held-out rows, by its last name: `accuracy` of `suites.test.accuracy`.
    public init(_ metric: String) {
        let name = metric.split(separator: ".").last.map(String.init) ?? metric
        switch name {
        case "loss", "nll_loss", "kl", "entropy", "grad_norm": (higherIsBetter, isRelative) = (false, false)
        case "perplexity", "seconds", "cost": (higherIsBetter, isRelative) = (false, true)
        case let name where name.hasPrefix("latency"): (higherIsBetter, isRelative) = (false, true)
        case "tokens_per_second": (higherIsBetter, isRelative) = (true, true)
        default: (higherIsBetter, isRelative) = (true, false)
        }
    }
}
