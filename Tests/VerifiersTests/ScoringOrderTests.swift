import Foundation
import Synchronization
import Testing
import TextCore
import Verifiers

/// What is the same however the calls are scheduled.
private func stripped(_ scores: [[RolloutScore]]) -> [[RolloutScore]] {
    scores.map { group in
        group.map { score in
            var score = score
            for index in score.parts.indices { score.parts[index].seconds = 0 }
            return score
        }
    }
}

/// 1 for the shortest of those that have passed so far.
private struct ShortestRight: GroupVerifier {
    static let name = "shortest_right"
    static let summary = "the shortest right one"
    init(_: NoConfiguration) {}
    func verify(_ group: [GroupMember], against _: NoReference, in context: VerificationContext)
        async throws(VerifierFailure) -> [Result<Verdict, VerifierFailure>]
    {
        let right = group.filter { ($0.earlier?.value ?? 0) > 0 }.map { $0.rollout.fullText.utf8.count }.min()
        return group.map { member in
            .success(.check((member.earlier?.value ?? 0) > 0 && member.rollout.fullText.utf8.count == right))
        }
    }
}

/// Scores texts by their length, so many at once, and fails once for the longest.
private struct Lengths: BatchVerifier {
    static let name = "lengths"
    static let summary = "the length"
    static let range = 0.0...100
    static let traits = VerifierTraits.network
    let preferredBatchSize = 3
    init(_: NoConfiguration) {}
    func verify(_ batch: [(rollout: Rollout, reference: NoReference)], in context: VerificationContext)
        async -> [Result<Verdict, VerifierFailure>]
    {
        batch.map { item in
            let count = item.rollout.fullText.utf8.count
            if count == 7, context.attempt == 0 { return .failure(VerifierFailure(.infrastructure, "busy")) }
            return .success(.score(Score(Double(count))))
        }
    }
}

/// Holds its thread for so many seconds.
private func hold(_ seconds: Double) { Thread.sleep(forTimeInterval: seconds) }

@Suite("The order of calls") struct ScoringOrderTests {
    private static func set(workers: Int, delay: Int) throws -> RewardSet {
        var drawing = VerifierTraits()
        drawing.isDeterministic = false
        let dice = AnyVerifier(name: "dice", traits: drawing) { (_: JSON) throws(VerifierFailure) -> BoundVerifier in
            BoundVerifier(name: "dice") { (rollout, context) async throws(VerifierFailure) -> Verdict in
                var random = context.random
                try? await Task.sleep(for: .microseconds((rollout.sample * 37 + delay * 101) % 500))
                if rollout.fullText.utf8.count == 5 { throw VerifierFailure(.crashed, "five") }
                return .score(Score(Double(random.next() >> 11) * 0x1p-53))
            }
        }
        let quick = AnyVerifier(name: "quick") { (_: JSON) throws(VerifierFailure) -> BoundVerifier in
            BoundVerifier(name: "quick") { (rollout: Rollout) throws(VerifierFailure) -> Verdict in
                rollout.fullText.utf8.count == 4 ? .abstain(reason: "four") : .check(rollout.fullText.utf8.count > 2)
            }
        }
        return try RewardSet(
            [
                RewardComponent(quick), RewardComponent(dice),
                RewardComponent(AnyVerifier(Lengths(.init())), weight: 0.1),
                RewardComponent(AnyVerifier(ShortestRight(.init()))),
            ], seed: 7, workers: workers, backoff: .microseconds(10))
    }

    private static func groups(_ set: RewardSet) throws -> [RewardGroup] {
        try (0..<6).map { row in
            let item = "row \(row)"
            let rollouts = (0..<5).map { sample in
                Rollout(String(repeating: "x", count: (row * 3 + sample * 2) % 9), item: item, sample: sample)
            }
            return RewardGroup(rollouts, rewards: try set.bind(row: ["row": .integer(row)], item: item))
        }
    }

    @Test("Scores do not depend on the number of threads, on how long calls take, nor on the order of the groups")
    func scheduling() async throws {
        let first = try Self.set(workers: 1, delay: 0)
        let expected = stripped(try await first.score(Self.groups(first)))
        #expect(Set(expected.flatMap { $0 }.map(\.status)).count >= 3, "scored, abstained and errored ones are there")
        #expect(expected.flatMap { $0 }.contains { $0["lengths"]?.attempts == 2 })
        for (workers, delay) in [(2, 1), (4, 2), (7, 3)] {
            let set = try Self.set(workers: workers, delay: delay)
            #expect(stripped(try await set.score(Self.groups(set))) == expected)
            let other = try Self.set(workers: workers, delay: delay)
            let order = [4, 0, 5, 2, 1, 3]
            let groups = try Self.groups(other)
            let shuffled = stripped(try await other.score(order.map { groups[$0] }))
            #expect(shuffled.map { $0.map(\.total) } == order.map { expected[$0].map(\.total) })
        }
    }

