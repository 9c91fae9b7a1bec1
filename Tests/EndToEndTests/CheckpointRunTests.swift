import Foundation
import OrderedCollections
import TensorCore
import Testing
import TextCore

/// Runs that are killed, run out of disk, or are gone on with: nothing is lost, and nothing changes in silence.
@Suite struct CheckpointRunTests {
    /// A recipe of each kind: fine-tuning, preferences, rewards with answers of the model itself.
    enum Kind: String, CaseIterable, CustomTestStringConvertible {
        case sft, dpo, grpo

        var testDescription: String { rawValue }
    }

    /// A workspace whose recipe trains for `steps` steps with a checkpoint after each.
    private func workspace(_ kind: Kind, steps: Int, keepLast: Int = 2) throws -> Workspace? {
        guard let workspace = try Workspace() else { return nil }
        let checkpoint: JSON = ["every_steps": 1, "keep_last": .integer(keepLast)]
        var changes: [String: JSON] = ["train.max_steps": .integer(steps), "checkpoint": checkpoint]
        var rows = Array(workspace.rows.prefix(24))
        switch kind {
        case .sft: changes["sft.neftune_alpha"] = 5
        case .dpo:
            changes["method"] = "dpo"
            changes["adapter"] = ["type": "lora", "rank": 4, "dropout": 0.1]
            rows = Array(try workspace.pairs().prefix(24))
        case .grpo:
            let words = ["dog", "cat", "ball", "park", "big", "day", "friend", "home", "tree", "red", "toy", "girl"]
            rows = words.map { "{\"prompt\": \"Once there was a \($0)\", \"answer\": \"was\"}" }
            changes["method"] = "rft"
            changes["data"] = ["train": [["path": "rows.jsonl", "format": "prompt"]]]
            changes["rft"] = [
                "group_size": 4, "prompts_per_step": 3, "preflight": false, "max_oversample": 2, "num_iterations": 2,
            ]
            changes["rollout"] = ["max_new_tokens": 12]
            changes["train"] = ["learning_rate": 0.001, "lr_scheduler": "constant", "warmup_steps": 0]
            changes["rewards"] = [["verifier": "contains", "target": "answer"]]
        }
        try workspace.writeRecipe(changes, rows: rows)
        return workspace
    }

    // MARK: Killed, and gone on with

    @Test(
        "C2 ckpt.kill9_loop: a run that is killed again and again ends with the bits of the one that was not",
        arguments: Kind.allCases)
    func killed(_ kind: Kind) throws {
        let isLong = ProcessInfo.processInfo.environment["HONE_SOAK"] == "1"
        let wanted = isLong ? 100 : 6
        let steps = kind == .grpo ? 16 : 30
        guard let workspace = try workspace(kind, steps: steps) else { return }
        try workspace.trainPairs("whole")
        let weights = try workspace.finalWeights("runs/whole")
        let place = workspace.url("runs/run")
        let draws = RandomStream(seed: UInt64.random(in: 0 ... .max), purpose: "kills")
        var (kills, redone, finished, attempts) = (0, 0, 0, 0)
        while kills < wanted, attempts < 20 * wanted {
            attempts += 1
            let process = try HoneProcess(
                ["train", "recipe.yaml", "--resume", "--quiet"], in: workspace.folder, environment: workspace.contained)
            // Now and then before the run has begun; mostly somewhere in its steps.
            let begun = (try? workspace.events())?.count { $0["type"] == "start" } ?? 0
            if draws.word(2 * attempts) % 4 > 0 {
                try workspace.wait(for: process) { $0["type"] == "start" && begun == 0 || begun > 0 }
                while process.isRunning, (try workspace.events()).count(where: { $0["type"] == "start" }) == begun {
                    usleep(1000)
                }
            }
            usleep(UInt32(draws.word(2 * attempts + 1) % 200_000))
            process.destroy()
            let result = try process.result()
            guard result.signal == SIGKILL else {
                #expect(result.status == 0, "\(result)")
                #expect(try workspace.finalWeights() == weights, "after \(kills) kills")
                try FileManager.default.removeItem(at: place)
                finished += 1
                continue
            }
            kills += 1
            redone += try lostSteps(workspace)
        }
        try workspace.trainPairs("run", [], ["--resume"])
        #expect(try lostSteps(workspace) == 0)
        #expect(try workspace.finalWeights() == weights, "after \(kills) kills")
        let names = try FileManager.default.contentsOfDirectory(atPath: place.appending(path: "checkpoints").path)
        #expect(!names.contains { $0.hasPrefix(".tmp") } && !names.contains { $0.hasPrefix(".bad") }, "\(names)")
        print(
            "C2: \(kind): \(kills) kills, \(redone) steps to be done again, \(finished) runs that ended before a kill")
        #expect(kills == wanted)
    }

