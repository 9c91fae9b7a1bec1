import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import Testing
import TextCore

/// Runs of the methods that compare answers, from recipe to final model.
@Suite struct PreferenceRunTests {
    private static let lora: JSON = ["type": "lora", "rank": 4]

    /// A workspace whose recipe trains on the first pairs, or on `rows`.
    private func workspace(
        _ changes: [String: JSON], rows: [String]? = nil, count: Int = 24
    ) throws -> Workspace? {
        guard let workspace = try Workspace() else { return nil }
        let pairs = try workspace.pairs()
        try workspace.writeRecipe(changes, rows: rows ?? Array(pairs.prefix(count)))
        return workspace
    }

    // MARK: The start

    @Test func `dpo with a fresh adapter begins at ln 2, and is measured on held-out pairs`() throws {
        let changes: [String: JSON] = [
            "method": "dpo", "adapter": Self.lora, "data.val_fraction": 0.25, "data.group_by": "prompt",
            "train.learning_rate": 0.01, "train.warmup_steps": 0,
        ]
        guard let workspace = try workspace(changes, count: 48) else { return }
        try workspace.trainPairs()
        let first = try #require(try workspace.steps()[1])
        #expect(abs((first["loss"]?.double ?? 0) - log(2)) <= 1e-6, "\(first)")
        let later = try #require(try workspace.steps()[4]?["loss"]?.double)
        #expect(abs(later - log(2)) > 1e-4)
        let measured = try workspace.events().filter { $0["type"] == "eval" }
        #expect(measured.first?["step"] == 0 && measured.last?["step"] == 4)
        // A policy that is still the reference prefers nothing.
        #expect(measured.first?["metrics"]?["preference_accuracy"]?.double == 0.5)
        let end = try #require(measured.last?["metrics"])
        #expect((0...1).contains(end["preference_accuracy"]?.double ?? -1))
        #expect(abs((end["loss"]?.double ?? 0) - log(2)) > 1e-4)
        #expect((end["rewards/margins"]?.double ?? 0) != 0)
    }

    @Test func `no prompt is both held out and trained on`() throws {
        let changes: [String: JSON] = ["method": "dpo", "adapter": Self.lora, "train.max_steps": 1]
        guard let workspace = try Workspace() else { return }
        // Ten prompts with six pairs each: a side that has some pairs of a prompt has all six.
        let rows = try workspace.pairs().prefix(10).enumerated().flatMap { prompt, line in
            try (0..<6).map { try row(line, ["id": .string("\(prompt)-\($0)")]) }
        }
        try workspace.writeRecipe(changes, rows: rows)
        func sides(_ seed: Int, _ more: String...) throws -> (held: Int, trained: Int) {
            let name = "\(seed)-\(more.count)"
            try workspace.trainPairs(name, ["seed=\(seed)", "data.val_fraction=0.3"] + more)
            let start = try workspace.event("start", name)
            return (try #require(start["held_out_rows"]?.int), try #require(start["rows"]?.int))
        }
        for seed in [1, 2, 3] {
            let (held, trained) = try sides(seed, "data.group_by=prompt")
            #expect(held > 0 && trained > 0 && held + trained == 60)
            #expect(held % 6 == 0, "\(held) of 60 rows are held out, so a prompt lies on both sides")
        }
        #expect(try (1...2).contains { try sides($0).held % 6 != 0 }, "rows without groups are split one by one")
    }

    // MARK: Going on

    @Test func `dpo with an adapter and a cached reference goes on with the same bits`() throws {
        let adapter: JSON = ["type": "lora", "rank": 4, "dropout": 0.1]
        guard let workspace = try workspace(["method": "dpo", "adapter": adapter, "data.val_fraction": 0.2])
        else { return }
        try workspace.expectSameAfterCuts([1, 3, 4], of: 5, "dpo")
        #expect(workspace.cacheFiles().count == 1)
    }

    @Test func `a reference that follows the policy comes back from a checkpoint`() throws {
        let sync: JSON = ["every_steps": 2, "alpha": 0.5]
        guard let workspace = try workspace(["method": "dpo", "dpo.sync_reference": sync]) else { return }
        try workspace.expectSameAfterCuts([3], of: 5, "sync_reference")
        // It did move: a reference that stays trains another model.
        try workspace.writeRecipe(["method": "dpo", "train.max_steps": 5], rows: Array(workspace.pairs().prefix(24)))
        try workspace.trainPairs("still")
        let (moving, still) = (try workspace.steps(), try workspace.steps("runs/still"))
        #expect(moving[2]?["loss"]?.double.map { abs($0 - (still[2]?["loss"]?.double ?? 0)) < 1e-6 } == true)
        #expect(moving[3]?["loss"] != still[3]?["loss"])
        #expect(try workspace.finalWeights() != workspace.finalWeights("runs/still"))
    }

    @Test(arguments: ["kto", "reward"])
    func `kto and reward go on with the same bits`(_ method: String) throws {
        let adapter: JSON = method == "kto" ? Self.lora : "full"
        guard let workspace = try workspace(["method": .string(method), "adapter": adapter]) else { return }
        try workspace.expectSameAfterCuts([2], of: 4, method)
    }

    // MARK: The cut of the batch

    @Test(arguments: ["dpo", "kto", "orpo"])
    func `eight pairs at once, twice four and four times two train the same`(_ method: String) throws {
        guard let workspace = try workspace(["method": .string(method), "train.max_steps": 3]) else { return }
        try workspace.trainPairs("8", ["train.micro_batch_size=8"])
        let whole = try workspace.steps("runs/8")
        #expect(whole.count == 3)
        for size in ["4", "2"] {
            try workspace.trainPairs(size, ["train.micro_batch_size=\(size)"])
            let cut = try workspace.steps("runs/\(size)")
            for (step, metrics) in whole {
                for (name, tolerance) in [("loss", 1e-6), ("grad_norm", 1e-5)] {
                    let value = try #require(metrics[name]?.double)
                    let other = try #require(cut[step]?[name]?.double)
                    #expect(
                        abs(value - other) <= tolerance * abs(value),
                        "\(method), \(size) at once, step \(step): \(name) \(other), not \(value)")
                }
            }
        }
    }

