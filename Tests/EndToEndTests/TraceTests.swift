import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import TestSupport
import Testing
import TextCore

/// Every trace of a method that Hone has, in `goldens/trl` and in our own fixtures, run again through `hone train`.
@Suite struct TraceTests {
    struct Trace: CustomTestStringConvertible, Sendable {
        let url: URL
        var name: String { url.deletingPathExtension().lastPathComponent }
        /// What the file's name begins with: a method, or a loss of method dpo.
        var kind: String { String(name.prefix { $0 != "-" }) }
        var testDescription: String { name }
    }

    private static let kinds = ["sft", "dpo", "cpo", "simpo", "orpo", "kto", "reward", "grpo"]
    private static let fixtures = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures/trl")

    static let traces = Result {
        guard let goldens = try SharedFolder.url("goldens/trl") else { return [Trace]() }
        return try [goldens, fixtures].flatMap { folder in
            try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
                .filter { $0.pathExtension == "json" }.map(Trace.init).filter { kinds.contains($0.kind) }
        }.sorted { $0.name < $1.name }
    }

    @Test func `traces of every method are found`() throws {
        let traces = try Self.traces.get()
        if try SharedFolder.url("goldens/trl") != nil {
            #expect(Set(traces.map(\.kind)) == Set(Self.kinds))
        }
    }

