import Dispatch
import Synchronization

/// A result that a task leaves for a thread.
private final class TaskResult<Success: Sendable>: Sendable {
    let value = Mutex<Success?>(nil)
}

extension Task where Failure == Never {
    /// The result, for a thread that is no part of a task. Never to be called from one that is.
    package func waited() -> Success {
        let result = TaskResult<Success>()
        let done = DispatchSemaphore(value: 0)
        Task<Void, Never>.detached {
            let value = await self.value
            result.value.withLock { $0 = value }
            done.signal()
        }
        done.wait()
        guard let value = result.value.withLock({ $0 }) else { preconditionFailure("a task without a result") }
        return value
    }
}
