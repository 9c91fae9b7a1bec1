extension PolicyLoss {
    /// The ratio is of the whole answer: the geometric mean over its tokens (Zheng et al., "Group sequence policy
    /// optimization", 2025).
    public static let gspo = PolicyLoss.clipped(
        "gspo", summary: "clipped ratios of whole answers; epsilon is then some ten-thousandths",
        aggregation: .sequenceMean, levels: [.sequence])
}
