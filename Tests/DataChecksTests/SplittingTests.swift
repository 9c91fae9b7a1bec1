import DataChecks
import Foundation
import OrderedCollections
import ShardIO
import Statistics
import Testing
import TextCore

/// Rows divided, left out, and written as they came.
@Suite struct SplittingTests {
    private func row(_ prompt: String, _ answer: String = "yes", at ordinal: Int) -> CheckedRow {
        CheckedRow(side: .train, source: "rows:\(ordinal + 1)", ordinal: ordinal, prompt: prompt, answer: answer)
    }

    /// A question of random words, unlike any other.
    private func question(_ random: inout CounterRandom) -> String {
        (0..<8).map { _ in String(random.below(1 << 30), radix: 36) }.joined(separator: " ")
    }

    @Test(
        arguments: [
            ("1970-01-01", 0.0), ("2000-02-29", 951_782_400), ("2026-03-31T14:05", 1_774_965_900),
            ("2026-03-31 14:05:09.5+02:00", 1_774_958_709.5), ("2026-03-31T14:05:09Z", 1_774_965_909),
            ("1969-12-31T23:59:59Z", -1), ("1774965900", 1_774_965_900), ("1774965900000", 1_774_965_900),
        ])
    func `dates are read as they are written`(_ text: String, _ seconds: Double) {
        #expect(RowTime(.string(text))?.seconds == seconds)
    }

