/// What worker processes may use.
public struct WorkerLimits: Sendable, Hashable {
    /// Processes at the same time, at least 1; `nil` for one less than there are cores, or eight for verifiers that
    /// wait for the network.
    public var processes: Int?
    /// Address space of a process, in MiB; 0 for no limit.
    public var memory = 2048
    /// Processor time of a process over its life, in seconds; 0 for no limit.
    public var processorSeconds = 0
    /// Calls after which a process is replaced by a new one.
    public var callsPerProcess = 100_000
    /// Memory that a process may hold on to between two calls, in MiB; one that holds more is replaced.
    public var residentMemory = 512
    /// Crashes within a minute after which the verifier counts as broken.
    public var crashesPerMinute = 60
    /// How long a process may take to start.
    public var startup: Duration = .seconds(60)

    public init() {}

    /// Processes to run at most.
    func processCount(for traits: VerifierTraits, cores: Int) -> Int {
        max(1, processes ?? (traits.usesNetwork ? 8 : cores - 1))
    }
}
