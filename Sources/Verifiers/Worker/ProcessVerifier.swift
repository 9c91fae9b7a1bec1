import Foundation
import OrderedCollections
import Synchronization
public import TextCore

/// An executable that answers as a verifier worker.
public struct WorkerLaunch: Sendable, Hashable {
    /// Its path.
    public var executable: String
    /// Its arguments, without its name.
    public var arguments: [String]

    public init(executable: String, arguments: [String] = []) {
        self.executable = executable
        self.arguments = arguments
    }

    /// This executable again, whose `main` calls `VerifierWorker.runIfAsked`.
    public static let thisExecutable = WorkerLaunch(
        executable: "/proc/self/exe", arguments: [VerifierWorker.flag])
}

/// A verifier in processes of its own: whatever it does, a deadline ends it and the run goes on.
///
/// A trap, an `exit`, a hang and a hunger for memory are failures of kind `crashed` or `timeout` of the rollout that met
/// them, and never a score. A row that ended two processes is in quarantine from the policy's next version on. More
/// crashes a minute than `WorkerLimits` allows are a failure of kind `configuration` for all calls from then on.
public enum ProcessVerifier {
    /// Starts a worker and gives the verifier that asks it.
    ///
    /// - Parameters:
    ///   - name: which of the worker's verifiers; `nil` when it has only one.
    ///   - options: the verifier's own.
    /// - Throws: `VerifierFailure` of kind `configuration` when the executable is no worker, has no such verifier or
    ///   refuses the options.
    public static func make(
        _ launch: WorkerLaunch, verifier name: String?, options: JSON = [:],
        in environment: VerifierEnvironment = VerifierEnvironment(), limits: WorkerLimits = WorkerLimits()
    ) throws(VerifierFailure) -> AnyVerifier {
        let configure: JSON = [
            "type": "configure", "verifier": name.map { .string($0) } ?? .null, "options": options,
            "folder": .string(environment.folder.path), "cache": environment.cache.map { .string($0.path) } ?? .null,
            "seed": .string(String(environment.seed)), "minimum_tier": .string(environment.minimumTier.rawValue),
        ]
        let blueprint = WorkerPool.Blueprint(
            plan: plan(launch, in: environment, limits), framing: .lengths, limits: limits,
            greet: { (connection, deadline) throws(WorkerEnd) in
                try greet(connection, configure.utf8(), until: deadline)
            }, farewell: JSON.object(["type": "shutdown"]).utf8())
        let pool = WorkerPool(blueprint, processes: 1)
        return try ProcessVerifierClient(pool, limits).verifier(name: name)
    }

    private static func plan(
        _ launch: WorkerLaunch, in environment: VerifierEnvironment, _ limits: WorkerLimits
    ) -> ProcessPlan {
        var variables = environment.variables
        // The same order of sets and dictionaries in every worker, and no minutes of backtrace for a trap.
        variables["SWIFT_DETERMINISTIC_HASHING"] = "1"
        variables["SWIFT_BACKTRACE"] = "enable=no"
        variables[WorkerMessage.variable] = "3"
        return ProcessPlan(
            executable: launch.executable, arguments: [launch.executable] + launch.arguments, variables: variables,
            folder: environment.folder.path, addressSpace: limits.memory << 20, processorTime: limits.processorSeconds)
    }

    private static func greet(
        _ connection: WorkerConnection, _ configure: [UInt8], until deadline: ContinuousClock.Instant
    ) throws(WorkerEnd) -> WorkerReply {
        let hello = try WorkerMessage.answer(try connection.receive(until: deadline), "hello")
        guard hello["protocol"]?.int == WorkerMessage.version else {
            throw .refused(
                VerifierFailure(
                    .configuration,
                    "the worker speaks protocol \(hello["protocol"]?.text() ?? "?"), and \(WorkerMessage.version) is "
                        + "expected; build it again with this version of Hone"))
        }
        let configured = try connection.exchange(configure, until: deadline)
        _ = try WorkerMessage.answer(configured, "configured")
        return WorkerReply(message: configured)
    }
}

/// Asks the workers of one verifier.
private final class ProcessVerifierClient: Sendable {
    private let pool: WorkerPool
    private let limits: WorkerLimits
    private let counter = Mutex(0)

    init(_ pool: WorkerPool, _ limits: WorkerLimits) {
        self.pool = pool
        self.limits = limits
    }

    func verifier(name: String?) throws(VerifierFailure) -> AnyVerifier {
        let greeting = try pool.replyWaiting(allowance: limits.startup) { (connection, _) throws(WorkerEnd) in
            guard let greeting = connection.greeting else { throw .damaged("no greeting") }
            return greeting
        }
        let said: JSON
        do throws(WorkerEnd) {
            said = try WorkerMessage.answer(greeting.message, "configured")
        } catch {
            throw VerifierFailure(.infrastructure, "its process sent what cannot be read when it started")
        }
        let traits = VerifierTraits(workerJSON: said["traits"])
        pool.allow(
            processes: limits.processCount(for: traits, cores: ProcessInfo.processInfo.activeProcessorCount))
        let range = WorkerMessage.range(said["range"])
        let verifierName = said["name"]?.string ?? name ?? "worker"
        return AnyVerifier(
            name: verifierName, range: range, traits: traits,
            scope: said["scope"]?.string == "group" ? .group : .rollout
        ) { (reference: JSON) throws(VerifierFailure) -> BoundVerifier in
            try self.bound(to: reference, name: verifierName, range: range, traits: traits)
        }
    }