    @Test(
        arguments: [
            "", "yesterday", "2026-02-29", "2026-13-01", "31.03.2026", "2026-03-31T25:00", "2026-03-31x", "20260331",
        ])
    func `what is no date is none`(_ text: String) { #expect(RowTime(.string(text)) == nil) }

    @Test func `no group, and no two rows that say the same, lie on both sides`() throws {
        var random = CounterRandom(1)
        var rows: [(row: CheckedRow, group: String)] = []
        for number in 0..<2000 {
            // One row in ten says what an earlier row of some other group says.
            let text = number > 20 && number % 10 == 0 ? rows[random.below(number)].row.prompt : question(&random)
            rows.append((row(text, at: number), "user \(random.below(400))"))
        }
        for near in [false, true] {
            var split = try DataSplit(.groups(fraction: 0.2), near: near)
            for (row, group) in rows { try split.add(row, value: .string(group)) }
            let plan = try split.plan()
            func sides<Key: Hashable>(_ key: (CheckedRow, String) -> Key) -> [Set<DataSplit.Side>] {
                Dictionary(grouping: rows, by: { key($0.row, $0.group) }).values.map {
                    Set($0.map { plan.sides[$0.row.ordinal] })
                }
            }
            #expect(sides { $1 }.allSatisfy { $0.count == 1 })
            #expect(sides { row, _ in row.prompt }.allSatisfy { $0.count == 1 })
            let test = plan.sides.count { $0 == .test }
            #expect((300...400).contains(test) && plan.removed.isEmpty, "\(test) of 2000")
            #expect(plan.groups.joined > 100 && plan.groups.train + plan.groups.test == Set(rows.map(\.group)).count)
        }
    }

    @Test func `near rows stay together where that is asked for`() throws {
        var random = CounterRandom(2)
        var rows: [CheckedRow] = []
        for number in 0..<300 {
            let text = question(&random)
            rows.append(row(text, at: 2 * number))
            rows.append(row(text + " too", at: 2 * number + 1))
        }
        func apart(near: Bool) throws -> Int {
            var split = try DataSplit(.groups(fraction: 0.5), near: near)
            for row in rows { try split.add(row, value: .integer(row.ordinal)) }
            let plan = try split.plan()
            return (0..<300).count { plan.sides[2 * $0] != plan.sides[2 * $0 + 1] }
        }
        #expect(try apart(near: true) == 0)
        #expect(try apart(near: false) > 100)
    }

    @Test func `by time the latest are judged by, less those that were said before`() throws {
        var random = CounterRandom(3)
        var split = try DataSplit(.latest(fraction: 0.25), near: false)
        for number in 0..<100 {
            let text = number == 90 ? "the same question" : number == 3 ? "The same question?" : question(&random)
            let day =
                number == 50 ? JSON.string("soon") : .string("2026-01-01T00:\(number < 10 ? "0" : "")\(number % 60)")
            try split.add(row(text, at: number), value: number >= 60 ? .string("2026-02-01T00:\(number - 50)") : day)
        }
        let plan = try split.plan()
        #expect(plan.sides[50] == .removed && plan.sides[90] == .removed)
        #expect(plan.removed.map(\.reason) == [.malformed, .leaked] && plan.removed[1].of == "rows:4")
        #expect(plan.sides.count { $0 == .test } == 23 && plan.sides[99] == .test && plan.sides[74] == .train)
        var at = try DataSplit(.from(try #require(RowTime("2026-02-01"))), near: false)
        for number in 0..<4 { try at.add(row(question(&random), at: number), value: .string("2026-0\(number + 1)-01")) }
        #expect(try at.plan().sides == [.train, .test, .test, .test])
    }

    @Test func `rows that repeat others or give a test away are left out, each with the row it is like`() throws {
        var removal = try RowRemoval(.near)
        removal.addJudged(
            CheckedRow(
                side: .suite("t"), source: "test:1", ordinal: 0, prompt: "Where is the card that I ordered last week?"))
        let texts = [
            "How do I close my account for good?", "how do i close my account for good",
            "How do I close my account for good?",
            "Where is the card that I ordered last week?", "Where is that card that I ordered last week?",
            "How do I close my account for good please?", "What is the fee for a transfer abroad?",
            "Hello there, my name is Ann. Where is the card that I ordered last week? It was sent to the old house, and "
                + "nobody at that address knows anything about it, so please have a look.",
        ]
        for (number, text) in texts.enumerated() { try removal.add(.row(row(text, at: number)), file: 0) }
        try removal.add(.malformed(ordinal: 8, source: "rows:9", message: "broken"), file: 0)
        let rows = try removal.rows()
        #expect(
            rows.map { "\($0.ordinal) \($0.reason.rawValue) \($0.of)" } == [
                "1 normalized rows:1", "2 equal rows:1", "3 leaked test:1", "4 leaked_near test:1", "5 near rows:1",
                "7 leaked_inside test:1", "8 malformed broken",
            ])
        #expect(rows.counts["leaked_near"] == 1 && rows.text.split(separator: "\n").count == 7)
        let line = try JSON(parsing: String(rows.text.split(separator: "\n")[0]))
        #expect(line == ["row": "rows:2", "number": 1, "why": "normalized", "of": "rows:1", "score": 1.0])
    }

    @Test(
        arguments: [
            ("jsonl", "{\"a\": \"1\",  \"b\":2}\n{\"a\":\"x\\n\"}\n"), ("csv", "\"a,b\",c\n\"x\ny\",2\n3,\"4\"\"\"\n"),
            ("tsv", "a\tb\n1\t2\n\"x\ty\"\t3\n"), ("json", "[\n{\"a\": 1},\n{ \"a\": [2] }\n]\n"),
            ("txt", "one\ntwo\n"),
        ])
    func `rows are written to the letter`(_ kind: String, _ text: String) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "rows-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (input, output) = (folder.appending(path: "in.\(kind)"), folder.appending(path: "out.\(kind)"))
        try Data(text.utf8).write(to: input)
        let source = try DataSourceOpener.open(path: input.path)
        var file = try RowFile(path: output.path, like: source)
        for row in 0..<source.frames.rowCount { try file.append(try source.frame(0), row) }
        #expect(try file.finish() == source.frames.rowCount)
        #expect(try String(contentsOf: output, encoding: .utf8) == text)
        #expect(throws: DataError.self) {
            try RowFile(path: folder.path + "/out.\(kind == "csv" ? "json" : "csv")", like: source)
        }
    }
}
