public import OrderedCollections
public import TextCore

/// One rollout with all that was said of it, as a line of `rollouts.jsonl`.
///
/// The rollout's own keys are those of `Rollout.json`, so that a file can be read again to be judged anew.
public struct RolloutLine: Sendable, Hashable {
    /// Optimiser step that it was written for, from 1; 0 outside training.
    public var step: Int
    /// Which of the step's groups it belongs to, from 0; `nil` where nobody counted.
    public var group: Int?
    public var rollout: Rollout
    public var score: RolloutScore
    /// Of each of `rollout.tokens`, in nats, under the policy that wrote it; `nil` where nobody kept them.
    public var logProbabilities: [Float]?
    /// What the score became; `nil` where none was made.
    public var advantage: Double?
    /// Whether it was trained on.
    public var isKept: Bool
    /// Why it was not.
    public var reason: String?
    /// Seconds by what they were spent on, such as `generate`.
    public var seconds: OrderedDictionary<String, Double>

    public init(
        _ rollout: Rollout, score: RolloutScore, step: Int = 0, group: Int? = nil, logProbabilities: [Float]? = nil,
        advantage: Double? = nil, isKept: Bool = true, reason: String? = nil,
        seconds: OrderedDictionary<String, Double> = [:]
    ) {
        self.rollout = rollout
        self.score = score
        self.step = step
        self.group = group
        self.logProbabilities = logProbabilities
        self.advantage = advantage
        self.isKept = isKept
        self.reason = reason
        self.seconds = seconds
    }

    /// The line, without its end.
    public var text: String { json.text() }

    /// The line as a value; `init(json:)` gives it back.
    public var json: JSON {
        var members: OrderedDictionary<String, JSON> = ["step": .integer(step), "total": Self.number(score.total)]
        members["group"] = group.map(JSON.integer)
        members["passed"] = score.passed.map(JSON.bool)
        members["advantage"] = advantage.map(Self.number)
        members["kept"] = .bool(isKept)
        members["reason"] = reason.map(JSON.string)
        for (key, value) in rollout.json.object ?? [:] { members[key] = value }
        members["log_probabilities"] = logProbabilities.map { .array($0.map(Self.short)) }
        members["status"] = .string(score.status.rawValue)
        members["note"] = score.note.map(JSON.string)
        members["failed_gate"] = score.failedGate.map(JSON.string)
        members["difficulty"] = score.difficulty.map(Self.number)
        if score.isMixedAbstention { members["mixed_abstain"] = true }
        members["components"] = .array(score.parts.map(\.json))
        if !seconds.isEmpty { members["seconds"] = .object(seconds.mapValues(Self.number)) }
        return .object(members)
    }

    /// A number, or `null` for one that JSON has no word for.
    static func number(_ value: Double?) -> JSON { value.flatMap { $0.isFinite ? .number($0) : nil } ?? .null }

    /// With the digits that a `Float` needs and no more.
    private static func short(_ value: Float) -> JSON { number(Double("\(value)")) }
}

/// Why a line of a file of rollouts cannot be used.
public struct RolloutLineError: Error, Sendable, Hashable, CustomStringConvertible {
    /// From 1.
    public var line: Int
    /// What is wrong.
    public var message: String

    public var description: String { "line \(line): \(message)" }
}

extension RolloutLine: JSONReadable {
    public static let expectation = "a rollout with its score: an object with `text`, `status` and `components`"

