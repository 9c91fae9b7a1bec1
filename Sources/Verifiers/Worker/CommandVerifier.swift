import Foundation
import OrderedCollections
import TextCore

/// A verifier in any language: a program that stays and answers a line of JSON with a line of JSON.
///
/// Asked `{"prompt", "completion", "answer", "messages", "row", "reference", "item", "sample", "stop_reason",
/// "token_count", "seed", "attempt", "purpose"}`, it answers `{"score": 0.5}`, with `passed`, `parts`, `reason` and
/// `extracted` where it likes, or `{"abstain": "why"}`, or `{"error": "what", "kind": "infrastructure"}`. `answer` is the
/// text behind the reasoning, `null` when there is none. With `batch` above 1 a line is a list of such objects, and so
/// is the answer, in the same order. What it has to say to people it writes to standard error.
enum CommandVerifier {
    static let name = "command"
    static let summary = "a program that reads rollouts and writes scores, a line of JSON each"

    struct Configuration: VerifierConfiguration {
        static let options: [ConfigurationOption<Self>] = [
            ConfigurationOption(
                "run", \.run, "the program and its arguments; it starts in the recipe's folder",
                allowed: ("a list of texts, at least one", { !$0.isEmpty && !$0[0].isEmpty })),
            ConfigurationOption(
                "batch", \.batch, "rollouts in a line", allowed: ("a whole number, 1 to 1024", (1...1024).contains)),
            ConfigurationOption("minimum", \.minimum, "the lowest score"),
            ConfigurationOption("maximum", \.maximum, "the highest score"),
            ConfigurationOption(
                "processes", \.processes, "how many run at the same time",
                allowed: ("a whole number, 1 to 64", { $0.map((1...64).contains) ?? true })),
            ConfigurationOption(
                "memory", \.memory, "address space of a process in MiB; 0 for no limit",
                allowed: ("a whole number, 0 to 1048576", (0...1_048_576).contains)),
            ConfigurationOption(
                "startup", \.startup,
                "seconds that the first answer of a process may take, where that is the longer limit",
                allowed: ("a number, 0 to 3600", (0...3600).contains)),
            ConfigurationOption(
                "deterministic", \.isDeterministic, "whether the same rollout always gets the same score"),
        ]

        var run: [String] = []
        var batch = 1
        var minimum = 0.0
        var maximum = 1.0
        var processes: Int?
        var memory = 0
        var startup = 30.0
        var isDeterministic = false
    }

    static func make(
        _ options: JSON, in environment: VerifierEnvironment
    ) throws(VerifierFailure) -> AnyVerifier {
        let configuration = try Configuration(options: options)
        guard let program = configuration.run.first else {
            throw VerifierFailure(.configuration, option: "run", "say what to run: run: [python3, score.py]")
        }
        guard configuration.minimum < configuration.maximum else {
            throw VerifierFailure(.configuration, option: "maximum", "it is not above the minimum")
        }
        let folder = environment.folder.path
        guard let path = ProcessPlan.executable(program, variables: environment.variables, folder: folder) else {
            throw VerifierFailure(.configuration, option: "run", "there is no program '\(program)' on the path")
        }
        var limits = environment.workers
        limits.processes = configuration.processes ?? limits.processes
        limits.memory = configuration.memory
        limits.startup = .seconds(configuration.startup)
        let blueprint = WorkerPool.Blueprint(
            plan: ProcessPlan(
                executable: path, arguments: configuration.run, variables: environment.variables, folder: folder,
                addressSpace: limits.memory << 20, processorTime: limits.processorSeconds),
            framing: .lines, limits: limits, greet: { (_, _) throws(WorkerEnd) in nil }, farewell: nil)
        var traits = VerifierTraits()
        traits.isBlocking = true
        traits.keepsDeadlines = true
        traits.isDeterministic = configuration.isDeterministic
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let asker = CommandAsker(
            pool: WorkerPool(blueprint, processes: limits.processCount(for: traits, cores: cores)),
            timeout: traits.timeout, isList: configuration.batch > 1)
        try asker.check()
        let range = configuration.minimum...configuration.maximum
        return AnyVerifier(
            name: name, range: range, traits: traits,
            scope: configuration.batch > 1 ? .batch(configuration.batch) : .rollout,
            verifyBatch: { (batch, context) in
                await asker.ask(batch.map { ($0.rollout, $0.verifier.reference as? JSON ?? .null) }, context)
            },
            bind: { (reference: JSON) throws(VerifierFailure) -> BoundVerifier in
                BoundVerifier(name: name, range: range, probes: [], reference: reference) {
                    (rollout: Rollout, context: VerificationContext) async throws(VerifierFailure) -> Verdict in
                    try await asker.ask([(rollout, reference)], context)[0].get()
                }
            })
    }
}

private struct CommandAsker: Sendable {
    let pool: WorkerPool
    let timeout: Duration
    let isList: Bool

