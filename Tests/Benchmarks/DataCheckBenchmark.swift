import DataChecks
import Foundation
import OrderedCollections
import ShardIO
import Statistics
import TensorCore
import TextCore

/// Every check of the catalogue over a generated file: how long it takes, and how much memory.
///
/// The rows are questions of about thirty words with one of fifty labels. Of a hundred, two repeat an earlier row, three
/// repeat one with a word changed, and one in a thousand is a question of the suite.
struct DataCheckBenchmark {
    /// Rows to train on.
    let rows: Int

    private static let suiteRows = 1000

    func run() throws -> Measurement {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let (train, suite) = (folder.path + "/train.jsonl", folder.path + "/suite.jsonl")
        try write(train: train, suite: suite)
        let sources = try [(CheckedRow.Side.suite("suite"), suite), (.train, train)].map { side, path in
            let source = try DataSourceOpener.open(path: path)
            return CheckedSource(side, source, try RecordDecoder(source: source), group: "user")
        }
        var settings = DataCheckSettings()
        settings.commonText = CommonText(samples: sources.map { $0.sample(512).map(\.prompt) })
        let checks = try DataCheckCatalog.choice(rows: rows, quick: false).checks
        var result = Measurement()
        let start = ContinuousClock.now
        var checker = DataChecker(checks, settings)
        for source in sources {
            try source.forEachBatch { batch in
                try checker.add(
                    batch.compactMap { outcome in
                        if case .row(let row) = outcome { row } else { nil }
                    })
            }
        }
        let report = try checker.report()
        result["rows"] = .integer(report.rowCounts["train"] ?? 0)
        result["file_mb"] = .integer(
            ((try? FileManager.default.attributesOfItem(atPath: train)[.size] as? NSNumber)?.intValue ?? 0) / 1_000_000)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        result["seconds"] = .target(seconds * 1e6 / Double(rows), atMost: 600)
        result["peak_rss_mb"] = .integer(peakResidentMegabytes())
        result["bytes_a_row"] = .integer(ProcessMemory.peakResidentBytes / max(1, rows))
        for (name, seconds) in report.checkSeconds {
            result["seconds of \(name)"] = .number(seconds.rounded(digits: 3))
        }
        for finding in report.findings { result[finding.check] = .integer(finding.count) }
        return result
    }

    private func write(train: String, suite: String) throws {
        var random = CounterRandom(2026)
        let letters = (Array("bcdfghjklmnprstvwz"), Array("aeiou"))
        let words = (0..<20_000).map { _ in
            (0..<1 + random.below(4)).map { _ in "\(random.pick(letters.0))\(random.pick(letters.1))" }.joined()
                + (random.chance(50) ? String(random.pick(letters.0)) : "")
        }
        func word() -> String {
            // Few words are frequent, most are rare.
            let place = Double(random.below(1 << 30)) / Double(1 << 30)
            return words[Int(pow(Double(words.count - 1), place))]
        }
        func question() -> [String] { (0..<20 + random.below(20)).map { _ in word() } }
        func line(_ question: [String], _ number: Int) -> [UInt8] {
            // A copy has the label of what it copies.
            let label = XXH64.hash(Array(question[0].utf8)) % 50
            let row: JSON = [
                "prompt": .string(question.joined(separator: " ") + "?"), "completion": .string("label \(label)"),
                "user": .integer(number % 9973),
            ]
            return row.utf8() + [0x0A]
        }
        let asked = (0..<Self.suiteRows).map { _ in question() }
        try Data(asked.enumerated().flatMap { line($1, $0) }).write(to: URL(fileURLWithPath: suite))
        guard FileManager.default.createFile(atPath: train, contents: nil),
            let file = FileHandle(forWritingAtPath: train)
        else { throw Subprocess.Failure(description: "\(train) cannot be written") }
        var earlier: [[String]] = []
        var buffer: [UInt8] = []
        for number in 0..<rows {
            var text = question()
            switch random.below(1000) {
            case 0: text = random.pick(asked)
            case 1...20 where !earlier.isEmpty: text = random.pick(earlier)
            case 21...50 where !earlier.isEmpty:
                text = random.pick(earlier)
                text[random.below(text.count)] = word()
            default: break
            }
            if number < 2000 { earlier.append(text) } else { earlier[random.below(2000)] = text }
            buffer += line(text, number)
            if buffer.count > 1 << 20 {
                try file.write(contentsOf: Data(buffer))
                buffer.removeAll(keepingCapacity: true)
            }
        }
        try file.write(contentsOf: Data(buffer))
        try file.close()
    }
}
