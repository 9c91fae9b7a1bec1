import Synchronization
import Testing
import TextCore
import Verifiers

/// A closure as a component of a set.
private func component(
    _ id: String, role: RewardComponent.Role = .reward, weight: Double = 1, atLeast: Double = 1,
    onError: RewardComponent.OnError = .exclude, onAbstain: RewardComponent.OnAbstain = .exclude,
    range: ClosedRange<Double> = -10...10,
    _ body: @escaping @Sendable (Rollout) throws(VerifierFailure) -> any VerdictConvertible
) -> RewardComponent {
    let verifier = AnyVerifier(name: id, range: range) { (_: JSON) throws(VerifierFailure) -> BoundVerifier in
        BoundVerifier(name: id, range: range) { (rollout: Rollout) throws(VerifierFailure) -> Verdict in
            try body(rollout).verdict
        }
    }
    return RewardComponent(
        verifier, role: role, weight: weight, atLeast: atLeast, onError: onError, onAbstain: onAbstain)
}

/// A closure that waits as a component of a set.
private func waiting(
    _ id: String, onError: RewardComponent.OnError = .exclude, timeout: Duration = .seconds(10), retries: Int = 3,
    isDeterministic: Bool = false,
    _ body: @escaping @Sendable (Rollout, VerificationContext) async throws(VerifierFailure) -> Verdict
) -> RewardComponent {
    var traits = VerifierTraits()
    traits.isDeterministic = isDeterministic
    let verifier = AnyVerifier(name: id, range: -10...10, traits: traits) {
        (_: JSON) throws(VerifierFailure) -> BoundVerifier in
        BoundVerifier(name: id, range: -10...10, waiting: body)
    }
    return RewardComponent(verifier, onError: onError, timeout: timeout, retries: retries)
}

private func scores(_ set: RewardSet, _ texts: [String]) async throws -> [RolloutScore] {
    let rewards = try set.bind(row: [:], item: "row")
    let rollouts = texts.enumerated().map { Rollout($1, item: "row", sample: $0, tokenCount: $1.utf8.count) }
    return try await set.score([RewardGroup(rollouts, rewards: rewards)])[0]
}

private func length(_ rollout: Rollout) -> Double { Double(rollout.fullText.utf8.count) }

@Suite("Rewards of several verifiers") struct RewardSetTests {
    @Test("Values are combined by weights, as a product, as the smallest, or by a formula")
    func combinations() async throws {
        let parts = [
            component("a", weight: 2, range: 0...9) { length($0) },
            component("b", weight: 3, range: 0...9) { _ in 2.0 },
        ]
        #expect(try await scores(RewardSet(parts), ["x", "xyz"]).map(\.total) == [8, 12])
        #expect(try await scores(RewardSet(parts, combination: .product), ["x", "xyz"]).map(\.total) == [8, 72])
        #expect(try await scores(RewardSet(parts, combination: .min), ["x", "xyz"]).map(\.total) == [1, 2])
        let formula = RewardCombination.formula {
            (values: [String: Double]) throws(VerifierFailure) -> Double in
            1 / ((values["a"] ?? 0) - (values["b"] ?? 0))
        }
        let divided = try await scores(RewardSet(parts, combination: formula), ["xyz", "xy"])
        #expect(divided.map(\.total) == [1, nil])
        #expect(divided[1].status == .errored && divided[1].failure?.kind == .invalidValue)
        let matrix = try RewardSet(parts).matrix(of: await scores(RewardSet(parts), ["x", "xyz"]))
        #expect(matrix == [[1, 2], [3, 2]])
    }

    @Test("A gate that is not met gives the gate's value and keeps the rewards from being asked, which is said")
    func gates() async throws {
        let asked = Mutex(0)
        let parts = [
            component("reward") { rollout in
                asked.withLock { $0 += 1 }
                return length(rollout)
            },
            component("gate", role: .gate) { $0.fullText.hasPrefix("{") },
            component("look", role: .metric) { length($0) },
        ]
        let result = try await scores(RewardSet(parts, gateValue: -1), ["{a", "bcd"])
        #expect(result.map(\.total) == [2, -1] && result.map(\.status) == [.scored, .scored])
        #expect(asked.withLock { $0 } == 1)
        #expect(result[1].failedGate == "gate" && result[1].passed == false)
        #expect(result[1]["reward"]?.status == .skipped && result[1]["reward"]?.note == "gate 'gate' is not met")
        #expect(result[1].note == "gate 'gate' is not met: 0.0 is below 1.0")
        #expect(result[1]["look"]?.value == 3, "what is only looked at is asked about every rollout")
        #expect(result[0].parts.map(\.id) == ["reward", "gate", "look"])
        let patient = try await scores(RewardSet(parts, gateValue: -1, stopsAtGates: false), ["{a", "bcd"])
        #expect(patient.map(\.total) == [2, -1] && patient[1]["reward"]?.value == 3)
        #expect(try await scores(RewardSet([parts[1]]), ["{", "b"]).map(\.total) == [1, 0])
    }

