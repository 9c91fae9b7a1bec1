import Foundation
import OrderedCollections
import Testing
import TextCore

/// Runs whose rows are read while training, from files of every kind.
@Suite struct StreamedRunTests {
    private func built(_ workspace: Workspace, _ input: String, _ output: String, _ more: String...) throws {
        let result = try HoneProcess(["data", "build", input, "-o", output] + more, in: workspace.folder).result()
        guard result.status == 0 else { throw HoneProcessError(message: "\(result)") }
    }

    /// Compares two runs: order of the rows, numbers of the steps, and, where the same arithmetic was done, every bit.
    private func expectSame(_ workspace: Workspace, _ first: String, _ second: String) throws {
        let digests = try workspace.digests(first)
        #expect(try !digests.isEmpty && digests == workspace.digests(second), "\(first), \(second)")
        let (one, two) = (try workspace.steps("runs/\(first)"), try workspace.steps("runs/\(second)"))
        for (step, metrics) in one {
            for name in ["loss", "grad_norm", "num_tokens", "learning_rate"] {
                #expect(metrics[name] != nil && metrics[name] == two[step]?[name], "\(second), step \(step): \(name)")
            }
        }
        let weights = try workspace.finalWeights("runs/\(first)")
        #expect(try weights == workspace.finalWeights("runs/\(second)"), "\(first), \(second)")
    }

    // MARK: Held and streamed

    @Test(arguments: [false, true])
    func `rows in memory and streamed rows train the same bits`(_ isPacked: Bool) throws {
        guard let workspace = try Workspace() else { return }
        let batch: [String: JSON] =
            isPacked
            ? ["sequence.packing": true, "train.global_batch_size": 2, "train.micro_batch_size": 1] : [:]
        // More than two passes over the rows.
        try workspace.writeRecipe(batch.merging(["train.max_steps": 8]) { $1 })
        try built(workspace, "rows.jsonl", "shards", "--shuffle-seed", "7")
        for source in isPacked ? ["shards"] : ["rows.jsonl", "shards"] {
            let held = "\(source.prefix(4))-held"
            let streamed = "\(source.prefix(4))-streamed"
            try workspace.trainPairs(held, ["data.train=\(source)"])
            try workspace.trainPairs(streamed, ["data.train=\(source)", "data.streaming=true"])
            try expectSame(workspace, held, streamed)
        }
        guard !isPacked else { return }
        #expect(try workspace.finalWeights("runs/rows-held") != workspace.finalWeights("runs/shar-held"))
    }

