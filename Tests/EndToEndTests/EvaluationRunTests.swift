import Evaluation
import Foundation
import OrderedCollections
import Testing
import TextCore

/// Suites, baselines and comparisons of real runs: what is measured, kept and printed.
@Suite struct EvaluationRunTests {
    private func json(_ workspace: Workspace, _ arguments: String..., status: Int32 = 0) throws -> JSON {
        let result = try HoneProcess(arguments + ["--json"], in: workspace.folder).result()
        #expect(result.status == status, "\(arguments.joined(separator: " ")): \(result)")
        return try result.json()
    }

    /// Files of every kind of suite.
    private func writeSuites(_ workspace: Workspace) throws {
        let rows = workspace.rows.prefix(6).joined(separator: "\n") + "\n"
        try workspace.write(rows, to: "stories.jsonl")
        try workspace.write(
            (0..<8).map { #"{"text": "Once upon a time there was a little girl number \#($0) who liked to play."}"# }
                .joined(separator: "\n"), to: "general.jsonl")
        try workspace.write(
            "question,A,B,C,D,answer\nWhat barks?,A cat,A dog,A tree,A stone,B\nWhat is wet?,Sand,Fire,Water,Dust,C\n",
            to: "choice.csv")
        try workspace.write(
            try workspace.pairs().prefix(5).joined(separator: "\n") + "\n", to: "pairs.jsonl")
        try workspace.write(
            [
                #"{"prompt": "one", "completion": "{\"name\": \"a\", \"price\": 1}"}"#,
                #"{"prompt": "two", "completion": "{\"name\": \"b\", \"price\": 2}"}"#,
            ].joined(separator: "\n"), to: "extract.jsonl")
    }

    private static let suites: JSON = [
        [
            "name": "stories", "path": "stories.jsonl", "verifier": "contains", "generate": ["max_new_tokens": 6],
        ], ["name": "choice", "path": "choice.csv", "metric": "multiple_choice"],
        ["name": "letters", "path": "choice.csv", "metric": "multiple_choice", "choices": "letters"],
        ["name": "pairs", "path": "pairs.jsonl", "metric": "preference"],
        [
            "name": "extract", "path": "extract.jsonl", "verifier": "json_f1", "generate": ["max_new_tokens": 6],
        ],
    ]

    private static let regression: JSON = [
        ["name": "general", "path": "general.jsonl", "metric": "perplexity"],
        ["name": "drift", "path": "general.jsonl", "metric": "kl"],
    ]

    @Test func `every kind of suite is judged before and after, and a run is compared with its start`() throws {
        guard let workspace = try Workspace() else { return }
        try writeSuites(workspace)
        try workspace.writeRecipe([
            "evaluation": [
                "suites": Self.suites, "regression": Self.regression, "latency_samples": 2, "every_steps": 2,
            ], "data.val_fraction": 0.25, "train.learning_rate": 0.01,
        ])
        let trained = try json(workspace, "train", "recipe.yaml")
        func suite(_ name: String, _ key: String) -> JSON? {
            trained[key]?.array?.first { $0["suite"]?.string == name }
        }
        #expect(suite("drift", "before")?["kl"]?.double == 0)
        #expect(suite("drift", "after")?["kl"]?.double ?? 0 > 0.001)
        for name in ["choice", "letters", "pairs"] {
            let share = try #require(suite(name, "after")?["accuracy"]?.double)
            #expect((0...1).contains(share) && suite(name, "after")?["base_rate"]?.double ?? 0 > 0)
        }
        let extracted = suite("extract", "after")
        #expect(extracted?["field_f1"]?.double == 0 && extracted?["valid"]?.double == 0)
        #expect(trained["regression"]?.array?.compactMap { $0["suite"]?.string } == ["general", "drift"])
        // Timed before the first and after the last step, and not between.
        let all = RunEvaluations(run: workspace.url("runs/run"))
        #expect(all.problems.isEmpty && all.steps == [0, 2, 4])
        for (step, isTimed) in [(0, true), (2, false), (4, true)] {
            let stories = try #require(all.suites["stories"]?[step])
            #expect((stories.figures["latency_p95"] != nil) == isTimed)
            #expect(stories.outcomes.allSatisfy { !$0.question.isEmpty })
        }
        #expect(all.held[0]?.rows.isEmpty == false && all.held[0]?.rows.map(\.id) == all.held[4]?.rows.map(\.id))
        #expect(
            all.held[0]?.observations(of: "loss")?.map(\.value) != all.held[4]?.observations(of: "loss")?.map(\.value))
        // Compared without loading anything.
        let compared = try json(
            workspace, "compare", "runs/run@start", "runs/run", "--markdown", "c.md", "--html", "c.html")
        let general = try #require(compared["suites"]?.array?.first { $0["suite"]?.string == "general" })
        #expect(general["wins"]?.int.map { $0 + (general["losses"]?.int ?? 0) } == 8)
        #expect(general["metrics"]?.array?.first?["lower"]?.double != nil)
        let page = try String(contentsOf: workspace.url("c.html"), encoding: .utf8)
        #expect(page.contains("<table") && page.contains("general") && !page.contains("http://"))
        let words = try workspace.hone("compare", "runs/run@start", "runs/run", "--suite", "general").output
        #expect(words.hasPrefix("general: perplexity ") && words.contains("95 % interval"))
        // The same model by the same suites says the same as the end of the run.
        let judged = try json(
            workspace, "eval", "recipe.yaml", "--model", "runs/run", "--suite", "general", "--suite", "drift")
        for result in judged["suites"]?.array ?? [] {
            let name = result["suite"]?.string ?? ""
            let metric = name == "drift" ? "kl" : "perplexity"
            let difference = (result[metric]?.double ?? -1) - (suite(name, "after")?[metric]?.double ?? -2)
            #expect(abs(difference) < 1e-4, "\(name)")
        }
        let both = try json(
            workspace, "compare", workspace.model.path, "runs/run", "--recipe", "recipe.yaml", "--suite", "stories")
        #expect(both["suites"]?.array?.first?["suite"] == "stories")
        // Mistakes are said.
        let missing = try workspace.hone("compare", "runs/run", "runs/nowhere")
        #expect(missing.status == 66 && missing.errors.contains("no such file or folder"))
        let never = try workspace.hone("compare", "runs/run@7", "runs/run")
        #expect(never.status == 66 && never.errors.contains("@start, @0, @2, @4"))
        let other = try workspace.hone("compare", "runs/run", "runs/run", "--suite", "storys")
        #expect(other.status == 64 && other.errors.contains("Did you mean 'stories'?"))
    }

