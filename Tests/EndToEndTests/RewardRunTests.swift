import Foundation
import OrderedCollections
import ShardIO
import TensorCore
import Testing
import TextCore

/// Reward fine-tuning from recipe to final model, with answers of the model itself.
@Suite struct RewardRunTests {
    /// A workspace whose recipe rewards short answers of the shared model: a step has 3 prompts with 4 answers each.
    private func workspace(_ changes: [String: JSON] = [:]) throws -> Workspace? {
        guard let workspace = try Workspace() else { return nil }
        let words = ["dog", "cat", "ball", "park", "big", "day", "friend", "home", "tree", "red", "toy", "girl"]
        let rows = words.map { "{\"prompt\": \"Once there was a \($0)\", \"answer\": \"was\"}" }
        var all: [String: JSON] = [
            "method": "rft", "data": ["train": [["path": "rows.jsonl", "format": "prompt"]]],
            "rft": ["group_size": 4, "prompts_per_step": 3, "preflight": false, "max_oversample": 2],
            "rollout": ["max_new_tokens": 12],
            "rewards": [["verifier": "contains", "target": "answer"]],
            "train": ["max_steps": 4, "learning_rate": 0.001, "lr_scheduler": "constant", "warmup_steps": 0],
        ]
        for (key, value) in changes { all[key] = value }
        try workspace.writeRecipe(all, rows: rows)
        return workspace
    }

    // MARK: The ledger

    @Test func `every answer is accounted for, and the log has a line for each`() throws {
        guard let workspace = try workspace() else { return }
        try workspace.train()
        let steps = try workspace.steps()
        #expect(steps.count == 4)
        let lines = try workspace.rollouts()
        for (step, metrics) in steps {
            let ledger = try ["requested", "scored", "abstained", "errored", "timed_out", "filtered"].map {
                try #require(metrics["ledger/\($0)"]?.double)
            }
            #expect(ledger[0] == ledger.dropFirst().reduce(0, +))
            let own = lines.filter { $0["step"]?.int == step }
            #expect(Double(own.count) == ledger[0])
            let mean = own.compactMap { $0["total"]?.double }.reduce(0, +) / Double(own.count)
            #expect(abs(mean - (metrics["reward"]?.double ?? -1)) < 1e-12)
            #expect((metrics["sampling/kl"]?.double).map { abs($0) < 1e-6 } ?? true)
        }
        // What was trained on, and why the rest was not.
        #expect(lines.contains { $0["kept"]?.bool == true && $0["advantage"]?.double != 0 })
        #expect(lines.allSatisfy { $0["kept"]?.bool == true || $0["reason"]?.string != nil })
    }

    @Test func `a model that acts in an environment is shown its tools`() throws {
        let changes: [String: JSON] = [
            "model": ["path": .string(""), "chat_template": "turns.jinja"],
            "rollout": ["max_new_tokens": 12, "environment": "calculator", "max_turns": 2],
            "train": ["max_steps": 1, "learning_rate": 0.001],
        ]
        guard let workspace = try workspace(changes) else { return }
        try workspace.write(
            "{{ tools[0].function.name }}: {% for message in messages %}{{ message.role }} {{ message.content }}"
                + "{% if message.role == 'assistant' %}{{ eos_token }}{% endif %} {% endfor %}"
                + "{% if add_generation_prompt %}assistant {% endif %}", to: "turns.jinja")
        try workspace.train("--set", "model.path=\(workspace.model.path)")
        let lines = try workspace.rollouts()
        #expect(!lines.isEmpty)
        for line in lines {
            let prompt = line["prompt"]?.string ?? ""
            #expect(prompt.contains("calculator: user Once there was a") && prompt.hasSuffix("assistant "))
            #expect(line["messages"]?.array?.count == 1 && line["status"]?.string == "scored")
        }
        let wrong = try workspace.hone("check", "recipe.yaml", "--set", "rollout.environment=calculater")
        #expect(wrong.status != 0 && wrong.errors.contains("Did you mean 'calculator'?"))
    }

    @Test func `a reward that answers can reach becomes more frequent`() throws {
        let changes: [String: JSON] = [
            "rft": ["group_size": 8, "prompts_per_step": 6, "preflight": false],
            "train": ["max_steps": 12, "learning_rate": 0.003, "lr_scheduler": "constant", "warmup_steps": 0],
        ]
        guard let workspace = try workspace(changes) else { return }
        try workspace.train()
        let steps = try workspace.steps()
        let rewards = try (1...12).map { try #require(steps[$0]?["reward"]?.double) }
        let (first, last) = (rewards.prefix(3).reduce(0, +) / 3, rewards.suffix(3).reduce(0, +) / 3)
        #expect(last > first + 0.1, "the reward went from \(first) to \(last)")
    }

    // MARK: The same bits

    @Test(arguments: [1, 2])
    func `a run that was cut goes on with the same answers and the same bits`(_ iterations: Int) throws {
        let options: JSON = [
            "group_size": 4, "prompts_per_step": 3, "preflight": false, "num_iterations": .integer(iterations),
            "curriculum": ["max_pass_rate": 0.9],
        ]
        guard let workspace = try workspace(["rft": options]) else { return }
        try workspace.expectSameAfterCuts([1, 2, 4], of: 5, "rft, \(iterations) steps on each answer")
        let whole = try workspace.rollouts()
        for cut in [1, 2, 4] { #expect(try workspace.rollouts("runs/cut-\(cut)") == whole, "cut after \(cut)") }
    }

    @Test func `neither threads nor answers at once change an answer, and micro-batches change no more than rounding`()
        throws
    {
        guard let workspace = try workspace() else { return }
        try workspace.train("--threads", "1")
        let (answers, steps) = (try workspace.rollouts(), try workspace.steps())
        try workspace.train("--threads", "2", "--set", "output_dir=runs/two", "--set", "rollout.batch=5")
        #expect(try workspace.rollouts("runs/two") == answers)
        #expect(try workspace.finalWeights("runs/two") == workspace.finalWeights())
        try workspace.train("--set", "output_dir=runs/cut", "--set", "train.micro_batch_size=3")
        for (name, tolerance) in [("grad_norm", 1e-4), ("entropy", 1e-4), ("reward", 0)] {
            let (whole, cut) = (steps[1]?[name]?.double ?? .nan, try workspace.steps("runs/cut")[1]?[name]?.double ?? 0)
            #expect(abs(whole - cut) <= tolerance * abs(whole), "\(name) is \(cut) in micro-batches, and \(whole)")
        }
    }
}

extension Workspace {
    /// The rollouts that a run wrote, without times.
    func rollouts(_ run: String = "runs/run") throws -> [JSON] {
        let source = try DataSourceOpener.open(path: url(run).appending(path: "rollouts.jsonl.zst").path)
        var rows: [JSON] = []
        for frame in 0..<source.frames.count {
            let decoded = try source.frame(frame)
            for row in 0..<decoded.count {
                var members = try #require(try decoded.row(row).fields.object)
                members["components"] = .array(
                    try #require(members["components"]?.array).map { component in
                        var parts = component.object ?? [:]
                        // What one process remembers, and how long it took, is not the run's.
                        for key in ["seconds", "attempts", "cached"] { parts[key] = nil }
                        return .object(parts)
                    })
                rows.append(.object(members))
            }
        }
        return rows
    }
}
