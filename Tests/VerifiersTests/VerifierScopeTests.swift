import Testing
import TextCore
import Verifiers

/// 1 for the shortest answer of a row, and for no other.
private struct Shortest: GroupVerifier {
    static let name = "shortest"
    static let summary = "the shortest of its row"
    init(_: NoConfiguration) {}
    func verify(_ group: [GroupMember], against _: NoReference, in context: VerificationContext)
        async throws(VerifierFailure) -> [Result<Verdict, VerifierFailure>]
    {
        let lengths = group.map { $0.rollout.fullText.unicodeScalars.count }
        return lengths.map { .success(.check($0 == lengths.min())) }
    }
}

/// Counts the letters of many texts in one go; an empty one is no text.
private struct Letters: BatchVerifier {
    static let name = "letters"
    static let summary = "how many letters"
    static let range = 0.0...3.0
    let preferredBatchSize = 2
    init(_: NoConfiguration) {}
    func verify(_ batch: [(rollout: Rollout, reference: NoReference)], in context: VerificationContext)
        async -> [Result<Verdict, VerifierFailure>]
    {
        batch.map {
            $0.rollout.fullText.isEmpty
                ? .failure(VerifierFailure(.infrastructure, "no text"))
                : .success(.score(Score(Double($0.rollout.fullText.count))))
        }
    }
}

@Suite("What verifiers look at") struct VerifierScopeTests {
    @Test("A verifier of groups sees all rollouts of a row, and one alone is a group of one")
    func groups() async throws {
        let verifier = AnyVerifier(Shortest(.init()))
        #expect(verifier.scope == .group)
        let bound = try verifier.bound(to: .null)
        #expect(bound.isOfGroups && !bound.isImmediate)
        let members = ["aa", "b", "ccc"].map { GroupMember(rollout: Rollout($0)) }
        let verdicts = try await bound.verify(members, in: VerificationContext()).map { try $0.get().score?.value }
        #expect(verdicts == [0, 1, 0])
        #expect(try await bound.verify(Rollout("alone"), in: VerificationContext()).score?.value == 1)
    }

    @Test("A verifier of batches fails for single members, and a value out of range fails too")
    func batches() async throws {
        let verifier = AnyVerifier(Letters(.init()))
        #expect(verifier.scope == .batch(2))
        let bound = try verifier.bound(to: .null)
        let batch = ["ab", "", "abcd"].map { (rollout: Rollout($0), verifier: bound) }
        let results = await verifier.verify(batch, in: VerificationContext())
        #expect(try results[0].get().score?.value == 2)
        guard case .failure(let empty) = results[1], case .failure(let long) = results[2] else {
            Issue.record("an empty text and one of four letters must fail")
            return
        }
        #expect(empty.kind == .infrastructure && empty.verifier == "letters")
        #expect(long.kind == .invalidValue && long.message.contains("0.0...3.0"))
    }

    @Test("A closure is a verifier in one line")
    func closures() throws {
        var registry = VerifierRegistry()
        registry.register("short") { $0.tokenCount < 3 }
        registry.register("share", range: 0...2) { Double($0.tokenCount) / 2 }
        registry.register("echo", reference: String.self) { rollout, wanted in rollout.answerText == wanted }
        let short = try registry.make("short").bound(to: .null)
        #expect(short.isImmediate)
        #expect(try short.verify(Rollout("a", tokenCount: 2)) == .pass())
        #expect(try short.verify(Rollout("a", tokenCount: 3)) == .fail())
        #expect(try registry.make("share").bound(to: .null).verify(Rollout("", tokenCount: 3)).score?.value == 1.5)
        #expect(try registry.make("echo").bound(to: "yes").verify(Rollout("yes")) == .pass())
        #expect(throws: VerifierFailure.self) { try registry.make("echo").bound(to: 3) }
        let error = #expect(throws: VerifierFailure.self) { try registry.make("short", options: ["tokens": 3]) }
        #expect(error?.kind == .configuration && error?.verifier == "short" && error?.option == "tokens")
    }

    @Test("A rollout survives being written and read")
    func json() throws {
        let rollout = Rollout(
            "<think>e\u{301}\0</think>4", item: "r7", sample: 3, messages: [["role": "user", "content": "2+2"]],
            prompt: "2+2=", row: ["answer": 4], tokens: [1, 2, 3], stopReason: .maxTurns, tokenCount: 2,
            reasoningIsOpen: true, toolCalls: [ToolCall(name: "add", rawArguments: "{\"a\": 1,")], policyVersion: 9)
        let copy = try #require(Rollout(json: JSON(parsing: rollout.json.text())))
        #expect(copy == rollout)
        #expect(copy.toolCalls[0].arguments == nil)
        #expect(Rollout(json: ["text": "a", "stop_reason": "?"]) == nil)
        #expect(Rollout(json: ["text": "a", "tokens": [1e20]]) == nil)
    }

    @Test("A text in a reasoning block that the prompt opened has no answer until the block ends")
    func openReasoning() {
        #expect(Rollout("so 4", reasoningIsOpen: true).answerText == nil)
        #expect(Rollout("so</think>4", reasoningIsOpen: true).answerText == "4")
        #expect(Rollout("so</think>4", reasoningIsOpen: true).reasoning == "so")
        #expect(Rollout("4").answerText == "4")
    }

    @Test("Random numbers of verifiers depend on every part of what they are for, and on nothing else")
    func random() {
        func first(_ random: VerifierRandom) -> UInt64 {
            var random = random
            return random.next()
        }
        #expect(first(VerifierRandom(seed: 1, "a", "b")) == first(VerifierRandom(seed: 1, "a", "b")))
        let others = [
            VerifierRandom(seed: 2, "a", "b"), VerifierRandom(seed: 1, "ab", ""), VerifierRandom(seed: 1, "b", "a"),
            VerifierRandom(seed: 1, "a"), VerifierRandom(seed: 1, "a", "b", ""),
        ]
        #expect(Set(others.map(first) + [first(VerifierRandom(seed: 1, "a", "b"))]).count == 6)
    }

    @Test("What a verifier logs is kept up to a limit")
    func notes() {
        let context = VerificationContext()
        for index in 0..<1000 { context.log("line \(index)") }
        context.metric("tier", 1)
        context.metric("tier", 2)
        #expect(context.notes.messages.count == 100 && context.notes.metrics == ["tier": 2])
    }
}
