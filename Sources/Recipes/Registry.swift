public import DPO
import Datasets
import Judges
import Sandbox
public import Verifiers

/// Everything that a name in a recipe may stand for, as a value: built in one place and passed to the commands.
///
/// ```swift
/// var registry = Registry()
/// registry.verifiers.register(UnitsVerifier.self)
/// await Hone.run(registry)
/// ```
public struct Registry: Sendable {
    /// Verifiers of suites.
    public var verifiers: VerifierRegistry
    /// What the model acts in while it writes answers of several turns.
    public var environments: EnvironmentRegistry
    /// Losses of method dpo.
    public var losses: PreferenceLossRegistry

    /// What comes with Hone.
    public init() {
        verifiers = .builtin
        verifiers.registerJudges()
        verifiers.register(ProceduralVerifier.self)
        verifiers.registerRewardModel()
        verifiers.registerCodeTests()
        environments = .builtin
        losses = .standard
    }

    /// Names of the verifiers that come with Hone.
    static let standardVerifiers = Set(Registry().verifiers.names)

    /// The registry of the command that runs.
    @TaskLocal package static var current = Registry()
}
