import OrderedCollections
import TextCore

/// The words between a run and its workers. A message is one JSON object whose `type` says what it is:
///
///     worker                                         run
///     hello      protocol, verifiers            →
///                                               ←    configure  verifier, options, folder, cache, seed
///     configured name, range, traits, scope     →
///                                               ←    prepare    id, reference
///     prepared   of_groups, of_turns, probes    →
///                                               ←    verify     reference, members or turn, seed, seconds, …
///     verdict    verdicts, logs, metrics        →
///                                               ←    forget | shutdown
///
/// `failure` (kind, message, option) may answer anything.
enum WorkerMessage {
    static let version = 1
    /// The variable that tells a process that it is a worker, and the descriptor that it talks on.
    static let variable = "HONE_VERIFIER_CHANNEL"
    /// References that a worker keeps; then it is told to forget them.
    static let referenceLimit = 1024
    /// A day; seconds beyond what a duration holds would be no number.
    static let longestCall = 86_400.0
    static let limits = JSONLimits(depth: 512, bytes: WorkerConnection.messageLimit)

    static func parse(_ bytes: [UInt8]) throws(WorkerEnd) -> JSON {
        do throws(JSONError) {
            return try JSON(parsing: bytes, limits: limits)
        } catch {
            throw .damaged("what is not JSON: \(error): \(String(decoding: bytes.prefix(80), as: UTF8.self))")
        }
    }

    /// The answer of this type.
    ///
    /// - Throws: `refused` when the answer is a failure, `damaged` when it is something else.
    static func answer(_ bytes: [UInt8], _ type: String) throws(WorkerEnd) -> JSON {
        let json = try parse(bytes)
        switch json["type"]?.string {
        case type: return json
        case "failure": throw .refused(VerifierFailure(workerJSON: json))
        case let other: throw .damaged("'\(other ?? "?")' where '\(type)' is expected")
        }
    }

    // MARK: Numbers that JSON does not have

    static func bound(_ value: Double) -> JSON { value.isFinite ? .number(value) : .null }

    static func range(_ json: JSON?) -> ClosedRange<Double> {
        let lower = json?.array?.first?.double ?? -.infinity
        let upper = json?.array?.last?.double ?? .infinity
        return min(lower, upper)...max(lower, upper)
    }

    static func seed(_ json: JSON?) -> UInt64 { json?.string.flatMap { UInt64($0) } ?? 0 }
}

extension VerifierFailure {
    var workerJSON: JSON {
        var members: OrderedDictionary<String, JSON> = [
            "type": "failure", "kind": .string(kind.rawValue), "message": .string(message),
        ]
        if !verifier.isEmpty { members["verifier"] = .string(verifier) }
        if let option { members["option"] = .string(option) }
        return .object(members)
    }

    init(workerJSON json: JSON) {
        self.init(
            json["kind"]?.string.flatMap(Kind.init) ?? .crashed, verifier: json["verifier"]?.string ?? "",
            option: json["option"]?.string, json["message"]?.string ?? "it failed and did not say why")
    }
}

extension Score {
    var workerJSON: JSON {
        var members: OrderedDictionary<String, JSON> = ["score": .number(value)]
        if let passed { members["passed"] = .bool(passed) }
        if !parts.isEmpty {
            members["parts"] = .object(
                OrderedDictionary(
                    uniqueKeysWithValues: parts.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) }))
        }
        if let extracted { members["extracted"] = .string(extracted) }
        if let note { members["note"] = .string(note) }
        return .object(members)
    }

    /// `nil` when `json` has no score.
    init?(workerJSON json: JSON) {
        guard let value = json["score"]?.double else { return nil }
        // JSON has no number for what is none.
        let parts = (json["parts"]?.object ?? [:]).map { ($0.key, $0.value.double ?? .nan) }
        self.init(
            value, passed: json["passed"]?.bool, parts: Dictionary(parts) { $1 }, extracted: json["extracted"]?.string,
            note: json["note"]?.string)
    }
}

extension WorkerMessage {
    static func verdict(_ result: Result<Verdict, VerifierFailure>) -> JSON {
        switch result {
        case .success(.score(let score)): score.workerJSON
        case .success(.abstain(let reason)): ["abstain": .string(reason)]
        case .failure(let failure): failure.workerJSON
        }
    }

    static func verdict(_ json: JSON) throws(WorkerEnd) -> Result<Verdict, VerifierFailure> {
        if json["type"]?.string == "failure" { return .failure(VerifierFailure(workerJSON: json)) }
        if let reason = json["abstain"]?.string { return .success(.abstain(reason: reason)) }
        guard let score = Score(workerJSON: json) else { throw .damaged("a verdict without a score") }
        return .success(.score(score))
    }
}

extension VerifierTraits {
    var workerJSON: JSON {
        [
            "deterministic": .bool(isDeterministic), "network": .bool(usesNetwork), "blocking": .bool(isBlocking),
            "untrusted": .bool(runsUntrustedCode), "sandbox": sandbox.map { .string($0.rawValue) } ?? .null,
            "seconds": .number(timeout.inSeconds),
        ]
    }

    /// The traits of a verifier in a worker, which ends its calls in time.
    init(workerJSON json: JSON?) {
        self.init()
        keepsDeadlines = true
        isDeterministic = json?["deterministic"]?.bool ?? true
        usesNetwork = json?["network"]?.bool ?? false
        isBlocking = json?["blocking"]?.bool ?? false
        runsUntrustedCode = json?["untrusted"]?.bool ?? false
        sandbox = json?["sandbox"].flatMap(SandboxTier.init(json:))
        if let seconds = json?["seconds"]?.double {
            timeout = .seconds(min(max(seconds, 0), WorkerMessage.longestCall))
        }
    }
}

extension VerifierProbe {
    var workerJSON: JSON { ["name": .string(name), "answer": .string(answer), "passes": .bool(passes)] }

    init(workerJSON json: JSON) {
        self.init(
            json["name"]?.string ?? "", answer: json["answer"]?.string ?? "", passes: json["passes"]?.bool ?? false)
    }
}

extension Turn {
    var workerJSON: JSON {
        [
            "index": .integer(index), "messages": .array(messages), "text": .string(text),
            "tool_calls": .array(
                toolCalls.map { ["name": .string($0.name), "arguments": .string($0.rawArguments)] }),
        ]
    }

    init(workerJSON json: JSON) {
        self.init(
            index: json["index"]?.int ?? 0, messages: json["messages"]?.array ?? [], text: json["text"]?.string ?? "",
            toolCalls: (json["tool_calls"]?.array ?? []).map {
                ToolCall(name: $0["name"]?.string ?? "", rawArguments: $0["arguments"]?.string ?? "")
            })
    }
}
