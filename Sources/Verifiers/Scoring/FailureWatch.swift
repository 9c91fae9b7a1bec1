import OrderedCollections
public import TextCore

/// Looks out for verifiers that fail too often, step by step.
///
/// A step in which more than `warnShare` of the rollouts have no reward because a verifier failed deserves a warning;
/// `abortSteps` steps in a row with more than `abortShare` are the end, for what is learnt then is learnt from the rest.
/// A sandbox that fails on more than `sandboxShare` of all rollouts so far is the end too: which programs it fails on is
/// no accident.
public struct FailureWatch: Sendable, Hashable {
    /// What to do after a step.
    public enum Advice: Sendable, Hashable {
        case goOn
        /// Say this.
        case warn(String)
        /// Say this and end the run.
        case abort(String)
    }

    /// Share of failures above which a step deserves a warning, [0, 1].
    public var warnShare: Double
    /// Share of failures above which a step counts as lost, [0, 1].
    public var abortShare: Double
    /// Lost steps in a row that end the run.
    public var abortSteps: Int
    /// Share of the rollouts of all steps above which failures of a sandbox end the run, [0, 1].
    public var sandboxShare: Double
    /// Rollouts so far.
    public private(set) var rollouts = 0
    /// Rollouts so far of which nothing is known as a sandbox failed.
    public private(set) var sandboxFailures = 0
    /// Lost steps in a row so far.
    public private(set) var lostSteps = 0
    /// Rows that no longer should be drawn, in the order found: their reference is bad, or a verifier crashed on them
    /// twice.
    public private(set) var quarantined: [String] = []
    private var crashes: [String: Int] = [:]
    private var messages: [String: Int] = [:]

    /// Failures of a sandbox below this many end no run: of few rollouts one is a large share.
    private static let fewSandboxFailures = 3

    public init(
        warnShare: Double = 0.05, abortShare: Double = 0.25, abortSteps: Int = 3, sandboxShare: Double = 0.05
    ) {
        self.sandboxShare = sandboxShare
        self.warnShare = warnShare
        self.abortShare = abortShare
        self.abortSteps = max(1, abortSteps)
    }

    /// Takes the scores of one step.
    public mutating func record(_ groups: [[RolloutScore]]) -> Advice {
        let scores = groups.flatMap { $0 }
        let failures = scores.compactMap { score in score.failure.map { (score.item, $0) } }
        for (item, failure) in failures { quarantine(item, failure) }
        rollouts += scores.count
        sandboxFailures += failures.count { $0.1.kind == .sandbox }
        if sandboxFailures >= Self.fewSandboxFailures, Double(sandboxFailures) > sandboxShare * Double(rollouts) {
            for (_, failure) in failures { messages[failure.description, default: 0] += 1 }
            return .abort(
                "the sandbox failed on \(sandboxFailures) of \(rollouts) rollouts so far, more than "
                    + "\(Int((sandboxShare * 100).rounded())) %, and what is learnt from the rest would be something "
                    + "else. \(topMessages()). `hone doctor --sandbox` shows what works here")
        }
        let share = scores.isEmpty ? 0 : Double(failures.count) / Double(scores.count)
        guard share > warnShare else {
            lostSteps = 0
            messages = [:]
            return .goOn
        }
        for (_, failure) in failures { messages[failure.description, default: 0] += 1 }
        let percent = Int((share * 100).rounded())
        let said = "verifiers failed on \(failures.count) of \(scores.count) rollouts (\(percent) %)"
        guard share > abortShare else {
            lostSteps = 0
            defer { messages = [:] }
            return .warn("\(said), which are left out. \(topMessages())")
        }
        lostSteps += 1
        guard lostSteps >= abortSteps else { return .warn("\(said), which are left out. \(topMessages())") }
        return .abort("\(said), the \(ordinal(lostSteps)) such step in a row. \(topMessages())")
    }

    // MARK: Checkpoints

    /// What it remembers, as a checkpoint keeps it.
    public var state: JSON {
        func counts(_ counts: [String: Int]) -> JSON {
            let sorted = counts.sorted { $0.key < $1.key }.map { ($0.key, JSON.integer($0.value)) }
            return .object(OrderedDictionary(sorted, uniquingKeysWith: { $1 }))
        }
        return [
            "rollouts": .integer(rollouts), "sandbox_failures": .integer(sandboxFailures),
            "lost_steps": .integer(lostSteps), "quarantined": .array(quarantined.map { .string($0) }),
            "crashes": counts(crashes), "messages": counts(messages),
        ]
    }

    /// Remembers what `state` gave; what is missing counts as nothing.
    public mutating func restore(_ state: JSON) {
        func counts(_ name: String) -> [String: Int] {
            (state[name]?.object ?? [:]).reduce(into: [:]) { $0[$1.key] = $1.value.int }
        }
        func count(_ name: String) -> Int { min(max(0, state[name]?.int ?? 0), 1 << 53) }
        rollouts = count("rollouts")
        sandboxFailures = count("sandbox_failures")
        lostSteps = count("lost_steps")
        quarantined = (state["quarantined"]?.array ?? []).compactMap(\.string)
        crashes = counts("crashes")
        messages = counts("messages")
    }

    private mutating func quarantine(_ item: String, _ failure: VerifierFailure) {
        switch failure.kind {
        case .item: break
        case .crashed:
            crashes[item, default: 0] += 1
            guard crashes[item] == 2 else { return }
        default: return
        }
        if !quarantined.contains(item) { quarantined.append(item) }
    }

    private func topMessages() -> String {
        let top = messages.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }.prefix(3)
        return "Most often: " + top.map { "\($0.value) × \($0.key)" }.joined(separator: "; ")
    }

    private func ordinal(_ number: Int) -> String {
        switch number {
        case 1: "first"
        case 2: "second"
        case 3: "third"
        default: "\(number)th"
        }
    }
}
