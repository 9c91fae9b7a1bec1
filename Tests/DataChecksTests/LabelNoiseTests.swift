import DataChecks
import Foundation
import OrderedCollections
import ShardIO
import Statistics
import TestSupport
import Testing
import TextCore

/// The questions of Banking77 with their intents.
struct Banking77 {
    var texts: [String] = []
    var labels: [Int] = []
    var names: [String] = []

    /// `nil` where the shared folder is absent.
    init?(_ part: String = "train") throws {
        guard let url = try SharedFolder.url("data/banking77/\(part).csv") else { return nil }
        var written: [String] = []
        var rows = try DataSourceOpener.sequential(path: url.path).rows()
        while let row = try rows.next() {
            texts.append(try #require(row.fields["text"]?.string))
            written.append(try #require(row.fields["category"]?.string))
        }
        names = Set(written).sorted()
        let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        labels = written.compactMap { numbers[$0] }
    }

    /// The labels with a share of them changed to any other, and which were.
    func flipped(_ share: Double, seed: UInt64) -> (labels: [Int], flips: Set<Int>) {
        var random = CounterRandom(seed, 0xF11B)
        var labels = labels
        let flips = random.permutation(labels.count).prefix(Int(share * Double(labels.count)))
        for row in flips { labels[row] = (labels[row] + 1 + random.below(names.count - 1)) % names.count }
        return (labels, Set(flips))
    }
}

@Suite struct LabelNoiseTests {
    @Test func aClassifierTrainedInSecondsAnswersNineOfTenTestQuestions() throws {
        guard let train = try Banking77(), let test = try Banking77("test") else { return }
        let start = ContinuousClock.now
        let classifier = TextClassifier(texts: train.texts, labels: train.labels, classCount: train.names.count)
        let took = ContinuousClock.now - start
        let right = zip(classifier.probabilities(of: test.texts), test.labels).count { probabilities, label in
            probabilities.indices.max { probabilities[$0] < probabilities[$1] } == label
        }
        let accuracy = Double(right) / Double(test.labels.count)
        print("Banking77: trained in \(took), \(accuracy) of the test's questions right")
        #expect(accuracy > 0.9)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func suspectsHoldFlippedLabels(seed: UInt64) throws {
        guard let set = try Banking77() else { return }
        let (labels, flips) = set.flipped(0.05, seed: seed)
        let start = ContinuousClock.now
        let noise = try LabelNoise(texts: set.texts, labels: labels, classCount: set.names.count)
        let found = noise.suspects.count { flips.contains($0.row) }
        let (recall, precision) = (
            Double(found) / Double(flips.count), Double(found) / Double(max(1, noise.suspects.count))
        )
        let first = noise.suspects.prefix(flips.count).count { flips.contains($0.row) }
        let repaired = noise.suspects.count { flips.contains($0.row) && $0.suggested == set.labels[$0.row] }
        print(
            "seed \(seed): \(noise.suspects.count) suspects, recall \(recall), precision \(precision), among the first "
                + "\(flips.count) \(first); right suggestion for \(repaired); rate \(noise.rate) \(noise.interval), "
                + "accuracy \(noise.accuracy), \(ContinuousClock.now - start)")
        #expect(recall >= 0.8)
        #expect(precision >= 0.5)
        #expect(Double(first) >= 0.8 * Double(flips.count))
        #expect(noise.interval.lower > 0.04 && noise.interval.upper < 0.09)
        #expect(Double(repaired) > 0.8 * Double(found))
    }

    @Test func trueLabelsRaiseFewSuspects() throws {
        guard let set = try Banking77() else { return }
        let noise = try LabelNoise(texts: set.texts, labels: set.labels, classCount: set.names.count)
        print("as it is: rate \(noise.rate) \(noise.interval), accuracy \(noise.accuracy)")
        for suspect in noise.suspects.prefix(5) {
            let neighbours = suspect.neighboursForSuggested ?? 0
            print(
                "  \(set.names[suspect.given]) -> \(set.names[suspect.suggested]) (\(neighbours) of 10): \(set.texts[suspect.row])"
            )
        }
        #expect(noise.rate < 0.03)
    }

    @Test func theCheckNamesRowsWithBothLabels() throws {
        guard let set = try Banking77() else { return }
        let (labels, flips) = set.flipped(0.05, seed: 4)
        let rows = answered(zip(set.texts, labels).map { ($0, set.names[$1]) })
        let noise = try #require(try findings(rows, only: "labels.noise")["labels.noise"])
        #expect(noise.severity == .warning)
        let first = try #require(noise.rows.first)
        let row = try #require(first.source.split(separator: ":").last.flatMap { Int($0) }) - 1
        #expect(flips.contains(row))
        #expect(first.excerpt.hasPrefix("'\(set.names[labels[row]])': "))
        #expect(first.other?.hasPrefix("'\(set.names[set.labels[row]])' (") == true)
    }

    @Test func ofManyRowsASampleIsLearntAndAllAreJudged() throws {
        guard let set = try Banking77() else { return }
        let (labels, flips) = set.flipped(0.05, seed: 5)
        let noise = try LabelNoise(texts: set.texts, labels: labels, classCount: set.names.count, sampleLimit: 5000)
        let found = noise.suspects.count { flips.contains($0.row) }
        print(
            "half sampled: \(noise.sampled), \(noise.suspects.count) suspects hold \(found) of \(flips.count), rate \(noise.rate)"
        )
        #expect((4500...5500).contains(noise.sampled))
        #expect(Double(found) >= 0.8 * Double(flips.count))
        #expect(found * 2 >= noise.suspects.count)
    }

    @Test func labelsThatWordsDoNotTellAreNotJudged() throws {
        var random = CounterRandom(7)
        let rows = answered(
            (0..<600).map { ("message number \($0) about something", ["a", "b", "c"][random.below(3)]) })
        let noise = try #require(try findings(rows, only: "labels.noise")["labels.noise"])
        #expect(noise.severity == .note)
        #expect(noise.rows.isEmpty)
        #expect(noise.message.hasPrefix("whether labels are right cannot be said from the words"))
    }

    @Test func aSuitesLabelsAreJudgedByWhatTheTrainingRowsTeach() throws {
        guard let train = try Banking77(), let test = try Banking77("test") else { return }
        let (labels, flips) = test.flipped(0.1, seed: 6)
        let suite = zip(test.texts, labels).enumerated().map { number, row in
            CheckedRow(
                side: .suite("test"), source: "test.csv:\(number)", ordinal: number, prompt: row.0,
                answer: test.names[row.1])
        }
        let rows = suite + answered(zip(train.texts, train.labels).map { ($0, train.names[$1]) })
        let found = try findings(rows, only: "labels.noise")
        let judged = try #require(found.first { $0.figures["suite"] == "test" })
        let numbers = judged.rows.compactMap { $0.source.split(separator: ":").last.flatMap { Int($0) } }
        let hits = numbers.count { flips.contains($0) }
        print("\(judged.message), which hold \(hits) of \(flips.count) flips")
        for finding in found where finding.figures["suite"] == nil { print(finding.message) }
        #expect(judged.severity == .warning)
        #expect(Double(hits) >= 0.8 * Double(flips.count))
        #expect(2 * hits >= numbers.count)
    }

    @Test func textsThatWaitInAFileComeBackAsTheyWent() throws {
        let texts = LabelledTexts(memoryLimit: 1000)
        var random = CounterRandom(11)
        var written: [String] = []
        func add(_ count: Int) {
            for number in written.count..<(written.count + count) {
                let text = String(repeating: "ä\(number) ", count: random.below(number == 70 ? 900_000 : 60))
                written.append(text)
                texts.append(text, label: number, source: "file:\(number)")
            }
        }
        for _ in 0..<3 {
            add(100)
            var read = 0
            try texts.forEach { number, entry in
                #expect(number == read && entry.label == number && entry.source == "file:\(number)")
                #expect(entry.text == written[number])
                read += 1
            }
            #expect(read == written.count)
        }
        texts.removeAll()
        try texts.forEach { _, _ in Issue.record("nothing is left") }
    }
}