    @Test func `one and two threads give the same bits`() throws {
        guard let workspace = try workspace(["method": "dpo", "adapter": Self.lora]) else { return }
        // Each with a reference of its own.
        try workspace.trainPairs("1", ["data.cache=none"], ["--threads", "1"])
        try workspace.trainPairs("2", ["data.cache=none"], ["--threads", "2"])
        #expect(try workspace.steps("runs/1") == workspace.steps("runs/2"))
        #expect(try workspace.finalWeights("runs/1") == workspace.finalWeights("runs/2"))
    }

    // MARK: The reference's cache

    @Test func `what the reference says is computed once for the same data and model`() throws {
        guard
            let workspace = try workspace(["method": "dpo", "adapter": Self.lora, "train.max_steps": 2], count: 16)
        else { return }
        func isCached(_ name: String, _ changes: String...) throws -> Bool {
            let errors = try workspace.trainPairs(name, changes).errors
            let (cached, computed) = (errors.contains("pairs, from "), errors.contains("pairs, computed once"))
            #expect(cached != computed, "\(errors)")
            return cached
        }
        try #expect(!isCached("none", "data.cache=none") && workspace.cacheFiles().isEmpty)
        try #expect(!isCached("first") && workspace.cacheFiles().count == 1)
        try #expect(isCached("second", "train.learning_rate=0.002") && workspace.cacheFiles().count == 1)
        try #expect(isCached("third") && workspace.finalWeights("runs/third") == workspace.finalWeights("runs/first"))
        // Another row, another reference.
        let rows = try workspace.pairs()
        try workspace.write(rows[16...31].joined(separator: "\n"), to: "others.jsonl")
        try #expect(!isCached("rows", "data.train=others.jsonl") && workspace.cacheFiles().count == 2)
        try workspace.copyModel()
        try #expect(isCached("copy", "model=model") && workspace.cacheFiles().count == 2)
        let weights = workspace.url("model/model.safetensors")
        var bytes = try Data(contentsOf: weights)
        bytes[bytes.count - 4] ^= 1
        try bytes.write(to: weights)
        try #expect(!isCached("model", "model=model") && workspace.cacheFiles().count == 3)
    }

    @Test func `a damaged file of the cache is computed again`() throws {
        guard
            let workspace = try workspace(["method": "dpo", "adapter": Self.lora, "train.max_steps": 2], count: 16)
        else { return }
        try workspace.trainPairs("first")
        let file = try #require(workspace.cacheFiles().first)
        let whole = try Data(contentsOf: file)
        let damages: [(name: String, bytes: (Data) -> Data)] = [
            ("empty", { _ in Data() }), ("short", { $0.dropLast(4) }),
            (
                "flipped",
                { bytes in
                    // A number that is still finite.
                    var bytes = bytes
                    bytes[bytes.count - 2] ^= 1
                    return bytes
                }
            ),
        ]
        for damage in damages {
            try damage.bytes(whole).write(to: file)
            let errors = try workspace.trainPairs(damage.name).errors
            #expect(errors.contains("pairs, computed once"), "\(damage.name): \(errors)")
            #expect(try workspace.finalWeights("runs/\(damage.name)") == workspace.finalWeights("runs/first"))
            #expect(try Data(contentsOf: file) == whole, "\(damage.name)")
        }
    }

    // MARK: Bad pairs

