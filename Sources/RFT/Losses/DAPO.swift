extension PolicyLoss {
    /// Each token of a step counts alike (Yu et al., "DAPO", 2025).
    public static let dapo = PolicyLoss.clipped(
        "dapo", summary: "clipped ratios, the mean over the tokens of the step", aggregation: .token)
}
