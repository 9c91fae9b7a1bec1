import TextCore

/// One run of a set's verifiers over groups of rollouts.
struct ScoringPass {
    /// A rollout while it is judged.
    private struct Draft {
        var outcomes: [ComponentOutcome?]
        var status: RolloutStatus?
        var failedGate: Int?
        var isMixed = false
        var note: String?
        /// Weight of rewards that say nothing of this rollout, to be carried by the others.
        var missingWeight = 0.0
    }

    private let set: RewardSet
    private let groups: [RewardGroup]
    private let purpose: VerificationContext.Purpose
    private let epoch: Int
    /// Rollouts in the order of groups and samples.
    private let places: [(group: Int, member: Int)]
    private var drafts: [Draft]
    private let digests: [SHA256.Digest]

    init(_ set: RewardSet, _ groups: [RewardGroup], purpose: VerificationContext.Purpose, epoch: Int) {
        self.set = set
        self.groups = groups
        self.purpose = purpose
        self.epoch = epoch
        places = groups.indices.flatMap { group in groups[group].rollouts.indices.map { (group, $0) } }
        drafts = [Draft](
            repeating: Draft(outcomes: [ComponentOutcome?](repeating: nil, count: set.components.count)),
            count: places.count)
        let isRemembering = set.components.contains { $0.remembers && $0.verifier.traits.isDeterministic }
        digests =
            isRemembering
            ? groups.flatMap { group in group.rollouts.map { $0.digest(row: group.rewards.identity) } } : []
    }

    mutating func run() async throws(VerifierFailure) -> [[RolloutScore]] {
        for index in set.order { try await ask(index) }
        var scores: [[RolloutScore]] = groups.map { _ in [] }
        for place in places.indices { scores[places[place].group].append(score(place)) }
        return scores
    }

    // MARK: Asking

    /// Asks one component about every rollout that it still matters to.
    private mutating func ask(_ index: Int) async throws(VerifierFailure) {
        let component = set.components[index]
        var asked: [Int] = []
        for place in drafts.indices {
            if let reason = reasonToSkip(component, drafts[place]) {
                drafts[place].outcomes[index] = ComponentOutcome(
                    id: component.id, role: component.role, status: .skipped, note: reason)
            } else {
                asked.append(place)
            }
        }
        let replies = await replies(index, asked)
        for (place, reply) in zip(asked, replies) {
            if case .failure(let failure) = reply.result,
                failure.kind == .configuration || component.onError == .fail
            {
                let rollout = self.rollout(place)
                var failure = failure
                failure.verifier = component.id
                failure.message += " (row '\(rollout.item)', rollout \(rollout.sample))"
                throw failure
            }
            take(reply, index, place)
        }
        resolveAbstentions(index, asked)
    }

    private func reasonToSkip(_ component: RewardComponent, _ draft: Draft) -> String? {
        if draft.status == .filtered { return draft.note }
        guard component.role.matters else { return nil }
        if draft.status != nil { return "the rollout is left out: \(draft.note ?? "no verdict")" }
        if let gate = draft.failedGate, set.stopsAtGates {
            return "gate '\(set.components[gate].id)' is not met"
        }
        return nil
    }

    private func rollout(_ place: Int) -> Rollout { groups[places[place].group].rollouts[places[place].member] }

    private func replies(_ index: Int, _ places: [Int]) async -> [Reply] {
        let component = set.components[index]
        let calls = VerifierCalls(
            component: component, purpose: purpose, epoch: epoch, seed: set.seed, workers: set.workers,
            backoff: set.backoff, threads: set.threads)
        let asked = places.map { place in
            Asked(
                rollout: rollout(place), verifier: groups[self.places[place].group].rewards.verifiers[index],
                earlier: earlier(place))
        }
        if component.verifier.scope == .group {
            return await groupReplies(calls, asked, places)
        }
        guard component.remembers, component.verifier.traits.isDeterministic else { return await calls.replies(asked) }
        return await rememberedReplies(calls, asked, places, index)
    }

    private func groupReplies(_ calls: VerifierCalls, _ asked: [Asked], _ places: [Int]) async -> [Reply] {
        var ranges: [Range<Int>] = []
        for position in asked.indices {
            if let last = ranges.last, self.places[places[last.lowerBound]].group == self.places[places[position]].group
            {
                ranges[ranges.count - 1] = last.lowerBound..<(position + 1)
            } else {
                ranges.append(position..<(position + 1))
            }
        }
        let grouped = ranges
        let replies = await set.threads.map(grouped.count, concurrency: calls.component.concurrency) { index in
            await calls.replies(group: Array(asked[grouped[index]]))
        }
        return replies.flatMap { $0 }
    }