    /// Starts the program, to learn before the run whether it starts.
    func check() throws(VerifierFailure) {
        _ = try pool.replyWaiting(allowance: timeout) { (_, _) throws(WorkerEnd) in WorkerReply(message: []) }
    }

    /// - Returns: one for each, in order.
    func ask(
        _ batch: [(rollout: Rollout, reference: JSON)], _ context: VerificationContext
    ) async -> [Result<Verdict, VerifierFailure>] {
        guard let first = batch.first?.rollout else { return [] }
        let questions = batch.map { question($0.rollout, $0.reference, context) }
        let message = (isList ? JSON.array(questions) : questions[0]).utf8()
        let allowance = context.allowance(timeout)
        let isOfOneRow = batch.allSatisfy { $0.rollout.item == first.item }
        let result = await pool.reply(
            item: isOfOneRow ? first.item : "", version: first.policyVersion, allowance: allowance
        ) { (connection, deadline) throws(WorkerEnd) in
            _ = connection.takePrinted()
            let answer = try connection.exchange(message, until: deadline)
            _ = try verdicts(answer, count: batch.count)
            return WorkerReply(message: answer, printed: connection.takePrinted())
        }
        switch result {
        case .failure(let failure): return batch.map { _ in .failure(failure) }
        case .success(let reply):
            for line in reply.printed { context.log("printed: \(line)") }
            guard let verdicts = try? verdicts(reply.message, count: batch.count) else {
                return batch.map { _ in .failure(VerifierFailure(.crashed, "its process sent what cannot be read")) }
            }
            return verdicts
        }
    }

    private func question(_ rollout: Rollout, _ reference: JSON, _ context: VerificationContext) -> JSON {
        [
            "prompt": .string(rollout.prompt), "completion": .string(rollout.fullText),
            "answer": rollout.answerText.map { .string($0) } ?? .null, "messages": .array(rollout.messages),
            "row": rollout.row, "reference": reference, "item": .string(rollout.item),
            "sample": .integer(rollout.sample), "stop_reason": .string(rollout.stopReason.rawValue),
            "token_count": .integer(rollout.tokenCount),
            // As many bits as every language reads exactly.
            "seed": .integer(Int(context.random.seed >> 11)), "attempt": .integer(context.attempt),
            "purpose": .string(context.purpose.rawValue),
        ]
    }

    private func verdicts(_ answer: [UInt8], count: Int) throws(WorkerEnd) -> [Result<Verdict, VerifierFailure>] {
        let json = try WorkerMessage.parse(answer)
        guard isList else { return [verdict(json)] }
        guard let list = json.array, list.count == count else {
            throw .damaged("\(json.array.map { "\($0.count) verdicts" } ?? json.kind) for a list of \(count) rollouts")
        }
        return list.map(verdict)
    }

    private static let members = ["score", "passed", "parts", "reason", "extracted", "abstain", "error", "kind"]

    private func verdict(_ json: JSON) -> Result<Verdict, VerifierFailure> {
        guard let object = json.object else { return .failure(invalid("\(json.kind) where an object is expected")) }
        for key in object.keys where !Self.members.contains(key) {
            let hint = nearestName(to: key, among: Self.members).map { " Did you mean '\($0)'?" } ?? ""
            return .failure(invalid("the unknown member '\(key)'.\(hint)"))
        }
        if let error = json["error"] {
            let kind = json["kind"]?.string.flatMap(VerifierFailure.Kind.init) ?? .crashed
            return .failure(VerifierFailure(kind, error.string ?? error.text()))
        }
        if let reason = json["abstain"] { return .success(.abstain(reason: reason.string ?? reason.text())) }
        guard let value = json["score"]?.double else {
            return .failure(invalid("a score that is no number: \((json["score"] ?? .null).text().prefix(80))"))
        }
        var parts: [String: Double] = [:]
        for (name, part) in json["parts"]?.object ?? [:] {
            guard let number = part.double else { return .failure(invalid("a part '\(name)' that is no number")) }
            parts[name] = number
        }
        return .success(
            .score(
                Score(
                    value, passed: json["passed"]?.bool, parts: parts, extracted: json["extracted"]?.string,
                    note: json["reason"]?.string)))
    }

    private func invalid(_ what: String) -> VerifierFailure {
        VerifierFailure(.invalidValue, "the program answered \(what)")
    }
}

extension VerifierRegistry {
    /// Adds `command`.
    mutating func registerCommand() {
        let options = CommandVerifier.Configuration.options.map {
            OptionDescription(name: $0.name, summary: $0.summary, expectation: $0.expectation)
        }
        register(CommandVerifier.name, summary: CommandVerifier.summary, options: options) {
            (options: JSON, environment: VerifierEnvironment) throws(VerifierFailure) -> AnyVerifier in
            try CommandVerifier.make(options, in: environment)
        }
    }
}
