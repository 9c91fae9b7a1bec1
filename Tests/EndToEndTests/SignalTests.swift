import Foundation
import OrderedCollections
import Testing
import TextCore

/// Signals at any moment: a run that is terminated keeps all that it has done, and goes on as if nothing had happened.
@Suite struct SignalTests {
    /// What a run is doing when SIGTERM comes.
    enum Phase: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case tokenise, step, eval, rollout, save

        var testDescription: String { rawValue }
    }

    /// A workspace whose recipe spends a while in the phase.
    private func workspace(for phase: Phase) throws -> Workspace? {
        guard let workspace = try Workspace() else { return nil }
        switch phase {
        case .tokenise:
            let rows = Array(repeating: workspace.rows, count: 60).flatMap { $0 }
            try workspace.writeRecipe(["train.max_steps": 3], rows: rows)
        case .step:
            try workspace.writeRecipe(["train.max_steps": 80, "train.micro_batch_size": 2])
        case .eval:
            let suite: JSON = [
                "name": "slow", "path": "rows.jsonl", "verifier": "exact", "generate": ["max_new_tokens": 300],
            ]
            let evaluation: JSON = ["suites": [suite], "at_start": false, "every_steps": 2]
            try workspace.writeRecipe(["evaluation": evaluation, "train.max_steps": 3], rowCount: 32)
        case .rollout:
            try workspace.writeRewardRecipe(
                ["rollout": ["max_new_tokens": 160], "train.max_steps": 3, "rft.group_size": 8])
        case .save:
            try workspace.writeRecipe([
                "train.max_steps": 60, "train.micro_batch_size": 8, "checkpoint": ["every_steps": 1, "keep_last": 3],
            ])
        }
        return workspace
    }

    /// Waits until the run is in the phase.
    private func wait(_ phase: Phase, _ process: HoneProcess, _ workspace: Workspace) throws {
        switch phase {
        case .tokenise:
            process.waitForHandlers()
        case .step:
            try workspace.wait(for: process) { $0["type"] == "step" && $0["step"]?.int ?? 0 >= 10 }
        case .eval:
            try workspace.wait(for: process) { $0["type"] == "step" && $0["step"] == 2 }
            usleep(100_000)
        case .rollout:
            try workspace.wait(for: process) { $0["type"] == "step" && $0["step"] == 1 }
            usleep(50_000)
        case .save:
            try workspace.wait(for: process) { $0["type"] == "step" && $0["step"]?.int ?? 0 >= 5 }
            let folder = workspace.url("runs/run/checkpoints").path
            while process.isRunning {
                let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
                if names.contains(where: { $0.hasPrefix(".tmp-") }) { break }
            }
        }
    }

    @Test(arguments: Phase.allCases)
    func `C9 proc.sigterm_everywhere: SIGTERM ends a run in order, and the run goes on to the same bits`(
        _ phase: Phase
    ) throws {
        guard let workspace = try workspace(for: phase) else { return }
        try workspace.train("--set", "output_dir=runs/whole")
        let process = try HoneProcess(["train", "recipe.yaml"], in: workspace.folder)
        try wait(phase, process, workspace)
        process.send(SIGTERM)
        let result = try process.result()
        #expect(result.status == 143, "\(result)")
        let checkpoints = workspace.url("runs/run/checkpoints").path
        if phase == .tokenise {
            // Nothing was begun, so nothing is left.
            #expect(!FileManager.default.fileExists(atPath: workspace.url("runs/run/events.jsonl").path))
        } else {
            let end = try #require(try workspace.events().last)
            #expect(end["type"] == "end" && end["reason"] == "terminated (SIGTERM)")
            let step = try #require(end["step"]?.int)
            #expect(try workspace.events().last { $0["type"] == "checkpoint" }?["step"]?.int == step)
            #expect(FileManager.default.fileExists(atPath: "\(checkpoints)/step-\(step)/MANIFEST.json"))
            #expect(
                try !FileManager.default.contentsOfDirectory(atPath: checkpoints).contains { $0.hasPrefix(".tmp-") })
            #expect(!FileManager.default.fileExists(atPath: workspace.url("runs/run/final").path))
        }
        let rest = try workspace.train("--resume")
        #expect(!rest.errors.contains("is not whole"), "\(rest)")
        #expect(try workspace.finalWeights() == workspace.finalWeights("runs/whole"), "\(phase)")
        #expect(try workspace.timelessSteps() == workspace.timelessSteps("runs/whole"), "\(phase)")
    }

    @Test func `C9 proc.sigterm_everywhere: the second SIGTERM ends a run within a second`() throws {
        guard let workspace = try Workspace() else { return }
        // One micro-batch of a step takes far longer than a second.
        let configuration: JSON = [
            "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 512,
            "intermediate_size": 1536, "num_attention_heads": 8, "num_key_value_heads": 4, "num_hidden_layers": 8,
            "vocab_size": 512, "max_position_embeddings": 1024, "rms_norm_eps": 1e-5, "tie_word_embeddings": true,
            "hidden_act": "silu",
        ]
        try workspace.write(configuration.text(), to: "config.json")
        let text = String(repeating: "Once upon a time there was a little girl who went out to play. ", count: 28)
        try workspace.write((0..<8).map { "{\"text\": \"\($0) \(text)\"}" }.joined(separator: "\n"), to: "long.jsonl")
        try workspace.writeRecipe([
            "model": ["init": ["config": "config.json", "tokenizer": .string(workspace.model.path)]],
            "method": "pretrain", "data": ["train": "long.jsonl"],
            "sequence": ["max_length": 900, "on_overflow": "truncate"],
            "train": ["max_steps": 2, "micro_batch_size": 8, "global_batch_size": 8, "gradient_checkpointing": true],
        ])
        let process = try HoneProcess(["train", "recipe.yaml"], in: workspace.folder)
        try workspace.wait(for: process) { $0["type"] == "start" }
        usleep(100_000)
        process.send(SIGTERM)
        usleep(200_000)
        let start = ContinuousClock.now
        process.send(SIGTERM)
        let result = try process.result()
        #expect(result.status == 143, "\(result)")
        #expect(ContinuousClock.now - start < .seconds(1))
        // The step was cut off, so nothing says that the run had ended.
        #expect(try !workspace.events().contains { $0["type"] == "step" || $0["type"] == "end" })
    }

    @Test func `C9 proc.sigterm_everywhere: commands that write or judge end in order too`() throws {
        guard let workspace = try Workspace() else { return }
        let suite: JSON = [
            "name": "slow", "path": "rows.jsonl", "verifier": "exact", "generate": ["max_new_tokens": 400],
        ]
        try workspace.writeRecipe(["evaluation.suites": [suite]], rowCount: 96)
        try workspace.writeRewardRecipe(["rollout": ["max_new_tokens": 400]], to: "reward.yaml")
        let many = Array(repeating: workspace.rows, count: 800).flatMap { $0 }.joined(separator: "\n")
        try workspace.write(many + "\n", to: "many.jsonl")
        let commands = [
            ["eval", "recipe.yaml"], ["verify", "reward.yaml", "--prompts", "64"],
            ["data", "build", "many.jsonl", "-o", "built", "--level", "19"],
            ["generate", "--model", workspace.model.path, "--max-new-tokens", "100000"],
        ]
        for command in commands {
            let process = try HoneProcess(command, in: workspace.folder)
            process.waitForHandlers()
            usleep(50_000)
            process.send(SIGTERM)
            let result = try process.result(timeLimit: 20)
            #expect(result.status == 143, "\(command): \(result)")
        }
        let built = (try? FileManager.default.contentsOfDirectory(atPath: workspace.url("built").path)) ?? []
        #expect(!built.contains("manifest.json") && !built.contains { $0.contains(".tmp-") }, "\(built)")
        // What is left is taken for no data set.
        #expect(try workspace.hone("data", "verify", "built").status != 0)
    }

    @Test func `SIGUSR1 saves a checkpoint and the run goes on; SIGHUP ends none that has no terminal`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(["train.max_steps": 60, "checkpoint": ["every_steps": 1000]])
        try workspace.train("--set", "output_dir=runs/whole")
        // A session of its own has no terminal that could hang up.
        let script = "setsid --wait bash -c 'echo $$ > pid; exec \"$HONE\" train recipe.yaml'"
        let process = try HoneProcess(shell: script, in: workspace.folder)
        try workspace.wait(for: process) { $0["type"] == "step" && $0["step"]?.int ?? 0 >= 3 }
        let id = try #require(Int32(try String(contentsOf: workspace.url("pid"), encoding: .utf8).dropLast()))
        kill(id, SIGHUP)
        kill(id, SIGUSR1)
        let result = try process.result()
        #expect(result.status == 0, "\(result)")
        let saved = try workspace.events().filter { $0["type"] == "checkpoint" }.compactMap { $0["step"]?.int }
        #expect(saved.count == 2 && saved[0] < 60 && saved[1] == 60, "\(saved)")
        #expect(try workspace.finalWeights() == workspace.finalWeights("runs/whole"))
    }
}

