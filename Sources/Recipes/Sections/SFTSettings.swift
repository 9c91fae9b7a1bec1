/// Options of `method: sft`.
public struct SFTSettings: Sendable, Hashable {
    public var trainOn = TrainedTokens.assistant
    public var loss = SFTLoss.nll
    /// Strength of the uniform noise on embeddings while training; `nil` for none.
    public var neftuneAlpha: Double?

    public init() {}
}

/// The tokens that carry loss.
public enum TrainedTokens: String, Sendable, Hashable, CaseIterable {
    /// Everything the assistant says, stop tokens included.
    case assistant
    /// The assistant's last turn only.
    case lastAssistant = "last_assistant"
    /// What follows the prompt.
    case completion
    /// Every token.
    case all
}

/// What is minimised over the trained tokens.
public enum SFTLoss: String, Sendable, Hashable, CaseIterable {
    /// Negative log-likelihood.
    case nll
    /// Negative log-likelihood weighted by the token's own probability, held constant.
    case dft
}

extension SFTSettings: RecipeSection {
    package static let table = SectionTable<SFTSettings>(
        "Options of method sft.",
        fields: [
            Field("train_on", \.trainOn, "Which tokens carry loss."),
            Field("loss", \.loss, "What is minimised over them."),
            Field("neftune_alpha", \.neftuneAlpha, "Strength of noise on embeddings; none if absent.", in: .positive),
        ])
}

extension TrainedTokens: RecipeWord {}
extension SFTLoss: RecipeWord {
    package static var spellings: [String: SFTLoss] { ["chunked_nll": .nll, "cross_entropy": .nll] }
}
