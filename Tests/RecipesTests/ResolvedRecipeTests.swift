import Foundation
import OrderedCollections
import Recipes
import Testing
import TextCore

@Suite struct ResolvedRecipeTests {
    private static let examples = [
        start,
        start
            + "adapter: full\nmethod: pretrain\nsequence: {packing: true, on_overflow: split}\ntrain: {max_steps: 4}\n",
        start
            + "adapter: {type: dora, target_modules: \"a: 'b' \\\"c\\\" # \\\\ \\n ${x}\\u0085é\", layers: [1]}\n"
            .replacingOccurrences(of: "${x}", with: "$${x}"),
        start + "name: yes\ntrain: {micro_batch_size: 4, gradient_accumulation_steps: 3, lr_scheduler: constant}\n",
        start + "train: {warmup_steps: 2, lr_scheduler: {type: linear, min_ratio: 0.1}, learning_rate: 5e-324}\n",
        start
            + "evaluation:\n  suites:\n    - {name: a, path: rows.jsonl, verifier: label, labels: [x, \"1\", \"no\"]}\n"
            + "    - {name: b, path: rows.jsonl, metric: loss, columns: {prompt: \"a b\"}}\n",
        start + "sft: {train_on: all, neftune_alpha: 0.5}\ncheckpoint: {every_steps: 3}\nlogging: {samples_every: 4}\n",
        start
            + "method: rft\nrft: {group_size: 4, prompts_per_step: 2}\nrewards:\n  - {verifier: exact}\n"
            + "  - {verifier: json_valid, role: gate}\ntrain: {max_steps: 2}\n",
        start
            + "evaluation:\n  suites: [{name: a, path: rows.jsonl, verifier: exact}]\n  baselines:\n    - {name: l, classifier: true}\n    - {name: few, few_shot: 2}\n    - {name: far, endpoint: \"http://localhost/v1\", model: m}\n  regression:\n    - {name: mc, path: rows.jsonl, metric: multiple_choice}\n    - {name: kl, path: rows.jsonl, metric: kl}\n"
            + "gate:\n  baseline: baseline:l\n  require: [{metric: suites.a.accuracy}, {check: export_parity}]\n",
        "schema: 1\nmodel: {init: {config: rows.jsonl, tokenizer: model}}\ndata: {train: rows.jsonl, val_fraction: 0.1}\n",
    ]

    @Test(arguments: examples) func readsBackEqualFromAnyFolder(text: String) throws {
        let workspace = try Workspace()
        let loaded = try workspace.load(text)
        let resolved = loaded.resolved()
        try workspace.write(resolved.text, to: "runs/deep/resolved.yaml")
        let again = try LoadedRecipe.load(workspace.folder + "/runs/deep/resolved.yaml")
        #expect(again.recipe == loaded.recipe)
        #expect(again.resolved().fingerprint == resolved.fingerprint)
        #expect(try LoadedRecipe(RecipeDocument.parse(again.resolved().text, directory: "/")).recipe == loaded.recipe)
    }

