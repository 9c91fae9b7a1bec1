/// How rewards become advantages within the answers to one prompt. The raw value is its name in a recipe.
///
/// r are the rewards that are known, μ their mean and s their standard deviation with n − 1 in its denominator.
public enum AdvantageRule: String, Sendable, Hashable, CaseIterable {
    /// r − μ (Dr. GRPO; Liu et al., 2025).
    case mean
    /// (r − μ) / (s + 10⁻⁴) (Shao et al., "DeepSeekMath", 2024): rare successes count most.
    case grpo
    /// (r − μ) / (s over all prompts of the batch + 10⁻⁴).
    case batchStandardDeviation = "batch_std"
    /// r − the mean of the other answers (Ahmadian et al., "Back to basics", 2024).
    case rloo
    /// (r − μ) / μ where μ is above 0, else 0: hard prompts count most.
    case maxRL = "max_rl"
    /// r − Σ length · r / Σ length (Hao et al., "On-policy RL with optimal baseline", 2025).
    case opo
    /// r − a running mean of earlier rewards, 0.95 old + 0.05 new: for groups of one answer.
    case ema
    /// The best answer has its lead over the second, all others 0: explores for the best of many.
    case passK = "passk"

    /// The rule that is TRL's `scale_rewards`: `group`, `batch` or `none`; `nil` for any other word.
    public init?(scaleRewards: String) {
        switch scaleRewards {
        case "group": self = .grpo
        case "batch": self = .batchStandardDeviation
        case "none": self = .mean
        default: return nil
        }
    }
}

/// Sums of numbers that are known, for means and deviations.
struct Spread {
    private(set) var count = 0
    private(set) var mean = 0.0
    private var squares = 0.0

    init(_ values: some Sequence<Double>) {
        // Welford's update keeps deviations exact that are small beside their mean.
        for value in values {
            count += 1
            let difference = value - mean
            mean += difference / Double(count)
            squares += difference * (value - mean)
        }
    }

    /// With n − 1 in the denominator; 0 of fewer than two.
    var deviation: Double { count > 1 ? (squares / Double(count - 1)).squareRoot() : 0 }
}
