public import Verifiers

/// Where code that a model wrote may be run.
public struct SandboxSettings: Sendable, Hashable {
    /// The weakest sandbox that will do; where it cannot be had, nothing is run.
    public var minimumTier = SandboxTier.a

    public init() {}
}

extension SandboxTier: RecipeWord {
    package static var spellings: [String: SandboxTier] { ["a": .a, "b": .b, "c": .c] }
    package static var planned: [String: String] {
        ["none": "Write `min_tier: C`; nothing of a model's is run without a sandbox"]
    }
}

extension SandboxSettings: RecipeSection {
    package static let table = SectionTable<SandboxSettings>(
        "Where code that a model wrote may be run.",
        fields: [
            Field(
                "min_tier", \.minimumTier,
                "The weakest sandbox that will do: A (namespaces), B (Landlock) or C (against accidents only).")
        ])
}
