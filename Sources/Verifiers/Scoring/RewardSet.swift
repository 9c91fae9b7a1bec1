import Foundation
public import TextCore

/// Verifiers that together say what a rollout is worth.
///
/// They are asked in this order, each kind in the order listed: filters and gates, rewards, shaping, and last those
/// that are only looked at. A filter that is not met leaves the rollout out, a gate that is not met gives it
/// `gateValue`. The values of the rewards are combined, shaping is added, and the sum is clipped to `range`.
///
/// - A verifier that says nothing of any rollout of a group is left away for that group. One that says nothing of some
///   makes them incomparable with the others; `RewardComponent.onAbstain` decides what becomes of them.
/// - A failure never becomes a score; `RewardComponent.onError` decides what becomes of the rollout.
/// - What is said depends on the rollouts, the seed and the epoch alone: not on threads, nor on which call ends first.
public struct RewardSet: Sendable {
    public let components: [RewardComponent]
    public let combination: RewardCombination
    /// What the reward is clipped to; `nil` for nothing.
    public let range: ClosedRange<Double>?
    /// The reward of a rollout that does not meet a gate.
    public let gateValue: Double
    /// Whether rewards are not even asked about a rollout that does not meet a gate.
    public let stopsAtGates: Bool
    /// The run's.
    public let seed: UInt64
    /// Threads for verifiers that only compute.
    public let workers: Int
    /// How long is waited before the first repetition; twice as long before the next, and so on.
    public let backoff: Duration
    let memo: VerdictMemo
    let threads: VerifierThreads
    /// For each component, what tells its verdicts from those of another.
    let identities: [SHA256.Digest]
    /// Indices of components in the order in which they are asked.
    let order: [Int]

    /// - Throws: `VerifierFailure` of kind `configuration` when there is no component, two have one id, a weight or
    ///   constant is not finite, a condition can never be met, or a product has factors below 0.
    public init(
        _ components: [RewardComponent], combination: RewardCombination = .sum, range: ClosedRange<Double>? = nil,
        gateValue: Double = 0, stopsAtGates: Bool = true, seed: UInt64 = 0, workers: Int? = nil,
        backoff: Duration = .milliseconds(500)
    ) throws(VerifierFailure) {
        try Self.check(components, combination, gateValue)
        self.components = components
        self.combination = combination
        self.range = range
        self.gateValue = gateValue
        self.stopsAtGates = stopsAtGates
        self.seed = seed
        self.workers = max(1, workers ?? ProcessInfo.processInfo.activeProcessorCount)
        self.backoff = backoff
        memo = VerdictMemo()
        threads = VerifierThreads()
        identities = components.map { component in
            var hash = SHA256()
            hash.update(part: component.verifier.name)
            hash.update(part: component.options.text(JSONStyle(sortedKeys: true)))
            return hash.finalized()
        }
        let phases: [[RewardComponent.Role]] = [[.filter, .gate], [.reward], [.shaping], [.metric, .difficulty]]
        order = phases.flatMap { roles in components.indices.filter { roles.contains(components[$0].role) } }
    }

    /// The same verifiers as they are tried before a run: every one is asked, nothing is remembered of other calls,
    /// and no failure is hidden or ends it.
    func onTrial(workers: Int? = nil) throws(VerifierFailure) -> RewardSet {
        let parts = components.map { component in
            var component = component
            component.onError = .exclude
            return component
        }
        return try RewardSet(
            parts, combination: combination, range: range, gateValue: gateValue, stopsAtGates: false, seed: seed,
            workers: workers ?? self.workers, backoff: backoff)
    }

    private static func check(
        _ components: [RewardComponent], _ combination: RewardCombination, _ gateValue: Double
    ) throws(VerifierFailure) {
        guard components.contains(where: { $0.role.matters }) else {
            throw VerifierFailure(
                .configuration, "no verifier says what a rollout is worth. Add one with `role: reward`.")
        }
        guard gateValue.isFinite else {
            throw VerifierFailure(.configuration, "the value of gates that are not met is \(gateValue)")
        }
        var ids: Set<String> = []
        for component in components {
            func fail(_ option: String, _ message: String) -> VerifierFailure {
                VerifierFailure(.configuration, verifier: component.id, option: option, message)
            }
            guard ids.insert(component.id).inserted else {
                throw fail("id", "two verifiers are called so. Give one of them another `id`.")
            }
            guard component.weight.isFinite else { throw fail("weight", "\(component.weight) is no weight") }
            let range = component.verifier.range
            if component.role == .gate || component.role == .filter {
                guard component.atLeast <= range.upperBound else {
                    throw fail(
                        "at_least",
                        "\(component.atLeast) is never reached: its values are in "
                            + "\(range.lowerBound)...\(range.upperBound)")
                }
            }
            if case .constant(let value) = component.onError, !value.isFinite {
                throw fail("on_error", "the constant \(value) is no finite number")
            }
            if case .product = combination, component.role == .reward, range.lowerBound < 0 {
                throw fail(
                    "role",
                    "a product takes no values below 0, and this has \(range.lowerBound)..."
                        + "\(range.upperBound). Write `role: shaping` to add it, or `combine: sum`.")
            }
        }
    }

