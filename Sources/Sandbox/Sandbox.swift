import Dispatch
import Foundation
import Synchronization
public import Verifiers

/// Runs programs that nobody trusts, such as what a model wrote.
///
/// Each has fresh namespaces, a folder that is empty but for what it is given, and the limits of `SandboxLimits`; when it
/// ends, all that it started ends with it. What it may do depends on `tier`, which is never below the one asked for:
/// where that cannot be had, nothing is run.
public final class Sandbox: Sendable {
    /// What it reached.
    public let tier: SandboxTier
    /// What it reached, and why not more, in one line.
    public let summary: String
    private let plan: Supervisor.Plan
    private let slots: Int
    private let state: Mutex<State>

    private struct State {
        var idle: [Supervisor] = []
        /// Supervisors that run or are idle.
        var count = 0
        var waiting: [CheckedContinuation<Supervisor?, Never>] = []
    }

    /// Each supervisor is waited for on a thread of its own.
    private static let threads = DispatchQueue(label: "hone.sandbox", attributes: .concurrent)

    /// Finds the strongest tier that works here, by running a program in it.
    ///
    /// - Parameters:
    ///   - minimum: the weakest tier that will do.
    ///   - readable: files and folders that programs may read, beside those of the system (`systemFolders`).
    ///   - slots: programs at the same time, at least 1; as many as there are cores, where none is given.
    /// - Throws: `SandboxFailure` that says what failed and what to do, when no tier that will do works here.
    public convenience init(
        minimum: SandboxTier = .a, readable: [String] = [], slots: Int? = nil
    ) throws(SandboxFailure) {
        try self.init(minimum: minimum, readable: readable, slots: slots, ways: Self.ways, block: [])
    }

    /// - Parameters:
    ///   - ways: those that are tried, in this order.
    ///   - block: what does not work, as tests want it.
    package init(
        minimum: SandboxTier, readable: [String] = [], slots: Int? = nil, ways: [SandboxWay], block: SandboxBlock = []
    ) throws(SandboxFailure) {
        let folder = try Self.makeFolder()
        let paths = Self.systemFolders + readable
        var refused: [SandboxProbe] = []
        for way in ways where way.tier >= minimum {
            let plan = Supervisor.Plan(way: way, readable: paths, folder: folder.path, block: block)
            let (probe, supervisor) = SandboxProbe.trying(plan)
            guard let supervisor else {
                refused.append(probe)
                continue
            }
            // With a root of its own no program works there, and a process may end before it can remove it.
            if way.tier == .a { try? FileManager.default.removeItem(at: folder) }
            self.plan = plan
            self.slots = max(1, slots ?? ProcessInfo.processInfo.activeProcessorCount)
            tier = way.tier
            let lost = refused.filter { $0.tier != way.tier }.map { "\($0.name): \($0.failure ?? "")" }
            summary = probe.description + (lost.isEmpty ? "" : " (\(lost.joined(separator: "; ")))")
            state = Mutex(State(idle: [supervisor], count: 1))
            return
        }
        try? FileManager.default.removeItem(at: folder)
        throw SandboxFailure(
            "no sandbox of tier \(minimum.rawValue)\(minimum == .a ? "" : " or better") works here, and nothing is run "
                + "without one. " + refused.map(\.description).joined(separator: "; ") + ". "
                + SandboxProbe.hints(for: refused).joined(separator: " "))
    }

    deinit { try? FileManager.default.removeItem(atPath: plan.folder) }

    /// The ways that this process may try, the strongest first.
    package static var ways: [SandboxWay] {
        (geteuid() == 0 ? [SandboxWay.root] : []) + [.user, .rules, .filter]
    }

    /// What every program may read.
    public static let systemFolders = [
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache", "/etc/alternatives",
    ]