    @Test func everyDefaultIsWritten() throws {
        let workspace = try Workspace()
        let text = try workspace.load(start, overrides: ["seed=3", "sft.neftune_alpha=2\n"]).resolved().text
        #expect(
            text.replacingOccurrences(of: workspace.folder, with: "/DIR") == #"""
                # Resolved by hone from /DIR/recipe.yaml.
                # Every default and derived value is written out; this file runs the same.
                # --set seed=3
                # --set "sft.neftune_alpha=2\n"
                schema: 1
                name: recipe
                seed: 3
                output_dir: /DIR/runs/recipe
                model:
                  path: /DIR/model
                  dtype: auto
                  chat_template: auto
                adapter:
                  type: lora
                  rank: 16
                  alpha: 32.0
                  dropout: 0.0
                  target_modules: all-linear
                  layers: all
                  rslora: false
                method: sft
                sft:
                  train_on: assistant
                  loss: nll
                  neftune_alpha: 2.0
                sandbox:
                  min_tier: A
                data:
                  train:
                    - path: /DIR/rows.jsonl
                      format: auto
                  val_fraction: 0.0
                  mix: concat
                  shuffle: true
                  streaming: false
                  cache: auto
                  dedup: none
                  check: quick
                  on_corrupt: fail
                  max_invalid: 0.05
                sequence:
                  max_length: 2048
                  packing: false
                  on_overflow: error
                train:
                  epochs: 1.0
                  micro_batch_size: auto
                  global_batch_size: 16
                  learning_rate: 0.0001
                  optimizer: adamw
                  betas: [0.9, 0.999]
                  eps: 1e-08
                  lr_scheduler:
                    type: cosine
                    min_ratio: 0.0
                    cycles: 0.5
                  warmup_ratio: 0.03
                  weight_decay: 0.0
                  max_grad_norm: 1.0
                  gradient_checkpointing: auto
                logging:
                  every_steps: 1
                  metrics: pooled
                checkpoint:
                  per_epoch: 1
                  keep_last: 2
                  keep_best: 1
                  resume: never
                faults:
                  on_nonfinite: skip
                  on_spike: warn
                  spike_threshold: 8.0
                  on_hang: warn
                  hang_seconds: 300.0
                evaluation:
                  per_epoch: 1
                  at_start: true
                  latency_samples: 20

                """#)
    }

    @Test func theFingerprintIgnoresNamesPlacesAndLogging() throws {
        let workspace = try Workspace()
        let base = try workspace.load(start).fingerprint
        #expect(base.count == 64)
        for text in ["name: x\n", "output_dir: y\n", "logging: {every_steps: 9}\n", "checkpoint: {every_steps: 3}\n"] {
            #expect(try workspace.load(start + text).fingerprint == base)
        }
        for text in [
            "seed: 1\n", "train: {learning_rate: 2e-4}\n", "sft: {loss: dft}\n", "sequence: {packing: true}\n",
        ] {
            #expect(try workspace.load(start + text).fingerprint != base)
        }
        try workspace.write(start, to: "other/recipe.yaml")
        try workspace.write("{}", to: "other/rows.jsonl")
        try workspace.write("{}", to: "other/model/config.json")
        #expect(try LoadedRecipe.load(workspace.folder + "/other/recipe.yaml").fingerprint == base)
    }
}

@Suite struct SchemaTests {
    /// Every key of the schema, as a path with list elements at index 0.
    private func keys(_ schema: JSON, _ path: [String] = []) -> [[String]] {
        var found: [[String]] = []
        for option in schema["anyOf"]?.array ?? [] { found += keys(option, path) }
        if let items = schema["items"] { found += keys(items, path + ["0"]) }
        for (name, member) in schema["properties"]?.object ?? [:] {
            found.append(path + [name])
            found += keys(member, path + [name])
        }
        return found
    }

    /// A recipe with `value` at `path`, in flow style.
    private func recipe(_ path: ArraySlice<String>, _ value: String) -> String {
        guard let step = path.first else { return value }
        let inner = recipe(path.dropFirst(), value)
        return step == "0" ? "[\(inner)]" : "{\(step): \(inner)}"
    }

    @Test func isJSONAndDescribesEveryKey() throws {
        let schema = try JSON(parsing: Recipe.jsonSchema.text(.pretty))
        #expect(schema == Recipe.jsonSchema)
        #expect(schema["$schema"]?.string == "https://json-schema.org/draft/2020-12/schema")
        #expect(schema["additionalProperties"]?.bool == false)
        #expect(schema["required"]?.array?.contains("schema") == true)
        let rate = schema["properties"]?["train"]?["properties"]?["learning_rate"]
        #expect(rate?["type"]?.string == "number" && rate?["exclusiveMinimum"]?.int == 0)
        #expect(rate?["description"]?.string?.contains("Default: 1e-4 with an adapter") == true)
        let seed = schema["properties"]?["seed"]
        #expect(seed?["default"]?.int == 42 && seed?["description"]?.string?.isEmpty == false)
    }

    @Test func everyKeyOfTheSchemaIsReadByDecoding() throws {
        let all = keys(Recipe.jsonSchema)
        #expect(Set(all.map { $0.joined(separator: ".") }).count > 70)
        let workspace = try Workspace()
        for path in all {
            // Nothing accepts a block with this key, so a field that is read complains about its value.
            let text = recipe(path[...], "{\"not a key\": [[]]}")
            let problems = workspace.problems(text)
            let key = path.filter { $0 != "0" }.joined(separator: ".")
            let isUnknown = problems.contains { $0.contains("unknown key '\(path.last ?? "")'") }
            let isRead = problems.contains { $0.replacing(".0.", with: ".").contains(key) || $0.contains("not a key") }
            #expect(!isUnknown && isRead, "\(key): \(problems)")
        }
    }

    @Test func everyKeyIsDescribedInASentence() {
        func check(_ schema: JSON, _ path: String) {
            for (name, member) in schema["properties"]?.object ?? [:] {
                #expect(member["description"]?.string?.hasSuffix(".") == true, "\(path)\(name)")
                check(member, path + name + ".")
            }
        }
        check(Recipe.jsonSchema, "")
    }
}
