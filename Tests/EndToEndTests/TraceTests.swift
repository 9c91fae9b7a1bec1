import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import TestSupport
import Testing
import TextCore

/// Every trace of a method that Hone has in `goldens/trl`, run again through `hone train` and a recipe.
@Suite struct TraceTests {
    struct Trace: CustomTestStringConvertible, Sendable {
        let url: URL
        var name: String { url.deletingPathExtension().lastPathComponent }
        var method: String { String(name.prefix { $0 != "-" }) }
        var testDescription: String { name }
    }

    static let traces = Result {
        guard let folder = try SharedFolder.url("goldens/trl") else { return [Trace]() }
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { url in
                url.pathExtension == "json" && ["sft-", "dpo-"].contains { url.lastPathComponent.hasPrefix($0) }
            }
            .sorted { $0.path < $1.path }.map(Trace.init)
    }

    @Test func `traces are found`() throws {
        let traces = try Self.traces.get()
        if try SharedFolder.url("goldens/trl") != nil { #expect(!traces.isEmpty) }
    }

    @Test(arguments: (try? traces.get()) ?? [])
    func `every step agrees with the trace, and so does the final model`(_ trace: Trace) throws {
        guard let workspace = try Workspace() else { return }
        let golden = try JSON(parsing: Data(contentsOf: trace.url))
        let config = try #require(golden["config"])
        let folder = trace.url.deletingLastPathComponent()
        try workspace.write(
            try recipe(config, method: trace.method, goldens: folder, model: workspace.model).text(.pretty),
            to: "recipe.yaml")
        try workspace.train()
        try compareSteps(try workspace.steps(), with: try #require(golden["steps"]?.array))
        let model = try finalModel(workspace, isAdapter: config["adapter"]?.isNull == false)
        try compareLogits(of: model, with: try #require(golden["probe"]))
        let adapter = folder.appending(path: trace.name + ".adapter.safetensors")
        if FileManager.default.fileExists(atPath: adapter.path) {
            try compareAdapter(workspace.url("runs/run/final/adapter_model.safetensors"), with: adapter)
        }
    }

    /// The recipe that asks for what a trace's `config` says. A key that is not known here fails the test.
    private func recipe(_ config: JSON, method: String, goldens: URL, model: URL) throws -> JSON {
        var config = TraceConfiguration(try #require(config.object))
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
        let options: OrderedDictionary<String, JSON>
        if method == "sft" {
            options = [
                "train_on": config.take("completion_only_loss") == true ? "completion" : "all",
                "loss": config.take("loss_type") ?? "nll",
            ]
        } else {
            var renamed = config.renamed([
                "beta": "beta", "loss_type": "loss", "loss_weights": "loss_weights",
                "label_smoothing": "label_smoothing", "f_divergence_type": "f_divergence", "ld_alpha": "ld_alpha",
                "use_weighting": "wpo",
            ])
            // TRL takes the mean over the tokens of each micro-batch.
            if renamed["loss"]?.array?.contains("sft") == true { renamed["sft_mean"] = "micro_batch" }
            options = renamed
        }
        let result: JSON = [
            "schema": 1, "name": "run", "model": .string(model.path), "adapter": adapter, "method": .string(method),
            "data": [
                "train": .string(goldens.appending(path: try #require(config.take("data")?.string)).path),
                "shuffle": false,
            ],
            "sequence": ["max_length": try #require(config.take("max_length"))], "train": .object(train),
            "logging": ["metrics": "trl"],
        ]
        guard case .object(var members) = result else { return result }
        members[method] = .object(options)
        #expect(config.rest.isEmpty, "the trace asks for \(config.rest.keys), which this test does not know")
        return .object(members)
    }

    private func compareSteps(_ steps: [Int: JSON], with golden: [JSON]) throws {
        #expect(steps.count == golden.count)
        for (index, expected) in golden.enumerated() {
            let step = try #require(steps[index + 1])
            for (name, value) in try #require(expected.object) {
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
