import Foundation
import OrderedCollections
import Testing
import TextCore
import Verifiers

private func numbered(_ values: [Double]) -> [RolloutScore] {
    values.enumerated().map { RolloutScore(item: "r", sample: $0, total: $1, passed: $1 == 1, status: .scored) }
}

private func failed(_ item: String, _ kind: VerifierFailure.Kind, _ message: String) -> RolloutScore {
    let part = ComponentOutcome(id: "v", status: .errored, failure: VerifierFailure(kind, verifier: "v", message))
    return RolloutScore(item: item, parts: [part], status: .errored)
}

@Suite("Records of rewards") struct RewardRecordsTests {
    @Test("The figures of a step are those of their definitions")
    func metrics() throws {
        let set = try RewardSet([
            RewardComponent(AnyVerifier(ExactMatch(.init())), id: "a"),
            RewardComponent(AnyVerifier(ExactMatch(.init())), id: "b", weight: 0.5),
        ])
        let rewards = try set.bind(row: [:], completion: "x", item: "r")
        let texts = [["x", "y", "x", "z"], ["x", "x", "x", "x"], ["y", "y", "z", "z"]]
        let groups = texts.map { group in
            RewardGroup(
                group.enumerated().map { Rollout($1, item: "r", sample: $0, tokenCount: $1 == "x" ? 2 : 4) },
                rewards: rewards)
        }
        let scores = try set.scoreAndWait(groups)
        let metrics = RewardMetrics(set, groups, scores)
        #expect(metrics["reward"] == 0.75)  // 6 of 12 right, each 1.5
        #expect(abs((metrics["reward_std"] ?? 0) - 0.75 * (12.0 / 11).squareRoot()) < 1e-12)
        #expect(metrics["pass@1"] == 0.5)
        // 2 of 4 right: 1 − C(2,2)/C(4,2) = 5/6; the other groups 1 and 0.
        #expect(abs((metrics["pass@2"] ?? 0) - (5.0 / 6 + 1) / 3) < 1e-12)
        #expect(abs((metrics["pass@4"] ?? 0) - 2.0 / 3) < 1e-12 && metrics["pass@8"] == nil)
        #expect(metrics["groups/all_pass"] == 1.0 / 3 && metrics["groups/all_fail"] == 1.0 / 3)
        #expect(metrics["groups/equal_other"] == 0 && abs((metrics["groups/informative"] ?? 0) - 1.0 / 3) < 1e-12)
        #expect(abs((metrics["completions/distinct_ratio"] ?? 0) - (0.75 + 0.25 + 0.5) / 3) < 1e-12)
        #expect(metrics["completions/mean_length_passed"] == 2 && metrics["completions/mean_length_failed"] == 4)
        #expect(abs((metrics["correlation/length_reward"] ?? 0) + 1) < 1e-12)
        #expect(metrics["correlation/a/b"] == 1)
        #expect(abs((metrics["rewards/a/share"] ?? 0) - 2.0 / 3) < 1e-12)
        #expect(metrics["rewards/a/p50"] == 0.5 && metrics["rewards/a/p90"] == 1)
        // x, y and z are judged once each.
        #expect(metrics["rewards/a/cache_hits"] == 0.75 && metrics["rewards/a/latency_p95"] != nil)
        #expect(metrics["stop_reason/stop"] == 1 && metrics["stop_reason/length"] == nil)
    }

    @Test("Chances over answers drawn without replacement agree with counting all draws")
    func passAtK() throws {
        let set = try RewardSet([RewardComponent(AnyVerifier(ExactMatch(.init())))])
        let rewards = try set.bind(row: [:], completion: "x", item: "r")
        for right in 0...8 {
            let rollouts = (0..<8).map { Rollout($0 < right ? "x" : "y", item: "r", sample: $0) }
            let groups = [RewardGroup(rollouts, rewards: rewards)]
            let metrics = RewardMetrics(set, groups, try set.scoreAndWait(groups))
            for k in [1, 2, 4, 8] {
                let draws = (0..<256).filter { $0.nonzeroBitCount == k }
                let hits = draws.count { $0 & ((1 << right) - 1) != 0 }
                let expected = Double(hits) / Double(draws.count)
                #expect(abs((metrics["pass@\(k)"] ?? -1) - expected) < 1e-12)
            }
        }
    }

