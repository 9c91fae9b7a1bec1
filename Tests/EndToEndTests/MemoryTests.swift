import Foundation
import OrderedCollections
import Testing
import TextCore

/// What a run says it takes, what it takes, and what becomes of one that does not fit. Every run is a process of its own.
@Suite(.serialized) struct MemoryTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        let width, feedForward, heads, keyHeads, layers: Int
        var testDescription: String { "\(layers) layers of \(width)" }
    }

    static let shapes = [
        Shape(width: 384, feedForward: 1024, heads: 6, keyHeads: 2, layers: 8),
        Shape(width: 256, feedForward: 512, heads: 4, keyHeads: 4, layers: 20),
        Shape(width: 640, feedForward: 2560, heads: 10, keyHeads: 1, layers: 3),
    ]

    /// A model of a shape with the shared model's tokenizer, and rows of about five hundred tokens.
    private func prepare(_ workspace: Workspace, _ shape: Shape) throws {
        let configuration: JSON = [
            "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": .integer(shape.width),
            "intermediate_size": .integer(shape.feedForward), "num_attention_heads": .integer(shape.heads),
            "num_key_value_heads": .integer(shape.keyHeads), "num_hidden_layers": .integer(shape.layers),
            "vocab_size": 512, "max_position_embeddings": 1024, "rms_norm_eps": 1e-5, "tie_word_embeddings": true,
            "hidden_act": "silu",
        ]
        try workspace.write(configuration.text(), to: "config.json")
        let made = try workspace.hone(
            "model", "init", "--config", "config.json", "--tokenizer", workspace.model.path, "-o", "model")
        #expect(made.status == 0, "\(made)")
        let text = String(repeating: "Once upon a time there was a little girl who went out to play. ", count: 24)
        let rows = (0..<16).map { "{\"text\": \"\($0) \(text)\"}" }
        try workspace.write(rows.joined(separator: "\n") + "\n", to: "long.jsonl")
    }

    private func recipe(_ workspace: Workspace, _ changes: [String: JSON]) throws {
        var all: [String: JSON] = [
            "model": "model", "method": "pretrain", "data": ["train": "long.jsonl"],
            "sequence": ["max_length": 900, "on_overflow": "truncate"],
            "train": [
                "max_steps": 1, "global_batch_size": 4, "micro_batch_size": 2, "warmup_steps": 0,
                "gradient_checkpointing": false,
            ],
        ]
        for (key, value) in changes { all[key] = value }
        try workspace.writeRecipe(all)
    }

    /// The most memory that a run had resident, as its events say, and what was foretold.
    private func peaks(_ workspace: Workspace) throws -> (told: Double, measured: Double) {
        let estimate = try workspace.hone("estimate", "recipe.yaml", "--json")
        #expect(estimate.status == 0, "\(estimate)")
        let told = try #require(try estimate.json()["peak_bytes"]?.double)
        try workspace.train("--overwrite")
        let events = try workspace.events()
        let measured = events.compactMap { $0["memory"]?["peak_resident_bytes"]?.double }.max()
        #expect(events.first?["memory"]?["peak_bytes"]?.double != nil)
        #expect(events.contains { ($0["memory"]?["peak_bytes"]?.int ?? 0) > 0 && $0["type"] == "step" })
        return (told, try #require(measured))
    }

    @Test(arguments: shapes)
    func `C13 proc.oom_preflight: the estimate is within 15 percent of the measured peak`(_ shape: Shape) throws {
        guard let workspace = try Workspace() else { return }
        try prepare(workspace, shape)
        let kinds: [(String, [String: JSON])] = [
            ("full", ["adapter": "full"]), ("lora", ["adapter": ["type": "lora", "rank": 16]]),
            ("lora, bf16", ["adapter": ["type": "lora", "rank": 16], "model": ["path": "model", "dtype": "bf16"]]),
            ("qlora", ["adapter": ["type": "qlora", "rank": 16]]),
            ("full, checkpointing", ["adapter": "full", "train.gradient_checkpointing": true]),
        ]
        for (name, changes) in kinds {
            try recipe(workspace, changes)
            let (told, measured) = try peaks(workspace)
            #expect(abs(told / measured - 1) < 0.15, "\(name): \(told) told, \(measured) measured")
        }
    }

    @Test func `a new model is as large as its tokenizer's vocabulary, whatever its configuration says`() throws {
        guard let workspace = try Workspace() else { return }
        let configuration = try JSON(parsing: Data(contentsOf: workspace.model.appending(path: "config.json")))
        var bytes: [Int] = []
        for size in [nil, JSON.integer(999_999)] {
            var members = try #require(configuration.object)
            members["vocab_size"] = size
            try workspace.write(JSON.object(members).text(), to: "config.json")
            try workspace.writeRecipe([
                "model": ["init": ["config": "config.json", "tokenizer": .string(workspace.model.path)]]
            ])
            let estimate = try workspace.hone("estimate", "recipe.yaml", "--json")
            #expect(estimate.status == 0, "\(estimate)")
            bytes.append(try #require(try estimate.json()["peak_bytes"]?.int))
        }
        #expect(abs(bytes[0] - bytes[1]) < bytes[0] / 20)
        try workspace.train("--set", "train.max_steps=1")
    }

    @Test
    func
        `C13 proc.oom_preflight: a run that does not fit is refused before its first step, with what would make it fit`()
        throws
    {
        guard let workspace = try Workspace() else { return }
        try prepare(workspace, Self.shapes[0])
        try recipe(workspace, ["train.memory_limit": "200MiB"])
        let result = try workspace.hone("train", "recipe.yaml")
        #expect(result.status == 78, "\(result)")
        for word in ["weights", "moments", "activations", "peak", "train.memory_limit", "The cheapest ways"] {
            #expect(result.errors.contains(word), "\(word) in \(result.errors)")
        }
        #expect(!FileManager.default.fileExists(atPath: workspace.url("runs/run/events.jsonl").path))
        let estimate = try workspace.hone("estimate", "recipe.yaml", "--json")
        #expect(estimate.status == 3)
        let json = try estimate.json()
        #expect(json["verdict"] == "no")
        let remedies = try #require(json["remedies"]?.array)
        #expect((1...3).contains(remedies.count))
        #expect(remedies.allSatisfy { ($0["peak_bytes"]?.int ?? .max) <= 200 << 20 })
    }

    @Test func `C13 proc.oom_preflight: a limit on address space refuses a run before its first step`() throws {
        guard let workspace = try Workspace() else { return }
        try prepare(workspace, Self.shapes[0])
        try recipe(workspace, [:])
        let process = try HoneProcess(shell: "ulimit -v 900000; exec $HONE train recipe.yaml", in: workspace.folder)
        let result = try process.result()
        #expect(result.status == 78 && result.errors.contains("address space"), "\(result)")
    }

    @Test func `C13 proc.oom_preflight: a control group's limit refuses a run before its first step`() throws {
        guard let workspace = try Workspace() else { return }
        try prepare(workspace, Self.shapes[0])
        try recipe(workspace, [:])
        // A group below this process's own, in whichever version of control groups has one; gone again afterwards.
        let script = """
            limit() {
              group="$1$(echo "$2" | sed 's,^/$,,')/hone-test-$$"
              mkdir "$group" 2>/dev/null || return 1
              echo 314572800 > "$group/$3" && echo $$ > "$group/cgroup.procs" && return 0
              rmdir "$group"; return 1
            }
            v1=$(sed -n 's/^[0-9]*:[a-z,]*memory[a-z,]*://p' /proc/self/cgroup)
            v2=$(sed -n 's/^0:://p' /proc/self/cgroup)
            { [ -n "$v1" ] && limit /sys/fs/cgroup/memory "$v1" memory.limit_in_bytes; } \
              || { [ -n "$v2" ] && limit /sys/fs/cgroup "$v2" memory.max; } || exit 99
            "$HONE" train recipe.yaml
            status=$?
            echo $$ > "$(dirname "$group")/cgroup.procs"
            rmdir "$group"
            exit $status
            """
        try workspace.write(script, to: "grouped.sh")
        let result = try HoneProcess(shell: "bash grouped.sh", in: workspace.folder).result()
        guard result.status != 99 else { return print("skipped: no control group can be made here") }
        #expect(result.status == 78 && result.errors.contains("the control group's limit"), "\(result)")
        for word in ["weights", "moments", "activations", "The cheapest ways"] {
            #expect(result.errors.contains(word), "\(word) in \(result.errors)")
        }
        #expect(!FileManager.default.fileExists(atPath: workspace.url("runs/run/events.jsonl").path))
    }

    @Test func `a limit on memory chooses micro-batches and checkpointing, and changes no result`() throws {
        guard let workspace = try Workspace() else { return }
        try prepare(workspace, Self.shapes[1])
        let free: [String: JSON] = ["train.micro_batch_size": "auto", "train.gradient_checkpointing": "auto"]
        try recipe(workspace, free)
        try workspace.train("--overwrite")
        let (losses, whole) = (try losses(workspace), try peakResident(workspace))
        let limited = free.merging(["train.memory_limit": .string("\(Int(0.75 * whole) >> 20)MiB")]) { $1 }
        try recipe(workspace, limited)
        try workspace.train("--overwrite")
        #expect(try peakResident(workspace) < 0.85 * whole)
        for (one, other) in zip(losses, try self.losses(workspace)) { #expect(abs(one - other) < 1e-4 * one) }
        // The largest micro-batch was tried before the first step.
        #expect(try workspace.events().first?["memory"]?["rehearsed_peak_bytes"]?.int ?? 0 > 0)
    }

    private func losses(_ workspace: Workspace) throws -> [Double] {
        try workspace.events().compactMap { $0["metrics"]?["loss"]?.double }
    }

    private func peakResident(_ workspace: Workspace) throws -> Double {
        try #require(try workspace.events().compactMap { $0["memory"]?["peak_resident_bytes"]?.double }.max())
    }
}
