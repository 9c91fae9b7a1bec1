import DataChecks
import Foundation
import Statistics
import Testing
import TextCore

/// `hone drift`, as a user types it.
@Suite struct DriftCommandTests {
    /// A folder of its own for one test; removed with the value.
    private final class Folder {
        let url = FileManager.default.temporaryDirectory.appending(path: "drift-\(UUID().uuidString)")

        init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

        deinit { try? FileManager.default.removeItem(at: url) }

        func write(_ lines: [String], to name: String) throws {
            try Data(lines.map { $0 + "\n" }.joined().utf8).write(to: url.appending(path: name))
        }

        func text(_ name: String) throws -> String {
            try String(contentsOf: url.appending(path: name), encoding: .utf8)
        }

        func hone(_ arguments: String...) throws -> HoneResult { try HoneProcess(arguments, in: url).result() }
    }

    private static let topics: [(name: String, words: [String])] = [
        ("card", ["card", "arrive", "lost", "new", "order", "blocked", "pin"]),
        ("transfer", ["transfer", "money", "send", "pending", "account", "abroad", "fee"]),
        ("loan", ["loan", "rate", "house", "years", "interest", "lend", "mortgage"]),
    ]

    /// Questions about some of the topics.
    private func questions(_ count: Int, topics: [Int], seed: UInt64) -> [(text: String, topic: String)] {
        var random = CounterRandom(seed, 0xD5)
        let openings = ["where is", "how about", "please help with", "why is there", "tell me of", "what of"]
        return (0..<count).map { _ in
            let topic = Self.topics[random.pick(topics)]
            let words = (0..<(4 + random.below(5))).map { _ in random.pick(topic.words) }
            return ("\(random.pick(openings)) my \(words.joined(separator: " "))?", topic.name)
        }
    }

    private func training(_ rows: [(text: String, topic: String)]) -> [String] {
        rows.map { row -> String in
            let line: JSON = [
                "messages": [
                    ["role": "user", "content": .string(row.text)],
                    ["role": "assistant", "content": .string(row.topic)],
                ]
            ]
            return line.text()
        }
    }

    private func log(_ rows: [(text: String, topic: String)]) -> [String] {
        rows.map { row -> String in
            let line: JSON = ["time": 1, "request": ["q": .string(row.text)], "answered": .string(row.topic)]
            return line.text()
        }
    }

    @Test func `a new topic in production ends in advice to retrain and status 3`() throws {
        let folder = try Folder()
        try folder.write(training(questions(600, topics: [0, 1], seed: 1)), to: "train.jsonl")
        try folder.write(training(questions(200, topics: [0, 1], seed: 2)), to: "test.jsonl")
        try folder.write(log(questions(400, topics: [0, 1, 2], seed: 3)) + ["{\"request\":{}}"], to: "log.jsonl")
        let columns = ["--production-text", "request.q", "--production-label", "answered"]
        let result = try HoneProcess(
            [
                "drift", "train.jsonl", "log.jsonl", "--suite", "test.jsonl", "--json", "--html", "drift.html",
                "--markdown", "drift.md",
            ] + columns, in: folder.url
        ).result()
        #expect(result.status == 3, "\(result)")
        let report = try result.json()
        #expect(report["advice"] == "retrain")
        #expect(report["malformed"]?["production"] == 1)
        #expect(report["rows"]?["production"] == 400)
        let drifted = report["tests"]?.array?.filter { $0["drift"] == true }.compactMap { $0["subject"]?.string }
        #expect(drifted == ["vocabulary", "classifier", "classes"])
        #expect(report["new_words"]?["mortgage"] != nil)
        #expect(report["classes"]?.array?.first?["name"] == "loan")
        #expect(report["suite"]?["uncovered"]?.double ?? 0 > 0.2)
        #expect(
            result.errors.contains("log.jsonl: 1 row cannot be read and are not compared")
                || result.errors.contains("log.jsonl:401"))
        #expect(try folder.text("drift.md").contains("## Tests"))
        #expect(
            try folder.text("drift.html").hasPrefix("<!doctype html>")
                || folder.text("drift.html").hasPrefix("<!DOCTYPE html>"))
    }

    @Test func `more of the same is no drift`() throws {
        let folder = try Folder()
        try folder.write(training(questions(600, topics: [0, 1, 2], seed: 4)), to: "train.jsonl")
        try folder.write(log(questions(400, topics: [0, 1, 2], seed: 5)), to: "log.jsonl")
        let result = try folder.hone(
            "drift", "train.jsonl", "log.jsonl", "--production-text", "request.q", "--production-label", "answered")
        #expect(result.status == 0, "\(result)")
        #expect(result.output.hasPrefix("no sign of drift: keep the model\n"))
    }

    @Test func `a column that is not there is named with the one that was meant`() throws {
        let folder = try Folder()
        try folder.write(training(questions(60, topics: [0], seed: 6)), to: "train.jsonl")
        try folder.write(log(questions(60, topics: [0], seed: 7)), to: "log.jsonl")
        let unclear = try folder.hone("drift", "train.jsonl", "log.jsonl")
        #expect(unclear.status == 65, "\(unclear)")
        #expect(unclear.errors.contains("--text"))
        let misspelt = try folder.hone("drift", "train.jsonl", "log.jsonl", "--production-text", "answred")
        #expect(misspelt.status == 65)
        #expect(misspelt.errors.contains("Did you mean `--text answered`?"))
        let missing = try folder.hone("drift", "train.jsonl", "none.jsonl")
        #expect(missing.status == 66)
    }
}
