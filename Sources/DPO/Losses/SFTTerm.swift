extension PreferenceLoss {
    /// Cross-entropy over the tokens of the chosen answers, each token alike: the supervised part of a mixture.
    public static let sft = PreferenceLoss(
        "sft", summary: "cross-entropy over the chosen answers, to be mixed with another loss", needsReference: false,
        options: [.divergence, .divergenceAlpha], divergences: .all, tokenTerm: .answers, perPair: nil)
}