    /// Steps that were told of and are not in a checkpoint: at most one.
    private func lostSteps(_ workspace: Workspace) throws -> Int {
        guard let events = try? workspace.events() else { return 0 }
        let told = events.last { $0["type"] == "step" }?["step"]?.int ?? 0
        let names =
            (try? FileManager.default.contentsOfDirectory(atPath: workspace.url("runs/run/checkpoints").path)) ?? []
        let kept = names.compactMap { $0.hasPrefix("step-") ? Int($0.dropFirst(5)) : nil }.max() ?? 0
        #expect(told - kept <= 1, "step \(told) was told of, and the newest checkpoint is \(kept)")
        return max(0, told - kept)
    }

    @Test(
        "C3 ckpt.exact_resume_sft_dpo_grpo: cut after any step, each step and the final weights are the same bits",
        arguments: Kind.allCases)
    func exactResume(_ kind: Kind) throws {
        guard let workspace = try workspace(kind, steps: 5) else { return }
        // Of the reward run each answer is learnt from twice, so one cut falls between the two.
        try workspace.expectSameAfterCuts([1, 2, 4], of: 5, kind.rawValue)
        guard kind == .grpo else { return }
        let whole = try workspace.rollouts()
        for cut in [1, 2, 4] { #expect(try workspace.rollouts("runs/cut-\(cut)") == whole, "cut after \(cut)") }
    }

    @Test func `a row in quarantine stays there when a reward run goes on`() throws {
        guard let workspace = try workspace(.grpo, steps: 6) else { return }
        // Whoever judges refuses two of the rows, so these are drawn once and never again.
        let rows = (0..<6).map { row in
            "{\"id\": \"row \(row)\", \"prompt\": \"Once there was a dog \(row)\", \"word\": \"was\", \"note\": "
                + (row < 2 ? "\"unfit\"}" : "\"fit\"}")
        }
        try workspace.write(rows.joined(separator: "\n") + "\n", to: "rows.jsonl")
        try workspace.write(
            """
            while read -r line; do
              case "$line" in
                *unfit*) echo '{"error": "this row cannot be judged", "kind": "item"}' ;;
                *) echo '{"score": 0}' ;;
              esac
            done

            """, to: "judge.sh")
        var recipe = try #require(
            try JSON(parsing: String(contentsOf: workspace.url("recipe.yaml"), encoding: .utf8)).object)
        recipe["rewards"] = [
            ["verifier": "command", "run": ["bash", "judge.sh"]], ["verifier": "contains", "target": "word"],
        ]
        try workspace.write(JSON.object(recipe).text(.pretty) + "\n", to: "recipe.yaml")
        try workspace.expectSameAfterCuts([2, 3, 5], of: 6, "rows in quarantine")
        let drawn = try workspace.rollouts()
        for cut in [2, 3, 5] { #expect(try workspace.rollouts("runs/cut-\(cut)") == drawn, "cut after \(cut)") }
        let state = try JSON(
            parsing: String(contentsOf: workspace.url("runs/run/last/state.json"), encoding: .utf8))
        let quarantined = state["position"]?["rollouts"]?["failures"]?["quarantined"]?.array ?? []
        #expect(!quarantined.isEmpty && drawn.count { $0["item"]?.string == "row 0" } <= 4, "\(quarantined)")
    }

    // MARK: A full disk

    @Test("C5 ckpt.enospc: where no checkpoint finds room the run ends with status 74, and what was there stays")
    func noRoom() throws {
        guard let workspace = try workspace(.sft, steps: 2) else { return }
        try workspace.trainPairs()
        let checkpoint = workspace.url("runs/run/checkpoints/step-2/optimizer.safetensors")
        let before = try Data(contentsOf: checkpoint)
        // A file may not become larger than 400 KiB: the weights do not fit, the log does.
        let result = try HoneProcess(
            shell: "ulimit -f 400; exec \"$HONE\" train recipe.yaml --resume --set train.max_steps=9",
            in: workspace.folder
        ).result()
        #expect(result.status == 74, "\(result)")
        #expect(result.errors.contains("3 checkpoints in a row could not be written"), "\(result)")
        #expect(result.errors.contains("File too large"))
        let events = try workspace.events()
        #expect(events.filter { $0["type"] == "checkpoint_failed" }.map { $0["step"]?.int } == [3, 4, 5])
        #expect(events.last?["type"] == "end" && events.last?["reason"] == "failed")
        let names = try FileManager.default.contentsOfDirectory(atPath: workspace.url("runs/run/checkpoints").path)
        #expect(names.sorted() == ["step-1", "step-2"])
        #expect(try Data(contentsOf: checkpoint) == before)
        // With room again it ends as if nothing had been.
        try workspace.trainPairs("run", ["train.max_steps=9"], ["--resume"])
        #expect(try workspace.steps().keys.max() == 9)
    }

    @Test("C5 ckpt.enospc: a disk that is too small is refused before the first step")
    func smallDisk() throws {
        guard getuid() == 0, let workspace = try workspace(.sft, steps: 4) else {
            print("skipped: only root may mount a small disk")
            return
        }
        let place = workspace.url("runs/run/checkpoints")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        let mounted = try HoneProcess(
            shell: "mount -t tmpfs -o size=12m hone-test '\(place.path)'", in: workspace.folder
        ).result()
        guard mounted.status == 0 else {
            print("skipped: a small disk cannot be mounted: \(mounted.errors)")
            return
        }
        defer { _ = try? HoneProcess(shell: "umount '\(place.path)'", in: workspace.folder).result() }
        let result = try workspace.hone("train", "recipe.yaml")
        #expect(result.status == 74, "\(result)")
        #expect(result.errors.contains("the disk is too full: 4 checkpoints of this run, with a margin, take 13 MiB"))
        #expect(!FileManager.default.fileExists(atPath: workspace.url("runs/run/events.jsonl").path))
        // Room for what is kept and one more; then somebody else fills the disk.
        let other = try HoneProcess(
            shell: "umount '\(place.path)' && mount -t tmpfs -o size=20m hone-test '\(place.path)'",
            in: workspace.folder
        ).result()
        #expect(other.status == 0, "\(other)")
        try workspace.trainPairs("run", ["train.max_steps=2"])
        try? Data(count: 18 << 20).write(to: place.appending(path: "of somebody else"))
        let full = try workspace.hone(
            "train", "recipe.yaml", "--resume", "--set", "train.max_steps=9", environment: workspace.contained)
        #expect(full.status == 74, "\(full)")
        #expect(full.errors.contains("are free in"), "\(full)")
        try FileManager.default.removeItem(at: place.appending(path: "of somebody else"))
        try workspace.trainPairs("run", ["train.max_steps=9"], ["--resume"])
    }

    // MARK: Another run

    @Test("C8 ckpt.identity_mismatch: another model, tokenizer, data or recipe is refused with what differs, at once")
    func identity() throws {
        guard let workspace = try workspace(.sft, steps: 2) else { return }
        try workspace.copyModel()
        let model = "model=model"
        try workspace.trainPairs("run", [model])
        let events = try Data(contentsOf: workspace.url("runs/run/events.jsonl"))
        func refused(_ settings: [String] = [], _ texts: String..., place: SourceLocation = #_sourceLocation) throws {
            let arguments = ["train", "recipe.yaml", "--resume"] + ([model] + settings).flatMap { ["--set", $0] }
            let result = try HoneProcess(arguments, in: workspace.folder, environment: workspace.contained).result()
            #expect(result.status == 78, "\(result)", sourceLocation: place)
            #expect(result.errors.contains("step-2 is of another run"), "\(result)", sourceLocation: place)
            for text in texts { #expect(result.errors.contains(text), "\(result)", sourceLocation: place) }
            #expect(
                try Data(contentsOf: workspace.url("runs/run/events.jsonl")) == events, sourceLocation: place)
        }
        /// Replaces a file for as long as `body` takes.
        func changing(_ name: String, _ change: (inout Data) -> Void, _ body: () throws -> Void) throws {
            let url = workspace.url(name)
            let good = try Data(contentsOf: url)
            var other = good
            change(&other)
            try other.write(to: url)
            try body()
            try good.write(to: url)
        }
        // Each of these would fail otherwise too, but only once rows are read or weights are loaded.
        try changing("model/model.safetensors", { $0 = $0.dropLast(400) + Data(count: 400) }) {
            try refused([], "model.model.safetensors: was \"")
        }
        try changing(
            "model/config.json", { $0 = Data(String(decoding: $0, as: UTF8.self).replacing("64", with: "72").utf8) }
        ) {
            try refused([], "model.config.json: was \"")
        }
        try changing("model/tokenizer.json", { $0 += Data("\n".utf8) }) {
            try refused([], "tokenizer.tokenizer.json: was \"")
        }
        try changing("rows.jsonl", { $0 += Data("{\"messages\": 7}\n".utf8) }) {
            try refused([], "data.0: was \"rows.jsonl jsonl:")
        }
        try refused(["train.weight_decay=0.2", "seed=7"], "seed: was 42, is 7; train.weight_decay: was 0.1, is 0.2")
        try refused(["adapter={type: lora, rank: 2}"], "adapter.type: was \"full\", is \"lora\"")
        // Rate and length may change, which is written down.
        let result = try workspace.trainPairs(
            "run", [model, "train.max_steps=3", "train.learning_rate=0.0001"], ["--resume"])
        let change = "going on with other settings than before: train.learning_rate: was 0.001, is 0.0001"
        #expect(result.errors.contains(change))
        let after = try workspace.events()
        #expect(after.contains { $0["message"]?.string?.hasPrefix(change) == true })
        #expect(after.last?["reason"] == "completed" && after.last?["step"] == 3)
        let resolved = try String(contentsOf: workspace.url("runs/run/resolved.yaml"), encoding: .utf8)
        #expect(resolved.contains("learning_rate: 0.0001"))
    }
}
