public import LanguageModels

/// What the policy is compared with.
public enum ReferencePolicy {
    /// Nothing: for losses that need no reference.
    case none
    /// The policy without its adapter: the base model, at no cost in memory.
    case adapterOff
    /// Another model, such as a frozen copy of the policy as it was.
    case model(LanguageModel)
    /// What the data carry, computed beforehand.
    case cached
}

/// A reference that follows the policy (TR-DPO; Gorbatovski et al., "Learn your reference model", 2024).
public struct ReferenceSynchronization: Sendable, Hashable {
    /// After how many steps each time.
    public var everySteps: Int
    /// The policy's part of the new reference, in (0, 1].
    public var alpha: Double

    /// w_ref ← α w + (1 − α) w_ref after every so many steps.
    public init(everySteps: Int = 512, alpha: Double = 0.6) {
        self.everySteps = everySteps
        self.alpha = alpha
    }

    /// What is wrong with the numbers, as plain sentences.
    public var problems: [String] {
        var problems: [String] = []
        if everySteps < 1 { problems.append("every_steps is \(everySteps); it must be at least 1") }
        if !(alpha > 0 && alpha <= 1) {
            problems.append("alpha is \(alpha); it is the policy's part of the new reference, above 0 and at most 1")
        }
        return problems
    }
}