    @Test func `baselines answer the same questions by the same verifiers`() throws {
        guard let workspace = try Workspace() else { return }
        try writeSuites(workspace)
        let server = try LoopbackServer { request in
            let count = request.body["messages"]?.array?.count ?? 0
            let reply: JSON = [
                "choices": [
                    ["message": ["role": "assistant", "content": "Once upon a time"], "finish_reason": "stop"]
                ],
                "usage": ["prompt_tokens": .integer(100 * count), "completion_tokens": 10],
            ]
            return request.index == 0 ? .init(status: 503, body: "{}") : .init(body: reply.text())
        }
        defer { server.close() }
        try workspace.writeRecipe(
            [
                "evaluation": [
                    "suites": [
                        [
                            "name": "stories", "path": "stories.jsonl", "verifier": "string_check",
                            "operation": "like",
                            "generate": ["max_new_tokens": 4],
                        ]
                    ], "latency_samples": 2,
                    "baselines": [
                        ["name": "told", "prompt": "Write a story."], ["name": "shown", "few_shot": 2],
                        [
                            "name": "other", "endpoint": .string(server.address), "model": "big", "few_shot": 1,
                            "prompt": "Write.", "input_price": 2, "output_price": 10,
                        ],
                    ],
                ], "train.max_steps": 1,
            ], rows: Array(workspace.rows[10..<40]))
        let check = try workspace.hone("check", "recipe.yaml", "--quiet")
        #expect(check.status == 0, "\(check)")
        let judged = try json(workspace, "eval", "recipe.yaml", "--baselines", "--answers")
        let baselines = judged["baselines"]?.array ?? []
        #expect(baselines.compactMap { $0["baseline"]?.string } == ["told", "shown", "other"])
        let ids = try #require(judged["suites"]?.array?.first?["answers"]?.array).map { $0["id"] }
        for baseline in baselines { #expect(baseline["answers"]?.array?.map { $0["id"] } == ids) }
        let endpoint = try #require(baselines.last)
        #expect(endpoint["answers"]?.array?.allSatisfy { $0["answer"] == "Once upon a time" } == true)
        // A system message, an example of two, and the question: four messages of a hundred tokens each.
        #expect(abs((endpoint["cost"]?.double ?? 0) - (400 * 2 + 10 * 10) / 1_000_000.0) < 1e-12)
        #expect(endpoint["latency_p50"]?.double ?? 0 > 0)
        let asked = server.requests.last?.body
        #expect(asked?["model"] == "big" && asked?["messages"]?.array?.first?["content"] == "Write.")
        #expect(asked?["max_tokens"] == 4 && asked?["messages"]?.array?.count == 4)
        // In a run they are kept beside the suites.
        try workspace.train()
        let kept = RunEvaluations(run: workspace.url("runs/run"))
        #expect(kept.problems.isEmpty && Set(kept.baselines.keys) == ["told", "shown", "other"])
        let compared = try json(workspace, "compare", "runs/run@shown", "runs/run")
        #expect(compared["suites"]?.array?.count == 1)
    }

    @Test func `what baselines and suites cannot be is said with the place`() throws {
        guard let workspace = try Workspace() else { return }
        try writeSuites(workspace)
        let suite: JSON = ["name": "stories", "path": "stories.jsonl", "verifier": "exact"]
        try workspace.writeRecipe([
            "evaluation": [
                "suites": [
                    suite, ["name": "baseline-x", "path": "stories.jsonl", "metric": "loss", "choices": "letters"],
                ],
                "baselines": [
                    ["name": "a/b", "prompt": "x"], ["name": "plain"],
                    ["name": "far", "endpoint": "http://localhost:1/v1"],
                    ["name": "near", "prompt": "x", "model": "y"], ["name": "near", "few_shot": 2],
                ],
            ]
        ])
        let result = try workspace.hone("check", "recipe.yaml")
        #expect(result.status == 78)
        for text in [
            "a baseline is named 'a/b'", "is the base model as it is", "has an endpoint and no model",
            "evaluation.baselines.3.model is written, but there is no endpoint", "two baselines are named 'near'",
            "a suite is named 'baseline-x'", "chooses among nothing",
        ] {
            #expect(result.errors.contains(text), "\(text) is not in \(result.errors)")
        }
        try workspace.write("question,A,B,answer\nWhich?,one,two,E\n", to: "choice.csv")
        try workspace.writeRecipe([
            "evaluation.suites": [["name": "choice", "path": "choice.csv", "metric": "multiple_choice"]]
        ])
        let choice = try workspace.hone("eval", "recipe.yaml")
        #expect(
            choice.status == 65 && choice.errors.contains("choice.csv:2")
                && choice.errors.contains("none of the choices"))
    }

    @Test func `a run that goes on knows what was measured before its first step`() throws {
        guard let workspace = try Workspace() else { return }
        try writeSuites(workspace)
        try workspace.writeRecipe([
            "evaluation": ["suites": Self.suites, "regression": Self.regression, "latency_samples": 0],
            "checkpoint": ["every_steps": 2],
        ])
        try workspace.train("--set", "train.max_steps=4")
        let whole = try json(workspace, "compare", "runs/run@start", "runs/run", "--suite", "general")
        let folder = workspace.url("runs/run")
        try FileManager.default.removeItem(at: folder.appending(path: "final"))
        for name in ["checkpoints/step-4", "eval/general-step-4.json"] {
            try FileManager.default.removeItem(at: folder.appending(path: name))
        }
        let resumed = try json(workspace, "train", "recipe.yaml", "--resume")
        #expect(resumed["before"]?.array?.count == 7)
        let line = resumed["regression"]?.array?.first { $0["suite"]?.string == "general" }
        #expect(
            line?["metrics"]?.array?.first?["difference"]
                == whole["suites"]?.array?.first?["metrics"]?.array?.first?["difference"])
    }
}
