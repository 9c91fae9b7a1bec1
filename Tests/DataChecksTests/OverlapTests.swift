import DataChecks
import Foundation
import OrderedCollections
import ShardIO
import Statistics
import TestSupport
import Testing
import TextCore

/// Leaked questions of Banking77.
@Suite struct OverlapTests {
    /// Other words of about the same meaning.
    private static let synonyms: [String: String] = [
        "card": "bank card", "my": "the", "get": "obtain", "money": "cash", "need": "have to", "want": "wish",
        "account": "profile", "help": "assist", "still": "yet", "payment": "transaction", "cash": "money",
        "use": "utilise", "new": "fresh", "think": "believe", "please": "kindly", "transfer": "payment",
        "how": "in what way",
        "change": "alter", "when": "at what time", "why": "for what reason", "lost": "missing", "charged": "billed",
        "wrong": "incorrect", "buy": "purchase", "long": "much time", "top": "load",
    ]

    /// One or two words changed for others, left out, added, or in another order.
    private func reworded(_ text: String, _ random: inout CounterRandom) -> String {
        var words = text.split(separator: " ").map(String.init)
        for _ in 0..<1 + random.below(2) {
            let known = words.indices.filter { Self.synonyms[words[$0].lowercased()] != nil }
            let place = random.below(words.count)
            switch random.below(4) {
            case 0 where !known.isEmpty:
                let index = random.pick(known)
                words[index] = Self.synonyms[words[index].lowercased()] ?? words[index]
            case 1 where words.count > 4: words.remove(at: place)
            case 2 where words.count > 2:
                let first = random.below(words.count - 1)
                words.swapAt(first, first + 1)
            default: words.insert(random.pick(["please", "just", "really", "now", "actually"]), at: place)
            }
        }
        return words.joined(separator: " ")
    }

    private func questions(_ name: String, _ side: CheckedRow.Side) throws -> [CheckedRow]? {
        guard let url = try SharedFolder.url("data/banking77/\(name).csv") else { return nil }
        let source = try DataSourceOpener.open(path: url.path)
        let decoder = try RecordDecoder(
            source: source,
            columns: [.init(field: "prompt", column: "text"), .init(field: "completion", column: "category")])
        var rows: [CheckedRow] = []
        try CheckedSource(side, source, decoder).forEachBatch { batch in
            for case .row(let row) in batch { rows.append(row) }
        }
        return rows
    }

    private func report(_ suite: [CheckedRow], _ train: [CheckedRow]) throws -> DataCheckReport {
        let checks = try DataCheckCatalog.choice(only: ["overlap"], rows: train.count, quick: false).checks
        var checker = DataChecker(checks, DataCheckSettings())
        try checker.add(suite)
        try checker.add(train)
        return try checker.report()
    }

    @Test func `leaked questions are found, all exact ones and most of those that were reworded`() throws {
        guard let suite = try questions("test", .suite("banking77")), let train = try questions("train", .train) else {
            return
        }
        let before = try report(suite, train)
        for finding in before.findings { print("Banking77 as it is: \(finding.check): \(finding.message)") }
        var (exact, near) = (0, 0)
        for seed in 0..<2 as Range<UInt64> {
            var random = CounterRandom(77, seed)
            let leaked = random.permutation(suite.count).prefix(40).map { suite[$0] }
            var rows = train
            for (number, question) in leaked.enumerated() {
                rows.append(
                    CheckedRow(
                        side: .train, source: "leak:\(number + 1)", ordinal: rows.count,
                        prompt: number < 20 ? question.prompt : reworded(question.prompt, &random),
                        answer: question.answer))
            }
            let after = try report(suite, rows)
            let sources = { (kinds: [String]) in
                Set(after.findings.filter { kinds.contains($0.check) }.flatMap(\.rows).map(\.source))
            }
            let (isExact, isFound) = (sources(["overlap.exact"]), sources(after.findings.map(\.check)))
            exact += (1...20).count { isExact.contains("leak:\($0)") }
            let reworded = (21...40).count { isFound.contains("leak:\($0)") }
            near += reworded
            print("seed \(seed): \(reworded) of 20 reworded questions found")
            #expect(reworded >= 16, "\(reworded) of 20")
        }
        #expect(exact == 40, "\(exact) of 40 exact ones")
        print("leaked questions found: exact \(exact) of 40, reworded \(near) of 40")
    }

    @Test func `no random pair of questions is accused`() throws {
        guard let suite = try questions("test", .suite("banking77")), let train = try questions("train", .train) else {
            return
        }
        var random = CounterRandom(1000)
        var accused: [String] = []
        for _ in 0..<1000 {
            let found = try report([random.pick(suite)], [random.pick(train)]).findings
            accused += found.flatMap(\.rows).map { "\($0.excerpt) \($0.score ?? 0)" }
        }
        #expect(accused.isEmpty, "\(accused)")
    }

    @Test func `a question inside a longer text is found, a short phrase is not`() throws {
        func row(_ side: CheckedRow.Side, _ text: String) -> CheckedRow {
            CheckedRow(side: side, source: "\(side.name):1", ordinal: 0, prompt: text)
        }
        let filler = "The harvest of that year was poor, and nobody in the valley had grain to spare for strangers. "
        let question = "How many apples are left when Tom eats three of his nine apples?"
        let hit = try report([row(.suite("s"), question)], [row(.train, filler + question + " " + filler)]).findings
        #expect(hit.map(\.check) == ["overlap.contained"] && hit.first?.rows.first?.score == 1)
        let phrase = try report([row(.suite("s"), "How many are left?")], [row(.train, filler + "How many are left?")])
        #expect(phrase.findings.isEmpty, "\(phrase.findings)")
        // Half of a long text is enough.
        let long = (0..<60).map { "word\($0 * 37 % 101)" }
        let part = long[10..<50].joined(separator: " ")
        let half = try report([row(.suite("s"), long.joined(separator: " "))], [row(.train, filler + part)]).findings
        #expect(half.contains { $0.check == "overlap.contained" || $0.check == "overlap.near" }, "\(half)")
    }
}