    /// The verifiers with what one row expects, decoded and checked once.
    ///
    /// - Parameters:
    ///   - row: the row's columns.
    ///   - completion: the row's answer, which verifiers take whose recipe names no column.
    ///   - item: names the row; the same for all its rollouts, and for no other row.
    /// - Throws: `VerifierFailure` of kind `item`, under the component's id, when a column is missing or malformed.
    public func bind(row: JSON, completion: JSON? = nil, item: String) throws(VerifierFailure) -> BoundRewards {
        var verifiers: [BoundVerifier] = []
        var hash = SHA256()
        for component in components {
            do throws(VerifierFailure) {
                let reference = try component.reference.value(in: row, completion: completion)
                hash.update(part: reference.text())
                verifiers.append(try component.verifier.bound(to: reference))
            } catch {
                var failure = error
                failure.verifier = component.id
                throw failure
            }
        }
        let expectation = hash.finalized()
        hash.update(part: item)
        hash.update(part: row.text())
        return BoundRewards(item: item, verifiers: verifiers, identity: hash.finalized(), expectation: expectation)
    }

    /// Judges rollouts.
    ///
    /// - Parameters:
    ///   - groups: the rollouts of each row together.
    ///   - purpose: what the scores are for.
    ///   - epoch: how often the rows were seen before; verifiers that draw random numbers draw others then.
    /// - Returns: for each group, one for each rollout, in order.
    /// - Throws: the first `VerifierFailure`, in the order of components and rollouts, of a component whose `onError`
    ///   is `fail`, or of kind `configuration`.
    /// - Precondition: the groups' rows were bound by this set.
    public func score(
        _ groups: [RewardGroup], for purpose: VerificationContext.Purpose = .training, epoch: Int = 0
    ) async throws(VerifierFailure) -> [[RolloutScore]] {
        for group in groups {
            precondition(
                group.rewards.verifiers.count == components.count, "a row was bound by another set of verifiers")
        }
        var pass = ScoringPass(self, groups, purpose: purpose, epoch: epoch)
        return try await pass.run()
    }

    /// Begins to judge rollouts, on threads of its own.
    package func begin(
        _ groups: [RewardGroup], for purpose: VerificationContext.Purpose = .training, epoch: Int = 0
    ) -> Pending<Result<[[RolloutScore]], VerifierFailure>> {
        threads.start {
            do throws(VerifierFailure) {
                return .success(try await score(groups, for: purpose, epoch: epoch))
            } catch {
                return .failure(error)
            }
        }
    }

    /// Judges rollouts while the calling thread waits; for trainers that are not made of tasks.
    ///
    /// The work runs on threads of its own, so that this is safe wherever it is called.
    ///
    /// - Throws: as `score(_:for:epoch:)`.
    public func scoreAndWait(
        _ groups: [RewardGroup], for purpose: VerificationContext.Purpose = .training, epoch: Int = 0
    ) throws(VerifierFailure) -> [[RolloutScore]] {
        try begin(groups, for: purpose, epoch: epoch).value.get()
    }

    /// The rewards' values one by one, [rollouts, rewards], for rules that look at each by itself: 0 where a gate is
    /// not met, `nil` where the rollout has no reward or the verifier said nothing. Columns are those of `rewardIDs`.
    public func matrix(of scores: [RolloutScore]) -> [[Double?]] {
        scores.map { score in
            rewardIDs.map { id in
                guard score.status == .scored else { return nil }
                return score.failedGate == nil ? score[id]?.value : 0
            }
        }
    }

    /// Ids of the components of role `reward`, in the order listed.
    public var rewardIDs: [String] { components.filter { $0.role == .reward }.map(\.id) }

    /// Weights of the components of role `reward`, in the order listed.
    public var rewardWeights: [Double] { components.filter { $0.role == .reward }.map(\.weight) }

    /// Rollouts of a group that must have a reward for the group to be trained on: ⌈3/4 · size⌉.
    public static func minimum(ofGroup size: Int) -> Int { (3 * max(0, size) + 3) / 4 }

    /// Whether enough rollouts of a group have a reward to compare them.
    ///
    /// - Parameter minimum: how many are enough; `minimum(ofGroup:)` where none is given, and never below 2 of several.
    public static func isViable(_ group: [RolloutScore], minimum: Int? = nil) -> Bool {
        let scored = group.count { $0.status == .scored }
        return scored >= Swift.max(minimum ?? Self.minimum(ofGroup: group.count), Swift.min(2, group.count))
    }
}

/// The verifiers of a set with what one row expects.
public struct BoundRewards: Sendable {
    /// Names the row.
    public let item: String
    /// One for each component of the set, in its order.
    public let verifiers: [BoundVerifier]
    /// Stands for the row and what it expects.
    let identity: SHA256.Digest
    /// Stands for what the row expects.
    let expectation: SHA256.Digest
}

/// The rollouts of one row, and what the row expects.
public struct RewardGroup: Sendable {
    public var rewards: BoundRewards
    public var rollouts: [Rollout]

    public init(_ rollouts: [Rollout], rewards: BoundRewards) {
        self.rollouts = rollouts
        self.rewards = rewards
    }
}