    @Test("Shaping comes after the rewards are combined, and the sum is clipped")
    func shaping() async throws {
        let parts = [
            component("penalty", role: .shaping, weight: 0.5) { -length($0) },
            component("a", range: 0...4) { _ in 4.0 }, component("b", range: 0...1) { _ in 0.5 },
        ]
        let set = try RewardSet(parts, combination: .product, range: -1...1.5)
        #expect(try await scores(set, ["x", "xx", "xxxxxxxxx"]).map(\.total) == [1.5, 1, -1])
    }

    @Test("A filter leaves rollouts out, and nobody else is asked about them")
    func filters() async throws {
        let parts = [
            component("a") { length($0) }, component("short", role: .filter) { length($0) < 3 },
            component("look", role: .metric) { _ in 1.0 }, component("hard", role: .difficulty) { length($0) / 4 },
        ]
        let result = try await scores(RewardSet(parts), ["x", "xxx"])
        #expect(result.map(\.status) == [.scored, .filtered] && result.map(\.total) == [1, nil])
        #expect(result[1].parts.map(\.status) == [.skipped, .scored, .skipped, .skipped])
        #expect(result.map(\.difficulty) == [0.25, nil])
        let ledger = RewardLedger(requested: 2, result)
        #expect(ledger.text == "2 = 1 scored + 0 abstained + 0 errored + 0 timed out + 1 filtered")
    }

    @Test("A verifier that abstains from a whole group is left away; from some, those are left out and counted")
    func abstentions() async throws {
        func set(_ choice: RewardComponent.OnAbstain) throws -> RewardSet {
            try RewardSet([
                component("a", weight: 1) { length($0) },
                component("b", weight: 3, onAbstain: choice) { rollout in
                    rollout.fullText.hasPrefix("?") ? Verdict.abstain(reason: "a question") : .score(Score(1))
                },
            ])
        }
        let whole = try await scores(set(.exclude), ["?", "??"])
        #expect(whole.map(\.total) == [1, 2] && !whole.contains(where: \.isMixedAbstention))
        let some = try await scores(set(.exclude), ["x", "??"])
        #expect(some.map(\.total) == [4, nil] && some.map(\.status) == [.scored, .abstained])
        #expect(some[1].note == "'b' judges others of the group and not this one: a question")
        #expect(RewardLedger(requested: 2, some).mixedAbstentions == 1)
        #expect(try await scores(set(.zero), ["x", "??"]).map(\.total) == [4, 2])
        // 2 · (1 + 3) / 1: the other weight is raised to the sum of both.
        #expect(try await scores(set(.renormalize), ["x", "??"]).map(\.total) == [4, 8])
        let silent = try RewardSet([component("a") { _ in Verdict.abstain(reason: "never") }])
        #expect(try await scores(silent, ["x", "y"]).map(\.status) == [.abstained, .abstained])
    }

    @Test("A failure is never a score, unless the recipe writes one; a failing metric harms nothing")
    func failures() async throws {
        func set(_ choice: RewardComponent.OnError, role: RewardComponent.Role = .reward) throws -> RewardSet {
            try RewardSet([
                component("a") { length($0) },
                component("b", role: role, onError: choice) { (rollout: Rollout) throws(VerifierFailure) -> Double in
                    if rollout.fullText.isEmpty { throw VerifierFailure(.crashed, "empty") }
                    return rollout.fullText == "nan" ? .nan : 1
                },
                component("last") { _ in 1.0 },
            ])
        }
        let excluded = try await scores(set(.exclude), ["x", "", "nan"])
        #expect(excluded.map(\.total) == [3, nil, nil] && excluded.map(\.status) == [.scored, .errored, .errored])
        #expect(excluded[1].failure?.kind == .crashed && excluded[2].failure?.kind == .invalidValue)
        #expect(excluded[1]["last"]?.status == .skipped)
        #expect(try await scores(set(.constant(-2)), ["x", ""]).map(\.total) == [3, -1])
        #expect(try await scores(set(.exclude, role: .metric), ["x", ""]).map(\.total) == [2, 1])
        let error = await #expect(throws: VerifierFailure.self) { try await scores(set(.fail), ["x", ""]) }
        #expect(error?.message == "empty (row 'row', rollout 1)" && error?.verifier == "b")
    }

