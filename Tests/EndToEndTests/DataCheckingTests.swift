import DataChecks
import Foundation
import OrderedCollections
import Testing
import TextCore

/// `hone data check`, `split` and `dedup`, and what `data.dedup` and `data.decontaminate` do to a run, as a user types it.
@Suite struct DataCheckingTests {
    private func story(_ question: String, _ answer: String = "Once upon a time.") -> String {
        let row: JSON = [
            "messages": [
                ["role": "user", "content": .string(question)], ["role": "assistant", "content": .string(answer)],
            ]
        ]
        return row.text()
    }

    /// Rows of which some repeat others or are in the suite.
    private func workspace() throws -> (Workspace, clean: [String], dirty: [String])? {
        guard let workspace = try Workspace() else { return nil }
        let clean = Array(OrderedSet(workspace.rows.prefix(30)))
        var dirty = clean
        dirty.insert(story("Which animal lives in the old lighthouse by the sea?"), at: 5)
        dirty.insert(story("which animal LIVES in the old lighthouse by the sea"), at: 9)
        dirty.insert(clean[2], at: 20)
        dirty.append(story("Which animal lived in the old lighthouse by the sea?"))
        try workspace.write(
            story("Which animal lives in the old lighthouse by the sea?") + "\n"
                + story("What did the blue whale sing about?")
                + "\n", to: "suite.jsonl")
        return (workspace, clean, dirty)
    }

    private let suite: JSON = [["name": "sea", "path": "suite.jsonl", "metric": "loss"]]

    @Test func `a leak is an error with its rows, and decontaminate mends it`() throws {
        guard let (workspace, clean, dirty) = try workspace() else { return }
        try workspace.writeRecipe(["evaluation.suites": suite], rows: dirty)
        let result = try workspace.hone("data", "check", "recipe.yaml", "--html", "a.html", "--markdown", "a.md")
        #expect(result.status == 3, "\(result)")
        #expect(result.output.contains("error: overlap.exact: 1 of 2 rows of sea (50.0 %)"), "\(result)")
        for line in [6, 10] { #expect(result.output.contains("rows.jsonl:\(line) ↔ "), "\(result)") }
        for name in ["a.html", "a.md"] {
            let text = try String(contentsOf: workspace.url(name), encoding: .utf8)
            #expect(text.contains("lighthouse") && text.contains("overlap.exact"), "\(name)")
        }
        let json = try workspace.hone("data", "check", "recipe.yaml", "--json", "--only", "overlap,duplicates").json()
        let report = try DataCheckReport(json: json)
        #expect(report.checks == ["overlap", "duplicates"])
        #expect(report.rowCounts["train"] == dirty.count && report.rowCounts["sea"] == 2)
        let exact = try #require(report.findings.first { $0.check == "duplicates.exact" })
        #expect(
            exact.rows.contains { $0.source.hasSuffix("rows.jsonl:21") && $0.other?.hasSuffix("rows.jsonl:3") == true })
        let mended = try workspace.hone(
            "data", "check", "recipe.yaml", "--json", "--only", "overlap", "--set", "data.decontaminate=[suites]")
        #expect(mended.status == 0, "\(mended)")
        let after = try DataCheckReport(json: mended.json())
        #expect(!after.findings.contains { $0.check.hasPrefix("overlap") && $0.severity > .note }, "\(after.findings)")
        #expect(after.findings.first { $0.check == "rows.left_out" }?.count == 3)
        #expect(after.rowCounts["train"] == clean.count + 1)
        let wrong = try workspace.hone("data", "check", "recipe.yaml", "--only", "overlpa")
        #expect(wrong.status == 64 && wrong.errors.contains("Did you mean 'overlap'?"), "\(wrong)")
        // Too few rows is a warning, and --strict minds it.
        #expect(try workspace.hone("data", "check", "recipe.yaml", "--only", "duplicates").status == 0)
    }

    @Test func `rows that cannot be read are findings, each with its line`() throws {
        guard let (workspace, clean, _) = try workspace() else { return }
        var rows = clean
        rows[4] = "{\"messages\": "
        rows[8] = "{\"messages\": [{\"role\": \"user\"}]}"
        try workspace.writeRecipe(rows: rows)
        let result = try workspace.hone("data", "check", "recipe.yaml", "--json")
        #expect(result.status == 3, "\(result)")
        let finding = try #require(try DataCheckReport(json: result.json()).findings.first)
        #expect(finding.check == "rows.malformed" && finding.count == 2)
        #expect(finding.rows.map { $0.source.split(separator: ":").last } == ["5", "9"])
    }

    @Test func `a run leaves rows out, says so, and is resumed with the same bits`() throws {
        guard let (workspace, clean, dirty) = try workspace() else { return }
        let common: [String: JSON] = [
            "data.shuffle": false, "checkpoint": ["every_steps": 1, "keep_last": 9], "evaluation.suites": suite,
            "evaluation.at_start": false,
        ]
        try workspace.writeRecipe(common, rows: clean)
        try workspace.train("--set", "output_dir=runs/clean")
        let weights = try workspace.finalWeights("runs/clean")
        try workspace.writeRecipe(
            common.merging(["data.dedup": "exact", "data.decontaminate": ["suites"]]) { $1 }, rows: dirty)
        let result = try workspace.hone("train", "recipe.yaml")
        #expect(result.status == 0, "\(result)")
        #expect(result.errors.contains("4 rows left out (1 equal, 2 leaked, 1 leaked near)"), "\(result)")
        #expect(try workspace.finalWeights() == weights)
        let removed = try String(contentsOf: workspace.url("runs/run/removed.jsonl"), encoding: .utf8)
            .split(separator: "\n").map { try JSON(parsing: String($0)) }
        #expect(removed.compactMap { $0["number"]?.int } == [5, 9, 20, dirty.count - 1], "\(removed)")
        let start = try #require(try workspace.events().first { $0["type"] == "start" })
        #expect(start["data"]?["left_out"] == ["equal": 1, "leaked": 2, "leaked_near": 1], "\(start)")
        // Cut after two steps and resumed.
        let manager = FileManager.default
        try manager.removeItem(at: workspace.url("runs/run/final"))
        for step in 3...4 { try manager.removeItem(at: workspace.url("runs/run/checkpoints/step-\(step)")) }
        try workspace.train("--resume")
        #expect(try workspace.finalWeights() == weights)
        // Another suite leaves out other rows, and that is another run.
        try workspace.write(story("What did the blue whale sing about?") + "\n", to: "suite.jsonl")
        let other = try workspace.hone("train", "recipe.yaml", "--resume")
        #expect(other.status == 78 && other.errors.contains("left_out"), "\(other)")
    }

