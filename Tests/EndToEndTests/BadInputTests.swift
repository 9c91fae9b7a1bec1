import Foundation
import OrderedCollections
import Testing
import TextCore

/// Bad input ends a command with a message that says what, where, why and how to mend it; never with a signal.
@Suite struct BadInputTests {
    /// Runs `hone train recipe.yaml` with further arguments and compares how it ends.
    private func expectFailure(
        _ workspace: Workspace, _ arguments: [String], status: Int32, _ parts: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let all =
            arguments.first.map { ["train", "eval", "check", "generate"].contains($0) } ?? false
            ? arguments : ["train", "recipe.yaml"] + arguments
        let result = try HoneProcess(all, in: workspace.folder).result()
        #expect(result.signal == nil && result.status == status, "\(result)", sourceLocation: sourceLocation)
        #expect(result.output.isEmpty, "\(result)", sourceLocation: sourceLocation)
        for part in parts {
            #expect(result.errors.contains(part), "no '\(part)' in: \(result)", sourceLocation: sourceLocation)
        }
    }

    private func workspace(_ changes: [String: JSON] = [:], rowCount: Int = 8) throws -> Workspace? {
        guard let workspace = try Workspace() else { return nil }
        let tiny: [String: JSON] = ["train.max_steps": 1]
        try workspace.writeRecipe(changes.merging(tiny) { first, _ in first }, rowCount: rowCount)
        return workspace
    }

    // MARK: Recipes

    @Test func `an unknown key is named with its place and the key that was meant`() throws {
        guard let workspace = try workspace() else { return }
        try workspace.write(
            "schema: 1\nmodel: \(workspace.model.path)\ndata: rows.jsonl\nadapter:\n  lora_r: 8\n", to: "recipe.yaml")
        try expectFailure(
            workspace, [], status: 78,
            "error: recipe.yaml:5:3: unknown key 'lora_r' in adapter. Nothing reads it, so what it asks for would not "
                + "happen. Did you mean 'rank'? (axolotl name)")
    }

    @Test func `a value of the wrong type is shown with what it should be`() throws {
        guard let workspace = try workspace() else { return }
        try expectFailure(
            workspace, ["--set", "train.max_steps=many"], status: 78,
            "error: --set:1:17: train.max_steps must be an integer, not the string 'many'.",
            "Write for example `max_steps: 16`.")
    }

    @Test func `two problems are reported at once, also as JSON`() throws {
        guard let workspace = try workspace() else { return }
        let wrong = ["--set", "train.learning_rate=-1", "--set", "train.oops=1"]
        try expectFailure(
            workspace, wrong, status: 78,
            "--set:1:21: train.learning_rate is -1, which is out of range. Training with it would be meaningless or "
                + "fail later. Write a value above 0.", "--set:2:1: unknown key 'oops' in train.")
        let result = try HoneProcess(["check", "recipe.yaml", "--json"] + wrong, in: workspace.folder).result()
        #expect(result.status == 78)
        let problems = try #require(try result.json()["error"]?["problems"]?.array)
        #expect(problems.map { $0["column"]?.int } == [21, 1])
        #expect(problems.allSatisfy { $0["what"]?.string != nil && $0["why"]?.string != nil })
    }

    @Test func `broken YAML is reported with its line`() throws {
        guard let workspace = try workspace() else { return }
        try workspace.write("schema: 1\nmodel: [\n", to: "recipe.yaml")
        try expectFailure(workspace, [], status: 78, "error: recipe.yaml:3:1: ")
    }

    // MARK: Files

    @Test func `a missing recipe, data file, model and template are named, with their own status`() throws {
        guard let workspace = try workspace() else { return }
        let folder = workspace.folder.path
        try expectFailure(
            workspace, ["train", "nothere.yaml"], status: 66,
            "nothere.yaml:1:1: there is no recipe '\(folder)/nothere.yaml'.")
        try expectFailure(
            workspace, ["--set", "data.train=nothere.jsonl"], status: 66,
            "data.train.0.path: there is no file or folder '\(folder)/nothere.jsonl'.",
            "Paths start from the folder of the file they are written in")
        try expectFailure(
            workspace, ["--set", "model=nothere"], status: 66, "model.path: there is no folder '\(folder)/nothere'.")
        try expectFailure(
            workspace, ["generate", "--model", "nothere", "--prompt", "x"], status: 66, "nothere", "no such f")
        // One file missing and another problem: the recipe is wrong.
        try expectFailure(
            workspace, ["--set", "model=nothere", "--set", "train.max_steps=0"], status: 78, "there is no folder",
            "train.max_steps is 0")
    }

    @Test func `broken JSON is reported with its line and column`() throws {
        guard let workspace = try workspace() else { return }
        try workspace.write(
            workspace.rows[0...1].joined(separator: "\n") + "\n{\"prompt\": \"a\", \"completion\": \"b\"\n",
            to: "rows.jsonl")
        try expectFailure(
            workspace, [], status: 65, "rows.jsonl:3:34: broken JSON: the text ends inside an object",
            "A .jsonl file holds one JSON object a line; mend or delete this line.")
    }

