import DataChecks
import OrderedCollections
import Statistics
import Testing
import TextCore

/// Which rows are called equal, near, or neither.
@Suite struct SimilarityTests {
    private func row(_ prompt: String, _ answer: String? = nil, line: Int) -> CheckedRow {
        CheckedRow(side: .train, source: "rows.jsonl:\(line)", ordinal: line - 1, prompt: prompt, answer: answer)
    }

    private func findings(
        _ rows: [CheckedRow], only: [String] = ["duplicates"], common: CommonText = CommonText()
    ) throws -> [Finding] {
        var settings = DataCheckSettings()
        settings.commonText = common
        let checks = try DataCheckCatalog.choice(only: only, rows: rows.count, quick: false).checks
        var checker = DataChecker(checks, settings)
        try checker.add(rows)
        return try checker.report().findings
    }

    @Test(
        arguments: [
            ("Is it  DONE?", "is it done", true), ("can't", "cant", true), ("“Why”, then?", "why then", true),
            ("Cafe\u{301}", "CAFÉ", true), ("what’s up", "whats up", true), ("a\n\tb", "A b.", true),
            ("2-1", "2 1", false), ("3.5", "35", false), ("a[i]", "a(i)", false), ("x = y", "x y", false),
            ("naïve", "naive", false), ("你好。", "你好", true),
        ])
    func `texts are equal but for case, white space and punctuation`(_ one: String, _ other: String, _ equal: Bool)
        throws
    {
        let found = try findings([row(one, "yes", line: 1), row(other, "yes", line: 2)])
        #expect(found.contains { $0.check == "duplicates.exact" } == equal, "\(one) | \(other): \(found)")
    }

    @Test func `rows that are equal to the letter are told from those that are nearly so`() throws {
        let found = try findings([
            row("How do I pay?", "By card.", line: 1), row("how do i pay", "By card", line: 2),
            row("How do I pay?", "By card.", line: 3), row("Where do I pay?", "At the desk.", line: 4),
        ])
        let exact = try #require(found.first { $0.check == "duplicates.exact" })
        #expect(exact.count == 2 && exact.figures["equal"] == 1 && exact.figures["normalized"] == 1)
        #expect(exact.rows.map(\.source) == ["rows.jsonl:2", "rows.jsonl:3"])
        #expect(exact.rows.allSatisfy { $0.other == "rows.jsonl:1" })
    }

    @Test func `the same question with another answer is a conflict and no duplicate`() throws {
        var rows: [CheckedRow] = []
        for number in 0..<40 {
            rows.append(row("\(number * 7919 * 104_729) or \(number * 15_485_863)?", "yes", line: number + 1))
        }
        rows.append(row("\(7919 * 104_729)  OR \(15_485_863)", "no", line: 41))
        let found = try findings(rows)
        #expect(!found.contains { $0.check == "duplicates.exact" || $0.check == "duplicates.near" }, "\(found)")
        let conflict = try #require(found.first { $0.check == "duplicates.conflict" })
        #expect(conflict.severity == .warning && conflict.rows.map(\.source) == ["rows.jsonl:41"])
        #expect(conflict.rows.first?.other?.hasPrefix("rows.jsonl:2 ") == true)
    }

    @Test func `near rows are found in long texts, with the similarity that they have`() throws {
        var random = CounterRandom(5)
        func words(_ count: Int) -> [String] { (0..<count).map { _ in String(random.below(1 << 30), radix: 36) } }
        var rows: [CheckedRow] = []
        var near: Set<String> = []
        for number in 0..<100 {
            let text = words(80)
            rows.append(row(text.joined(separator: " "), line: rows.count + 1))
            guard number % 2 == 0 else { continue }
            var other = text
            other[random.below(80)] = "changed"
            near.insert("rows.jsonl:\(rows.count + 1)")
            rows.append(row(other.joined(separator: " "), line: rows.count + 1))
        }
        let found = try #require(try findings(rows).first { $0.check == "duplicates.near" })
        #expect(Set(found.rows.map(\.source)) == near)
        for shown in found.rows { #expect((0.9...1).contains(shown.score ?? 0), "\(shown)") }
    }

    @Test func `what a template puts around every question makes no two questions alike`() throws {
        var random = CounterRandom(9)
        let template =
            "You are given a message of a customer of our bank. Say in one word what it is about, and nothing else. "
            + "Do not greet, do not explain, do not ask back; if it is about several things name the first. Message: "
        let rows = (0..<200).map { number in
            let words = (0..<3).map { _ in String(random.below(1 << 30), radix: 36) }
            return row(template + words.joined(separator: " "), "x", line: number + 1)
        }
        #expect(try findings(rows).contains { $0.check == "duplicates.near" })
        let common = CommonText(samples: [rows.map(\.prompt)])
        #expect(try !findings(rows, common: common).contains { $0.check == "duplicates.near" })
    }

    @Test func `what is found does not depend on how rows come`() throws {
        var random = CounterRandom(3)
        let words = ["card", "bank", "transfer", "money", "late", "why", "when", "my", "the", "lost", "found", "new"]
        let rows = (0..<1500).map { number in
            row((0..<6).map { _ in random.pick(words) }.joined(separator: " "), "a", line: number + 1)
        }
        let checks = try DataCheckCatalog.choice(rows: rows.count, quick: false).checks
        func run(batch: Int) throws -> [Finding] {
            var checker = DataChecker(checks, DataCheckSettings())
            for start in stride(from: 0, to: rows.count, by: batch) {
                try checker.add(Array(rows[start..<min(rows.count, start + batch)]))
            }
            return try checker.report().findings
        }
        let first = try run(batch: 1500)
        #expect(first.contains { $0.check == "duplicates.near" })
        #expect(try run(batch: 7) == first)
    }

    @Test func `groups on both sides are found, and suites without the column are named`() throws {
        var settings = DataCheckSettings()
        settings.groupColumn = "customer"
        let checks = try DataCheckCatalog.choice(only: ["overlap.group"], rows: 4, quick: false).checks
        var checker = DataChecker(checks, settings)
        func row(_ side: CheckedRow.Side, _ group: String?, line: Int) -> CheckedRow {
            CheckedRow(
                side: side, source: "\(side.name):\(line)", ordinal: line - 1, prompt: "question \(line)", group: group)
        }
        try checker.add([
            row(.suite("s"), "anna", line: 1), row(.suite("s"), "bert", line: 2), row(.suite("t"), nil, line: 1),
            row(.train, "bert", line: 1), row(.train, "carl", line: 2), row(.train, "bert", line: 3),
        ])
        let found = try checker.report().findings
        #expect(found.map(\.check) == ["overlap.group", "overlap.group_unknown"])
        #expect(found[0].count == 1 && found[0].figures["train_rows"] == 2)
        #expect(found[0].rows.first?.source == "train:1" && found[0].rows.first?.other == "s:2")
    }

    @Test func `an unknown check is refused with the one that was probably meant`() {
        #expect(throws: DataCheckError.self) {
            try DataCheckCatalog.choice(only: ["dupliactes"], rows: 1, quick: false)
        }
        do { _ = try DataCheckCatalog.choice(only: ["dupliactes"], rows: 1, quick: false) } catch {
            #expect("\(error)".contains("Did you mean 'duplicates'?"))
        }
    }
}
