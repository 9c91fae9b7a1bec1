extension PolicyLoss {
    /// Clipped ratios of whole answers as the product over their tokens (Ahmadian et al., "Back to basics", 2024, with
    /// the clip of TRL). It goes with the advantage of the same name.
    public static let rloo = PolicyLoss.clipped(
        "rloo", summary: "clipped ratios of whole answers, each the product over its tokens",
        aggregation: .sequenceMean, levels: [.product])
}
