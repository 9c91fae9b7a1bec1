/// What must hold of a candidate in production, and how sure one must be.
public struct ReleaseRules: Sendable, Hashable {
    /// The chance of a wrong decision: of shipping a candidate that breaks a rule, and of rolling back one that keeps all,
    /// each however often one looks; 0.05 by default.
    public var level = 0.05
    /// By how much the candidate's mean score may be worse than the control's.
    public var margin = 0.02
    /// What a score may be.
    public var scoreRange: ClosedRange<Double> = 0...1
    /// Whether the score is compared; if not, limits alone decide.
    public var comparesQuality = true
    /// The largest share of the candidate's requests without an answer.
    public var maxErrorRate: Double?
    /// By how much that share may be above the control's.
    public var maxErrorRise: Double?
    /// Milliseconds that 95 % of the candidate's requests must stay within.
    public var maxP95Latency: Double?
    /// The largest mean cost of a candidate's request.
    public var maxCost: Double?
    /// The least share of requests that both label alike, for paired logs.
    public var minAgreement: Double?
    /// The share of lines that may be malformed before nothing is decided.
    public var maxBadLines = 0.01

    /// The default rules: scores only.
    public init() {}

    /// What is wrong with them; `nil` for nothing.
    public var problem: String? {
        if !(level >= 1e-6 && level < 0.5) { return "the error rate must be between 0.000001 and 0.5" }
        let (low, high) = (scoreRange.lowerBound, scoreRange.upperBound)
        if !(low > -1e12 && high < 1e12 && high - low > 1e-12) { return "the range of scores is empty or endless" }
        if !(margin >= 0 && margin < high - low) {
            return "the margin must be 0 or more, and smaller than the range of scores"
        }
        for (name, share) in [
            ("error rate", maxErrorRate), ("rise of the error rate", maxErrorRise), ("agreement", minAgreement),
        ] {
            if let share, !(share > 0 && share < 1) { return "the limit of the \(name) must be between 0 and 1" }
        }
        for (name, amount) in [("latency", maxP95Latency), ("cost", maxCost)] {
            if let amount, !(amount > 0 && amount < 1e12) {
                return "the limit of the \(name) must be above 0 and below 1e12"
            }
        }
        if !(maxBadLines >= 0 && maxBadLines < 1) {
            return "the share of malformed lines must be 0 or more and below 1"
        }
        return nil
    }
}
