import Dispatch
import Foundation
import Glibc
import OrderedCollections
import Synchronization
import TextCore

/// The worker's side: a process that does nothing but judge.
///
/// A package of your own needs three lines:
///
///     @main struct Worker {
///         static func main() async { await VerifierWorker.main([UnitsVerifier.self]) }
///     }
public enum VerifierWorker {
    /// The first argument of an executable that is asked to be a worker.
    public static let flag = "--verifier-worker"

    /// Judges for the run that started this process, until it ends.
    public static func main(_ verifiers: [any Verifier.Type]) async -> Never {
        var registry = VerifierRegistry()
        for type in verifiers { add(type, to: &registry) }
        await main(registry)
    }

    /// Judges with any of these verifiers for the run that started this process, until it ends.
    public static func main(_ registry: VerifierRegistry) async -> Never {
        guard let channel = channel() else { introduce(registry) }
        watch(channel)
        let loop = WorkerLoop(channel: channel, registry: registry)
        // A thread of its own, so that verifiers may use the main one.
        let thread = Thread { loop.run() }
        thread.stackSize = 64 << 20
        thread.start()
        await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
        exit(0)
    }

    /// Becomes a worker and never returns, where that is what the executable was started for. An executable whose
    /// verifiers are to run in processes of their own calls this first.
    public static func runIfAsked(_ registry: VerifierRegistry) async {
        if CommandLine.arguments.dropFirst().first == flag { await main(registry) }
    }

    private static func add<V: Verifier>(_ type: V.Type, to registry: inout VerifierRegistry) {
        registry.register(type)
    }

    /// The descriptor to talk on, moved away from where a stray write could reach it or a child inherit it.
    private static func channel() -> Int32? {
        guard let number = getenv(WorkerMessage.variable).flatMap({ Int32(String(cString: $0)) }) else { return nil }
        unsetenv(WorkerMessage.variable)
        let channel = fcntl(number, F_DUPFD_CLOEXEC, 100)
        close(number)
        return channel < 0 ? nil : channel
    }

    /// Ends this process and what it started when the run is gone, whatever its verifiers are doing.
    private static func watch(_ channel: Int32) {
        Thread.detachNewThread {
            var entry = pollfd(fd: channel, events: 0, revents: 0)
            while poll(&entry, 1, -1) < 0, errno == EINTR {}
            if getpgrp() == getpid() { kill(0, SIGKILL) }
            _exit(1)
        }
    }

    private static func introduce(_ registry: VerifierRegistry) -> Never {
        let names = registry.names.joined(separator: ", ")
        FileHandle.standardError.write(
            Data("This is a verifier (\(names)) for Hone; name it in a recipe: verifier: ./\(Self.programName)\n".utf8))
        exit(2)
    }

    private static var programName: String { URL(filePath: CommandLine.arguments.first ?? "").lastPathComponent }
}

/// Reads one message after another and answers it.
private final class WorkerLoop: Sendable {
    private struct State {
        var verifier: AnyVerifier?
        var rows: [Int: BoundVerifier] = [:]
    }

    private let channel: Int32
    private let registry: VerifierRegistry
    private let state = Mutex(State())

    init(channel: Int32, registry: VerifierRegistry) {
        self.channel = channel
        self.registry = registry
    }

    func run() {
        send(hello)
        while let bytes = receive() {
            guard let message = try? JSON(parsing: bytes, limits: WorkerMessage.limits) else {
                giveUp(on: "a message that is not JSON")
            }
            if message["type"]?.string == "shutdown" { break }
            let answer = answer(message)
            // What the verifier printed must be out before its verdict is.
            fflush(nil)
            send(answer)
        }
        exit(0)
    }

    private func answer(_ message: JSON) -> JSON {
        do throws(VerifierFailure) {
            switch message["type"]?.string {
            case "configure": return try configure(message)
            case "prepare": return try prepare(message)
            case "verify": return try verify(message)
            case "forget":
                state.withLock { $0.rows = [:] }
                return ["type": "forgotten"]
            case let other: giveUp(on: "the unknown message '\(other ?? "?")'")
            }
        } catch {
            return error.workerJSON
        }
    }

    private var hello: JSON {
        [
            "type": "hello", "protocol": .integer(WorkerMessage.version),
            "verifiers": .array(
                registry.names.map { name in
                    [
                        "name": .string(name), "summary": .string(registry.summary(of: name) ?? ""),
                        "options": .array((registry.options(of: name) ?? []).map { .string($0.name) }),
                    ]
                }),
        ]
    }

    private func configure(_ message: JSON) throws(VerifierFailure) -> JSON {
        let names = registry.names
        guard let name = message["verifier"]?.string ?? (names.count == 1 ? names.first : nil) else {
            throw VerifierFailure(
                .configuration, "it has several verifiers; say which, behind '#': \(names.joined(separator: ", "))")
        }
        var environment = VerifierEnvironment(
            folder: URL(filePath: message["folder"]?.string ?? "."),
            cache: message["cache"]?.string.map { URL(filePath: $0) }, verifiers: registry,
            seed: WorkerMessage.seed(message["seed"]))
        environment.minimumTier = message["minimum_tier"].flatMap(SandboxTier.init(json:)) ?? .a
        let verifier = try registry.make(name, options: message["options"] ?? [:], in: environment)
        state.withLock { $0.verifier = verifier }
        return [
            "type": "configured", "name": .string(verifier.name),
            "range": [WorkerMessage.bound(verifier.range.lowerBound), WorkerMessage.bound(verifier.range.upperBound)],
            "traits": verifier.traits.workerJSON, "scope": verifier.scope == .group ? "group" : "rollout",
        ]
    }

