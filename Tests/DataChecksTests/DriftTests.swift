import DataChecks
import Foundation
import Reports
import Statistics
import TestSupport
import Testing
import TextCore

@Suite struct DriftTests {
    private func sample(_ set: Banking77, _ rows: some Sequence<Int>, _ name: String = "rows") -> DriftSample {
        var sample = DriftSample()
        for row in rows {
            sample.add(.init(source: "\(name):\(row)", text: set.texts[row], label: set.names[set.labels[row]]))
        }
        return sample
    }

    @Test func halvesOfOneSetSeldomRaiseAnAlarm() throws {
        guard let set = try Banking77() else { return }
        let draws = 200
        var alarms = 0
        var certain = 0
        var stale = 0
        let start = ContinuousClock.now
        for draw in 0..<draws {
            var random = CounterRandom(UInt64(draw), 0xD21F)
            let rows = random.permutation(set.texts.count).prefix(500)
            let halves = (sample(set, rows.prefix(250)), sample(set, rows.suffix(250)))
            let report = try Drift.report(
                train: halves.0, production: halves.1, suite: draw % 10 == 0 ? halves.0 : nil, seed: UInt64(draw))
            if report.hasDrifted { alarms += 1 }
            if report.tests.contains(where: { $0.isCertain(level: 0.05) }) { certain += 1 }
            if report.coverage?.isRotten == true { stale += 1 }
        }
        print(
            "drift between halves of one set: \(alarms) alarms in \(draws) draws, \(certain) with a corrected p-value below 0.05, "
                + "suite stale in \(stale) of \(draws / 10); \(ContinuousClock.now - start)")
        // The level is 1 %, so 2 are expected; 10 would be 5 %.
        #expect(alarms <= 6)
        #expect(stale == 0)
    }

    @Test func classesThatAreNewAreFound() throws {
        guard let set = try Banking77() else { return }
        var random = CounterRandom(1, 0xD21F)
        let rows = random.permutation(set.texts.count)
        // What is asked in production had 20 of 77 classes missing before.
        let before = rows.prefix(5000).filter { set.labels[$0] >= 20 }
        let now = Array(rows.suffix(1500))
        let start = ContinuousClock.now
        let report = try Drift.report(
            train: sample(set, before, "train"), production: sample(set, now, "production"),
            suite: sample(set, before.prefix(1000), "suite"))
        print("new classes: \(report.summary); \(ContinuousClock.now - start)")
        for test in report.tests { print("  \(test.subject) \(test.effect) p \(test.adjusted): \(test.sentence)") }
        for row in report.moved.prefix(5) { print("  \(row.source) \(row.excerpt) \(row.score ?? 0)") }
        for cluster in report.coverage?.clusters ?? [] { print("  \(cluster.count): \(cluster.example.excerpt)") }
        #expect(report.advice == .retrain)
        for subject in [DriftTest.Subject.classes, .classifier, .vocabulary] {
            #expect(report.tests.first { $0.subject == subject }?.isDrift(level: Drift.level) == true, "\(subject)")
        }
        // The rows that moved most are of the classes that were missing.
        let numbers = report.moved.compactMap { $0.source.split(separator: ":").last.flatMap { Int($0) } }
        #expect(numbers.count == 20)
        #expect(numbers.count { set.labels[$0] < 20 } >= 18)
        let coverage = try #require(report.coverage)
        print("  uncovered \(coverage.uncovered) \(coverage.interval), threshold \(coverage.threshold)")
        #expect(coverage.uncovered > 0.15)
        #expect(report.json["tests"]?.array?.count == 4)
        #expect(report.blocks.count > 8)
    }

    @Test func otherTextsAreFoundWithoutClasses() throws {
        guard let set = try Banking77(),
            let sums = try sharedRows(
                "data/gsm8k/test.jsonl",
                { CheckedRow(side: .train, source: "gsm8k:\($0.line)", ordinal: 0, prompt: $0.text("question")) })
        else { return }
        var random = CounterRandom(2, 0xD21F)
        let rows = random.permutation(set.texts.count)
        var production = DriftSample()
        for row in rows.suffix(400) { production.add(.init(source: "p:\(row)", text: set.texts[row])) }
        for row in sums.prefix(100) { production.add(.init(source: row.source, text: row.prompt)) }
        let report = try Drift.report(
            train: sample(set, rows.prefix(2000)), production: production, suite: sample(set, rows[2000..<2800]))
        print("a fifth of other texts: \(report.summary)")
        #expect(report.advice == .retrain)
        #expect(report.tests.allSatisfy { $0.subject == .classes || $0.isDrift(level: Drift.level) })
        #expect(report.moved.count { $0.source.hasPrefix("gsm8k") } >= 18)
        #expect(report.telling.contains { $0.isMore && $0.word == "how" } || !report.newWords.isEmpty)
    }

