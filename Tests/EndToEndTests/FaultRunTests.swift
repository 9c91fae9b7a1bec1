import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import Testing
import TextCore

/// Runs that diverge, hang, or find the disk full.
@Suite struct FaultRunTests {
    @Test
    func `C10 proc.nan_injection: a run that diverges stops with the raw numbers, the rows and sound checkpoints`()
        throws
    {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe([
            "train.max_steps": 12, "train.warmup_steps": 3, "checkpoint": ["every_steps": 1, "keep_last": 20],
        ])
        // The warm-up's first step has rate 0; the second throws every weight away.
        let result = try workspace.hone("train", "recipe.yaml", "--set", "train.learning_rate=1e30")
        #expect(result.status == 65 && result.errors.contains("3 steps in a row had numbers that are not finite"))
        let faults = try workspace.events().filter { $0["fault"] == "nonfinite" }
        #expect(faults.count == 3)
        for fault in faults {
            let step = try #require(fault["step"]?.int)
            let metrics = try #require(try workspace.steps()[step])
            #expect(metrics["loss"]?.string != nil || metrics["grad_norm"]?.string != nil, "\(metrics)")
            let dump = try JSON(parsing: Data(contentsOf: workspace.url("runs/run/anomaly/step-\(step).json")))
            let rows = try #require(dump["rows"]?.array).compactMap(\.string)
            #expect(rows.count == 8 && rows.allSatisfy { $0.contains("rows.jsonl:") })
        }
        let folder = workspace.url("runs/run/checkpoints")
        let saved = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("step-") }
        #expect(!saved.isEmpty)
        for name in saved {
            for file in ["model.safetensors", "optimizer.safetensors"] {
                let tensors = try SafetensorsFile(reading: folder.appending(path: "\(name)/\(file)"))
                for entry in tensors.entries {
                    #expect(try tensors.tensor(named: entry.name).isFinite, "\(name) \(entry.name)")
                }
            }
        }
        let strict = try workspace.hone(
            "train", "recipe.yaml", "--overwrite", "--set", "train.learning_rate=1e30", "--set",
            "faults.on_nonfinite=stop")
        #expect(strict.status == 65)
        #expect(try workspace.events().count { $0["fault"] == "nonfinite" } == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: workspace.url("runs/run/anomaly").path).count == 1)
    }

    @Test func `C11 proc.spike_rollback: rows that spoil a run are left out, and the run goes on without them`() throws
    {
        guard let workspace = try Workspace() else { return }
        // The shared model writes stories; rare signs in no order are far from anything that it expects.
        var rows = (0..<160).map { workspace.rows[$0 % workspace.rows.count] }
        let noise = (0..<40).map { ["Z", "~", "%", "@", "#", "}", "^"][$0 * 5 % 7] }.joined()
        let conversation: JSON = [
            "messages": [["role": "user", "content": "?"], ["role": "assistant", "content": .string(noise)]]
        ]
        for index in 120..<124 { rows[index] = conversation.text() }
        try workspace.writeRecipe(
            [
                "data": ["train": "rows.jsonl", "shuffle": false], "checkpoint": ["every_steps": 5, "keep_last": 9],
                "train": [
                    "max_steps": 40, "micro_batch_size": 4, "global_batch_size": 4, "learning_rate": 0.0001,
                    "lr_scheduler": "constant", "warmup_steps": 0,
                ],
                "faults": ["on_spike": "rollback", "skip_steps": 1],
            ], rows: rows)
        try workspace.train()
        let events = try workspace.events()
        let back = try #require(events.first { $0["fault"] == "rollback" })
        #expect(back["from"]?.int == 31 && back["step"]?.int == 30)
        let left = events.filter { $0["fault"] == "skipped" }
        #expect(left.map { $0["step"]?.int } == [31])
        let names = try #require(left.first?["rows"]?.array).compactMap(\.string)
        #expect(names.map { $0.split(separator: ":").last } == ["121", "122", "123", "124"])
        #expect(events.last?["reason"] == "completed" && events.last?["skips"]?.array?.count == 1)
    }

    @Test func `a run that hangs writes its stacks, and ends with status 75 where that is asked`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.write("while read -r line; do sleep 30; echo '{\"score\": 1}'; done\n", to: "slow.sh")
        try workspace.writeRewardRecipe([
            "rewards": [["verifier": "command", "run": ["sh", "slow.sh"], "timeout": "60s"]],
            "faults": ["on_hang": "abort", "hang_seconds": 1],
        ])
        let result = try workspace.hone("train", "recipe.yaml")
        #expect(result.status == 75, "\(result)")
        let hang = try #require(try workspace.events().last)
        #expect(hang["fault"] == "hang" && hang["phase"] == "making the batches of step 1")
        let stacks = try String(contentsOf: workspace.url("runs/run/anomaly/hang-1.txt"), encoding: .utf8)
        #expect(stacks.contains("thread ") && stacks.contains("libc.so"))
    }

    @Test func `SIGTERM ends a run that waits for a slow verifier`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.write("touch asked; while read -r line; do sleep 30; done\n", to: "slow.sh")
        try workspace.writeRewardRecipe([
            "rewards": [["verifier": "command", "run": ["sh", "slow.sh"], "timeout": "60s"]]
        ])
        let process = try HoneProcess(["train", "recipe.yaml"], in: workspace.folder)
        while process.isRunning, !FileManager.default.fileExists(atPath: workspace.url("asked").path) { usleep(10_000) }
        usleep(200_000)
        process.send(SIGTERM)
        let result = try process.result(timeLimit: 20)
        #expect(result.status == 143 && !result.timedOut, "\(result)")
    }

    @Test func `a full disk for logs ends no run and changes no weight`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRewardRecipe(["train.max_steps": 8])
        try workspace.train("--set", "output_dir=runs/whole")
        // A file system of two pages, of this process and those that it starts alone.
        let script = """
            mkdir -p small runs/run && mount -t tmpfs -o size=8k none small || exit 99
            for name in events.jsonl rollouts.jsonl.zst; do ln -s ../../small/$name runs/run/$name; done
            "$HONE" train recipe.yaml --quiet || exit $?
            cp small/events.jsonl kept.jsonl && cp small/rollouts.jsonl.zst kept.jsonl.zst
            """
        try workspace.write(script, to: "full.sh")
        let result = try HoneProcess(shell: "unshare -rm bash full.sh", in: workspace.folder).result()
        guard result.status != 99, !result.errors.contains("unshare") else {
            print("skipped: this machine lets nobody mount a file system of his own")
            return
        }
        #expect(result.status == 0, "\(result)")
        #expect(result.errors.contains("events.jsonl: No space left on device. The run goes on"), "\(result)")
        #expect(result.errors.contains("answers of these steps are not logged"))
        #expect(result.errors.contains("events are not in"))
        #expect(result.errors.split(separator: "\n").count == 3, "each is told of once: \(result)")
        #expect(try workspace.finalWeights() == workspace.finalWeights("runs/whole"))
        let text = try String(contentsOf: workspace.url("kept.jsonl"), encoding: .utf8)
        #expect(
            text.hasSuffix("\n") && text.split(separator: "\n").allSatisfy { (try? JSON(parsing: String($0))) != nil })
    }
}