    @Test("Failures in many rollouts are worth a warning, and the end when they stay")
    func watch() {
        var watch = FailureWatch()
        let fine = numbered([Double](repeating: 1, count: 19))
        #expect(watch.record([fine + [failed("a", .infrastructure, "503")]]) == .goOn)
        let bad = [numbered([1, 0]) + [failed("b", .crashed, "signal 4"), failed("c", .item, "no answer")]]
        let said = "verifiers failed on 2 of 4 rollouts (50 %)"
        let most = "Most often: 1 × verifier 'v': no answer; 1 × verifier 'v': signal 4"
        #expect(watch.record(bad) == .warn("\(said), which are left out. \(most)"))
        #expect(watch.quarantined == ["c"])
        #expect(watch.record(bad) == .warn("\(said), which are left out. \(most.replacing("1 ×", with: "2 ×"))"))
        #expect(watch.quarantined == ["c", "b"], "a verifier crashed on it twice")
        #expect(
            watch.record(bad) == .abort("\(said), the third such step in a row. \(most.replacing("1 ×", with: "3 ×"))"))
        #expect(watch.record([fine]) == .goOn && watch.lostSteps == 0)
        #expect(watch.record([numbered([1, 1, 1]) + [failed("d", .budget, "spent")]]) != .goOn)
        #expect(watch.lostSteps == 0, "a quarter is not more than a quarter")
    }

    @Test("A line gives back the rollout and every part of its score")
    func lines() throws {
        let rollout = Rollout(
            "4\u{1F600}", item: "r7", sample: 3, prompt: "2+2=", row: ["answer": 4], tokens: [5, 6],
            stopReason: .length)
        let part = ComponentOutcome(
            id: "math", status: .scored, value: 0.5, passed: false, parts: ["tier": 2], extracted: "4",
            note: "close", seconds: 0.25, attempts: 2, messages: ["a line"], metrics: ["m": 1])
        let lost = ComponentOutcome(
            id: "judge", role: .metric, status: .timedOut, note: "late", attempts: 1,
            failure: VerifierFailure(.timeout, verifier: "judge", "late"))
        let skipped = ComponentOutcome(id: "b", role: .gate, status: .skipped, fromCache: true)
        let score = RolloutScore(
            item: "r7", sample: 3, total: 0.1, passed: false, parts: [part, lost, skipped], status: .scored,
            failedGate: "b", difficulty: 0.3, isMixedAbstention: true, note: "why")
        let line = RolloutLine(
            rollout, score: score, step: 9, group: 2, logProbabilities: [-0.1, -2.5e-8], advantage: -0.4, isKept: false,
            reason: "the group is alike", seconds: ["generate": 0.5])
        #expect(try RolloutLine(parsing: line.text + "\n", line: 1) == line)
        #expect(line.text.contains("\"log_probabilities\":[-0.1,-2.5e-08]"))
        let left = RolloutLine(Rollout("x"), score: RolloutScore(status: .filtered, note: "long"))
        #expect(try RolloutLine(parsing: left.text, line: 1) == left)
    }

    @Test(
        "A line that is no rollout is refused with its number",
        arguments: [
            "", "{", "[]", #"{"text": 3}"#, #"{"text": "a", "status": "good"}"#, #"{"text": "a", "total": "1"}"#,
            #"{"text": "a", "status": "scored"}"#, #"{"text": "a", "total": 1, "components": [{"id": "a"}]}"#,
        ])
    func badLines(text: String) {
        let error = #expect(throws: RolloutLineError.self) { try RolloutLine(parsing: text, line: 17) }
        #expect(error?.description.hasPrefix("line 17: this is n") == true)
    }
}
