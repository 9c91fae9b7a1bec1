import Foundation
import OrderedCollections
import TestSupport
import Testing
import TextCore

/// What tests of runs on pairs, and of streamed runs, have in common.
extension Workspace {
    /// The pairs of the traces, 64 of them.
    func pairs() throws -> [String] {
        guard let url = try SharedFolder.url("goldens/trl/preference.jsonl") else { return [] }
        return try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    /// Where runs of this workspace keep what the reference says.
    var cache: URL { url("cache") }

    /// The environment of a run that keeps to this workspace.
    var contained: [String: String] { ["HONE_CACHE": cache.path] }

    /// The files that the cache holds.
    func cacheFiles() -> [URL] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: cache.path)) ?? []
        return names.sorted().map { cache.appending(path: $0) }
    }

    /// Trains `recipe.yaml` into `runs/NAME` with some keys changed; throws when that fails.
    @discardableResult
    func trainPairs(_ name: String = "run", _ changes: [String] = [], _ flags: [String] = []) throws -> HoneResult {
        let settings = (["output_dir=runs/\(name)"] + changes).flatMap { ["--set", $0] }
        let all = ["train", "recipe.yaml"] + settings + flags
        let result = try HoneProcess(all, in: folder, environment: contained).result()
        guard result.status == 0 else { throw HoneProcessError(message: "\(all.joined(separator: " ")): \(result)") }
        return result
    }

    /// What the rows were after each step, in one number.
    func digests(_ name: String = "run") throws -> [Int: String] {
        var digests: [Int: String] = [:]
        for event in try events("runs/\(name)") where event["type"] == "step" {
            if let step = event["step"]?.int { digests[step] = event["stream_digest"]?.string }
        }
        return digests
    }

    /// The first event of a kind.
    func event(_ type: String, _ name: String = "run") throws -> JSON {
        let events = try events("runs/\(name)")
        return try #require(events.first { $0["type"]?.string == type })
    }

    /// Trains `recipe.yaml` with a checkpoint after each of `steps` steps, and then again from some of them: each time
    /// the steps, the order of the rows and the final weights must be those of the run that was not cut.
    func expectSameAfterCuts(_ cuts: [Int], of steps: Int, _ what: String) throws {
        let changes = ["train.max_steps=\(steps)", "checkpoint.every_steps=1", "checkpoint.keep_last=\(steps + 1)"]
        try trainPairs("run", changes)
        let (weights, metrics, digests) = (try finalWeights(), try timelessSteps(), try digests())
        #expect(metrics.count == steps && digests.count == steps)
        let manager = FileManager.default
        for cut in cuts {
            let copy = url("runs/cut-\(cut)")
            try manager.copyItem(at: url("runs/run"), to: copy)
            try manager.removeItem(at: copy.appending(path: "final"))
            for step in cut + 1...steps {
                try manager.removeItem(at: copy.appending(path: "checkpoints/step-\(step)"))
            }
            try Data().write(to: copy.appending(path: "events.jsonl"))
            try trainPairs("cut-\(cut)", changes, ["--resume"])
            #expect(
                try timelessSteps("runs/cut-\(cut)") == metrics.filter { $0.key > cut }, "\(what), cut after \(cut)")
            #expect(try self.digests("cut-\(cut)") == digests.filter { $0.key > cut }, "\(what), cut after \(cut)")
            #expect(try finalWeights("runs/cut-\(cut)") == weights, "\(what), cut after \(cut)")
        }
    }

    /// The metrics of each step without those of the clock, and of what one process remembers.
    func timelessSteps(_ run: String = "runs/run") throws -> [Int: JSON] {
        try steps(run).mapValues { metrics in
            let kept = (metrics.object ?? [:]).filter { key, _ in
                !key.hasPrefix("seconds/") && !key.contains("latency") && !key.contains("cache_hits")
            }
            return .object(kept)
        }
    }

    /// The texts that `hone inspect` shows of all rows of `recipe.yaml`, for each row.
    func inspectedTexts() throws -> [[JSON]] {
        let result = try hone("inspect", "recipe.yaml", "--rows", "10000", "--json", environment: contained)
        let rows = try #require(try result.json()["rows"]?.array)
        return rows.map { row in row["texts"]?.array ?? [row] }
    }
}

/// A row with some members replaced.
func row(_ line: String, _ changes: OrderedDictionary<String, JSON>) throws -> String {
    var members = try #require(try JSON(parsing: line).object)
    for (key, value) in changes { members[key] = value }
    return JSON.object(members).text()
}
