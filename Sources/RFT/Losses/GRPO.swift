extension PolicyLoss {
    /// Each answer counts alike, whatever its length (Shao et al., "DeepSeekMath", 2024).
    public static let grpo = PolicyLoss.clipped(
        "grpo", summary: "clipped ratios, the mean over answers of the mean over their tokens",
        aggregation: .sequenceMean)
}
