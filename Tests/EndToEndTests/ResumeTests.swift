import Foundation
import OrderedCollections
import Testing
import TextCore

/// A run that is stopped and goes on ends as the one that was not.
@Suite struct ResumeTests {
    /// Recipes whose every random number must come out again: shuffled rows, noise, dropout, a schedule.
    static let recipes: [(name: String, changes: [String: JSON])] = [
        ("full", ["sft.neftune_alpha": 5, "train.micro_batch_size": "auto"]),
        ("packed", ["sequence.packing": true, "train.global_batch_size": 2, "train.micro_batch_size": 1]),
        ("lora", ["adapter": ["type": "lora", "rank": 4, "dropout": 0.1]]),
        ("qlora", ["adapter": ["type": "qlora", "rank": 4, "dropout": 0.1]]),
        ("dora", ["adapter": ["type": "dora", "rank": 2], "data.val_fraction": 0.2]),
    ]

    @Test(arguments: recipes.map(\.name))
    func `a run cut at any checkpoint ends with the same bits`(_ name: String) throws {
        guard let workspace = try Workspace() else { return }
        let changes = try #require(Self.recipes.first { $0.name == name }).changes
        let common: [String: JSON] = ["train.max_steps": 5, "checkpoint": ["every_steps": 1, "keep_last": 9]]
        try workspace.writeRecipe(changes.merging(common) { $1 })
        try workspace.train()
        let (weights, steps) = (try workspace.finalWeights(), try workspace.steps())
        let manager = FileManager.default
        for cut in [1, 3, 4] {
            let run = "runs/cut-\(cut)"
            try manager.copyItem(at: workspace.url("runs/run"), to: workspace.url(run))
            try manager.removeItem(at: workspace.url(run).appending(path: "final"))
            for step in cut + 1...5 {
                try manager.removeItem(at: workspace.url(run).appending(path: "checkpoints/step-\(step)"))
            }
            try Data().write(to: workspace.url(run).appending(path: "events.jsonl"))
            try workspace.train("--resume", "--set", "output_dir=\(run)")
            #expect(try workspace.steps(run) == steps.filter { $0.key > cut })
            #expect(try workspace.finalWeights(run) == weights, "\(name), cut after step \(cut)")
        }
    }

    @Test func `a damaged checkpoint is passed over with a warning`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(["checkpoint": ["every_steps": 1, "keep_last": 9]])
        try workspace.train()
        let weights = try workspace.finalWeights()
        let file = workspace.url("runs/run/checkpoints/step-4/optimizer.safetensors")
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: file)
        let result = try workspace.train("--resume")
        #expect(result.errors.contains("step-4 is not whole and is skipped: optimizer.safetensors is damaged"))
        #expect(try workspace.finalWeights() == weights)
    }

    @Test func `a run stopped by Ctrl-C twice ends with the same bits`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(["train.max_steps": 60, "train.micro_batch_size": 2, "train.lr_scheduler": "linear"])
        try workspace.train("--set", "output_dir=runs/whole")
        for stop in [5, 20] {
            let process = try HoneProcess(["train", "recipe.yaml", "--resume"], in: workspace.folder)
            try workspace.wait(for: process) { $0["type"] == "step" && $0["step"]?.int ?? 0 >= stop }
            process.interrupt()
            let result = try process.result()
            #expect(result.status == 130, "\(result)")
            #expect(result.errors.contains("stopped; go on with: hone train recipe.yaml --resume"))
            let end = try #require(try workspace.events().last)
            #expect(end["type"] == "end" && end["reason"] == "interrupted (SIGINT)")
            let last = try #require(end["step"]?.int)
            #expect(last >= stop && last < 60)
            #expect(FileManager.default.fileExists(atPath: workspace.url("runs/run/checkpoints/step-\(last)").path))
            #expect(!FileManager.default.fileExists(atPath: workspace.url("runs/run/final").path))
        }
        try workspace.train("--resume")
        #expect(try workspace.steps() == workspace.steps("runs/whole"))
        #expect(try workspace.finalWeights() == workspace.finalWeights("runs/whole"))
    }

    @Test func `a second run into the same folder is refused and leaves the first as it was`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(["train.max_steps": 1])
        try workspace.train()
        let (weights, events) = (try workspace.finalWeights(), try workspace.events())
        let result = try workspace.hone("train", "recipe.yaml")
        #expect(result.status == 78)
        #expect(
            result.errors.contains(
                "runs/run already holds a run, and training into it would mix the two. Continue that run with "
                    + "--resume, choose another `name` or `output_dir`, or replace it with --overwrite"))
        #expect(try workspace.finalWeights() == weights && workspace.events() == events)
        try workspace.train("--overwrite", "--set", "seed=7")
        #expect(try workspace.events().count { $0["type"] == "start" } == 1)
    }

    @Test func `resuming with a changed recipe is refused and names what changed`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(["train.max_steps": 2])
        try workspace.train()
        let result = try workspace.hone("train", "recipe.yaml", "--resume", "--set", "train.weight_decay=0.2")
        #expect(result.status == 78)
        #expect(
            result.errors.contains("step-2 is of another run, so going on from it would mix the two: "), "\(result)")
        #expect(result.errors.contains("train.weight_decay: was 0.1, is 0.2"), "\(result)")
        #expect(result.errors.contains("start anew with --overwrite"))
        let data = try workspace.write(workspace.rows[30...40].joined(separator: "\n"), to: "others.jsonl")
        let other = try workspace.hone("train", "recipe.yaml", "--resume", "--set", "data.train=\(data)")
        #expect(other.status == 78 && other.errors.contains("; data.0: was \"rows.jsonl "), "\(other)")
    }

    @Test func `a run that fails before its first step leaves the folder free`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(["train.max_steps": 1])
        try workspace.copyModel()
        try Data().write(to: workspace.url("model/model.safetensors"))
        #expect(try workspace.hone("train", "recipe.yaml", "--set", "model=model").status == 65)
        try workspace.train()
    }
}