extension Workspace {
    /// Writes a recipe that rewards short answers of the shared model, and its rows.
    func writeRewardRecipe(_ changes: [String: JSON] = [:], to name: String = "recipe.yaml") throws {
        let words = ["dog", "cat", "ball", "park", "big", "day", "friend", "home", "tree", "red", "toy", "girl"]
        let rows = words.map { "{\"prompt\": \"Once there was a \($0)\", \"answer\": \"was\"}" }
        try write(rows.joined(separator: "\n") + "\n", to: "prompts.jsonl")
        var all: [String: JSON] = [
            "method": "rft", "data": ["train": [["path": "prompts.jsonl", "format": "prompt"]]],
            "rft": ["group_size": 4, "prompts_per_step": 3, "preflight": false, "max_oversample": 2],
            "rollout": ["max_new_tokens": 12],
            "rewards": [["verifier": "contains", "target": "answer"]],
            "train": ["max_steps": 4, "learning_rate": 0.001, "lr_scheduler": "constant", "warmup_steps": 0],
        ]
        for (key, value) in changes { all[key] = value }
        let lines =
            FileManager.default.fileExists(atPath: url("rows.jsonl").path)
            ? try String(contentsOf: url("rows.jsonl"), encoding: .utf8).split(separator: "\n").map(String.init) : nil
        try writeRecipe(all, rows: lines, to: name)
    }
}
