extension PolicyLoss {
    /// Proximal policy optimisation over tokens (Schulman et al., 2017); the same as `dapo`.
    public static let ppo = PolicyLoss.clipped(
        "ppo", summary: "clipped ratios, the mean over the tokens of the step", aggregation: .token)
}