    private func bound(
        to reference: JSON, name: String, range: ClosedRange<Double>, traits: VerifierTraits
    ) throws(VerifierFailure) -> BoundVerifier {
        let id = counter.withLock {
            $0 += 1
            return $0
        }
        let row = PreparedReference(
            id: id, message: JSON.object(["type": "prepare", "id": .integer(id), "reference": reference]).utf8())
        let reply = try pool.replyWaiting(allowance: traits.timeout) { (connection, deadline) throws(WorkerEnd) in
            WorkerReply(message: try row.prepare(connection, until: deadline))
        }
        guard let said = try? WorkerMessage.parse(reply.message) else {
            throw VerifierFailure(.crashed, "its process sent what cannot be read")
        }
        let asker = RowAsker(pool: pool, row: row, timeout: traits.timeout)
        return BoundVerifier(
            name: name, range: range, probes: (said["probes"]?.array ?? []).map(VerifierProbe.init(workerJSON:)),
            group: said["of_groups"]?.bool == true ? asker.group : nil,
            ofTurn: said["of_turns"]?.bool == true ? asker.turn : nil, waiting: asker.rollout)
    }
}

/// A row's reference, which a process is told before its first rollout.
private struct PreparedReference: Sendable {
    let id: Int
    let message: [UInt8]

    @discardableResult
    func prepare(_ connection: WorkerConnection, until deadline: ContinuousClock.Instant) throws(WorkerEnd) -> [UInt8] {
        if connection.prepared.count >= WorkerMessage.referenceLimit {
            connection.prepared = []
            _ = try WorkerMessage.answer(
                try connection.exchange(JSON.object(["type": "forget"]).utf8(), until: deadline), "forgotten")
        }
        let answer = try connection.exchange(message, until: deadline)
        _ = try WorkerMessage.answer(answer, "prepared")
        connection.prepared.insert(id)
        return answer
    }
}

/// Asks for verdicts on one row.
private struct RowAsker: Sendable {
    let pool: WorkerPool
    let row: PreparedReference
    let timeout: Duration

    func rollout(_ rollout: Rollout, _ context: VerificationContext) async throws(VerifierFailure) -> Verdict {
        let members: JSON = [member(GroupMember(rollout: rollout, earlier: context.earlier))]
        return try await ask("rollout", members, count: 1, rollout.item, rollout.policyVersion, context)[0].get()
    }

    func group(
        _ members: [GroupMember], _ context: VerificationContext
    ) async throws(VerifierFailure) -> [Result<Verdict, VerifierFailure>] {
        guard let first = members.first?.rollout else { return [] }
        return try await ask(
            "group", .array(members.map(member)), count: members.count, first.item, first.policyVersion, context)
    }

    func turn(_ turn: Turn, _ context: VerificationContext) async throws(VerifierFailure) -> Verdict {
        try await ask("turn", turn.workerJSON, count: 1, "", 0, context)[0].get()
    }

    private func member(_ member: GroupMember) -> JSON {
        var members: OrderedDictionary<String, JSON> = ["rollout": member.rollout.json]
        if let earlier = member.earlier { members["earlier"] = earlier.workerJSON }
        return .object(members)
    }

    /// - Returns: `count` results.
    private func ask(
        _ what: String, _ subject: JSON, count: Int, _ item: String, _ version: Int, _ context: VerificationContext
    ) async throws(VerifierFailure) -> [Result<Verdict, VerifierFailure>] {
        let allowance = context.allowance(timeout)
        let message = JSON.object([
            "type": "verify", "what": .string(what), "reference": .integer(row.id), "subject": subject,
            "seed": .string(String(context.random.seed)), "purpose": .string(context.purpose.rawValue),
            "attempt": .integer(context.attempt), "seconds": .number(allowance.inSeconds),
        ]).utf8()
        guard message.count <= WorkerConnection.messageLimit else {
            throw VerifierFailure(.item, "the rollout is larger than \(WorkerConnection.messageLimit) bytes")
        }
        let row = row
        let reply = try await pool.reply(item: item, version: version, allowance: allowance) {
            (connection, deadline) throws(WorkerEnd) in
            if !connection.prepared.contains(row.id) { try row.prepare(connection, until: deadline) }
            _ = connection.takePrinted()
            let answer = try connection.exchange(message, until: deadline)
            _ = try Self.results(answer, count: count)
            return WorkerReply(message: answer, printed: connection.takePrinted())
        }.get()
        do throws(WorkerEnd) {
            let (results, said) = try Self.results(reply.message, count: count)
            note(said, reply.printed, context)
            return results
        } catch {
            throw VerifierFailure(.crashed, "its process sent what cannot be read")
        }
    }

    private static func results(
        _ answer: [UInt8], count: Int
    ) throws(WorkerEnd) -> ([Result<Verdict, VerifierFailure>], JSON) {
        let said = try WorkerMessage.answer(answer, "verdict")
        var results: [Result<Verdict, VerifierFailure>] = []
        for verdict in said["verdicts"]?.array ?? [] { results.append(try WorkerMessage.verdict(verdict)) }
        guard results.count == count else { throw .damaged("\(results.count) verdicts where \(count) are expected") }
        return (results, said)
    }

    private func note(_ said: JSON, _ printed: [String], _ context: VerificationContext) {
        for line in said["logs"]?.array ?? [] { context.log(line.string ?? "") }
        for line in printed { context.log("printed: \(line)") }
        for (name, value) in said["metrics"]?.object ?? [:] { context.metric(name, value.double ?? .nan) }
    }
}