/// The same bits, whatever the machine is busy with.
@Suite struct DeterminismTests {
    @Test(arguments: ["sft", "dpo", "rft"])
    func `C12 proc.thread_count_determinism: one, two and four threads, and another time, give the same weights`(
        _ method: String
    ) throws {
        guard let workspace = try Workspace() else { return }
        switch method {
        case "sft": try workspace.writeRecipe(["sft.neftune_alpha": 5])
        case "dpo":
            try workspace.writeRecipe(
                ["method": "dpo", "sequence.max_length": 256, "train.learning_rate": 1e-4], rows: workspace.pairs())
        default: try workspace.writeRewardRecipe()
        }
        let runs = [("one", "1"), ("two", "2"), ("four", "4"), ("again", "2")]
        for (name, threads) in runs {
            let arguments = [
                "train", "recipe.yaml", "--quiet", "--threads", threads, "--set", "output_dir=runs/\(name)",
            ]
            let result = try HoneProcess(arguments, in: workspace.folder, environment: workspace.contained).result()
            #expect(result.status == 0, "\(result)")
        }
        for (name, _) in runs.dropFirst() {
            #expect(try workspace.finalWeights("runs/\(name)") == workspace.finalWeights("runs/one"), "\(name)")
            #expect(try workspace.timelessSteps("runs/\(name)") == workspace.timelessSteps("runs/one"), "\(name)")
        }
        // A test that could not fail would be one of runs that learned nothing.
        #expect(
            try workspace.finalWeights("runs/one")
                != Data(contentsOf: workspace.model.appending(path: "model.safetensors")))
    }
}