    @Test func aChangeOfClassSharesAloneIsSaid() throws {
        guard let set = try Banking77() else { return }
        // The same texts for either label, so that only the labels' shares differ.
        var train = DriftSample()
        var production = DriftSample()
        for row in 0..<1500 {
            train.add(.init(source: "t:\(row)", text: set.texts[row * 6], label: row % 2 == 0 ? "a" : "b"))
            production.add(.init(source: "p:\(row)", text: set.texts[row * 6 + 3], label: row % 5 == 0 ? "a" : "b"))
        }
        let report = try Drift.report(train: train, production: production)
        #expect(report.tests.filter { $0.isDrift(level: Drift.level) }.map(\.subject) == [.classes])
        #expect(report.reasons.why.contains { $0.hasPrefix("The texts look as before") })
        #expect(report.classes.first?.train == 0.5)
        #expect(report.classes.first?.production == 0.2 || report.classes.first?.production == 0.8)
    }

    @Test func aSuiteOfOtherTopicsIsFoundStale() throws {
        guard let set = try Banking77() else { return }
        var random = CounterRandom(3, 0xD21F)
        let rows = random.permutation(set.texts.count)
        let (train, production) = (rows.prefix(3000), rows.suffix(1500))
        let suite = rows[3000..<6000].filter { set.labels[$0] < 8 }
        let report = try Drift.report(
            train: sample(set, train), production: sample(set, production), suite: sample(set, suite))
        print("suite of 8 of 77 classes: \(report.summary), \(report.coverage?.uncovered ?? -1) uncovered")
        #expect(report.advice == .refreshSuite)
        #expect(report.coverage?.isRotten == true)
    }

    @Test func theSameRowsGiveTheSameReport() throws {
        guard let set = try Banking77() else { return }
        let report = {
            try Drift.report(
                train: sample(set, 0..<900), production: sample(set, 900..<1500), suite: sample(set, 0..<300)
            ).json
        }
        #expect(try report() == report())
    }

    @Test func tooFewRowsAreRefused() throws {
        var few = DriftSample()
        for row in 0..<29 { few.add(.init(source: "r:\(row)", text: "text \(row)")) }
        #expect(throws: DataCheckError.self) { try Drift.report(train: few, production: few) }
    }

    private func file(_ lines: [String]) throws -> String {
        let url = FileManager.default.temporaryDirectory.appending(path: "drift-\(UUID().uuidString).jsonl")
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: url)
        return url.path
    }

    @Test func columnsAreFoundByFormatOrByName() throws {
        let known = try file(
            (0..<40).map { #"{"messages":[{"role":"user","content":"q\#($0)"},{"role":"assistant","content":"a"}]}"# })
        let other = try file((0..<40).map { #"{"request":{"question":"q\#($0)"},"intent":\#($0 % 2)}"# })
        defer { for path in [known, other] { try? FileManager.default.removeItem(atPath: path) } }
        let rows = try DriftFile(path: known).sample.rows
        #expect(rows[7].text == "q7" && rows[7].label == "a")
        let named = try DriftFile(path: other, columns: .init(text: "request.question", label: "intent")).sample.rows
        #expect(named[7].text == "q7" && named[7].label == "1")
        #expect(named[7].source == "\(other):8")
        let error = #expect(throws: DataCheckError.self) { try DriftFile(path: other) }
        #expect(error?.message.contains("--text") == true)
    }

    @Test func rowsThatCannotBeReadAreListedAndManyAreRefused() throws {
        var lines = (0..<100).map { #"{"question":"q\#($0)"}"# }
        lines[41] = #"{"questoin":"q"}"#
        let good = try file(lines)
        for index in 0..<10 { lines[index] = "{" }
        let bad = try file(lines)
        defer { for path in [good, bad] { try? FileManager.default.removeItem(atPath: path) } }
        let read = try DriftFile(path: good, columns: .init(text: "question"))
        #expect(read.sample.offered == 99 && read.malformed == 1)
        #expect(read.malformedRows.map(\.source) == ["\(good):42"])
        #expect(read.malformedRows[0].excerpt == "the row has no column 'question'. Did you mean `--text questoin`?")
        let error = #expect(throws: DataCheckError.self) { try DriftFile(path: bad, columns: .init(text: "question")) }
        #expect(error?.message.contains("11 of 100 rows cannot be read") == true)
    }
}
