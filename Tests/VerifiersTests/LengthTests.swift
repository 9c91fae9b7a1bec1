import Testing
import TextCore
import Verifiers

@Suite struct LengthTests {
    private func verifier(_ options: JSON) throws -> BoundVerifier {
        try VerifierRegistry.builtin.make("length", options: options).bound(to: .null)
    }

    private func rollout(_ tokens: Int) -> Rollout { Rollout(tokens == 0 ? "" : "x", tokenCount: tokens) }

    private func value(_ verifier: BoundVerifier, _ tokens: Int, earlier: Score? = nil) async throws -> Double? {
        try await verifier.verify(rollout(tokens), in: VerificationContext(earlier: earlier)).score?.value
    }

    @Test func targetIsMetFromBothSides() async throws {
        let target = try verifier(["form": "target", "target": 10])
        for (tokens, expected) in [(10, 1.0), (5, 0.5), (15, 0.5), (20, 0), (25, 0), (0, 0)] {
            #expect(try await value(target, tokens) == expected)
        }
        #expect(target.isImmediate)
    }

    /// Equation 13 of DAPO, at and beside its corners.
    @Test func overlongIsPunishedSoftly() async throws {
        let limit = try verifier(["form": "max", "limit": 10, "buffer": 4])
        for (tokens, expected) in [(0, 0.0), (6, 0), (7, -0.25), (8, -0.5), (10, -1), (11, -1), (1000, -1)] {
            #expect(try await value(limit, tokens) == expected)
        }
        #expect(limit.range == -1...0)
    }

    @Test func theCosineDoesNotComeBack() async throws {
        let cosine = try verifier(["form": "cosine", "limit": 100])
        for (tokens, right, wrong) in [(0, 1.0, -1.0), (50, 0.75, -0.75), (100, 0.5, -0.5), (200, 0.5, -0.5)] {
            let first = try #require(try await value(cosine, tokens, earlier: Score(1, passed: true)))
            let second = try #require(try await value(cosine, tokens, earlier: Score(0, passed: false)))
            #expect(abs(first - right) < 1e-15 && abs(second - wrong) < 1e-15, "\(tokens)")
        }
        let error = await #expect(throws: VerifierFailure.self) { try await value(cosine, 5) }
        #expect(
            error?.description
                == "verifier 'length', option 'form': a component must be listed before this one that says whether the answer is right"
        )
    }

    private func values(_ options: JSON, _ group: [(tokens: Int, earlier: Score?)]) async throws -> [Double?] {
        let members = group.map { GroupMember(rollout: rollout($0.tokens), earlier: $0.earlier) }
        let bound = try verifier(options)
        #expect(bound.isOfGroups)
        return try await bound.verify(members, in: VerificationContext()).map { try $0.get().score?.value }
    }

    @Test func lengthInAGroupCostsWhatItsMeanRewardIs() async throws {
        let group = [(10, Score(1)), (20, Score(0)), (40, Score(1)), (5, Score(0))].map { ($0.0, Optional($0.1)) }
        let expected = [10, 20, 40, 5].map { -0.5 * ($0 / 40 + 0.1) }
        for (value, wanted) in zip(try await values(["form": "group_linear"], group), expected) {
            #expect(abs(try #require(value) - wanted) < 1e-15)
        }
        // Nothing is solved: length is no matter.
        let unsolved = [(10, Score(0)), (20, Score(0))].map { ($0.0, Optional($0.1)) }
        #expect(try await values(["form": "group_linear"], unsolved) == [0, 0])
        let open: [(Int, Score?)] = [(10, Score(1)), (20, nil)]
        #expect(try await values(["form": "group_linear", "turn_weight": 0], open) == [-1, nil])
        await #expect(throws: VerifierFailure.self) { try await values(["form": "group_linear"], [(10, nil)]) }
    }

    @Test func onlyTheShortestRightAnswerHasTheBonus() async throws {
        let group = [(10, true), (2, false), (10, true), (12, true)].map { ($0.0, Optional(Score(1, passed: $0.1))) }
        #expect(try await values(["form": "concise_among_correct"], group) == [1, 0, 1, 0])
        #expect(try await values(["form": "concise_among_correct", "bonus": 0.25], group) == [0.25, 0, 0.25, 0])
        let wrong = [(10, false), (2, false)].map { ($0.0, Optional(Score(0, passed: $0.1))) }
        #expect(try await values(["form": "concise_among_correct"], wrong) == [0, 0])
    }

    @Test func tokensMustHaveBeenCounted() throws {
        let target = try verifier(["form": "target", "target": 10])
        let error = #expect(throws: VerifierFailure.self) { try target.verify(Rollout("many words")) }
        #expect(error?.kind == .item)
    }
}
