import Dispatch
import Foundation
import Synchronization

/// Threads on which verifiers run, so that none of them holds up the few threads that all tasks share.
///
/// A thread is started when work waits and all others are busy, and ends after having had nothing to do for a while.
/// A verifier that never returns keeps its thread; the others go on.
final class VerifierThreads: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var next = 0
        var idle = 0
        var threads = 0
    }

    /// Threads at most; more work waits.
    private let limit: Int
    // Held while `state` is touched, and waited on by idle threads.
    private let condition = NSCondition()
    private nonisolated(unsafe) var state = State()

    init(limit: Int = 64) { self.limit = limit }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        condition.lock()
        state.jobs.append(job)
        let isShort = state.idle < state.jobs.count - state.next && state.threads < limit
        if isShort { state.threads += 1 }
        condition.signal()
        condition.unlock()
        if isShort { start() }
    }

    private func start() {
        let thread = Thread { self.work() }
        thread.name = "verifier"
        // Verifiers may descend into deep values; the default of other threads is 512 KiB on some systems.
        thread.stackSize = 8 << 20
        thread.start()
    }

    private func work() {
        while let job = take() { job.runSynchronously(on: asUnownedTaskExecutor()) }
    }

    /// The next job; `nil` when none came for some seconds, and this thread is to end.
    private func take() -> UnownedJob? {
        condition.lock()
        defer { condition.unlock() }
        let patience = Date(timeIntervalSinceNow: 5)
        while state.next == state.jobs.count {
            state.idle += 1
            let isInTime = condition.wait(until: patience)
            state.idle -= 1
            if !isInTime, state.next == state.jobs.count {
                state.threads -= 1
                return nil
            }
        }
        let job = state.jobs[state.next]
        state.next += 1
        if state.next == state.jobs.count || state.next == 1024 {
            state.jobs.removeFirst(state.next)
            state.next = 0
        }
        return job
    }

    /// What `body` gives, or `nil` when `limit` passes first.
    ///
    /// A body that pays no heed to its cancellation goes on by itself, and what it gives then is lost.
    func result<Value: Sendable>(
        within limit: Duration, of body: @escaping @Sendable () async -> Value
    ) async -> Value? {
        let race = Race<Value>()
        return await withCheckedContinuation { continuation in
            race.begin(continuation)
            let alarm = AlarmClock.shared.ring(after: limit) { race.end(nil) }
            let call = Task.detached(executorPreference: self) {
                race.end(await body())
                AlarmClock.shared.cancel(alarm)
            }
            race.cancelWhenLost(call)
        }
    }

    /// What `body` gives; the calling thread waits for it.
    func wait<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Value { start(body).value }

    /// Begins `body`, which a thread may wait for later.
    func start<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Pending<Value> {
        let pending = Pending<Value>()
        let task = Task.detached(executorPreference: self) { pending.finish(await body()) }
        pending.onCancel { task.cancel() }
        return pending
    }

    /// Applies `body` to each of `0 ..< count`, on `workers` threads; in order.
    func map<Value: Sendable>(
        _ count: Int, workers: Int, _ body: @escaping @Sendable (Int) -> Value
    ) async -> [Value] {
        let shares = max(1, min(workers, count))
        return await withTaskGroup(of: (share: Int, values: [Value]).self) { group in
            for share in 0..<shares {
                group.addTask(executorPreference: self) {
                    let range = (count * share / shares)..<(count * (share + 1) / shares)
                    return (share, range.map(body))
                }
            }
            var parts = [[Value]](repeating: [], count: shares)
            for await part in group { parts[part.share] = part.values }
            return parts.flatMap { $0 }
        }
    }

    /// Applies `body` to each of `0 ..< count`, so many at the same time; in order.
    func map<Value: Sendable>(
        _ count: Int, concurrency: Int, _ body: @escaping @Sendable (Int) async -> Value
    ) async -> [Value] {
        await withTaskGroup(of: (index: Int, value: Value).self) { group in
            var values = [Value?](repeating: nil, count: count)
            var next = 0
            func add() {
                let index = next
                next += 1
                group.addTask(executorPreference: self) { (index, await body(index)) }
            }
            while next < min(count, concurrency) { add() }
            while let done = await group.next() {
                values[done.index] = done.value
                if next < count { add() }
            }
            return values.compactMap { $0 }
        }
    }
}

/// What a task will give to a thread.
package final class Pending<Value: Sendable>: Sendable {
    private let content = Mutex<Value?>(nil)
    private let stop = Mutex<(@Sendable () -> Void)?>(nil)
    private let done = DispatchSemaphore(value: 0)

    fileprivate init() {}

    fileprivate func finish(_ value: Value) {
        content.withLock { $0 = value }
        done.signal()
    }

    fileprivate func onCancel(_ body: @escaping @Sendable () -> Void) { stop.withLock { $0 = body } }

    /// Asks the task to end early.
    package func cancel() { stop.withLock { $0 }?() }

    /// What the task gave; the calling thread waits for it.
    package var value: Value {
        while true {
            if let value = content.withLock({ $0 }) { return value }
            done.wait()
        }
    }

    /// What the task gave; the calling thread waits for it, but not when it should stop.
    ///
    /// - Throws: `CancellationError` when `isStopped` says so before there is a value; the task is asked to end.
    package func value(unless isStopped: () -> Bool) throws -> Value {
        while true {
            if let value = content.withLock({ $0 }) { return value }
            if isStopped() {
                cancel()
                throw CancellationError()
            }
            _ = done.wait(timeout: .now() + .milliseconds(50))
        }
    }
}

/// What `body` gives, on threads of its own; the calling thread waits for it, whatever that is.
package func waiting<Value: Sendable>(for body: @escaping @Sendable () async -> Value) -> Value {
    VerifierThreads().wait(body)
}

/// The same, but the calling thread does not wait when it should stop.
///
/// - Throws: `CancellationError` when `isStopped` says so first; `body` is then cancelled.
package func waiting<Value: Sendable>(
    unless isStopped: () -> Bool, for body: @escaping @Sendable () async -> Value
) throws -> Value {
    try VerifierThreads().start(body).value(unless: isStopped)
}

/// Who is first: a call or its clock.
private final class Race<Value: Sendable>: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Value?, Never>?
        var isLost = false
        var call: Task<Void, Never>?
    }

    private let state = Mutex(State())

    func begin(_ continuation: CheckedContinuation<Value?, Never>) {
        state.withLock { $0.continuation = continuation }
    }

    func cancelWhenLost(_ call: Task<Void, Never>) {
        let isLost = state.withLock {
            $0.call = $0.continuation == nil ? nil : call
            return $0.isLost
        }
        if isLost { call.cancel() }
    }

    /// Gives the value, or nothing when the time is over. Only the first of both counts.
    func end(_ value: Value?) {
        let (continuation, call) = state.withLock { state in
            defer { state = State(isLost: state.continuation == nil ? state.isLost : value == nil) }
            return (state.continuation, state.call)
        }
        guard let continuation else { return }
        if value == nil { call?.cancel() }
        continuation.resume(returning: value)
    }
}
