import Foundation
import OrderedCollections
import Testing
import TextCore

/// The commands beside training: what they report, for people and as JSON, and what they write.
@Suite struct CommandTests {
    /// A suite that generates few tokens and one that measures a loss.
    static let suites: JSON = [
        [
            "name": "stories", "path": "rows.jsonl", "verifier": "contains", "max_samples": 4,
            "generate": ["max_new_tokens": 8],
        ], ["name": "losses", "path": "rows.jsonl", "metric": "loss", "max_samples": 4],
    ]

    private func json(_ workspace: Workspace, _ arguments: String..., input: String = "") throws -> JSON {
        let result = try HoneProcess(arguments + ["--json"], in: workspace.folder, input: input).result()
        #expect(result.status == 0, "\(arguments.joined(separator: " ")): \(result)")
        let value = try result.json()
        #expect(value.object?.isEmpty == false, "\(arguments.joined(separator: " ")) prints \(value.kind)")
        return value
    }

    @Test func `every command that reports prints one JSON object`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(["evaluation.suites": Self.suites, "train.max_steps": 2], rowCount: 16)
        let model = workspace.model.path
        let check = try json(workspace, "check", "recipe.yaml")
        #expect(check["data"]?["rows"] == 16 && check["suites"]?.array?.count == 2)
        #expect(try json(workspace, "inspect", "recipe.yaml", "--rows", "2")["rows"]?.array?.count == 2)
        let trained = try json(workspace, "train", "recipe.yaml")
        #expect(trained["ending"] == "completed" && trained["steps"] == 2)
        #expect(trained["before"]?.array?.count == 2 && trained["after"]?.array?.count == 2)
        let judged = try json(workspace, "eval", "recipe.yaml", "--model", "runs/run/final")
        // The same model by the same suites: the same figures as at the end of the run.
        let (first, second) = (trained["after"]?.array ?? [], judged["suites"]?.array ?? [])
        #expect(first.count == 2 && second.count == 2)
        for (one, other) in zip(first, second) {
            #expect(one["loss"] == other["loss"] && one["accuracy"] == other["accuracy"])
        }
        #expect(try json(workspace, "generate", "--model", model, "--max-new-tokens", "4")["ids"]?.array?.count == 4)
        #expect(try json(workspace, "export", "runs/run", "--format", "merged", "-o", "out")["format"] == "merged")
        let tokens = try json(workspace, "tokenize", "--model", model, "--text", "Once upon")
        #expect(tokens["decoded"]?.string?.contains("Once upon") == true)
        #expect(try json(workspace, "doctor")["threads"]?.int ?? 0 > 0)
        #expect(try json(workspace, "data", "tickets", "-o", "tickets", "--count", "50")["tickets"] == 50)
    }

    @Test func `the schema of recipes is JSON and knows the sections`() throws {
        guard let workspace = try Workspace() else { return }
        let schema = try workspace.hone("schema").json()
        #expect(schema["$schema"] == "https://json-schema.org/draft/2020-12/schema")
        for section in ["model", "adapter", "data", "train", "evaluation"] {
            #expect(schema["properties"]?[section] != nil, "no \(section)")
        }
    }

    @Test func `inspect marks the tokens that are trained`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(rowCount: 3)
        let report = try json(workspace, "inspect", "recipe.yaml", "--rows", "1")
        let row = try #require(report["rows"]?.array?.first)
        let pieces = try #require(row["pieces"]?.array).compactMap(\.string)
        let trained = try #require(row["trained"]?.array).compactMap(\.bool)
        #expect(pieces.count == trained.count && trained.contains(true) && trained.contains(false))
        let answer = zip(pieces, trained).filter(\.1).map(\.0).joined().replacing("▁", with: " ")
        let messages = try JSON(parsing: workspace.rows[0])["messages"]?.array
        let expected = try #require(messages?.last?["content"]?.string)
        #expect(answer.contains(expected) && answer.hasSuffix("</s>"))
        let page = try workspace.hone("inspect", "recipe.yaml", "--rows", "1").output
        let line = try #require(page.split(separator: "\n").first { $0.hasPrefix("tokens:") })
        #expect(line.split(separator: " ").dropFirst().count { $0.hasPrefix("[") } == trained.count { $0 })
        #expect(page.contains("3 rows, ") && page.contains("length in tokens: p10"))
        // The row of a line, as messages name it.
        let second = try json(workspace, "inspect", "recipe.yaml", "--row", "2")["rows"]?.array?.first
        #expect(second?["source"]?.string?.hasSuffix("rows.jsonl:2") == true)
    }

    @Test func `an adapter is judged, exported, merged and loaded again with the same text`() throws {
        guard let workspace = try Workspace() else { return }
        let changes: [String: JSON] = [
            "adapter": ["type": "lora", "rank": 4], "evaluation.suites": Self.suites,
            "train.max_steps": 6, "train.learning_rate": 0.02,
        ]
        try workspace.writeRecipe(changes, rowCount: 16)
        let trained = try json(workspace, "train", "recipe.yaml")
        let loss = trained["after"]?.array?.last?["loss"]
        #expect(loss?.double != nil && loss != trained["before"]?.array?.last?["loss"])
        let base = try json(workspace, "eval", "recipe.yaml", "--suite", "losses")
        #expect(base["suites"]?.array?.first?["loss"] == trained["before"]?.array?.last?["loss"])
        for model in ["runs/run", "runs/run/final"] {
            let judged = try json(workspace, "eval", "recipe.yaml", "--model", model, "--suite", "losses")
            #expect(judged["suites"]?.array?.first?["loss"] == loss)
        }
        let merge = try json(workspace, "export", "runs/run", "--format", "merged", "-o", "merged")
        #expect(merge["greedy_agreement"]?.double == 1 && merge["largest_logit_difference"]?.double ?? 1 < 1e-3)
        _ = try json(workspace, "export", "runs/run", "--format", "adapter", "-o", "adapter")
        func text(_ arguments: String...) throws -> String {
            let all = ["generate"] + arguments + ["--greedy", "--max-new-tokens", "48", "--prompt", "Once upon a time"]
            let result = try HoneProcess(all, in: workspace.folder).result()
            #expect(result.status == 0, "\(result)")
            return result.output
        }
        let expected = try text("--model", "runs/run")
        #expect(try expected.count > 20 && expected != text("--model", workspace.model.path))
        #expect(try text("--model", "merged") == expected)
        #expect(try text("--model", "adapter") == expected)
        #expect(try text("--model", workspace.model.path, "--adapter", "adapter") == expected)
        let again = try workspace.hone("export", "runs/run", "--format", "merged", "-o", "merged")
        #expect(again.status == 64 && again.errors.contains("merged is not empty"))
    }

    @Test func `a tokenizer and a model from scratch are made, trained, and read again`() throws {
        guard let workspace = try Workspace() else { return }
        let model = workspace.model
        try workspace.write(
            "{% for m in messages %}{% if m.role == 'user' %}{{ '<|start|>' + m.content }}{% else %}"
                + "{% generation %}{{ m.content + '<|end|>' }}{% endgeneration %}{% endif %}{% endfor %}",
            to: "chat.jinja")
        try workspace.writeRecipe([
            "model": ["init": ["config": .string(model.appending(path: "config.json").path), "tokenizer": "words"]]
        ])
        let words = try json(
            workspace, "tokenizer", "train", "rows.jsonl", "-o", "words", "--vocabulary-size", "400",
            "--chat-template", "chat.jinja")
        #expect(words["vocabulary_size"] == 400)
        let made = try json(
            workspace, "model", "init", "--config", model.appending(path: "config.json").path, "--tokenizer", "words",
            "-o", "made")
        #expect(made["parameters"]?.int ?? 0 > 100_000)
        let config = try JSON(parsing: Data(contentsOf: workspace.url("made/config.json")))
        #expect(config["vocab_size"] == 400)
        let tokens = try json(workspace, "tokenize", "--model", "made", "--text", "a naïve café 🙂")
        #expect(tokens["decoded"]?.string?.contains("a naïve café 🙂") == true)
        let conversation = "[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":\"Yo\"}]"
        let marked = try json(
            workspace, "tokenize", "--model", "made", "--messages", "-", input: conversation)
        #expect(marked["text"] == "<|start|>HiYo<|end|>")
        #expect(marked["generated"]?.array?.contains(true) == true)
        try workspace.train()
        #expect(try json(workspace, "generate", "--model", "runs/run", "--max-new-tokens", "4")["ids"] != nil)
        // The same seed makes the same model, and training it is the run that makes its own.
        let seeded = try json(
            workspace, "generate", "--model", "made", "--greedy", "--max-new-tokens", "8", "--prompt", "Once")
        #expect(seeded["ids"]?.array?.isEmpty == false)
    }

    @Test func `the steps of a run are logged with every metric and end with an event`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe([
            "data.val_fraction": 0.25, "evaluation.suites": Self.suites, "logging.samples_every": 2,
        ])
        let result = try workspace.hone("train", "recipe.yaml")
        #expect(result.status == 0 && result.errors.contains("step 4/4"), "\(result)")
        let events = try workspace.events()
        #expect(events.first?["type"] == "start" && events.last?["type"] == "end")
        #expect(events.allSatisfy { $0["time"] != nil })
        let kinds = Set(events.compactMap { $0["type"]?.string })
        #expect(kinds.isSuperset(of: ["start", "step", "eval", "sample", "checkpoint", "end"]))
        let names = [
            "loss", "grad_norm", "learning_rate", "entropy", "mean_token_accuracy", "num_tokens", "epoch",
        ]
        for event in events where event["type"] == "step" {
            #expect(names.allSatisfy { event["metrics"]?[$0]?.double != nil } && event["seconds"]?.double != nil)
        }
        for name in ["recipe.yaml", "resolved.yaml", "fingerprint.json", "last/state.json", "final/config.json"] {
            #expect(FileManager.default.fileExists(atPath: workspace.url("runs/run/\(name)").path), "no \(name)")
        }
        // What was resolved is a recipe that runs the same.
        let again = try workspace.hone(
            "train", "runs/run/resolved.yaml", "--quiet", "--set", "output_dir=\(workspace.url("runs/again").path)")
        #expect(again.status == 0, "\(again)")
        #expect(try workspace.finalWeights() == workspace.finalWeights("runs/again"))
    }
}