    @Test func `a quote that is never closed is reported where it opens`() throws {
        guard let workspace = try workspace() else { return }
        try workspace.write("prompt,completion\na,b\n\"c,d\ne,f\n", to: "rows.csv")
        try expectFailure(
            workspace, ["--set", "data.train=rows.csv"], status: 65,
            "rows.csv:3:1: this quote is never closed before the end of the file",
            "Close it, or double it (\"\") if it belongs to the text.")
    }

    @Test func `data without a row are refused, whatever the format`() throws {
        guard let workspace = try workspace() else { return }
        let files = [
            "empty.jsonl": "", "blank.jsonl": "\n\n", "empty.json": "[]", "header.csv": "prompt,completion\n",
        ]
        for (name, text) in files {
            try workspace.write(text, to: name)
            try expectFailure(workspace, ["--set", "data.train=\(name)"], status: 65, name, "nothing to train on")
        }
    }

    @Test func `a row that is no record of the format is named`() throws {
        guard let workspace = try workspace() else { return }
        try workspace.write(workspace.rows[0] + "\n{\"messages\": [{\"role\": \"user\"}]}\n", to: "rows.jsonl")
        try expectFailure(workspace, [], status: 65, "rows.jsonl:2", "content")
    }

    // MARK: Models

    @Test func `truncated weights are reported with the tensor that is cut`() throws {
        guard let workspace = try workspace(["model": "model"]) else { return }
        try workspace.copyModel()
        let weights = workspace.url("model/model.safetensors")
        let whole = try Data(contentsOf: weights)
        for count in [0, 7, 100, 5000, whole.count - 1] {
            try whole.prefix(count).write(to: weights)
            try expectFailure(workspace, [], status: 65, "model/model.safetensors: ", "truncated", "Copy or download")
        }
    }

    @Test func `a tensor of another shape is reported with both shapes`() throws {
        guard let workspace = try workspace(["model": "model"]) else { return }
        try workspace.copyModel()
        let config = try String(contentsOf: workspace.url("model/config.json"), encoding: .utf8)
        try workspace.write(
            config.replacing("\"intermediate_size\": 172", with: "\"intermediate_size\": 160"), to: "model/config.json")
        try expectFailure(
            workspace, [], status: 65,
            "tensor model.layers.0.mlp.gate_proj.weight is [172, 64], and the configuration asks for [160, 64]")
    }

    @Test func `a token that the model has no row for is reported with the row of the data`() throws {
        guard let workspace = try workspace(["model": "model"]) else { return }
        try workspace.copyModel()
        let file = try JSON(parsing: Data(contentsOf: workspace.url("model/tokenizer.json")))
        guard case .object(var members) = file else { throw HoneProcessError(message: "no tokenizer") }
        let added: JSON = [
            "id": 600, "content": "box", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": false,
        ]
        members["added_tokens"] = .array((members["added_tokens"]?.array ?? []) + [added])
        try workspace.write(JSON.object(members).text(), to: "model/tokenizer.json")
        try expectFailure(
            workspace, [], status: 65,
            "rows.jsonl:1: token id 600 is out of range: the model's vocabulary has 512 rows",
            "Use the model's own tokenizer files.")
        // The same at generation, where the prompt has the token.
        try expectFailure(
            workspace, ["generate", "--model", "model", "--prompt", "a box"], status: 65, "600", "512")
    }

    @Test func `an adapter of another model is refused with the difference`() throws {
        guard let workspace = try workspace() else { return }
        try workspace.copyModel { !$0.hasSuffix(".safetensors") && $0 != "config.json" }
        let config = try String(contentsOf: workspace.model.appending(path: "config.json"), encoding: .utf8)
        try workspace.write(
            config.replacing("\"intermediate_size\": 172", with: "\"intermediate_size\": 96")
                .replacing("\"num_hidden_layers\": 5", with: "\"num_hidden_layers\": 4"), to: "small.json")
        let made = try workspace.hone("model", "init", "--config", "small.json", "--tokenizer", "model", "-o", "small")
        #expect(made.status == 0, "\(made)")
        try workspace.writeRecipe(["train.max_steps": 1, "adapter": "lora"], rowCount: 8)
        try workspace.train()
        let parts = (
            "the adapter does not fit this model; use the model that it was trained on:",
            "lora_B.weight is [172, 16], and this model asks for [96, 16]"
        )
        try expectFailure(
            workspace, ["generate", "--model", "small", "--adapter", "runs/run/final", "--prompt", "x"], status: 65,
            parts.0, parts.1, "adapter_model.safetensors")
        try expectFailure(
            workspace,
            [
                "--set", "model=small", "--set", "adapter.init_from=runs/run/final", "--set", "output_dir=runs/b",
            ], status: 65, parts.0, parts.1)
    }

    // MARK: Rows