    @Test func `rows that are left out change nothing of that`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(["train.max_steps": 6])
        let lengths = try workspace.inspectedTexts().map { $0.first?["ids"]?.array?.count ?? 0 }.sorted()
        let limit = lengths[lengths.count * 3 / 4]
        #expect(limit < lengths[lengths.count - 1])
        let second = try workspace.write(workspace.rows[30..<60].joined(separator: "\n"), to: "more.jsonl")
        let weighted = "data.train=[{path: rows.jsonl, weight: 1}, {path: \(second), weight: 2}]"
        for (name, more) in [("concat", []), ("weighted", ["data.mix=weighted", weighted])] {
            let changes = ["sequence.max_length=\(limit)", "sequence.on_overflow=drop"] + more
            try workspace.trainPairs(name + "-held", changes)
            try workspace.trainPairs(name + "-streamed", changes + ["data.streaming=true"])
            try expectSame(workspace, name + "-held", name + "-streamed")
        }
    }

    @Test func `a compressed file is read in its order, as the file it was made from`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(["data.shuffle": false, "train.max_steps": 7])
        // Two frames, as zstd writes them when files are compressed one after the other.
        let zip = try HoneProcess(
            shell: "command -v zstd >/dev/null || exit 9; "
                + "(head -10 rows.jsonl | zstd -qc; tail -n +11 rows.jsonl | zstd -qc) > zipped.jsonl.zst",
            in: workspace.folder
        ).result()
        guard zip.status != 9 else { return print("no zstd here: compressed files are not streamed") }
        try workspace.trainPairs("plain")
        try workspace.trainPairs("held", ["data.train=zipped.jsonl.zst"])
        try workspace.trainPairs("streamed", ["data.train=zipped.jsonl.zst", "data.streaming=true"])
        try expectSame(workspace, "held", "streamed")
        #expect(try workspace.finalWeights("runs/plain") == workspace.finalWeights("runs/streamed"))
    }

    @Test func `streamed pairs see the rows of held ones and the same reference`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(
            ["method": "dpo", "adapter": ["type": "lora", "rank": 4], "train.max_steps": 7],
            rows: Array(workspace.pairs().prefix(24)))
        try built(workspace, "rows.jsonl", "shards", "--shuffle-seed", "7")
        for source in ["rows.jsonl", "shards"] {
            let (held, streamed) = ("\(source.prefix(4))-held", "\(source.prefix(4))-streamed")
            try workspace.trainPairs(held, ["data.train=\(source)"])
            try workspace.trainPairs(streamed, ["data.train=\(source)", "data.streaming=true"])
            let digests = try workspace.digests(held)
            #expect(try digests.count == 7 && digests == workspace.digests(streamed))
            let (one, two) = (try workspace.steps("runs/\(held)"), try workspace.steps("runs/\(streamed)"))
            for (step, metrics) in one {
                let (loss, other) = (metrics["loss"]?.double ?? .nan, two[step]?["loss"]?.double ?? .nan)
                #expect(abs(loss - other) <= 1e-6, "\(source), step \(step): \(loss), \(other)")
            }
        }
        // Only what is held is kept: streamed pairs ask the reference when they come.
        #expect(workspace.cacheFiles().count == 2)
    }

    @Test func `a streamed run that is cut in the middle of a pass goes on with the same bits`() throws {
        guard let workspace = try Workspace() else { return }
        // Three steps a pass: after the second in the first pass, after the fourth in the second.
        try workspace.writeRecipe(["data.streaming": true])
        try workspace.expectSameAfterCuts([2, 4], of: 5, "streamed")
    }

    @Test func `a streamed and packed run, and one of weighted shards, go on with the same bits`() throws {
        guard let packed = try Workspace(), let mixed = try Workspace() else { return }
        try packed.writeRecipe([
            "data.streaming": true, "sequence.packing": true, "train.global_batch_size": 2,
            "train.micro_batch_size": 1,
        ])
        try packed.expectSameAfterCuts([2], of: 4, "streamed and packed")
        try mixed.writeRecipe(["data.streaming": true, "data.mix": "weighted", "data.train": Self.shares(3, 1)])
        try mixed.write(mixed.rows[24..<40].joined(separator: "\n"), to: "other.jsonl")
        try built(mixed, "rows.jsonl", "a")
        try built(mixed, "other.jsonl", "b")
        try mixed.expectSameAfterCuts([2], of: 4, "weighted shards")
    }

    // MARK: Mixtures

    private static func shares(_ first: Int, _ second: Int) -> JSON {
        [["path": "a", "weight": .integer(first)], ["path": "b", "weight": .integer(second)]]
    }

    @Test func `weights give every source its share, in the same order each time`() throws {
        guard let workspace = try Workspace() else { return }
        // All rows of a source have the same text, so that tokens count its rows.
        let texts = try workspace.inspected(rowsOf: workspace.rows)
        let first = try #require(texts.min { $0.length < $1.length })
        let second = try #require(texts.max { $0.length < $1.length })
        try #require(first.length < second.length)
        for (name, text, count) in [("a", first.row, 40), ("b", second.row, 6)] {
            let rows = try (0..<count).map { try row(text, ["id": .string("\(name)\($0)")]) }
            try workspace.write(rows.joined(separator: "\n"), to: "\(name).jsonl")
            try built(workspace, "\(name).jsonl", name)
        }
        // 40 rows: 30 of the one, and 10 of the other, which has 6 and begins again.
        for (weights, other) in [((3, 1), 10), ((1, 3), 30)] {
            let name = "\(weights.0)-\(weights.1)"
            try workspace.writeRecipe([
                "data.streaming": true, "data.mix": "weighted", "data.train": Self.shares(weights.0, weights.1),
                "train.max_steps": 5,
            ])
            try workspace.trainPairs(name)
            try workspace.trainPairs(name + "-again")
            let tokens = try #require(try workspace.steps("runs/\(name)")[5]?["num_tokens"]?.int)
            let rest = tokens - 40 * first.length
            let (found, remainder) = rest.quotientAndRemainder(dividingBy: second.length - first.length)
            #expect(remainder == 0 && abs(found - other) <= 1, "\(name): \(found) of 40 rows are of the second")
            try expectSame(workspace, name, name + "-again")
        }
        #expect(try workspace.digests("3-1")[5] != workspace.digests("1-3")[5])
    }

    @Test func `sources of which no row is left are noticed, although they would repeat for ever`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe([
            "data.streaming": true, "data.mix": "weighted", "data.train": [["path": "rows.jsonl", "weight": 1]],
            "sequence": ["max_length": 4, "on_overflow": "drop"],
        ])
        let result = try workspace.hone("train", "recipe.yaml", environment: workspace.contained, timeLimit: 20)
        #expect(result.status == 65 && result.errors.contains("gave no row to train on"), "\(result)")
    }

    // MARK: Damage

    @Test(arguments: [false, true])
    func `a damaged frame ends the run, or is put in quarantine and listed`(_ isStreaming: Bool) throws {
        guard let workspace = try Workspace() else { return }
        // Rows of 20 kB that no compression makes small, so that there are several frames.
        var generator = SplitMix(state: 7)
        let rows = try workspace.rows.prefix(48).map { line in
            let noise = (0..<1600).map { _ in String(generator.next(), radix: 36) }.joined()
            return try row(line, ["meta": ["noise": .string(noise)]])
        }
        try workspace.writeRecipe(["data.train": "set", "data.streaming": .bool(isStreaming)], rows: rows)
        try built(workspace, "rows.jsonl", "set")
        let shard = workspace.url("set/data-00000.jsonl.zst")
        var bytes = try Data(contentsOf: shard)
        // In the first frame, by which the format would be known, and in one of the middle.
        bytes[bytes.count / (isStreaming ? 8 : 2)] ^= 16
        try bytes.write(to: shard)

        let failed = try workspace.hone("train", "recipe.yaml", environment: workspace.contained)
        #expect(failed.status == 65, "\(failed)")
        #expect(failed.errors.contains("data-00000.jsonl.zst") && failed.errors.contains("frame"), "\(failed)")

        let checked = try workspace.hone("check", "recipe.yaml", "--set", "data.on_corrupt=quarantine")
        #expect(checked.status == 65 && checked.errors.contains("of 48 rows are damaged"), "\(checked)")
        let allowed = ["data.on_corrupt=quarantine", "data.max_bad=0.9"].flatMap { ["--set", $0] }
        let fine = try HoneProcess(["check", "recipe.yaml"] + allowed, in: workspace.folder).result()
        #expect(fine.status == 0, "\(fine)")
        #expect(!FileManager.default.fileExists(atPath: workspace.url("runs/run").path))

        let limited = ["data.on_corrupt=quarantine", "data.max_bad=0.01"].flatMap { ["--set", $0] }
        let refused = try HoneProcess(
            ["train", "recipe.yaml", "--set", "output_dir=runs/refused"] + limited, in: workspace.folder,
            environment: workspace.contained
        ).result()
        #expect(refused.status == 65 && refused.errors.contains("of 48 rows are damaged"), "\(refused)")

        try workspace.trainPairs("kept", ["data.on_corrupt=quarantine", "data.max_bad=0.9"])
        #expect(try workspace.steps("runs/kept").count == 4)
        let log = try String(contentsOf: workspace.url("runs/kept/quarantine.jsonl"), encoding: .utf8)
        let entries = try log.split(separator: "\n").map { try JSON(parsing: String($0)) }
        #expect(entries.count == 1, "\(log)")
        let entry = try #require(entries.first)
        #expect(entry["file"]?.string?.hasSuffix("data-00000.jsonl.zst") == true && entry["frame"] != nil, "\(entry)")
        let lost = try #require(entry["ordinals"]?.array).compactMap(\.int)
        #expect(lost.count == 2 && lost[0] < lost[1] && lost[1] < 47 && (lost[0] == 0) == isStreaming, "\(entry)")
        let start = try workspace.event("start", "kept")
        #expect(start["data"]?["damaged"]?.int == lost[1] - lost[0] + 1)
        if !isStreaming { #expect(start["rows"]?.int == 48 - (lost[1] - lost[0] + 1)) }
        let warnings = try workspace.events("runs/kept").filter { $0["type"] == "warning" }
        #expect(warnings.contains { $0["message"]?.string?.contains("rows are damaged and left out") == true })
        // What an earlier run has lost is not held against a new one.
        try workspace.trainPairs("kept", ["data.on_corrupt=quarantine", "data.max_bad=0.9"], ["--overwrite"])
        #expect(try String(contentsOf: workspace.url("runs/kept/quarantine.jsonl"), encoding: .utf8) == log)
    }

    @Test(arguments: [false, true])
    func `a data set built anew from other rows is not gone on with`(_ isStreaming: Bool) throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(
            [
                "data.train": "set", "data.streaming": .bool(isStreaming), "train.max_steps": 3,
                "checkpoint.every_steps": 1,
            ])
        try built(workspace, "rows.jsonl", "set")
        try workspace.trainPairs()
        let weights = try workspace.finalWeights()
        try FileManager.default.removeItem(at: workspace.url("runs/run/checkpoints/step-3"))
        try built(workspace, "rows.jsonl", "set", "--overwrite")
        // The same rows are the same data, however often they are built.
        try workspace.trainPairs("run", [], ["--resume"])
        #expect(try workspace.finalWeights() == weights)
        try workspace.write(workspace.rows[40..<64].joined(separator: "\n"), to: "rows.jsonl")
        try built(workspace, "rows.jsonl", "set", "--overwrite")
        let result = try workspace.hone(
            "train", "recipe.yaml", "--resume", "--set", "output_dir=runs/run", environment: workspace.contained)
        #expect(result.status == 78 && result.errors.contains("data.0: was \"set "), "\(result)")
        #expect(try workspace.finalWeights() == weights)
    }
}

extension Workspace {
    /// Each of some rows with its number of tokens.
    fileprivate func inspected(rowsOf rows: [String]) throws -> [(row: String, length: Int)] {
        try writeRecipe(rows: rows)
        let lengths = try inspectedTexts().map { $0.first?["ids"]?.array?.count ?? 0 }
        return Array(zip(rows, lengths)).map { (row: $0, length: $1) }
    }
}

/// Vigna's SplitMix64, for the same noise every time.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
