import Foundation
import OrderedCollections
import Testing
import TextCore

/// Ctrl-C and closed pipes: commands end in order, and what they leave goes on.
@Suite struct InterruptionTests {
    @Test func `Ctrl-C while a run is judged before its first step leaves a run that goes on`() throws {
        let suite: JSON = [
            "name": "slow", "path": "rows.jsonl", "verifier": "exact", "generate": ["max_new_tokens": 400],
        ]
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(["evaluation.suites": [suite], "train.max_steps": 2], rowCount: 32)
        let process = try HoneProcess(["train", "recipe.yaml"], in: workspace.folder)
        try workspace.wait(for: process) { $0["type"] == "start" }
        process.interrupt()
        let result = try process.result()
        #expect(result.status == 130, "\(result)")
        #expect(try workspace.events().last?["reason"] == "interrupted (SIGINT)")
        #expect(try workspace.events().contains { $0["type"] == "eval" } == false)
        try workspace.train("--resume")
        #expect(try workspace.events().last?["reason"] == "completed")
        #expect(try workspace.events().count { $0["type"] == "eval" } == 2)
    }

    @Test func `Ctrl-C while a run is judged after a step keeps that step and judges again`() throws {
        let suite: JSON = [
            "name": "slow", "path": "rows.jsonl", "verifier": "exact", "generate": ["max_new_tokens": 400],
        ]
        guard let workspace = try Workspace() else { return }
        let changes: [String: JSON] = [
            "evaluation": ["suites": [suite], "at_start": false, "every_steps": 2], "train.max_steps": 2,
        ]
        try workspace.writeRecipe(changes, rowCount: 32)
        let process = try HoneProcess(["train", "recipe.yaml"], in: workspace.folder)
        try workspace.wait(for: process) { $0["type"] == "step" && $0["step"] == 2 }
        process.interrupt()
        let result = try process.result()
        #expect(result.status == 130, "\(result)")
        #expect(FileManager.default.fileExists(atPath: workspace.url("runs/run/checkpoints/step-2").path))
        #expect(!FileManager.default.fileExists(atPath: workspace.url("runs/run/final").path))
        try workspace.train("--resume")
        let events = try workspace.events()
        #expect(events.count { $0["type"] == "step" } == 2 && events.count { $0["type"] == "eval" } == 1)
        #expect(FileManager.default.fileExists(atPath: workspace.url("runs/run/final").path))
    }

    @Test func `Ctrl-C while rows are read leaves no half run`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(["train.max_steps": 1])
        let many = Array(repeating: workspace.rows.joined(separator: "\n"), count: 400).joined(separator: "\n")
        try workspace.write(many, to: "many.jsonl")
        let process = try HoneProcess(
            ["train", "recipe.yaml", "--set", "data.train=many.jsonl"], in: workspace.folder)
        let result = try process.interruptUntilEnd()
        #expect(result.status == 130 && result.errors.contains("error: stopped"), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: workspace.url("runs/run").path))
        try workspace.train("--resume")
    }

    @Test func `Ctrl-C stops an evaluation and a text`() throws {
        let suite: JSON = [
            "name": "slow", "path": "rows.jsonl", "verifier": "exact", "generate": ["max_new_tokens": 400],
        ]
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(["evaluation.suites": [suite]], rowCount: 96)
        let judged = try HoneProcess(["eval", "recipe.yaml"], in: workspace.folder).interruptUntilEnd()
        #expect(judged.status == 130 && judged.output.isEmpty, "\(judged)")
        let writer = try HoneProcess(
            ["generate", "--model", workspace.model.path, "--max-new-tokens", "100000"], in: workspace.folder)
        while writer.isRunning, !writer.hasOutput { usleep(1000) }
        writer.interrupt()
        let text = try writer.result()
        #expect(text.status == 130 && text.output.hasSuffix("\n"), "\(text)")
    }

    @Test func `a reader that goes away ends no command with a signal`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(["train.max_steps": 2])
        let commands = [
            "schema", "inspect recipe.yaml --rows 24", "check recipe.yaml --json", "doctor", "--help",
            "generate --model \(workspace.model.path) --greedy --max-new-tokens 64", "train recipe.yaml --json",
        ]
        for command in commands {
            // `true` reads nothing and is gone before the first write.
            let result = try HoneProcess(
                shell: "\"$HONE\" \(command) | true; exit ${PIPESTATUS[0]}", in: workspace.folder
            ).result()
            #expect(result.status == 0, "\(command): \(result)")
        }
        let first = try HoneProcess(
            shell: "\"$HONE\" inspect recipe.yaml --rows 24 | head -1; exit ${PIPESTATUS[0]}", in: workspace.folder
        ).result()
        #expect(first.status == 0 && first.output.hasPrefix("───"), "\(first)")
        // Nobody reads what is said on the way either.
        let silent = try HoneProcess(
            shell: "\"$HONE\" train recipe.yaml --overwrite 2>&1 | true; exit ${PIPESTATUS[0]}", in: workspace.folder
        ).result()
        #expect(silent.status == 0, "\(silent)")
        #expect(try workspace.events().last?["reason"] == "completed")
    }
}
