/// Options of `method: kto`: answers with a label each, wanted or not.
public struct KTOSettings: Sendable, Hashable {
    public var loss = KTOLoss.kto
    /// How strongly the policy is held to the reference.
    public var beta = 0.1
    /// What wanted answers count.
    public var desirableWeight = 1.0
    /// What unwanted answers count.
    public var undesirableWeight = 1.0
    /// Whose answer each prompt gets in the estimate of the divergence from the reference.
    public var pairing = KTOPairing.otherPrompt
    public var reference = ReferenceChoice.adapterOff

    public init() {}
}

/// What is minimised over answers with labels.
public enum KTOLoss: String, Sendable, Hashable, CaseIterable {
    /// Kahneman and Tversky's value of the reward against the batch's divergence from the reference.
    case kto
    /// APO-zero for answers without a partner; it estimates no divergence.
    case apoZeroUnpaired = "apo_zero_unpaired"
}

/// Whose answer each prompt gets in the estimate of the divergence from the reference.
public enum KTOPairing: String, Sendable, Hashable, CaseIterable {
    /// That of the nearest row before it with another prompt.
    case otherPrompt = "other_prompt"
    /// That of the row before it, whatever its prompt, as in TRL.
    case previousRow = "previous_row"
}

extension KTOPairing: RecipeWord {}

extension KTOLoss: RecipeWord {
    package static var spellings: [String: KTOLoss] { ["apo_zero": .apoZeroUnpaired, "sigmoid": .kto] }
}

extension KTOSettings: RecipeSection {
    package static let table = SectionTable<KTOSettings>(
        "Options of method kto.",
        fields: [
            Field("loss", \.loss, "What is minimised over answers with labels."),
            Field("beta", \.beta, "How strongly the policy is held to the reference.", in: .positive),
            Field("desirable_weight", \.desirableWeight, "What wanted answers count.", in: .notNegative),
            Field("undesirable_weight", \.undesirableWeight, "What unwanted answers count.", in: .notNegative),
            Field("pairing", \.pairing, "Whose answer each prompt gets in the estimate of the divergence."),
            Field(
                "reference", \.reference,
                "What the policy is compared with: adapter_off, init (a frozen copy of the start), base, or the folder of another model.",
                exists: .folder, derivation: ReferenceChoice.derivation),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        if desirableWeight == 0, undesirableWeight == 0 {
            decoder.report(
                "desirable_weight", "kto.desirable_weight and kto.undesirable_weight are both 0",
                why: "There would be nothing to minimise", fix: "Write a number above 0 for one of them")
        }
    }
}