    static func makeFolder() throws(SandboxFailure) -> URL {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "hone-sandbox-\(getpid())-\(UInt32.random(in: 0 ... .max))", directoryHint: .isDirectory)
        do {
            // Users of programs pass through it, and see nothing of each other's.
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o711])
        } catch {
            throw SandboxFailure("cannot make \(folder.path): \(error.localizedDescription)")
        }
        return folder
    }

    /// Runs a program.
    ///
    /// - Throws: `SandboxFailure` when nothing is known of it, also when the task is cancelled: a program that fails has a
    ///   result.
    public func run(_ program: SandboxedProgram) async throws(SandboxFailure) -> ProgramResult {
        try await run([program])[0]
    }

    /// Runs two programs that talk to each other and share nothing else: what each writes to its descriptor 5, the other
    /// reads from its descriptor 4. When the first ends, the second is ended.
    ///
    /// - Throws: `SandboxFailure` when nothing is known of them.
    public func run(
        _ first: SandboxedProgram, with second: SandboxedProgram
    ) async throws(SandboxFailure) -> (first: ProgramResult, second: ProgramResult) {
        let results = try await run([first, second])
        return (results[0], results[1])
    }

    /// A call that somebody waits for.
    private final class Call: Sendable {
        private struct State {
            var supervisor: Supervisor?
            var isCancelled = false
        }
        private let state = Mutex(State())

        func begin(_ supervisor: Supervisor) {
            let isCancelled = state.withLock { state in
                state.supervisor = supervisor
                return state.isCancelled
            }
            if isCancelled { supervisor.interrupt() }
        }

        func end() { state.withLock { $0.supervisor = nil } }

        func cancel() {
            let supervisor = state.withLock { state in
                state.isCancelled = true
                return state.supervisor
            }
            supervisor?.interrupt()
        }
    }

    private func run(_ programs: [SandboxedProgram]) async throws(SandboxFailure) -> [ProgramResult] {
        let call = Call()
        let result = await withTaskCancellationHandler {
            let idle = await idleSupervisor()
            return await withCheckedContinuation { continuation in
                Self.threads.async {
                    let result = Result { () throws(SandboxFailure) -> [ProgramResult] in
                        try self.ask(idle, programs, call)
                    }
                    continuation.resume(returning: result)
                }
            }
        } onCancel: {
            call.cancel()
        }
        return try result.get()
    }

    private func ask(
        _ idle: Supervisor?, _ programs: [SandboxedProgram], _ call: Call
    ) throws(SandboxFailure) -> [ProgramResult] {
        do throws(SandboxFailure) {
            let supervisor = if let idle { idle } else { try Supervisor(plan) }
            call.begin(supervisor)
            defer { call.end() }
            let results = try supervisor.run(programs)
            give(back: supervisor)
            return results
        } catch {
            // One that answered that something failed could go on; a fresh one certainly can.
            give(back: nil)
            throw error
        }
    }

    /// A supervisor; `nil` when the caller may start one.
    private func idleSupervisor() async -> Supervisor? {
        await withCheckedContinuation { continuation in
            let found: Supervisor?? = state.withLock { state in
                if let idle = state.idle.popLast() { return idle }
                if state.count < slots {
                    state.count += 1
                    return .some(nil)
                }
                state.waiting.append(continuation)
                return nil
            }
            if let found { continuation.resume(returning: found) }
        }
    }

    /// - Parameter supervisor: `nil` for one that is of no use any more; whoever waits starts another.
    private func give(back supervisor: Supervisor?) {
        let next = state.withLock { state -> CheckedContinuation<Supervisor?, Never>? in
            if !state.waiting.isEmpty { return state.waiting.removeFirst() }
            if let supervisor { state.idle.append(supervisor) } else { state.count -= 1 }
            return nil
        }
        next?.resume(returning: supervisor)
    }

    /// The processes of the supervisors that run nothing, for tests.
    package var idleProcesses: [Int32] { state.withLock { $0.idle.map(\.process) } }
}
