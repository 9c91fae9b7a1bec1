import Synchronization

/// A request to end a run early but well: set from a signal handler or another task, read between micro-batches.
public final class StopSignal: Sendable {
    // 0: none; a signal's number; -1: a request from the program itself.
    private let request = Atomic<Int32>(0)

    /// No request.
    public init() {}

    /// Asks the run to stop. Safe in a signal handler: it stores one number.
    ///
    /// - Parameter signal: the number of the signal that asks, or `nil`.
    public func requestStop(signal: Int32? = nil) {
        request.store(signal ?? -1, ordering: .releasing)
    }

    /// Whether the run should stop.
    public var isRequested: Bool { request.load(ordering: .acquiring) != 0 }

    /// The signal that asked, if one did.
    public var signal: Int32? {
        let value = request.load(ordering: .acquiring)
        return value > 0 ? value : nil
    }

    /// Who asked, in words.
    public var reason: String {
        switch request.load(ordering: .acquiring) {
        case 0: "not requested"
        case 2: "interrupted (SIGINT)"
        case 15: "terminated (SIGTERM)"
        case let signal where signal > 0: "stopped by signal \(signal)"
        default: "stopped on request"
        }
    }
}
