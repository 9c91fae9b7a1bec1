import Dispatch
import Foundation
import Glibc
import Synchronization

/// One thing to ask of a worker. Whoever takes its completion out calls it, so it is called once.
final class WorkerJob: Sendable {
    typealias Completion = @Sendable (Result<WorkerReply, VerifierFailure>) -> Void
    /// Asks one worker, until a time.
    typealias Exchange = @Sendable (WorkerConnection, ContinuousClock.Instant) throws(WorkerEnd) -> WorkerReply

    private struct State {
        var completion: Completion?
        var process: pid_t?
    }

    /// The row, for quarantine; empty for what no row is to blame for.
    let item: String
    /// The policy's version; the quarantine of a row begins with the next.
    let version: Int
    /// How long a worker may take. The time before one is free does not count.
    let allowance: Duration
    let exchange: Exchange
    private let state: Mutex<State>

    init(
        item: String, version: Int, allowance: Duration, exchange: @escaping Exchange, completion: @escaping Completion
    ) {
        self.item = item
        self.version = version
        self.allowance = allowance
        self.exchange = exchange
        state = Mutex(State(completion: completion))
    }

    func complete(_ result: Result<WorkerReply, VerifierFailure>) {
        let completion = state.withLock { state in
            defer { state.completion = nil }
            return state.completion
        }
        completion?(result)
    }

    /// Whether nobody waits for it any more.
    var isOver: Bool { state.withLock { $0.completion == nil } }

    /// Says which process works on it, so that it can be ended; `nil` before that process is waited for.
    func isRunning(in process: pid_t?) { state.withLock { $0.process = process } }

    /// Gives up: a process that works on it is ended.
    func cancel() {
        let completion = state.withLock { state -> Completion? in
            if let process = state.process { kill(-process, SIGKILL) }
            defer { state.completion = nil }
            return state.completion
        }
        completion?(.failure(VerifierFailure(.timeout, "nobody waits for the verdict any more")))
    }
}

/// Worker processes of one verifier, each served by a thread of its own, so that no thread of Swift's tasks ever waits
/// for one. The processes end with the pool.
final class WorkerPool: Sendable {
    /// How to run and greet a worker.
    struct Blueprint: Sendable {
        var plan: ProcessPlan
        var framing: WorkerConnection.Framing
        var limits: WorkerLimits
        /// The first exchange with a new process.
        var greet: @Sendable (WorkerConnection, ContinuousClock.Instant) throws(WorkerEnd) -> WorkerReply?
        /// Tells a process to end.
        var farewell: [UInt8]?
    }

    private let queue: WorkerQueue

    init(_ blueprint: Blueprint, processes: Int) { queue = WorkerQueue(blueprint, processes: processes) }

    deinit { queue.close() }

    /// From now on, this many processes at most.
    func allow(processes: Int) { queue.allow(processes: processes) }

    /// Asks a worker; the task waits, its thread does not.
    func reply(
        item: String, version: Int, allowance: Duration, _ exchange: @escaping WorkerJob.Exchange
    ) async -> Result<WorkerReply, VerifierFailure> {
        let current = Mutex<WorkerJob?>(nil)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let job = WorkerJob(item: item, version: version, allowance: allowance, exchange: exchange) {
                    continuation.resume(returning: $0)
                }
                current.withLock { $0 = job }
                if Task.isCancelled { job.cancel() }
                queue.add(job)
            }
        } onCancel: {
            current.withLock { $0 }?.cancel()
        }
    }

    /// Asks a worker while this thread waits: for what is done before a run.
    func replyWaiting(
        allowance: Duration, _ exchange: @escaping WorkerJob.Exchange
    ) throws(VerifierFailure) -> WorkerReply {
        let answer = Mutex<Result<WorkerReply, VerifierFailure>?>(nil)
        let arrived = DispatchSemaphore(value: 0)
        withExtendedLifetime(self) {
            queue.add(
                WorkerJob(item: "", version: 0, allowance: allowance, exchange: exchange) { result in
                    answer.withLock { $0 = result }
                    arrived.signal()
                })
            arrived.wait()
        }
        guard let result = answer.withLock({ $0 }) else { preconditionFailure("a worker's answer was lost") }
        return try result.get()
    }
}

/// What waits for a worker, and the threads that serve it.
final class WorkerQueue: Sendable {
    private struct State {
        var jobs: [WorkerJob] = []
        var next = 0
        var threads = 0
        var idle = 0
        var limit: Int
        var isClosed = false

        var waiting: Int { jobs.count - next }
    }

    let blueprint: WorkerPool.Blueprint
    let record: CrashRecord
    private let state: Mutex<State>
    private let changed = DispatchSemaphore(value: 0)

    init(_ blueprint: WorkerPool.Blueprint, processes: Int) {
        self.blueprint = blueprint
        record = CrashRecord(perMinute: blueprint.limits.crashesPerMinute)
        state = Mutex(State(limit: max(1, processes)))
    }

    func allow(processes: Int) { state.withLock { $0.limit = max(1, processes) } }

    func add(_ job: WorkerJob) {
        let needsThread = state.withLock { state in
            state.jobs.append(job)
            guard state.waiting > state.idle, state.threads < state.limit else { return false }
            state.threads += 1
            return true
        }
        if needsThread { Thread.detachNewThread { WorkerSlot(self).serve() } }
        changed.signal()
    }

