public import Foundation

/// What a verifier may use when it is made.
public struct VerifierEnvironment: Sendable {
    /// What relative paths of options start from: the recipe's folder.
    public var folder: URL
    /// Where answers of judges and built workers are kept; `nil` keeps none.
    public var cache: URL?
    /// Variables of the process, such as keys of endpoints.
    public var variables: [String: String]
    /// The verifiers that may be named, for those that are made of others.
    public var verifiers: VerifierRegistry
    /// The run's.
    public var seed: UInt64
    /// What processes of verifiers may use.
    public var workers = WorkerLimits()
    /// The weakest sandbox in which what a model wrote may be run.
    public var minimumTier = SandboxTier.a

    /// The process's own variables and folder, the built-in verifiers and no cache.
    public init(
        folder: URL = URL(filePath: FileManager.default.currentDirectoryPath), cache: URL? = nil,
        variables: [String: String] = ProcessInfo.processInfo.environment,
        verifiers: VerifierRegistry = .builtin, seed: UInt64 = 0
    ) {
        self.folder = folder
        self.cache = cache
        self.variables = variables
        self.verifiers = verifiers
        self.seed = seed
    }

    /// The file that an option names.
    public func url(_ path: String) -> URL {
        // Without the hint a folder whose URL has no slash at its end would count as a file, and its own be taken.
        let base = URL(filePath: folder.path, directoryHint: .isDirectory)
        return URL(filePath: path, relativeTo: base).absoluteURL.standardizedFileURL
    }
}

/// How well a program that nobody trusts is kept in, the strongest first.
public enum SandboxTier: String, NamedChoice, Hashable, Comparable {
    /// Namespaces: a root of its own with nothing in it but what is listed, no network, no other processes.
    case a = "A"
    /// Rules of the kernel (Landlock, seccomp) about files, signals and sockets of the machine that it runs on.
    case b = "B"
    /// A filter of system calls and limits: against accidents only, as whatever its user may read can be read.
    case c = "C"

    /// Weaker tiers are less.
    public static func < (first: SandboxTier, second: SandboxTier) -> Bool { first.rawValue > second.rawValue }
}

/// What a verifier is like, so that nobody has to guess how to run it.
public struct VerifierTraits: Sendable, Hashable {
    /// The same rollout gets the same verdict, so verdicts may be remembered.
    public var isDeterministic = true
    /// It waits for the network: many calls may wait at once, and a failure may pass.
    public var usesNetwork = false
    /// It holds its thread for long.
    public var isBlocking = false
    /// It runs what a model wrote.
    public var runsUntrustedCode = false
    /// The sandbox in which it does; `nil` where it does not, or has none.
    public var sandbox: SandboxTier?
    /// It ends every call by its deadline, whatever happens in it, and does not count the time that a call waits for
    /// its turn; nobody else has to watch the clock.
    public var keepsDeadlines = false
    /// How long a call may take where a recipe does not say.
    public var timeout: Duration = .seconds(10)

    /// Computes quickly and always the same.
    public init() {}

    /// Waits for an endpoint.
    public static var network: VerifierTraits {
        var traits = VerifierTraits()
        traits.isDeterministic = false
        traits.usesNetwork = true
        traits.timeout = .seconds(60)
        return traits
    }
}
