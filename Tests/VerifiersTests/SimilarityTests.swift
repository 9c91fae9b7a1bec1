import Foundation
import OrderedCollections
import Testing
import TextCore
import Verifiers

@Suite struct SimilarityTests {
    /// The verifier and options that a value of the fixture is compared with.
    private static let measures: [String: (name: String, options: JSON)] = [
        "bleu lowercase": ("bleu", ["ignore_case": true]),
        "gleu": ("gleu", [:]),
        "rouge_1": ("rouge_n", [:]), "rouge_2": ("rouge_n", ["n": 2]), "rouge_3": ("rouge_n", ["n": 3]),
        "rouge_l": ("rouge_l", [:]),
        "rouge_l precision": ("rouge_l", ["score": "precision"]), "rouge_l recall": ("rouge_l", ["score": "recall"]),
        "chrf": ("chrf", [:]), "chrf++": ("chrf", ["word_order": 2]),
        "edit": ("edit", ["normalize": []]), "fuzzy": ("fuzzy", ["normalize": []]),
        "sequence_matcher": ("sequence_matcher", ["normalize": []]),
        "sequence_matcher without autojunk": ("sequence_matcher", ["normalize": [], "autojunk": false]),
    ]

    private static func measure(_ key: String) -> (name: String, options: JSON)? {
        if let known = measures[key] { return known }
        return key.hasPrefix("bleu ") ? ("bleu", ["variant": .string(String(key.dropFirst(5)))]) : nil
    }

