import Foundation
import LanguageModels
import TensorCore
import Testing
import TextCore

/// Training beside a base of four bits, through the program.
@Suite struct QuantizedRunTests {
    private static let changes: [String: JSON] = [
        "adapter": ["type": "qlora", "rank": 4], "train.max_steps": 6, "train.learning_rate": 0.02,
        "data.val_fraction": 0.25,
    ]

    private func json(_ workspace: Workspace, _ arguments: String...) throws -> JSON {
        let result = try HoneProcess(arguments + ["--json"], in: workspace.folder).result()
        #expect(result.status == 0, "\(result)")
        return try result.json()
    }

    private func loss(_ report: JSON, _ when: String) throws -> Double {
        try #require(report["held_out"]?[when]?["loss"]?.double)
    }

    @Test func `qlora begins near the base, learns, and goes on where it was stopped`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(Self.changes.merging(["checkpoint": ["every_steps": 1, "keep_last": 9]]) { $1 })
        let trained = try json(workspace, "train", "recipe.yaml")
        let (before, after) = (try loss(trained, "before"), try loss(trained, "after"))
        try workspace.writeRecipe(Self.changes.merging(["adapter.type": "lora"]) { $1 }, to: "lora.yaml")
        let whole = try json(workspace, "train", "lora.yaml", "--set", "output_dir=runs/lora")
        let other = try loss(whole, "before")
        // Four bits cost some of the likelihood, and less than training gains.
        #expect(before != other && abs(before - other) < 0.2)
        #expect(after < before - 0.1)

        let (weights, steps) = (try workspace.finalWeights(), try workspace.steps())
        for step in 4...6 {
            try FileManager.default.removeItem(at: workspace.url("runs/run/checkpoints/step-\(step)"))
        }
        try FileManager.default.removeItem(at: workspace.url("runs/run/final"))
        try Data().write(to: workspace.url("runs/run/events.jsonl"))
        try workspace.train("--resume")
        #expect(try workspace.steps() == steps.filter { $0.key > 3 })
        #expect(try workspace.finalWeights() == weights)
    }

    @Test func `the banner says in what the base is kept`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(Self.changes)
        let result = try workspace.hone("train", "recipe.yaml")
        #expect(result.status == 0 && result.errors.contains("adapter qlora"), "\(result)")
        #expect(result.errors.contains("nf4 blocks of 64, bf16 embeddings, float32 adapter; "), "\(result)")
        let resolved = try String(contentsOf: workspace.url("runs/run/resolved.yaml"), encoding: .utf8)
        #expect(resolved.contains("base_bits: 4") && resolved.contains("group_size: 64"))
    }

    @Test func `eight bits are nearer to the base, are saved as they are, and are not taken for four`() throws {
        guard let workspace = try Workspace() else { return }
        let changes = Self.changes.merging(["adapter.base_bits": 8]) { $1 }
        try workspace.writeRecipe(changes)
        let result = try workspace.hone("train", "recipe.yaml", "--json")
        #expect(result.status == 0, "\(result)")
        let eight = try result.json()
        func before(_ type: String) throws -> Double {
            try workspace.writeRecipe(Self.changes.merging(["adapter.type": .string(type)]) { $1 }, to: "other.yaml")
            return try loss(try json(workspace, "train", "other.yaml", "--set", "output_dir=runs/\(type)"), "before")
        }
        let (whole, four) = (try before("lora"), try before("qlora"))
        #expect(try abs(loss(eight, "before") - whole) < abs(four - whole) / 4)
        #expect(try loss(eight, "after") < loss(eight, "before") - 0.1)
        let start = try #require(try workspace.events().first)
        let weights = try #require(start["memory"]?["categories"]?.array?.first { $0["name"] == "weights" })
        #expect(weights["note"]?.string?.contains("int8, embeddings bf16") == true, "\(weights)")
    }

    @Test func `merging into the base's own weights is said to lose and measured`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(Self.changes)
        try workspace.train()
        let result = try workspace.hone("export", "runs/run", "--format", "merged", "-o", "merged", "--json")
        #expect(
            result.errors.contains(
                "warning: the adapter was trained beside a base in nf4, and is merged into the base's own"))
        let report = try result.json()
        #expect(report["base_quantization"] == "nf4")
        let difference = try #require(report["largest_logit_difference"]?.double)
        #expect(difference > 1e-3 && (report["mean_kl"]?.double ?? 0) > 1e-6, "\(report)")
        // What is measured is the difference of the two models that are on the disk.
        let quantization = try #require(try Quantization(ofAdapter: workspace.url("runs/run/final")))
        let trained = try ModelLoader.load(
            folder: workspace.model, dtype: quantization.numberType, quantization: quantization)
        try trained.loadAdapter(from: workspace.url("runs/run/final"))
        let merged = try ModelLoader.load(folder: workspace.url("merged"))
        #expect(abs(Double(trained.difference(to: merged).largestDifference) - difference) < 1e-3)
        // Without the rounding the adapter's own model is met to the bit of a product.
        let own = try ModelLoader.load(folder: workspace.model)
        try own.loadAdapter(from: workspace.url("runs/run/final"))
        #expect(own.difference(to: merged).largestDifference < 1e-3)
    }

    @Test func `a folder of quantised weights is trained as it is, and not whole`() throws {
        guard let workspace = try Workspace() else { return }
        let base = try ModelLoader.load(
            folder: workspace.model, dtype: .bfloat16, quantization: Quantization(blockSize: 32, numberType: .bfloat16))
        try base.save(to: workspace.url("base"), copyingTokenizerFrom: workspace.model)
        try workspace.writeRecipe(Self.changes.merging(["model": "base"]) { $1 })
        let refused = try workspace.hone("train", "recipe.yaml", "--set", "adapter=full")
        #expect(
            refused.status == 78 && refused.errors.contains("are in 4 bits. Updates are far smaller than"), "\(refused)"
        )
        let other = try workspace.hone("train", "recipe.yaml")
        #expect(other.status == 78 && other.errors.contains("are quantised already, in blocks of 32"), "\(other)")
        try workspace.train("--set", "adapter.group_size=32")
        // The same from the model that is not quantised.
        try workspace.train(
            "--set", "adapter.group_size=32", "--set", "model=\(workspace.model.path)", "--set", "output_dir=runs/own")
        #expect(try workspace.steps() == workspace.steps("runs/own"))
        let report = try json(workspace, "export", "runs/run", "--format", "merged", "-o", "merged")
        // The run computed in bf16, and the merged weights are float32.
        #expect(
            report["greedy_agreement"]?.double == 1 && (report["mean_kl"]?.double ?? 1) < 1e-3, "\(report)")
    }
}
