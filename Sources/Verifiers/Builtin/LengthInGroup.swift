/// A punishment that grows with the length among the rollouts of a row, and with how well they do (prime-rl's linear
/// length penalty): -mean(r) · Σ weight · quantity / the group's largest.
///
/// The quantities are the length, the tokens that tools and users added behind the prompt, and the turns, which are the
/// calls of tools and one more. The prompt itself is the same for the whole row and would only move all values. While
/// nothing is solved, mean(r) is 0 and length is no matter; a negative mean counts as 0, lest length be rewarded.
struct LengthInGroup: GroupVerifier {
    static let name = "length"
    static let summary = "a punishment for length among the rollouts of a row"
    // The sum of the weights is at most 300, and r is what the recipe makes of it.
    static let range = -1e6...0.0
    typealias Configuration = LengthConfiguration
    typealias Reference = NoReference
    private let configuration: LengthConfiguration

    init(_ configuration: LengthConfiguration) throws(VerifierFailure) {
        try configuration.checkUnit()
        self.configuration = configuration
    }

    func verify(_ group: [GroupMember], against reference: NoReference, in context: VerificationContext)
        async throws(VerifierFailure) -> [Result<Verdict, VerifierFailure>]
    {
        let rewards = group.compactMap { $0.earlier?.value }
        guard !rewards.isEmpty else { throw lengthNeedsEarlier("scores the answers") }
        let mean = max(0, rewards.reduce(0, +) / Double(rewards.count))
        // A member that has no score is no member of the group that was scored.
        let lengths = group.map { $0.earlier == nil ? nil : units(of: $0.rollout) }
        let added = group.map { Double(max(0, $0.rollout.tokens.count - $0.rollout.tokenCount)) }
        let turns = group.map { Double($0.rollout.toolCalls.count + 1) }
        let longest = lengths.compactMap { try? $0?.get() }.max() ?? 0
        func share(_ value: Double, of most: Double) -> Double { most > 0 ? value / most : 0 }
        return group.indices.map { index in
            guard let length = lengths[index] else { return .success(.abstain(reason: "no score before it")) }
            return length.map { length in
                let sum =
                    configuration.outputWeight * share(length, of: longest)
                    + configuration.inputWeight * share(added[index], of: added.max() ?? 0)
                    + configuration.turnWeight * share(turns[index], of: turns.max() ?? 0)
                return .score(Score(-mean * sum, parts: ["length": length]))
            }
        }
    }

    private func units(of rollout: Rollout) -> Result<Double, VerifierFailure> {
        Result { () throws(VerifierFailure) in Double(try configuration.units(of: rollout)) }
    }
}

/// A bonus for the shortest right answer of a row; on a tie all that are so short have it whole. Wrong answers and longer
/// ones get nothing.
struct ConciseAmongCorrect: GroupVerifier {
    static let name = "length"
    static let summary = "a bonus for the shortest right answer of a row"
    typealias Configuration = LengthConfiguration
    typealias Reference = NoReference
    private let configuration: LengthConfiguration

    init(_ configuration: LengthConfiguration) throws(VerifierFailure) {
        try configuration.checkUnit()
        self.configuration = configuration
    }

    func verify(_ group: [GroupMember], against reference: NoReference, in context: VerificationContext)
        async throws(VerifierFailure) -> [Result<Verdict, VerifierFailure>]
    {
        guard group.contains(where: { $0.earlier?.passed != nil }) else {
            throw lengthNeedsEarlier("says whether the answer is right")
        }
        let lengths = group.map { member in
            Result { () throws(VerifierFailure) in Double(try configuration.units(of: member.rollout)) }
        }
        let isRight = group.map { $0.earlier?.passed == true }
        let shortest = group.indices.filter { isRight[$0] }.compactMap { try? lengths[$0].get() }.min()
        return group.indices.map { index in
            lengths[index].map { length in
                let value = isRight[index] && length == shortest ? configuration.bonus : 0
                return .score(Score(value, parts: ["length": length]))
            }
        }
    }
}