    /// `Fixtures/generate/similarity.py` made the file with sacreBLEU, rouge-score, RapidFuzz, NLTK and difflib.
    @Test func agreesWithTheReferenceImplementations() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/verifiers/similarity.json")
        let fixture = try JSON(parsing: String(contentsOf: file, encoding: .utf8))
        var compared = 0
        var refused: [String] = []
        for row in try #require(fixture["rows"]?.array) {
            let answer = try #require(row["answer"]?.string)
            let references = try #require(row["references"])
            let values = try #require(row["values"]?.object)
            for key in values.keys {
                let measure = try #require(Self.measure(key), "\(key)")
                let expected = try #require(values[key]?.double)
                let verifier = try VerifierRegistry.builtin.make(measure.name, options: measure.options)
                guard let bound = try? verifier.bound(to: references) else {
                    // A reference without an n-gram scores 0 there and is refused here, before it can train anything.
                    #expect(expected == 0 && measure.name.hasPrefix("rouge"), "\(key) of \(answer)")
                    refused.append(key)
                    continue
                }
                let score = try #require(try bound.verify(Rollout(answer)).score)
                #expect(abs(score.value - expected) < 1e-12, "\(key) of \(answer.prefix(60).debugDescription)")
                compared += 1
            }
        }
        #expect(compared > 400)
        #expect(refused.count == 23)
    }

    /// The plain form of the recurrences, a row at a time.
    private func plainCounts(_ first: [Int], _ second: [Int]) -> (edits: Int, shared: Int) {
        var edits = Array(0...second.count)
        var shared = [Int](repeating: 0, count: second.count + 1)
        for (row, left) in first.enumerated() {
            var nextEdits = [row + 1]
            var nextShared = [0]
            for (column, right) in second.enumerated() {
                nextEdits.append(
                    min(edits[column + 1] + 1, nextEdits[column] + 1, edits[column] + (left == right ? 0 : 1)))
                nextShared.append(left == right ? shared[column] + 1 : max(shared[column + 1], nextShared[column]))
            }
            (edits, shared) = (nextEdits, nextShared)
        }
        return (edits[second.count], shared[second.count])
    }

    @Test func bitsInParallelCountAsThePlainRecurrencesDo() throws {
        var random = VerifierRandom(seed: 3)
        let letters = Array("abcde")
        for size in [1, 2, 63, 64, 65, 127, 128, 129, 200, 321] {
            for alphabet in 2...5 {
                let first = (0..<size).map { _ in Int.random(in: 0..<alphabet, using: &random) }
                let second = (0..<Int.random(in: 1...(size + 70), using: &random)).map { _ in
                    Int.random(in: 0..<alphabet, using: &random)
                }
                let plain = plainCounts(first, second)
                let answer = Rollout(String(second.map { letters[$0] }))
                let reference = JSON.string(String(first.map { letters[$0] }))
                func value(_ name: String) throws -> Double? {
                    try VerifierRegistry.builtin.make(name).bound(to: reference).verify(answer).score?.value
                }
                #expect(try value("edit") == 1 - Double(plain.edits) / Double(max(first.count, second.count)))
                #expect(try value("fuzzy") == Double(2 * plain.shared) / Double(first.count + second.count))
            }
        }
    }

    @Test(arguments: ["bleu", "gleu", "rouge_n", "rouge_l", "chrf", "edit", "fuzzy", "sequence_matcher"])
    func saysWhatPassesOnlyWhenItIsTold(name: String) throws {
        let registry = VerifierRegistry.builtin
        let plain = try registry.make(name).bound(to: "the cat sat on the mat")
        #expect(try plain.verify(Rollout("the cat sat on the mat")).score == Score(1))
        #expect(try plain.verify(Rollout(" \n")).score == Score(0, note: "the answer is empty"))
        #expect(try plain.verify(Rollout("<think>the cat")).score?.value == 0)
        let marked = try registry.make(name, options: ["pass_at": 0.5]).bound(to: "the cat sat on the mat")
        #expect(try marked.verify(Rollout("the cat sat on the red mat")).score?.passed == true)
        #expect(try marked.verify(Rollout("dogs")).score?.passed == false)
        #expect(try marked.verify(Rollout("")).score?.passed == false)
        #expect(throws: VerifierFailure.self) { try registry.make(name).bound(to: " ") }
        #expect(throws: VerifierFailure.self) { try registry.make(name, options: ["pass_at": 0]) }
        let long = JSON.string(String(repeating: "a b ", count: 6_000))
        let error = #expect(throws: VerifierFailure.self) { try registry.make(name).bound(to: long) }
        #expect(error?.message == "the reference has 24000 scalars; up to 20000 are compared")
    }

    @Test func aVariantOfBLEUIsNamedInFull() throws {
        for name in ["bleu", "bleu5_13a_exp", "bleu4_13b_exp", "bleu4_13a", "bleu4_13a_exp_x", "bleu4_13a_kneser"] {
            let error = #expect(throws: VerifierFailure.self) {
                try VerifierRegistry.builtin.make("bleu", options: ["variant": .string(name)])
            }
            #expect(error?.option == "variant")
        }
        let unicode = try VerifierRegistry.builtin.make("bleu", options: ["variant": "bleu1_unicode_none"])
        #expect(try unicode.bound(to: "ÉTÉ!").verify(Rollout("été")).score?.value == 1)
    }

    private static let twoLetters = String(repeating: "ab", count: 10_000)
    private static let manyWords = (0..<3_000).map { "w\($0 % 97) " }.joined()

    @Test(
        arguments: [
            ("bleu", [:], "a ", manyWords), ("bleu", ["variant": "bleu4_13a_exp"], "-,1", twoLetters),
            ("bleu", ["variant": "bleu4_intl_exp"], "e\u{301}", manyWords), ("gleu", [:], ". ", manyWords),
            ("rouge_n", ["n": 9], "w1 w2 ", manyWords), ("rouge_l", [:], "w1 w2 ", manyWords),
            ("rouge_l", ["tokenizer": "char"], "ab", twoLetters), ("chrf", [:], "e\u{301}", twoLetters),
            ("edit", [:], "ab", twoLetters), ("fuzzy", [:], "ab", twoLetters),
            ("sequence_matcher", [:], "ab", twoLetters), ("sequence_matcher", ["autojunk": false], "ab", twoLetters),
            ("sequence_matcher", [:], "aab", String(repeating: "aab", count: 66)),
            ("sequence_matcher", [:], "w1 w2 ", manyWords),
        ] as [(String, JSON, String, String)])
    func aMegabyteTakesSeconds(name: String, options: JSON, filler: String, reference: String) throws {
        let answer = Rollout(String(repeating: filler, count: 1_000_000 / filler.utf8.count))
        let bound = try VerifierRegistry.builtin.make(name, options: options).bound(to: .string(reference))
        let seconds = try processorSeconds {
            let value = try #require(try bound.verify(answer).score?.value)
            #expect((0...1).contains(value))
        }
        #expect(seconds < 10)
    }

    @Test func anAnswerBeyondAllMeasureScoresNothing() throws {
        let answer = Rollout(String(repeating: "a", count: 1_000_001))
        let score = try VerifierRegistry.builtin.make("edit").bound(to: "aaa").verify(answer).score
        #expect(score == Score(0, note: "the answer has more than 1000000 scalars"))
    }
}