    @Test("A thread may wait for the scores, and gets the same")
    func waiting() async throws {
        let first = try Self.set(workers: 2, delay: 0)
        let expected = stripped(try await first.score(Self.groups(first)))
        let second = try Self.set(workers: 2, delay: 0)
        let groups = try Self.groups(second)
        #expect(stripped(try second.scoreAndWait(groups)) == expected)
    }

    @Test("Many calls that hang do not hold up the others nor the clock")
    func hangs() async throws {
        let hang = AnyVerifier(name: "hang") { (_: JSON) throws(VerifierFailure) -> BoundVerifier in
            BoundVerifier(name: "hang") { (rollout, _) async throws(VerifierFailure) -> Verdict in
                if rollout.sample < 6 { hold(4) }
                return .pass()
            }
        }
        let set = try RewardSet([RewardComponent(hang, timeout: .milliseconds(100), concurrency: 8)])
        let rewards = try set.bind(row: [:], item: "a")
        let rollouts = (0..<8).map { Rollout("\($0)", item: "a", sample: $0) }
        let scores = try await set.score([RewardGroup(rollouts, rewards: rewards)])[0]
        #expect(scores.map(\.status) == [RolloutStatus](repeating: .timedOut, count: 6) + [.scored, .scored])
    }

    @Test("Sets that make no sense are refused with what to write instead")
    func refusals() throws {
        func message(_ components: [RewardComponent], _ combination: RewardCombination = .sum) -> String? {
            #expect(throws: VerifierFailure.self) { try RewardSet(components, combination: combination) }?.message
        }
        let exact = AnyVerifier(ExactMatch(.init()))
        #expect(message([]) == "no verifier says what a rollout is worth. Add one with `role: reward`.")
        #expect(message([RewardComponent(exact, role: .metric)]) != nil)
        #expect(
            message([RewardComponent(exact), RewardComponent(exact)])
                == "two verifiers are called so. Give one of them another `id`.")
        #expect(
            message([RewardComponent(exact, role: .gate, atLeast: 2)])
                == "2.0 is never reached: its values are in 0.0...1.0")
        let signed = AnyVerifier(name: "signed", range: -1...1) { (_: JSON) throws(VerifierFailure) -> BoundVerifier in
            BoundVerifier(name: "signed", range: -1...1) { (_: Rollout) throws(VerifierFailure) -> Verdict in .pass() }
        }
        #expect(message([RewardComponent(signed)], .product) != nil)
        #expect(
            message([RewardComponent(exact, onError: .constant(.infinity))]) == "the constant inf is no finite number")
    }

    @Test("References come from columns, pointers and several columns, and what is missing is named")
    func references() throws {
        let exact = AnyVerifier(ExactMatch(.init()))
        let row: JSON = ["gold": "4", "deep": ["list": ["a", "b/c"], "x/y": "z"]]
        func bind(_ reference: RewardReference) throws -> BoundRewards {
            try RewardSet([RewardComponent(exact, id: "it", reference: reference)])
                .bind(row: row, completion: "right", item: "r")
        }
        #expect(try bind(.completion).verifiers[0].verify(Rollout("right")).score?.value == 1)
        #expect(try bind(.column("gold")).verifiers[0].verify(Rollout("4")).score?.value == 1)
        #expect(try bind(.column("/deep/list/1")).verifiers[0].verify(Rollout("b/c")).score?.value == 1)
        #expect(try bind(.column("/deep/x~1y")).verifiers[0].verify(Rollout("z")).score?.value == 1)
        #expect(try bind(.constant("k")).verifiers[0].verify(Rollout("k")).score?.value == 1)
        let missing = #expect(throws: VerifierFailure.self) { try bind(.column("golf")) }
        #expect(missing?.verifier == "it" && missing?.kind == .item)
        #expect(missing?.message.contains("Did you mean 'gold'?") == true)
        #expect(throws: VerifierFailure.self) { try bind(.members([.init("answer", column: "gold")])) }
    }

    @Test("A group is trained on when three quarters of it have a reward")
    func viability() {
        #expect([1, 2, 4, 5, 8].map(RewardSet.minimum(ofGroup:)) == [1, 2, 3, 4, 6])
        let scored = RolloutScore(total: 1, status: .scored)
        let lost = RolloutScore(status: .errored)
        #expect(RewardSet.isViable([scored, scored, scored, lost]))
        #expect(!RewardSet.isViable([scored, scored, lost, lost]))
        #expect(RewardSet.isViable([scored, scored, lost, lost], minimum: 2))
        #expect(!RewardSet.isViable([scored, lost, lost, lost], minimum: 1))
    }
}
