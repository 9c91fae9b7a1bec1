/// Options of `method: reward`: a model with one number for each answer, trained on pairs.
public struct RewardSettings: Sendable, Hashable {
    public var loss = RewardLoss.bradleyTerry
    public var head = RewardHead.scalar
    /// How strongly the sum of a pair's two rewards is drawn to 0; 0 for not at all.
    public var centerCoefficient = 0.0

    public init() {}
}

/// What is minimised over pairs of rewards.
public enum RewardLoss: String, Sendable, Hashable, CaseIterable {
    /// −log σ of the difference, less the row's margin where it has one.
    case bradleyTerry = "bradley_terry"
}

/// What gives the reward.
public enum RewardHead: String, Sendable, Hashable, CaseIterable {
    /// One linear output at the answer's last token.
    case scalar
}

extension RewardLoss: RecipeWord {
    package static var spellings: [String: RewardLoss] {
        ["bt": .bradleyTerry, "sigmoid": .bradleyTerry, "bradley-terry": .bradleyTerry]
    }
}

extension RewardHead: RecipeWord {
    package static var spellings: [String: RewardHead] { ["linear": .scalar, "classification": .scalar] }
}

extension RewardSettings: RecipeSection {
    package static let table = SectionTable<RewardSettings>(
        "Options of method reward.",
        fields: [
            Field("loss", \.loss, "What is minimised over pairs of rewards."),
            Field("head", \.head, "What gives the reward."),
            Field(
                "center_coef", \.centerCoefficient, "How strongly the two rewards of a pair are drawn to a sum of 0.",
                in: .notNegative),
        ])
}
