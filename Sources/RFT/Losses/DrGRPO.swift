extension PolicyLoss {
    /// Each token counts alike, and as much as in any other step (Liu et al., "Understanding R1-Zero-like training",
    /// 2025).
    public static let drGRPO = PolicyLoss.clipped(
        "dr_grpo", summary: "clipped ratios, sums over answers divided by the longest that one may be",
        aggregation: .sequenceSumConstant)
}
