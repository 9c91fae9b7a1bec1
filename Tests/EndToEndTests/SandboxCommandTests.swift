import Foundation
import Testing
import TextCore

/// Code of a model, run through the commands.
@Suite struct SandboxCommandTests {
    private static let hasPython =
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        .contains { FileManager.default.isExecutableFile(atPath: "\($0)/python3") }

    private static let recipe = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../recipes/code/rft.yaml").standardizedFileURL.path

    @Test func `X1 sbx.tier_probe_and_refusal: doctor tries every tier and says what works`() throws {
        guard let workspace = try Workspace() else { return }
        let result = try workspace.hone("doctor", "--sandbox", "--json")
        let report = try result.json()
        let ways = try #require(report["ways"]?.array)
        #expect(Set(ways.compactMap { $0["tier"]?.string }) == ["A", "B", "C"])
        for way in ways { #expect((way["works"] == true) == (way["failure"]?.isNull == true), "\(way.text())") }
        let best = ways.first { $0["works"] == true }?["tier"]
        #expect(report["tier"] == best ?? .null)
        #expect(result.status == (best == "A" ? 0 : 3))
        let text = try workspace.hone("doctor", "--sandbox").output
        #expect(text.contains("tier A (") && text.contains("tier B (Landlock, seccomp)"))
    }

    @Test(.enabled(if: hasPython)) func `the rewards of the example are sound, and what they run is in tier A`() throws
    {
        guard let workspace = try Workspace() else { return }
        let result = try workspace.hone(
            "verify", Self.recipe, "--no-policy", "--json", "--set", "model=\(workspace.model.path)")
        #expect(result.status == 0, "\(result)")
        #expect(try result.json()["sound"] == true && result.json()["rows"] == 8)
    }

    @Test(.enabled(if: hasPython)) func `a wrong solution and a cheat that passes are found before a run`() throws {
        guard let workspace = try Workspace() else { return }
        let row: JSON = [
            "prompt": "Write add.", "completion": "def add(a, b): return a - b", "function": "add",
            "cases": [["args": [1, 2], "expected": 3]],
        ]
        try workspace.write(row.text() + "\n", to: "rows.jsonl")
        let result = try workspace.hone(
            "verify", Self.recipe, "--no-policy", "--set", "model=\(workspace.model.path)", "--set",
            "data.train=\(workspace.url("rows.jsonl").path)")
        #expect(result.status == 3, "\(result)")
        #expect(result.output.contains("gold"), "\(result)")
    }

    @Test(.enabled(if: hasPython)) func `a run with code_tests says in which tier it runs what the model writes`()
        throws
    {
        guard let workspace = try Workspace() else { return }
        let result = try workspace.hone(
            "train", Self.recipe, "--set", "model=\(workspace.model.path)", "--set", "adapter=full", "--set",
            "train.max_steps=1", "--set", "rollout.max_new_tokens=8", "--set", "rft.prompts_per_step=2", "--set",
            "rft.group_size=2", "--set", "output_dir=\(workspace.url("out").path)")
        // A model of nothing but stories solves nothing, and the run may end for that; but not for its sandbox.
        let events = try String(contentsOf: workspace.url("out/events.jsonl"), encoding: .utf8)
        #expect(events.contains(#""sandbox":"A""#), "\(result)")
    }
}