    /// The next job, once there is one; `nil` when the pool is gone.
    func take() -> WorkerJob? {
        state.withLock { $0.idle += 1 }
        defer { state.withLock { $0.idle -= 1 } }
        while true {
            changed.wait()
            let (job, isClosed) = state.withLock { state -> (WorkerJob?, Bool) in
                guard state.waiting > 0 else { return (nil, state.isClosed) }
                let job = state.jobs[state.next]
                state.next += 1
                if state.next == state.jobs.count || state.next > 1024 {
                    state.jobs.removeFirst(state.next)
                    state.next = 0
                }
                return (job, false)
            }
            if let job { return job }
            if isClosed {
                // For the next thread.
                changed.signal()
                return nil
            }
        }
    }

    func close() {
        state.withLock { $0.isClosed = true }
        changed.signal()
    }
}

/// A thread's work: keeps one process alive and asks it one thing after another.
private final class WorkerSlot {
    private let queue: WorkerQueue
    private var connection: WorkerConnection?
    private var limits: WorkerLimits { queue.blueprint.limits }

    init(_ queue: WorkerQueue) { self.queue = queue }

    func serve() {
        // A worker that ended must be an error of the write, not a signal.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        while let job = queue.take() {
            if !job.isOver { job.complete(result(of: job)) }
        }
        dismiss()
    }

    private func result(of job: WorkerJob) -> Result<WorkerReply, VerifierFailure> {
        do throws(VerifierFailure) {
            try queue.record.check(item: job.item, version: job.version)
            let connection = try liveConnection()
            return .success(try ask(connection, job))
        } catch {
            return .failure(error)
        }
    }

    private func ask(_ connection: WorkerConnection, _ job: WorkerJob) throws(VerifierFailure) -> WorkerReply {
        job.isRunning(in: connection.process)
        // Starting an interpreter and loading what it needs belongs to the first call where there is no greeting.
        let isFirst = connection.greeting == nil && !connection.hasAnswered
        connection.calls += 1
        let allowance = isFirst ? max(job.allowance, limits.startup) : job.allowance
        do throws(WorkerEnd) {
            let reply = try job.exchange(connection, .now + allowance)
            job.isRunning(in: nil)
            recycle(connection)
            return reply
        } catch {
            job.isRunning(in: nil)
            throw failure(error, connection, of: job, allowance: allowance)
        }
    }

    private func failure(
        _ end: WorkerEnd, _ connection: WorkerConnection, of job: WorkerJob, allowance: Duration
    ) -> VerifierFailure {
        if case .refused(let failure) = end {
            recycle(connection)
            return failure
        }
        self.connection = nil
        let words = connection.end()
        switch end {
        case .refused(let failure): return failure
        case .deadline:
            return VerifierFailure(.timeout, "no verdict within \(allowance.inSeconds) s; its process was ended")
        case .closed, .damaged:
            guard !job.isOver else { return VerifierFailure(.timeout, "nobody waits for the verdict any more") }
            var message = "its process \(words)"
            if case .damaged(let what) = end { message = "it sent \(what); its process was ended" }
            queue.record.add(message, item: job.item, version: job.version)
            return VerifierFailure(.crashed, message)
        }
    }

    private func liveConnection() throws(VerifierFailure) -> WorkerConnection {
        if let connection {
            if connection.isQuiet() { return connection }
            // It ended, or spoke, between two calls: no row is to blame.
            self.connection = nil
            queue.record.add("between two calls its process \(connection.end())", item: "", version: 0)
        }
        let blueprint = queue.blueprint
        let new = try WorkerConnection(blueprint.plan, framing: blueprint.framing)
        do throws(WorkerEnd) {
            new.greeting = try blueprint.greet(new, .now + limits.startup)
        } catch {
            if case .refused(let failure) = error { throw failure }
            let words = new.end()
            queue.record.add(words, item: "", version: 0)
            switch error {
            case .refused(let failure): throw failure
            case .deadline:
                throw VerifierFailure(.infrastructure, "its process did not start within \(limits.startup.inSeconds) s")
            case .closed: throw VerifierFailure(.infrastructure, "its process \(words) when it started")
            case .damaged(let what): throw VerifierFailure(.infrastructure, "its process sent \(what) when it started")
            }
        }
        connection = new
        return new
    }

    /// Ends a process that has done enough or has grown too big.
    private func recycle(_ connection: WorkerConnection) {
        let isDone =
            connection.calls >= limits.callsPerProcess
            || connection.calls % 32 == 0 && connection.residentBytes > limits.residentMemory << 20
        if isDone { dismiss() }
    }

    private func dismiss() {
        guard let connection else { return }
        self.connection = nil
        if let farewell = queue.blueprint.farewell { connection.send(farewell) }
        _ = connection.end()
    }
}

extension VerificationContext {
    /// How long a call may take: up to the deadline, to the hundredth of a second above.
    func allowance(_ usual: Duration) -> Duration {
        guard let deadline else { return usual }
        let seconds = ContinuousClock.now.duration(to: deadline).inSeconds
        return .milliseconds(10 * (max(0, min(seconds, 1e6)) * 100).rounded(.up))
    }
}