    public init?(json: JSON) {
        guard let rollout = Rollout(json: json) else { return nil }
        var parts: [ComponentOutcome] = []
        for part in json["components"]?.array ?? [] {
            guard let outcome = ComponentOutcome(json: part) else { return nil }
            parts.append(outcome)
        }
        let total = json["total"]?.double
        guard
            let status = json["status"].map({ RolloutStatus(rawValue: $0.string ?? "") })
                ?? (total == nil ? .abstained : .scored),
            (status == .scored) == (total != nil), total != nil || json["total"]?.isNull ?? true
        else { return nil }
        var probabilities: [Float]?
        if let values = json["log_probabilities"]?.array {
            probabilities = values.map { $0.double.map { Float($0) } ?? -.infinity }
        }
        let score = RolloutScore(
            item: rollout.item, sample: rollout.sample, total: total, passed: json["passed"]?.bool, parts: parts,
            status: status, failedGate: json["failed_gate"]?.string, difficulty: json["difficulty"]?.double,
            isMixedAbstention: json["mixed_abstain"]?.bool ?? false, note: json["note"]?.string)
        self.init(
            rollout, score: score, step: json["step"]?.int ?? 0, group: json["group"]?.int,
            logProbabilities: probabilities,
            advantage: json["advantage"]?.double, isKept: json["kept"]?.bool ?? true, reason: json["reason"]?.string,
            seconds: (json["seconds"]?.object ?? [:]).compactMapValues(\.double))
    }

    /// Reads one line.
    ///
    /// - Parameters:
    ///   - text: the line, with or without its end.
    ///   - number: its place in the file, from 1, for the message.
    /// - Throws: `RolloutLineError` when it is no JSON or no rollout.
    public init(parsing text: String, line number: Int) throws(RolloutLineError) {
        let json: JSON
        do throws(JSONError) { json = try JSON(parsing: text) } catch {
            throw RolloutLineError(line: number, message: "this is no JSON: column \(error.column): \(error.message)")
        }
        guard let line = RolloutLine(json: json) else {
            throw RolloutLineError(
                line: number, message: "this is not \(Self.expectation). `hone train` writes such files.")
        }
        self = line
    }
}

extension ComponentOutcome: JSONReadable {
    public static let expectation = "what a verifier said: an object with `id` and `status`"

    /// The outcome as it is written to files; `init(json:)` gives it back.
    public var json: JSON {
        var members: OrderedDictionary<String, JSON> = [
            "id": .string(id), "role": .string(role.rawValue), "status": .string(status.rawValue),
            "value": RolloutLine.number(value),
        ]
        members["passed"] = passed.map(JSON.bool)
        if !parts.isEmpty { members["parts"] = Self.object(parts) }
        members["extracted"] = extracted.map(JSON.string)
        members["note"] = note.map(JSON.string)
        if attempts > 0 { members["seconds"] = RolloutLine.number(seconds) }
        if attempts != 1 { members["attempts"] = .integer(attempts) }
        if fromCache { members["cached"] = true }
        if !messages.isEmpty { members["log"] = .array(messages.map(JSON.string)) }
        if !metrics.isEmpty { members["metrics"] = Self.object(metrics) }
        if let failure { members["failure"] = .string(failure.kind.rawValue) }
        return .object(members)
    }

    public init?(json: JSON) {
        guard let id = json["id"]?.string, let status = json["status"]?.string.flatMap(Status.init(rawValue:)),
            let role = RewardComponent.Role(rawValue: json["role"]?.string ?? "reward")
        else { return nil }
        let note = json["note"]?.string
        let failure = json["failure"]?.string.flatMap(VerifierFailure.Kind.init(rawValue:)).map {
            VerifierFailure($0, verifier: id, note ?? "")
        }
        self.init(
            id: id, role: role, status: status, value: json["value"]?.double, passed: json["passed"]?.bool,
            parts: Self.numbers(json["parts"]), extracted: json["extracted"]?.string, note: note,
            seconds: json["seconds"]?.double ?? 0, attempts: json["attempts"]?.int ?? 1,
            fromCache: json["cached"]?.bool ?? false, messages: (json["log"]?.array ?? []).compactMap(\.string),
            metrics: Self.numbers(json["metrics"]), failure: failure)
    }

    private static func object(_ numbers: [String: Double]) -> JSON {
        .object(
            OrderedDictionary(
                uniqueKeysWithValues: numbers.sorted { $0.key < $1.key }.map { ($0.key, RolloutLine.number($0.value)) })
        )
    }

    private static func numbers(_ json: JSON?) -> [String: Double] {
        var numbers: [String: Double] = [:]
        for (key, value) in json?.object ?? [:] { numbers[key] = value.double }
        return numbers
    }
}