    /// Asks about each text once.
    private func rememberedReplies(
        _ calls: VerifierCalls, _ asked: [Asked], _ places: [Int], _ index: Int
    ) async -> [Reply] {
        let keys = zip(asked, places).map { asked, place in
            VerdictMemo.Key(
                component: set.identities[index], rollout: digests[place],
                earlier: asked.verifier.isImmediate ? nil : asked.earlier)
        }
        var known: [VerdictMemo.Key: Reply] = [:]
        var unknown: [Int] = []
        var isFirst = [Bool](repeating: false, count: keys.count)
        for (position, key) in keys.enumerated() where known[key] == nil {
            if let verdict = set.memo[key] {
                known[key] = Reply(result: .success(verdict), fromCache: true)
            } else {
                // A place for the reply, so that the same text is not asked about twice.
                known[key] = Reply(result: .success(.abstain(reason: "")))
                unknown.append(position)
                isFirst[position] = true
            }
        }
        let replies = await calls.replies(unknown.map { asked[$0] })
        for (position, reply) in zip(unknown, replies) {
            known[keys[position]] = reply
            if case .success(let verdict) = reply.result { set.memo[keys[position]] = verdict }
        }
        return keys.enumerated().compactMap { position, key in
            guard var reply = known[key], !isFirst[position] else { return known[key] }
            reply.fromCache = true
            reply.seconds = 0
            reply.attempts = 0
            return reply
        }
    }

    // MARK: What replies mean

    private mutating func take(_ reply: Reply, _ index: Int, _ place: Int) {
        let component = set.components[index]
        var outcome = ComponentOutcome(
            id: component.id, role: component.role, status: .scored, seconds: reply.seconds, attempts: reply.attempts,
            fromCache: reply.fromCache, messages: reply.messages, metrics: reply.metrics)
        switch reply.result {
        case .success(.score(let score)):
            outcome.value = score.value
            outcome.passed = score.passed
            outcome.parts = score.parts
            outcome.extracted = score.extracted
            outcome.note = score.note
            meet(&outcome, index, place)
        case .success(.abstain(let reason)):
            outcome.status = .abstained
            outcome.note = reason
        case .failure(let failure):
            outcome.status = failure.kind == .timeout ? .timedOut : .errored
            outcome.failure = failure
            outcome.note = failure.message
            if case .constant(let value) = component.onError {
                outcome.value = value
                meet(&outcome, index, place)
            } else if component.role.matters {
                leaveOut(place, failure.kind == .timeout ? .timedOut : .errored, "\(component.id): \(failure.message)")
            }
        }
        drafts[place].outcomes[index] = outcome
    }

    /// What a condition's value means for the rollout.
    private mutating func meet(_ outcome: inout ComponentOutcome, _ index: Int, _ place: Int) {
        let component = set.components[index]
        guard component.role == .gate || component.role == .filter, let value = outcome.value else { return }
        let isMet = value >= component.atLeast
        outcome.passed = isMet
        guard !isMet else { return }
        let note = "\(component.role.rawValue) '\(component.id)' is not met: \(value) is below \(component.atLeast)"
        if component.role == .filter {
            leaveOut(place, .filtered, note)
        } else if drafts[place].failedGate == nil {
            drafts[place].failedGate = index
            drafts[place].note = note
        }
    }

    private mutating func leaveOut(_ place: Int, _ status: RolloutStatus, _ note: String) {
        guard drafts[place].status == nil else { return }
        drafts[place].status = status
        drafts[place].note = note
    }

    /// A component that says nothing of some rollouts of a group, and something of others, makes them incomparable.
    private mutating func resolveAbstentions(_ index: Int, _ asked: [Int]) {
        let component = set.components[index]
        guard component.role.matters else { return }
        for (_, members) in Dictionary(grouping: asked, by: { places[$0].group }) {
            let silent = members.filter { drafts[$0].outcomes[index]?.status == .abstained }
            guard members.contains(where: { drafts[$0].outcomes[index]?.value != nil }) else { continue }
            for place in silent { resolveAbstention(index, place) }
        }
    }

