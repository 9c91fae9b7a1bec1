extension PolicyLoss {
    /// Each token of a micro-batch counts alike (Xiao et al., "BNPO", 2025, as TRL has it); over the scope of a step
    /// that is `dapo`.
    public static let bnpo = PolicyLoss.clipped(
        "bnpo", summary: "clipped ratios, the mean over the tokens of each micro-batch", aggregation: .microBatchToken)
}
