import Foundation
import Testing
import TextCore

/// `hone verify` and `hone replay`.
@Suite struct RewardCommandTests {
    private static let colours = ["red", "green", "blue"]

    /// A workspace whose recipe rewards naming the colour of each row.
    private func workspace(_ reward: String) throws -> Workspace? {
        guard let workspace = try Workspace() else { return nil }
        let rows = (0..<12).map { index -> String in
            let row: JSON = [
                "id": .string("r\(index)"), "prompt": .string("The colour of thing \(index) is "),
                "completion": .string(Self.colours[index % 3]),
            ]
            return row.text()
        }
        try workspace.write(rows.joined(separator: "\n") + "\n", to: "rows.jsonl")
        try workspace.write(
            """
            schema: 1
            name: run
            method: rft
            model: \(workspace.model.path)
            adapter: full
            data: {train: rows.jsonl}
            rft: {group_size: 4, prompts_per_step: 2}
            rollout: {max_new_tokens: 4}
            rewards: [\(reward)]
            train: {max_steps: 1}

            """, to: "recipe.yaml")
        return workspace
    }

    @Test func `a strict reward is sound, and one that every listing earns is not ready`() throws {
        guard let workspace = try workspace("exact") else { return }
        let strict = try workspace.hone("verify", "recipe.yaml", "--no-policy", "--json")
        #expect(strict.status == 0, "\(strict)")
        #expect(try strict.json()["sound"] == true && strict.json()["rows"] == 12)
        let loose = try workspace.hone("verify", "recipe.yaml", "--no-policy", "--set", "rewards.0.verifier=contains")
        #expect(loose.status == 3, "\(loose)")
        #expect(loose.output.contains("error: every answer there is earns the reward on 12 of 12 rows"))
        #expect(loose.output.hasSuffix("The rewards are not ready for a run.\n"))
    }

    @Test func `the model's own answers tell that a run would learn nothing`() throws {
        guard let workspace = try workspace("exact") else { return }
        let result = try workspace.hone("verify", "recipe.yaml", "--prompts", "3", "--json")
        #expect(result.status == 0, "few answers are no proof: \(result)")
        let findings = try result.json()["findings"]?.array ?? []
        #expect(findings.contains { $0["message"]?.string?.hasPrefix("only 0 % of the groups of 4") == true })
        let policy = try result.json()["policy"]
        #expect(policy?["prompts"] == 3 && policy?["rollouts"] == 12 && policy?["pass_rate"] == 0.0)
        #expect(policy?["truncated_share"] == 1.0, "a story goes on after four tokens")
    }

    @Test func `rows whose answers cannot be judged are all told at once`() throws {
        guard let workspace = try workspace("{verifier: exact, target: colour}") else { return }
        let result = try workspace.hone("verify", "recipe.yaml", "--no-policy")
        #expect(result.status == 3, "\(result)")
        #expect(result.output.contains("12 of 12 rows cannot be judged"))
        #expect(result.output.contains("the row has no 'colour', where the reference should be."))
    }

    @Test func `stored rollouts are judged anew, compared with what they were worth, and written`() throws {
        guard let workspace = try workspace("{verifier: contains, id: names}") else { return }
        let rows = ["red", "red, or green", "blue", "green"]
        let lines = rows.enumerated().map { index, text -> String in
            let line: JSON = [
                "step": 1, "item": .string("r\(index / 2)"), "sample": .integer(index % 2), "text": .string(text),
                "row": ["completion": .string(index < 2 ? "red" : "green")], "status": "scored",
                "total": .number(index == 0 ? 1 : 0), "passed": .bool(index == 0), "components": [],
            ]
            return line.text()
        }
        try workspace.write(lines.joined(separator: "\n") + "\n", to: "rollouts.jsonl")
        let result = try workspace.hone(
            "replay", "rollouts.jsonl", "--recipe", "recipe.yaml", "-o", "new.jsonl", "--json")
        #expect(result.status == 0, "\(result)")
        let report = try result.json()
        #expect(report["rollouts"] == 4 && report["groups"] == 2)
        #expect(report["reward"]?["before"] == 0.25 && report["reward"]?["after"] == 0.75)
        #expect(report["now_passed"] == 2 && report["no_longer_passed"] == 0)
        #expect(report["informative"]?["before"] == 1 && report["informative"]?["after"] == 1)
        let written = try String(contentsOf: workspace.url("new.jsonl"), encoding: .utf8).split(separator: "\n")
            .map { try JSON(parsing: String($0)) }
        #expect(written.map { $0["total"]?.double } == [1, 1, 0, 1])
        #expect(written.allSatisfy { $0["components"]?.array?.first?["id"] == "names" })

        let again = try workspace.hone(
            "replay", "new.jsonl", "--recipe", "recipe.yaml", "--set", "rewards.0.verifier=exact")
        #expect(again.status == 0, "\(again)")
        #expect(again.output.contains("now passed and not before: 0; passed before and not now: 1"))
        #expect(again.output.contains("r0 #1: 1.0000 → 0.0000"))
    }

    @Test func `a file that holds no rollouts is refused with the line`() throws {
        guard let workspace = try workspace("exact") else { return }
        let result = try workspace.hone("replay", "rows.jsonl", "--recipe", "recipe.yaml")
        #expect(result.status == 65 && result.output.isEmpty, "\(result)")
        #expect(result.errors.contains("rows.jsonl:1: this is not a rollout with its score"))
    }
}
