extension PolicyLoss {
    /// The ratio is of the whole answer, which counts as much as it has tokens (length-unbiased sequence policy
    /// optimisation, 2026, as TRL has it).
    public static let luspo = PolicyLoss.clipped(
        "luspo", summary: "clipped ratios of whole answers, the mean over answers of the sum over their tokens",
        aggregation: .sequenceSum, levels: [.sequence])
}
