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

    /// What comes with Hone.
    public init() { verifiers = .builtin }

    /// The registry of the command that runs.
    @TaskLocal static var current = Registry()
}