    @Test("A call that does not return is given up at its deadline, even if it does not heed its cancellation")
    func deadlines() async throws {
        let set = try RewardSet([
            waiting("slow", timeout: .milliseconds(50)) { rollout, _ in
                let end = ContinuousClock.now + .seconds(2)
                while rollout.fullText == "hang", ContinuousClock.now < end {}
                return .pass()
            }
        ])
        let result = try await scores(set, ["x", "hang", "y"])
        #expect(result.map(\.status) == [.scored, .timedOut, .scored])
        #expect(RewardLedger(requested: 3, result).timedOut == 1)
    }

    @Test("A call is repeated while something outside does not answer, after a pause, as often as allowed")
    func retries() async throws {
        let attempts = Mutex<[Int]>([])
        let flaky = waiting("flaky") { (rollout, context) throws(VerifierFailure) -> Verdict in
            attempts.withLock { $0.append(context.attempt) }
            if context.attempt < 2 {
                throw VerifierFailure(.infrastructure, retryAfter: .milliseconds(30), "503")
            }
            return .pass()
        }
        let start = ContinuousClock.now
        let result = try await scores(RewardSet([flaky], backoff: .microseconds(1)), ["x"])
        #expect(result[0].total == 1 && attempts.withLock { $0 } == [0, 1, 2] && result[0].parts[0].attempts == 3)
        #expect(ContinuousClock.now - start >= .milliseconds(60))
        let broken = waiting("broken", retries: 1) { (_, _) throws(VerifierFailure) -> Verdict in
            throw VerifierFailure(.infrastructure, "503")
        }
        let given = try await scores(RewardSet([broken], backoff: .microseconds(1)), ["x"])
        #expect(given[0].status == .errored && given[0].parts[0].attempts == 2)
        let crashing = waiting("crashing", onError: .retry(2)) { (_, _) throws(VerifierFailure) -> Verdict in
            throw VerifierFailure(.crashed, "signal 11")
        }
        #expect(try await scores(RewardSet([crashing]), ["x"])[0].parts[0].attempts == 3)
    }

    @Test("A text is judged once, and the others of its kind are answered from memory")
    func memory() async throws {
        let calls = Mutex(0)
        let set = try RewardSet([
            component("a") { rollout in
                calls.withLock { $0 += 1 }
                return length(rollout)
            }
        ])
        let first = try await scores(set, ["x", "yy", "x"])
        #expect(first.map(\.total) == [1, 2, 1] && first.map { $0.parts[0].fromCache } == [false, false, true])
        let second = try await scores(set, ["yy", "zzz"])
        #expect(second.map { $0.parts[0].fromCache } == [true, false] && calls.withLock { $0 } == 3)
    }

    @Test("A verifier is told what those before it say together")
    func earlier() async throws {
        let told = Mutex<[String: [Score?]]>([:])
        func listening(_ id: String, role: RewardComponent.Role, _ value: Double) -> RewardComponent {
            var part = waiting(id) { _, context in
                told.withLock { $0[id, default: []].append(context.earlier) }
                return .score(Score(value, passed: value > 0))
            }
            part.role = role
            part.weight = 2
            return part
        }
        let parts = [
            listening("shape", role: .shaping, -1), listening("first", role: .reward, 1),
            listening("second", role: .reward, 0.5), component("gate", role: .gate) { _ in true },
        ]
        #expect(try await scores(RewardSet(parts), ["x"])[0].total == 1)
        #expect(told.withLock { $0["first"] } == [Score(1)])
        #expect(told.withLock { $0["second"] } == [Score(2, passed: true)])
        #expect(told.withLock { $0["shape"] } == [Score(3, passed: true)])
    }
}