    @Test(arguments: (try? traces.get()) ?? [])
    func `every step agrees with the trace, and so does the final model`(_ trace: Trace) throws {
        guard let workspace = try Workspace(), let goldens = try SharedFolder.url("goldens/trl") else { return }
        let golden = try JSON(parsing: Data(contentsOf: trace.url))
        let config = try #require(golden["config"])
        let model = try startingModel(golden, in: workspace)
        let recipe =
            trace.kind == "grpo"
            ? try rewardRecipe(config, goldens, model: model)
            : try recipe(config, kind: trace.kind, folder: trace.url.deletingLastPathComponent(), goldens, model: model)
        try workspace.write(recipe.text(.pretty), to: "recipe.yaml")
        try workspace.train(environment: ["HONE_CACHE": workspace.url("cache").path])
        let skipped = (golden["not_comparable"]?.array ?? []).compactMap(\.string)
        // TRL reports a cross-entropy that it does not train on.
        var all = config["cpo_alpha"]?.double == 0 ? skipped + ["nll_loss"] : skipped
        // TRL puts the answers of a step into micro-batches by chance and averages the means of these.
        if trace.kind == "grpo", config["gradient_accumulation_steps"] != 1 { all.append("entropy") }
        try compareSteps(try workspace.steps(), with: try #require(golden["steps"]?.array), without: all)
        let probe = try #require(golden["probe"])
        if trace.kind == "reward" {
            try compareReward(of: workspace, with: probe, isAdapter: config["adapter"]?.isNull == false)
        } else {
            let final = try finalModel(workspace, isAdapter: config["adapter"]?.isNull == false)
            try compareLogits(of: final, with: probe)
        }
        let adapter = trace.url.deletingLastPathComponent().appending(path: trace.name + ".adapter.safetensors")
        if FileManager.default.fileExists(atPath: adapter.path) {
            try compareAdapter(workspace.url("runs/run/final/adapter_model.safetensors"), with: adapter)
        }
    }

    /// The loss stays within 2 % of that in float32, which says that rounding the factors of products spoils nothing.
    @Test func `training in bf16 follows the trace in float32`() throws {
        guard let workspace = try Workspace(), let goldens = try SharedFolder.url("goldens/trl") else { return }
        let golden = try JSON(parsing: Data(contentsOf: goldens.appending(path: "sft-full-completion.json")))
        let recipe = try recipe(
            try #require(golden["config"]), kind: "sft", folder: goldens, goldens, model: workspace.model)
        try workspace.write(recipe.text(.pretty), to: "recipe.yaml")
        try workspace.train("--set", "model.dtype=bf16")
        let (steps, wanted) = (try workspace.steps(), try #require(golden["steps"]?.array))
        #expect(steps.count == wanted.count && !wanted.isEmpty)
        var differs = false
        for (index, step) in wanted.enumerated() {
            let (loss, other) = (
                try #require(steps[index + 1]?["loss"]?.double), try #require(step["loss"]?.double)
            )
            #expect(abs(loss / other - 1) < 0.02, "step \(index + 1): \(loss), and \(other) in float32")
            differs = differs || abs(loss - other) > 1e-6
        }
        #expect(differs, "nothing was rounded")
    }

    /// The shared model, or for a reward model one with the head that the trace began with.
    private func startingModel(_ golden: JSON, in workspace: Workspace) throws -> URL {
        guard let score = golden["initial_score"]?.flattenedNumbers else { return workspace.model }
        let model = try ModelLoader.load(folder: workspace.model)
        model.attachRewardHead(seed: 0)
        let head = try #require(model.namedParameters.first { $0.name.hasSuffix("score.weight") }).parameter
        head.value = Tensor(score.map { Float($0) }, shape: head.value.shape)
        let folder = workspace.url("start")
        try model.save(to: folder, copyingTokenizerFrom: workspace.model)
        try workspace.copyModel(to: "start") { $0 == "chat_template.jinja" }
        return folder
    }

    /// The recipe that asks for what a trace's `config` says. A key that is not known here fails the test.
    private func recipe(
        _ config: JSON, kind: String, folder: URL, _ goldens: URL, model: URL
    ) throws -> JSON {
        var config = TraceConfiguration(config.object ?? [:])
        var train = config.renamed([
            "per_device_train_batch_size": "micro_batch_size", "lr_scheduler_type": "lr_scheduler",
            "gradient_accumulation_steps": "gradient_accumulation_steps", "max_steps": "max_steps",
            "learning_rate": "learning_rate", "weight_decay": "weight_decay", "max_grad_norm": "max_grad_norm",
        ])
        // What TRL has where a trace says nothing.
        train["warmup_steps"] = config.take("warmup_steps") ?? 0
        train["betas"] = [config.take("adam_beta1") ?? 0.9, config.take("adam_beta2") ?? 0.999]
        train["weight_decay"] = train["weight_decay"] ?? 0
        let adapter: JSON =
            config.take("adapter").map {
                ["init_from": .string(goldens.appending(path: $0.string ?? "").path)]
            } ?? "full"
        let named = config.take("data")
        let data = try #require(named?.string)
        let length = config.take("max_length")
        let own = folder.appending(path: data)
        let path = FileManager.default.fileExists(atPath: own.path) ? own : goldens.appending(path: data)
        let method = ["cpo", "simpo", "orpo"].contains(kind) ? "dpo" : kind
        let options = options(kind, &config)
        let members: OrderedDictionary<String, JSON> = [
            "schema": 1, "name": "run", "model": .string(model.path), "adapter": adapter, "method": .string(method),
            "data": ["train": .string(path.path), "shuffle": false],
            "sequence": ["max_length": try #require(length)], "train": .object(train),
            "logging": ["metrics": "trl"], method: .object(options),
        ]
        #expect(config.rest.isEmpty, "the trace asks for \(config.rest.keys), which this test does not know")
        return .object(members)
    }

    /// The recipe of a trace with recorded answers.
    private func rewardRecipe(_ config: JSON, _ goldens: URL, model: URL) throws -> JSON {
        var config = TraceConfiguration(config.object ?? [:])
        let (perBatch, accumulated) = (
            try #require(config.take("per_device_train_batch_size")?.int),
            try #require(config.take("gradient_accumulation_steps")?.int)
        )
        var options = config.renamed([
            "num_iterations": "num_iterations", "beta": "beta", "epsilon": "epsilon", "epsilon_high": "epsilon_high",
            "delta": "delta", "loss_type": "loss", "scale_rewards": "scale_rewards",
            "importance_sampling_level": "importance_sampling_level", "top_entropy_quantile": "top_entropy_quantile",
            "mask_truncated_completions": "mask_truncated",
        ])
        let group = try #require(config.take("num_generations")?.int)
        options["preset"] = "trl"
        options["group_size"] = .integer(group)
        options["prompts_per_step"] = .integer(perBatch * accumulated / group)
        let train = config.renamed([
            "lr_scheduler_type": "lr_scheduler", "max_steps": "max_steps", "learning_rate": "learning_rate",
        ])
        let data = JSON.string(goldens.appending(path: try #require(config.take("data")?.string)).path)
        let adapter = goldens.appending(path: try #require(config.take("adapter")?.string)).path
        let recipe: JSON = [
            "schema": 1, "name": "run", "model": .string(model.path), "adapter": ["init_from": .string(adapter)],
            "method": "grpo", "rft": .object(options),
            "rollout": [
                "engine": "replay", "path": data, "max_new_tokens": config.take("max_completion_length") ?? 256,
                "temperature": config.take("temperature") ?? 1,
            ],
            "rewards": [["verifier": "recorded", "id": "scripted_reward"]],
            "data": ["train": data, "shuffle": config.take("shuffle_dataset") ?? false],
            "train": .object(
                train.merging(["micro_batch_size": .integer(perBatch), "warmup_steps": 0, "weight_decay": 0]) { $1 }),
            "logging": ["metrics": "trl"],
        ]
        #expect(config.rest.isEmpty, "the trace asks for \(config.rest.keys), which this test does not know")
        return recipe
    }

    /// The method's block.
    private func options(_ kind: String, _ config: inout TraceConfiguration) -> OrderedDictionary<String, JSON> {
        switch kind {
        case "sft":
            return [
                "train_on": config.take("completion_only_loss") == true ? "completion" : "all",
                "loss": config.take("loss_type") ?? "nll",
            ]
        case "kto":
            var options = config.renamed([
                "beta": "beta", "loss_type": "loss", "desirable_weight": "desirable_weight",
                "undesirable_weight": "undesirable_weight",
            ])
            options["pairing"] = "previous_row"
            return options
        case "reward": return config.renamed(["center_rewards_coefficient": "center_coef"])
        case "cpo", "simpo", "orpo":
            var options = config.renamed([
                "beta": "beta", "cpo_alpha": "sft_weight", "simpo_gamma": "gamma", "alpha": "alphapo_alpha",
                "label_smoothing": "label_smoothing",
            ])
            // CPO's other losses have names of their own here.
            let loss = config.take("loss_type")?.string ?? kind
            options["loss"] = .string(kind == "cpo" && loss != "sigmoid" ? "cpo_\(loss)" : kind)
            return options
        default:
            var options = config.renamed([
                "beta": "beta", "loss_type": "loss", "loss_weights": "loss_weights",
                "label_smoothing": "label_smoothing", "f_divergence_type": "f_divergence", "ld_alpha": "ld_alpha",
                "use_weighting": "wpo",
            ])
            // TRL takes the mean over the tokens of each micro-batch.
            if options["loss"]?.array?.contains("sft") == true { options["sft_mean"] = "micro_batch" }
            return options
        }
    }

    private func compareSteps(_ steps: [Int: JSON], with golden: [JSON], without skipped: [String]) throws {
        #expect(steps.count == golden.count)
        for (index, expected) in golden.enumerated() {
            let step = try #require(steps[index + 1])
            for (name, value) in try #require(expected.object) where !skipped.contains(name) {
                let wanted = try #require(value.double)
                let found = try #require(step[name]?.double, "step \(index + 1) has no \(name)")
                let tolerance =
                    switch name {
                    case "loss": 1e-4 * abs(wanted) + 1e-5
                    // A gradient that has vanished is rounding made larger by an exponential.
                    case "grad_norm": 1e-3 * abs(wanted) + 1e-7
                    case "num_tokens": 0.0
                    case "learning_rate": 1e-9
                    default: 1e-4
                    }
                #expect(abs(found - wanted) <= tolerance, "step \(index + 1): \(name) is \(found), not \(wanted)")
            }
        }
    }

    private func finalModel(_ workspace: Workspace, isAdapter: Bool) throws -> LanguageModel {
        let final = workspace.url("runs/run/final")
        guard isAdapter else { return try ModelLoader.load(folder: final) }
        let model = try ModelLoader.load(folder: workspace.model)
        try model.loadAdapter(from: final)
        return model
    }

    private func compareLogits(of model: LanguageModel, with probe: JSON) throws {
        let ids = try #require(probe["input_ids"]?.array).compactMap(\.int)
        let expected = try #require(probe["last_logits"]?.array).compactMap(\.double)
        let logits = model.logits(hidden: model.hiddenStates(PackedTokens([ids]))).scalars.suffix(expected.count)
        let difference = zip(logits, expected).map { abs(Double($0) - $1) }.max() ?? .infinity
        #expect(difference <= 1e-3, "the logits of the final model differ by \(difference)")
    }

    /// The reward of the probe's tokens under the final model.
    private func compareReward(of workspace: Workspace, with probe: JSON, isAdapter: Bool) throws {
        let final = workspace.url("runs/run/final")
        let model = try ModelLoader.load(folder: isAdapter ? workspace.url("start") : final)
        if isAdapter { try model.loadAdapter(from: final) }
        let ids = try #require(probe["input_ids"]?.array).compactMap(\.int)
        let expected = try #require(probe["reward"]?.double)
        let hidden = model.hiddenStates(PackedTokens([ids]))
        let reward = Double(model.rewards(hidden: embedding(hidden, [ids.count - 1])).scalars[0])
        #expect(abs(reward - expected) <= 1e-3, "the final model's reward is \(reward), not \(expected)")
    }

    private func compareAdapter(_ url: URL, with golden: URL) throws {
        let (found, expected) = (try SafetensorsFile(reading: url), try SafetensorsFile(reading: golden))
        #expect(Set(found.entries.map(\.name)) == Set(expected.entries.map(\.name)))
        for entry in expected.entries {
            let numbers = try expected.tensor(named: entry.name).scalars
            let difference = zip(try found.tensor(named: entry.name).scalars, numbers).map { abs($0 - $1) }.max()
            #expect(difference ?? .infinity <= 1e-3, "\(entry.name) differs by \(difference ?? .infinity)")
        }
    }
}

extension JSON {
    /// The numbers of nested arrays, in order.
    fileprivate var flattenedNumbers: [Double] { array.map { $0.flatMap(\.flattenedNumbers) } ?? [double ?? .nan] }
}

/// The keys of a trace's configuration while they are taken.
private struct TraceConfiguration {
    private(set) var rest: OrderedDictionary<String, JSON>

    init(_ members: OrderedDictionary<String, JSON>) { rest = members }

    mutating func take(_ key: String) -> JSON? {
        let value = rest.removeValue(forKey: key)
        return value == .some(.null) ? Optional.none : value
    }

    /// Takes what is there under other names.
    mutating func renamed(_ names: [String: String]) -> OrderedDictionary<String, JSON> {
        var result: OrderedDictionary<String, JSON> = [:]
        for (key, name) in names.sorted(by: { $0.key < $1.key }) {
            if let value = take(key) { result[name] = value }
        }
        return result
    }
}