    @Test func `a template that raises is reported with the row, the place and its words`() throws {
        guard let workspace = try workspace() else { return }
        try workspace.write("{{ bos_token }}\n{{ raise_exception('two turns only') }}", to: "raise.jinja")
        try expectFailure(
            workspace, ["--set", "model.chat_template=raise.jinja"], status: 65,
            "rows.jsonl:1: the chat template cannot render this row: raise.jinja:2:19: the template refuses this "
                + "conversation: two turns only")
        try workspace.write("{% for m in messages %}{{ m.content }", to: "open.jinja")
        try expectFailure(
            workspace, ["--set", "model.chat_template=open.jinja"], status: 65, "open.jinja:1:")
    }

    @Test func `rows longer than max_length are counted, with the longest and the first`() throws {
        guard let workspace = try workspace() else { return }
        try expectFailure(
            workspace, ["--set", "sequence.max_length=60"], status: 78,
            "data: 8 of 8 rows (100.0 %) are longer than 60 tokens (p99 = 91, max = 91; first: ", "rows.jsonl:1).",
            "Cutting them in silence would train answers without their end.",
            "Choose sequence.on_overflow, or write `max_length: 91`.")
    }

    @Test func `a row longer than the model's context is refused`() throws {
        guard let workspace = try workspace(["sequence.max_length": 1024]) else { return }
        let words = String(repeating: "word ", count: 600)
        try workspace.write("{\"prompt\": \"\(words)\", \"completion\": \"b\"}\n", to: "rows.jsonl")
        for command in ["train", "check"] {
            try expectFailure(
                workspace, [command, "recipe.yaml"], status: 78,
                "rows may have 1024 tokens, but the model reads at most 512, and 1 of 1 rows are longer. Positions "
                    + "beyond its context mean nothing to the model. Write `max_length: 512`.")
        }
        try expectFailure(
            workspace, ["generate", "--model", workspace.model.path, "--prompt", words], status: 65, "512")
    }

    @Test func `rows without a trained token are refused with the first of them`() throws {
        guard let workspace = try workspace() else { return }
        try workspace.write("{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}\n", to: "rows.jsonl")
        try expectFailure(workspace, [], status: 78, "rows.jsonl:1", "hone inspect")
    }

    // MARK: Suites

    @Test func `an unknown suite, verifier, option or pattern is named with the nearest that exists`() throws {
        let suite: JSON = ["name": "test", "path": "rows.jsonl", "verifier": "exact"]
        guard let workspace = try workspace(["evaluation.suites": [suite]]) else { return }
        func eval(_ change: String) -> [String] { ["eval", "recipe.yaml", "--set", "evaluation.suites.0.\(change)"] }
        try expectFailure(
            workspace, ["eval", "recipe.yaml", "--suite", "tset"], status: 64,
            "the recipe has no suite 'tset'. Did you mean 'test'?")
        try expectFailure(
            workspace, eval("verifier=exat"), status: 78,
            "evaluation.suites.0.verifier names a verifier that does not exist: the string 'exat'.",
            "Did you mean 'exact'?")
        try expectFailure(
            workspace, eval("ignor_case=true"), status: 78,
            "evaluation.suites.0.ignor_case is no option of verifier exact.", "Did you mean 'ignore_case'?")
        try expectFailure(
            workspace, eval("tolerance=3"), status: 78, "evaluation.suites.0.tolerance is no option of verifier exact.",
            "Remove it, or write `verifier: numeric`.")
        try expectFailure(
            workspace, eval("verifier=regex") + ["--set", "evaluation.suites.0.pattern=(a"], status: 78,
            "evaluation.suites.0.pattern: `(` is never closed")
        try expectFailure(
            workspace, eval("target=answer"), status: 65,
            "rows.jsonl:1: the row has no column 'answer', which suite test takes the right answer from.")
    }

    // MARK: Folders

    @Test func `a run folder that cannot be made is reported with the system's reason`() throws {
        guard let workspace = try workspace() else { return }
        try workspace.write("", to: "file")
        try expectFailure(
            workspace, ["--set", "output_dir=file/run"], status: 74,
            "cannot create \(workspace.folder.path)/file/run: Not a directory", "`output_dir`")
        // Root may write into any folder, but makes none in /proc.
        let closed = workspace.url("closed")
        try FileManager.default.createDirectory(at: closed, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: closed.path)
        let folder = getuid() == 0 ? "/proc/hone" : "closed/run"
        try expectFailure(
            workspace, ["--set", "output_dir=\(folder)"], status: 74, "cannot create", folder, "`output_dir`")
    }

    @Test func `a wrong command line prints how it is used`() throws {
        guard let workspace = try workspace() else { return }
        for arguments in [["train"], ["train", "recipe.yaml", "--fast"], ["generate"], ["nonsense"]] {
            let result = try HoneProcess(arguments, in: workspace.folder).result()
            #expect(result.status == 64 && result.errors.contains("Usage: hone"), "\(result)")
        }
    }
}