    private mutating func resolveAbstention(_ index: Int, _ place: Int) {
        let component = set.components[index]
        drafts[place].isMixed = true
        guard var outcome = drafts[place].outcomes[index] else { return }
        switch component.onAbstain {
        case .exclude:
            let reason = outcome.note.map { ": \($0)" } ?? ""
            leaveOut(place, .abstained, "'\(component.id)' judges others of the group and not this one\(reason)")
        case .zero:
            outcome.value = 0
            meet(&outcome, index, place)
            drafts[place].outcomes[index] = outcome
        case .renormalize:
            if component.role == .reward { drafts[place].missingWeight += abs(component.weight) }
        }
    }

    // MARK: What it comes to

    /// The rewards of a rollout so far, in the order in which they are asked.
    private func terms(_ draft: Draft) -> [RewardCombination.Term] {
        set.order.compactMap { index in
            let component = set.components[index]
            guard component.role == .reward, let value = draft.outcomes[index]?.value else { return nil }
            return RewardCombination.Term(id: component.id, value: value, weight: component.weight)
        }
    }

    private func shaping(_ draft: Draft) -> Double {
        set.order.reduce(0) { sum, index in
            let component = set.components[index]
            guard component.role == .shaping, let value = draft.outcomes[index]?.value else { return sum }
            return sum + component.weight * value
        }
    }

    private func isSolved(_ draft: Draft) -> Bool? {
        if draft.failedGate != nil { return false }
        let said = set.components.indices.compactMap { index -> Bool? in
            let component = set.components[index]
            guard component.role == .reward, component.weight > 0 else { return nil }
            return draft.outcomes[index]?.passed
        }
        if !said.isEmpty { return !said.contains(false) }
        return set.rewardIDs.isEmpty && hasMetGate(draft) ? true : nil
    }

    private func hasMetGate(_ draft: Draft) -> Bool {
        set.components.indices.contains { set.components[$0].role == .gate && draft.outcomes[$0]?.passed == true }
    }

    /// What the components asked so far say together; `nil` before any has.
    private func earlier(_ place: Int) -> Score? {
        let draft = drafts[place]
        let terms = terms(draft)
        if draft.failedGate != nil { return Score(set.gateValue, passed: false) }
        if terms.isEmpty { return hasMetGate(draft) ? Score(1, passed: isSolved(draft)) : nil }
        return Score(set.combination.partial(terms) + shaping(draft), passed: isSolved(draft))
    }

    private func score(_ place: Int) -> RolloutScore {
        let draft = drafts[place]
        let rollout = rollout(place)
        let difficulties = set.components.indices.compactMap { index in
            set.components[index].role == .difficulty ? draft.outcomes[index]?.value : nil
        }
        var score = RolloutScore(
            item: rollout.item, sample: rollout.sample, passed: isSolved(draft),
            parts: draft.outcomes.compactMap { $0 }, status: draft.status ?? .scored,
            failedGate: draft.failedGate.map { set.components[$0].id },
            difficulty: difficulties.isEmpty ? nil : difficulties.reduce(0, +) / Double(difficulties.count),
            isMixedAbstention: draft.isMixed, note: draft.note)
        guard draft.status == nil else {
            score.passed = nil
            return score
        }
        do throws(VerifierFailure) {
            guard let total = try total(draft) else {
                score.status = .abstained
                score.passed = nil
                score.note = "no verifier says anything of this group"
                return score
            }
            score.total = set.range.map { min(max(total, $0.lowerBound), $0.upperBound) } ?? total
        } catch {
            score.status = .errored
            score.passed = nil
            score.note = error.message
            score.combinationFailure = error
        }
        return score
    }

    /// `nil` when nobody said anything.
    private func total(_ draft: Draft) throws(VerifierFailure) -> Double? {
        if draft.failedGate != nil { return set.gateValue }
        let terms = terms(draft)
        let base: Double
        if !terms.isEmpty {
            base = try set.combination.combined(terms, missing: draft.missingWeight)
        } else if set.rewardIDs.isEmpty, hasMetGate(draft) {
            base = 1
        } else if set.rewardIDs.isEmpty, !set.components.contains(where: { $0.role == .gate }) {
            base = 0
        } else {
            return nil
        }
        let total = base + shaping(draft)
        guard total.isFinite else {
            throw VerifierFailure(.invalidValue, "the reward is \(total)")
        }
        return total
    }
}
