import Foundation
import OrderedCollections
import Testing
import TextCore

/// The gate of a recipe from the run to the export.
@Suite struct GateRunTests {
    /// A run whose loss on rows it has not seen falls, and a gate with these requirements.
    private func trained(
        _ require: JSON, rows: Int = 48, onFail: String = "block_export", _ more: [String: JSON] = [:]
    ) throws -> (workspace: Workspace, result: HoneResult)? {
        guard let workspace = try Workspace() else { return nil }
        try workspace.write(workspace.rows.suffix(48).prefix(rows).joined(separator: "\n") + "\n", to: "unseen.jsonl")
        var changes: [String: JSON] = [
            "train.max_steps": 6,
            "evaluation.suites": [["name": "unseen", "path": "unseen.jsonl", "metric": "loss"]],
            "gate": ["require": require, "on_fail": .string(onFail)],
        ]
        changes.merge(more) { $1 }
        try workspace.writeRecipe(changes, rowCount: 40)
        return (workspace, try workspace.hone("train", "recipe.yaml"))
    }

    @Test func `a model that gains opens the gate, and hone gate says the same from the files`() throws {
        guard
            let (workspace, result) = try trained([
                ["metric": "suites.unseen.loss", "min_gain": 0.01], ["check": "no_nan"], ["check": "export_parity"],
            ])
        else { return }
        #expect(result.status == 0, "\(result)")
        #expect(result.output.contains("gate    ship: all 3 conditions hold"))
        let kept = try JSON(parsing: String(contentsOf: workspace.url("runs/run/gate.json"), encoding: .utf8))
        #expect(kept["outcome"] == "ship" && kept["step"] == 6 && kept["baseline"] == "base")
        #expect(try workspace.events().contains { $0["type"] == "gate" && $0["outcome"] == "ship" })
        let again = try workspace.hone("gate", "runs/run", "--json")
        #expect(again.status == 0)
        #expect(try again.json()["conditions"] == kept["conditions"])
        #expect(try workspace.hone("gate", "recipe.yaml").output.hasPrefix("ship"))
        #expect(try workspace.hone("export", "runs/run", "--format", "merged", "-o", "out").status == 0)
        // The gate judged the last step; of others nothing is known.
        let earlier = try workspace.hone("export", "runs/run/best", "--format", "merged", "-o", "other")
        #expect(earlier.status == 0 || earlier.errors.contains("judged step 6"))
    }

    @Test func `a model that falls short ends the run with status 3 and is not exported in silence`() throws {
        guard let (workspace, result) = try trained([["metric": "suites.unseen.loss", "min_gain": 50]]) else { return }
        #expect(result.status == 3 && result.output.contains("don't ship"), "\(result)")
        #expect(try workspace.hone("gate", "runs/run").status == 3)
        let refused = try workspace.hone("export", "runs/run", "--format", "merged", "-o", "out")
        #expect(refused.status == 3 && refused.errors.contains("--despite-gate"), "\(refused)")
        #expect(!FileManager.default.fileExists(atPath: workspace.url("out").path))
        // Neither by the model's own folder.
        #expect(try workspace.hone("export", "runs/run/final", "--format", "merged", "-o", "out").status == 3)
        #expect(
            try workspace.hone("export", "runs/run", "--format", "merged", "-o", "out", "--despite-gate", " ").status
                == 64)
        let forced = try workspace.hone(
            "export", "runs/run", "--format", "merged", "-o", "out", "--despite-gate", "a demo")
        #expect(forced.status == 0 && forced.errors.contains("against the gate"), "\(forced)")
        let note = try JSON(parsing: String(contentsOf: workspace.url("out/gate-override.json"), encoding: .utf8))
        #expect(note["reason"] == "a demo" && note["gate"]?["outcome"] == "dont_ship")
        // Another gate may be tried, and changes nothing.
        try workspace.write(
            try String(contentsOf: workspace.url("recipe.yaml"), encoding: .utf8).replacing("50", with: "0"),
            to: "easy.yaml")
        #expect(try workspace.hone("gate", "runs/run", "--recipe", "easy.yaml").status == 0)
        #expect(try workspace.hone("export", "runs/run", "--format", "merged", "-o", "out2").status == 3)
    }

    @Test func `two rows are not enough, and the gate says how many would be`() throws {
        guard
            let (workspace, result) = try trained(
                [["metric": "suites.unseen.loss", "min_gain": 0.01]], rows: 2, onFail: "warn")
        else { return }
        #expect(result.status == 0 && result.errors.contains("only warns"), "\(result)")
        let kept = try JSON(parsing: String(contentsOf: workspace.url("runs/run/gate.json"), encoding: .utf8))
        #expect(kept["outcome"] == "not_enough_data" && (kept["more_examples"]?.int ?? 0) > 0)
        let exported = try workspace.hone("export", "runs/run", "--format", "merged", "-o", "out")
        #expect(exported.status == 0 && exported.errors.contains("only warns"))
    }

    @Test func `a metric that nothing measures row by row is refused with the ones there are`() throws {
        guard let (_, result) = try trained([["metric": "suites.unseen.los", "min_gain": 0.01]]) else { return }
        #expect(result.status == 78 && result.errors.contains("Did you mean 'suites.unseen.loss'?"), "\(result)")
    }

    @Test func `a run that was stopped has no verdict, and gets it when it has gone on`() throws {
        guard let (workspace, whole) = try trained([["metric": "suites.unseen.loss", "min_gain": 0.01]]) else { return }
        #expect(whole.status == 0)
        let verdict = try JSON(parsing: String(contentsOf: workspace.url("runs/run/gate.json"), encoding: .utf8))
        try FileManager.default.removeItem(at: workspace.url("runs"))
        let process = try HoneProcess(
            ["train", "recipe.yaml", "--set", "checkpoint.every_steps=1"], in: workspace.folder)
        let stopped = try process.interruptUntilEnd()
        guard stopped.status == 130 else { return }
        #expect(!FileManager.default.fileExists(atPath: workspace.url("runs/run/gate.json").path))
        #expect(try workspace.hone("export", "runs/run/last", "--format", "merged", "-o", "out").status != 0)
        let rest = try workspace.hone("train", "recipe.yaml", "--resume", "--set", "checkpoint.every_steps=1")
        #expect(rest.status == 0, "\(rest)")
        let again = try JSON(parsing: String(contentsOf: workspace.url("runs/run/gate.json"), encoding: .utf8))
        #expect(again["conditions"] == verdict["conditions"])
    }
}