    @Test func `near rows are left out of streamed runs too`() throws {
        guard let (workspace, _, dirty) = try workspace() else { return }
        try workspace.writeRecipe(["data.dedup": "near", "data.streaming": true], rows: dirty)
        try workspace.train()
        let removed = try String(contentsOf: workspace.url("runs/run/removed.jsonl"), encoding: .utf8)
        #expect(removed.contains("\"normalized\"") && removed.contains("\"near\""), "\(removed)")
        let check = try workspace.hone("check", "recipe.yaml")
        #expect(check.status == 0 && check.output.contains("rows left out"), "\(check)")
    }

    @Test func `a split shares no group, and says what it did`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "split-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var text = "prompt,completion,customer_id,created_at\n"
        for number in 0..<200 {
            text += "\"Question, number \(number * 7919 % 1000)?\",answer,c\(number % 40),2026-01-\(10 + number / 10)\n"
        }
        text += "No customer?,answer,,2026-01-01\nbroken\n"
        try Data(text.utf8).write(to: folder.appending(path: "rows.csv"))
        func hone(_ arguments: String...) throws -> HoneResult { try HoneProcess(arguments, in: folder).result() }
        func lines(_ name: String) throws -> [String] {
            try String(contentsOf: folder.appending(path: name), encoding: .utf8).split(separator: "\n").map(
                String.init)
        }
        let result = try hone("data", "split", "rows.csv", "--by", "user", "-o", "parts", "--json")
        #expect(result.status == 0, "\(result)")
        let summary = try result.json()
        let (train, test) = (try lines("parts/train.csv"), try lines("parts/test.csv"))
        #expect(train[0] == "prompt,completion,customer_id,created_at" && test[0] == train[0])
        func customers(_ lines: [String]) -> Set<String> {
            Set(lines.dropFirst().compactMap { $0.split(separator: ",").dropLast().last.map(String.init) })
        }
        #expect(customers(train).isDisjoint(with: customers(test)) && !customers(test).isEmpty)
        #expect(summary["by"] == "customer_id" && summary["rows"] == 202)
        let removed = try lines("parts/removed.jsonl").count
        #expect(train.count - 1 + test.count - 1 + removed == 202 && removed >= 1, "\(summary)")
        #expect(try hone("data", "split", "rows.csv", "--by", "user", "-o", "parts").errors.contains("--overwrite"))
        let time = try hone("data", "split", "rows.csv", "--by", "time", "--at", "2026-01-25", "-o", "time")
        #expect(time.status == 0 && time.output.contains("judged by are rows from 2026-01-25"), "\(time)")
        #expect(
            try lines("time/test.csv").dropFirst().allSatisfy { ($0.split(separator: ",").last ?? "") >= "2026-01-25" })
        let wrong = try hone("data", "split", "rows.csv", "--by", "custmer_id", "-o", "other")
        #expect(wrong.status == 65 && wrong.errors.contains("Did you mean 'customer_id'?"), "\(wrong)")
    }

    @Test func `dedup writes what is left to the letter, and a record of the rest`() throws {
        guard let (workspace, clean, dirty) = try workspace() else { return }
        try workspace.write(dirty.map { $0 + "\n" }.joined(), to: "dirty.jsonl")
        let result = try workspace.hone(
            "data", "dedup", "dirty.jsonl", "-o", "out.jsonl", "--against", "suite.jsonl", "--json")
        #expect(result.status == 0, "\(result)")
        let kept = try String(contentsOf: workspace.url("out.jsonl"), encoding: .utf8)
        #expect(kept == clean.map { $0 + "\n" }.joined())
        let summary = try result.json()
        #expect(summary["rows"]?.int == dirty.count && summary["kept"]?.int == clean.count)
        #expect(summary["removed"] == ["equal": 1, "leaked": 2, "leaked_near": 1], "\(summary)")
        let record = try String(contentsOf: workspace.url("out.jsonl.removed.jsonl"), encoding: .utf8)
        #expect(record.split(separator: "\n").count == 4)
        #expect(try workspace.hone("data", "dedup", "dirty.jsonl", "-o", "out.jsonl").status == 64)
        #expect(try workspace.hone("data", "dedup", "dirty.jsonl", "-o", "dirty.jsonl", "--overwrite").status == 64)
        let csv = try workspace.hone("data", "dedup", "dirty.jsonl", "-o", "out.csv")
        #expect(csv.status == 65 && csv.errors.contains("Name a file that ends in .jsonl"), "\(csv)")
        // Of a recipe the files to train on are read.
        try workspace.writeRecipe(rows: dirty)
        let recipe = try workspace.hone("data", "dedup", "recipe.yaml", "-o", "near.jsonl", "--near")
        #expect(recipe.status == 0 && recipe.output.contains("nearly the same as an earlier row"), "\(recipe)")
    }
}
