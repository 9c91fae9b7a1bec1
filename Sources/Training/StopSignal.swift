import Synchronization

/// Requests to a run from outside: to end early but well, or to save and go on. Set from a signal handler or another
/// task, read between micro-batches, tokens and rows.
public final class StopSignal: Sendable {
    // 0: none; a signal's number; -1: a request from the program itself.
    private let request = Atomic<Int32>(0)
    private let save = Atomic<Bool>(false)
    private let reads = Atomic<Int>(0)

    /// No request.
    public init() {}

    /// Asks the run to stop. Safe in a signal handler: it stores one number.
    ///
    /// - Parameter signal: the number of the signal that asks, or `nil`.
    public func requestStop(signal: Int32? = nil) {
        request.store(signal ?? -1, ordering: .releasing)
    }

    /// Whether the work should stop. Asking is a sign of life: a `Watchdog` takes work that no longer asks for hung.
    public var isRequested: Bool {
        reads.wrappingAdd(1, ordering: .relaxed)
        return wasRequested
    }

    /// The same without being a sign of life: for loops that do nothing but wait.
    public var wasRequested: Bool { request.load(ordering: .acquiring) != 0 }

    /// How often `isRequested` was asked.
    var signsOfLife: Int { reads.load(ordering: .relaxed) }

    /// Asks the run for a checkpoint as soon as a step is done. Safe in a signal handler.
    public func requestSave() { save.store(true, ordering: .releasing) }

    /// Whether a checkpoint was asked for since this was last called.
    public func takeSaveRequest() -> Bool { save.exchange(false, ordering: .acquiringAndReleasing) }

    /// The signal that asked, if one did.
    public var signal: Int32? {
        let value = request.load(ordering: .acquiring)
        return value > 0 ? value : nil
    }

    /// Who asked, in words.
    public var reason: String {
        switch request.load(ordering: .acquiring) {
        case 0: "not requested"
        case 1: "the terminal hung up (SIGHUP)"
        case 2: "interrupted (SIGINT)"
        case 15: "terminated (SIGTERM)"
        case let signal where signal > 0: "stopped by signal \(signal)"
        default: "stopped on request"
        }
    }
}