    private func prepare(_ message: JSON) throws(VerifierFailure) -> JSON {
        guard let id = message["id"]?.int, let verifier = state.withLock({ $0.verifier }) else {
            giveUp(on: "a row before any configuration")
        }
        let row = try verifier.bound(to: message["reference"] ?? .null)
        state.withLock { $0.rows[id] = row }
        return [
            "type": "prepared", "id": .integer(id), "of_groups": .bool(row.isOfGroups),
            "of_turns": .bool(row.isOfTurns),
            "probes": .array(row.probes.map(\.workerJSON)),
        ]
    }

    private func verify(_ message: JSON) throws(VerifierFailure) -> JSON {
        guard let id = message["reference"]?.int, let row = state.withLock({ $0.rows[id] }),
            let subject = message["subject"]
        else { giveUp(on: "a rollout of an unknown row") }
        let notes = VerificationNotes()
        let context = VerificationContext(
            purpose: message["purpose"]?.string.flatMap(VerificationContext.Purpose.init) ?? .evaluation,
            deadline: message["seconds"]?.double.map { .now + .seconds(min(max($0, 0), WorkerMessage.longestCall)) },
            attempt: message["attempt"]?.int ?? 0,
            random: VerifierRandom(seed: WorkerMessage.seed(message["seed"])), notes: notes)
        let results = try verdicts(message["what"]?.string ?? "", subject, row, context)
        return [
            "type": "verdict", "verdicts": .array(results.map(WorkerMessage.verdict)),
            "logs": .array(notes.messages.map { .string($0) }),
            "metrics": .object(.init(uniqueKeysWithValues: notes.metrics.map { ($0.key, .number($0.value)) })),
        ]
    }

    private func verdicts(
        _ what: String, _ subject: JSON, _ row: BoundVerifier, _ context: VerificationContext
    ) throws(VerifierFailure) -> [Result<Verdict, VerifierFailure>] {
        if what == "turn" {
            let turn = Turn(workerJSON: subject)
            return [waiting { () async throws(VerifierFailure) in try await row.verify(turn: turn, in: context) }]
        }
        let members = (subject.array ?? []).compactMap { member in
            member["rollout"].flatMap { Rollout(json: $0) }
                .map { GroupMember(rollout: $0, earlier: member["earlier"].flatMap { Score(workerJSON: $0) }) }
        }
        guard members.count == subject.array?.count, let first = members.first else {
            giveUp(on: "a rollout without a text")
        }
        if what == "group" {
            return try waiting { () async throws(VerifierFailure) in try await row.verify(members, in: context) }.get()
        }
        if row.isImmediate {
            return [Result { () throws(VerifierFailure) in try row.verify(first.rollout) }]
        }
        var context = context
        context.earlier = first.earlier
        let complete = context
        return [waiting { () async throws(VerifierFailure) in try await row.verify(first.rollout, in: complete) }]
    }

    /// What a task gives, while this thread waits for it.
    private func waiting<Value: Sendable>(
        _ body: @escaping @Sendable () async throws(VerifierFailure) -> Value
    ) -> Result<Value, VerifierFailure> {
        let result = Mutex<Result<Value, VerifierFailure>?>(nil)
        let isDone = DispatchSemaphore(value: 0)
        Task.detached {
            do throws(VerifierFailure) {
                let value = try await body()
                result.withLock { $0 = .success(value) }
            } catch {
                result.withLock { $0 = .failure(error) }
            }
            isDone.signal()
        }
        isDone.wait()
        guard let value = result.withLock({ $0 }) else { preconditionFailure("a task ended without a result") }
        return value
    }

    // MARK: The channel

    private func receive() -> [UInt8]? {
        guard let header = read(4) else { return nil }
        let length = header.reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= WorkerConnection.messageLimit else { giveUp(on: "a message of \(length) bytes") }
        return read(length)
    }

    private func read(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(channel, $0.baseAddress?.advanced(by: done), count - done)
            }
            if got == 0 || got < 0 && errno != EINTR { return nil }
            done += max(got, 0)
        }
        return bytes
    }

    private func send(_ message: JSON) {
        let body = message.utf8()
        let bytes = withUnsafeBytes(of: UInt32(body.count).littleEndian, Array.init) + body
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    channel, $0.baseAddress?.advanced(by: done), bytes.count - done, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno != EINTR { exit(0) }
            done += max(count, 0)
        }
    }

    /// Ends a process whose run makes no sense.
    private func giveUp(on what: String) -> Never {
        FileHandle.standardError.write(Data("verifier worker: the run sent \(what)\n".utf8))
        exit(3)
    }
}