    @Test func `pairs with nothing to learn from are counted, named and left out`() throws {
        guard let workspace = try Workspace() else { return }
        let good = try workspace.pairs()
        let template = try #require(good.first)
        func prompt(_ words: Int) throws -> JSON {
            let text = Array(repeating: "story", count: words).joined(separator: " ")
            return [["role": "user", "content": .string(text)]]
        }
        let chosen = try #require(try JSON(parsing: template)["chosen"])
        let bad = [
            try row(template, ["rejected": chosen]),
            try row(template, ["rejected": [["role": "assistant", "content": ""]]]),
            try row(template, ["prompt": prompt(60)]), try row(template, ["prompt": prompt(80)]),
        ]
        let changes: [String: JSON] = ["method": "dpo", "adapter": Self.lora, "train.max_steps": 1]
        try workspace.writeRecipe(changes.merging(["sequence.max_length": 512]) { $1 }, rows: good + bad)
        let texts = try workspace.inspectedTexts()
        let trained = try #require(texts[good.count + 2].first?["trained"]?.array)
        let promptLength = trained.count { $0 == false }
        let longest = texts.prefix(good.count).joined().map { $0["ids"]?.array?.count ?? 0 }.max() ?? 0
        #expect(promptLength >= longest, "the prompt has \(promptLength) tokens, a row up to \(longest)")
        // As long as the prompt of the third, and shorter than that of the fourth.
        let length: [String: JSON] = ["sequence.max_length": .integer(promptLength)]
        try workspace.writeRecipe(changes.merging(length) { $1 }, rows: good + bad)
        let errors = try workspace.trainPairs().errors
        let start = try workspace.event("start")
        #expect(start["rows"]?.int == good.count)
        let kinds = ["equal_answers", "empty_answer", "answer_cut_away", "long_prompt"]
        let warnings = try workspace.events().filter { $0["type"] == "warning" }.compactMap { $0["message"]?.string }
        for (index, kind) in kinds.enumerated() {
            let finding = try #require(start["data"]?["pairs"]?[kind])
            let place = "rows.jsonl:\(good.count + index + 1)"
            #expect(finding["rows"] == 1, "\(kind): \(finding)")
            #expect(finding["first"]?.array?.first?.string?.hasSuffix(place) == true, "\(kind): \(finding)")
            #expect(warnings.contains { $0.hasPrefix("1 of 68 rows") && $0.contains(place) }, "\(kind): \(warnings)")
        }
        #expect(errors.contains("an empty answer"), "\(errors)")
    }

    @Test func `too many pairs with nothing to learn from are refused, and the first is named`() throws {
        guard let workspace = try Workspace() else { return }
        let good = Array(try workspace.pairs().prefix(18))
        let equal = try good.prefix(2).map { try row($0, ["rejected": try #require(JSON(parsing: $0)["chosen"])]) }
        try workspace.writeRecipe(
            ["method": "dpo", "adapter": Self.lora, "train.max_steps": 1], rows: good + equal)
        let result = try workspace.hone("train", "recipe.yaml", environment: workspace.contained)
        #expect(result.status == 78, "\(result)")
        #expect(
            result.errors.contains("2 of 20 rows (10.0 %) have a chosen answer that equals the rejected one (first: ")
                && result.errors.contains("rows.jsonl:19") && result.errors.contains("max_invalid"), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: workspace.url("runs/run/events.jsonl").path))
        try workspace.trainPairs("allowed", ["data.max_invalid=0.1"])
        #expect(try workspace.event("start", "allowed")["rows"] == 18)
    }

    // MARK: Reward models

    @Test func `a reward model loads again and prefers the chosen answers`() throws {
        let changes: [String: JSON] = [
            "method": "reward", "data.eval": "rows.jsonl", "train.max_steps": 12, "train.learning_rate": 0.003,
            "train.warmup_steps": 0,
        ]
        guard let workspace = try workspace(changes, count: 16) else { return }
        try workspace.trainPairs()
        let measured = try workspace.events().filter { $0["type"] == "eval" }
        let before = try #require(measured.first?["metrics"]?["preference_accuracy"]?.double)
        let after = try #require(measured.last?["metrics"]?["preference_accuracy"]?.double)
        #expect(measured.first?["step"] == 0 && after > before && after >= 0.75, "\(before), then \(after)")

        let model = try ModelLoader.load(folder: workspace.url("runs/run/final"))
        #expect(model.hasRewardHead)
        func reward(_ text: JSON) throws -> Float {
            let ids = try #require(text["ids"]?.array).compactMap(\.int)
            let hidden = model.hiddenStates(PackedTokens([ids]))
            return model.rewards(hidden: embedding(hidden, [ids.count - 1])).scalars[0]
        }
        let texts = try workspace.inspectedTexts()
        let wins = try texts.count { pair in
            #expect(pair.map { $0["label"] } == ["chosen", "rejected"])
            return try reward(pair[0]) > reward(pair[1])
        }
        #expect(texts.count == 16 && abs(Double(wins) / 16 - after) <= 1 / 16, "\(wins) of 16, the run says \(after)")

        for method in ["sft", "dpo"] {
            let rows = method == "sft" ? Array(workspace.rows.prefix(16)) : try workspace.pairs()
            try workspace.writeRecipe(
                ["model": "runs/run/final", "method": .string(method), "output_dir": "runs/other"], rows: rows)
            let refused = try workspace.hone("train", "recipe.yaml", environment: workspace.contained)
            #expect(refused.status == 65 && refused.errors.contains("this is a reward model"), "\(refused)")
        }
    }
}
