import OrderedCollections
public import TextCore

/// One verifier of a reward: what its verdict is for, and what happens when there is none.
public struct RewardComponent: Sendable {
    /// What a verdict is for.
    public enum Role: String, Sendable, Hashable, CaseIterable {
        /// Part of what is maximised.
        case reward
        /// Added, times its weight, to what the rewards give together: penalties of length and repetition.
        case shaping
        /// A condition without which the reward is `RewardSet.gateValue`.
        case gate
        /// A condition without which a rollout is left out.
        case filter
        /// Only looked at.
        case metric
        /// How far the row was solved, from 0 to 1: what a curriculum goes by. Never trained on.
        case difficulty

        /// Whether the verdict decides what a rollout is worth, or whether it counts at all.
        public var matters: Bool { self != .metric && self != .difficulty }
    }

    /// What happens to a rollout whose verifier failed for good.
    public enum OnError: Sendable, Hashable {
        /// It is left out.
        case exclude
        /// A call that took too long or whose process ended is made so often again; then the rollout is left out.
        case retry(Int)
        /// It gets this value, which somebody has thought about.
        case constant(Double)
        /// Scoring ends with the failure.
        case fail
    }

    /// What happens to a rollout of which a verifier says nothing, while it judges others of the group.
    public enum OnAbstain: String, Sendable, Hashable, CaseIterable {
        /// It is left out.
        case exclude
        /// The value is 0; a condition is not met.
        case zero
        /// The weights of the others are raised, so that they keep their sum; a condition is not asked for.
        case renormalize
    }

    /// What it is called in metrics and logs; no two of a set are alike.
    public var id: String
    public var verifier: AnyVerifier
    public var role: Role
    /// What a reward's value is multiplied by; the exponent in a product.
    public var weight: Double
    /// Of conditions: the value that is enough.
    public var atLeast: Double
    /// Where the row says what is expected.
    public var reference: RewardReference
    public var onError: OnError
    public var onAbstain: OnAbstain
    /// How long a call that waits may take. One that only computes is never cut off.
    public var timeout: Duration
    /// How often a call is made again when something outside did not answer.
    public var retries: Int
    /// Whether the verdicts of a verifier that always says the same are remembered.
    public var remembers: Bool
    /// Calls that may wait at the same time, at least 1.
    public var concurrency: Int
    /// The options that the verifier was made from; they tell its verdicts from those of another.
    public var options: JSON

    /// - Parameters:
    ///   - id: the verifier's name where none is given.
    ///   - timeout: the verifier's own limit where none is given.
    ///   - concurrency: 16 calls of verifiers that wait for a network, 4 of others, where none is given.
    public init(
        _ verifier: AnyVerifier, id: String? = nil, role: Role = .reward, weight: Double = 1, atLeast: Double = 1,
        reference: RewardReference = .completion, onError: OnError = .exclude, onAbstain: OnAbstain = .exclude,
        timeout: Duration? = nil, retries: Int = 3, remembers: Bool = true, concurrency: Int? = nil,
        options: JSON = [:]
    ) {
        self.id = id ?? verifier.name
        self.verifier = verifier
        self.role = role
        self.weight = weight
        self.atLeast = atLeast
        self.reference = reference
        self.onError = onError
        self.onAbstain = onAbstain
        self.timeout = timeout ?? verifier.traits.timeout
        self.retries = max(0, retries)
        self.remembers = remembers
        self.concurrency = max(1, concurrency ?? (verifier.traits.usesNetwork ? 16 : 4))
        self.options = options
    }

    /// Whether a verdict counts as solved: as it says, or else when it is the highest of the verifier's range.
    func isPassed(_ outcome: ComponentOutcome) -> Bool {
        guard outcome.status == .scored, let value = outcome.value else { return false }
        return outcome.passed ?? (value >= verifier.range.upperBound)
    }
}

/// Where a row says what a verifier is to expect.
public enum RewardReference: Sendable, Hashable {
    /// The row's answer.
    case completion
    /// A column's name, or a JSON pointer such as `/answer/value`.
    case column(String)
    /// An object that is put together: names with their columns or pointers.
    case members([Member])
    /// The same for every row.
    case constant(JSON)

    /// One name of an object, and where its value is.
    public struct Member: Sendable, Hashable {
        public var name: String
        public var column: String
        public init(_ name: String, column: String) {
            self.name = name
            self.column = column
        }
    }

    /// What the verifier gets for a row.
    ///
    /// - Throws: `VerifierFailure` of kind `item` when the row has no such column.
    func value(in row: JSON, completion: JSON?) throws(VerifierFailure) -> JSON {
        switch self {
        case .completion: return completion ?? .null
        case .constant(let value): return value
        case .column(let name): return try Self.value(at: name, in: row)
        case .members(let members):
            var object: OrderedDictionary<String, JSON> = [:]
            for member in members { object[member.name] = try Self.value(at: member.column, in: row) }
            return .object(object)
        }
    }

    private static func value(at place: String, in row: JSON) throws(VerifierFailure) -> JSON {
        if let value = row[place] { return value }
        if place.hasPrefix("/"), let value = pointed(place, in: row) { return value }
        let columns = row.object.map { Array($0.keys) } ?? []
        let hint = nearestName(to: place, among: columns).map { " Did you mean '\($0)'?" } ?? ""
        throw VerifierFailure(
            .item,
            "the row has no '\(place)', where the reference should be.\(hint) Its columns: "
                + (columns.isEmpty ? "none." : columns.joined(separator: ", ") + "."))
    }

    /// RFC 6901.
    private static func pointed(_ pointer: String, in row: JSON) -> JSON? {
        var value = row
        for part in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            let key = String(part).replacing("~1", with: "/").replacing("~0", with: "~")
            if let member = value[key] {
                value = member
            } else if let elements = value.array, let index = Int(key), elements.indices.contains(index) {
                value = elements[index]
            } else {
                return nil
            }
        }
        return value
    }
}
