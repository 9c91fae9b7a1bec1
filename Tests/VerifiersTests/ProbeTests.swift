import Testing
import TextCore
import Verifiers

@Suite struct ProbeTests {
    private static let only: JSON = ["find": "tag(answer)", "pick": "only"]
    private static let question: JSON = ["answer": "Rome", "options": ["Paris", "Rome", "Oslo"]]

    static let bound: [(name: String, options: JSON, reference: JSON)] = [
        ("exact", [:], "Paris"), ("exact", ["extract": "boxed"], ["1/2", "0.5"]), ("exact", ["extract": only], "Paris"),
        ("exact", [:], ""), ("exact", ["extract": "hash4"], 18), ("exact", ["extract": "full"], "x"),
        ("exact", ["extract": "json"], "{\"a\":1}"),
        ("contains", [:], ["red wine", "beer"]), ("contains", ["mode": "all", "words": true], ["red", "blue"]),
        ("string_check", [:], "Paris"), ("string_check", ["operation": "ne"], "Paris"),
        ("string_check", ["operation": "like"], "Paris"), ("string_check", ["operation": "ilike"], ["Paris", "Rome"]),
        ("choice", [:], "B"), ("choice", [:], question), ("choice", ["extract": only, "letters": "ABCDE"], 4),
        ("label", [:], "refund"), ("label", ["labels": ["refund", "cancel"]], "cancel"),
        ("label", ["labels": ["refund", "cancel"], "field": "a.intent"], ["refund", "cancel"]),
        ("label", ["labels": ["a/b", "a/c"], "partial": "hierarchical", "match": "whole"], "a/c"),
        ("label", ["labels": ["low", "high"], "partial": "ordinal", "weights": ["low": 0.2]], "low"),
        ("multilabel_f1", [:], ["red", "blue"]), ("multilabel_f1", [:], []),
        ("multilabel_f1", ["labels": ["red", "blue", "green"], "match": "find"], ["red"]),
        (
            "multilabel_f1", ["labels": ["red", "blue", "green"], "mode": "jaccard", "extract": only], ["red", "green"]
        ),
        ("regex", ["pattern": "[0-9]+"], .null), ("regex", ["pattern": "[a-z]+", "mode": "capture"], "yes"),
        ("regex", ["pattern": "x*", "min_count": 0], .null),
        ("format_tags", [:], .null), ("format_tags", ["tags": ["think", "answer"]], .null),
        ("format_tags", ["penalty": 0.5, "after": "any"], .null),
        ("repetition", ["unit": "words"], .null), ("repetition", ["unit": "words", "detect": "suffix"], .null),
        ("bleu", [:], "the cat sat on the mat"), ("bleu", ["variant": "bleu4_13a_none"], ["the cat sat on", "a b"]),
        ("gleu", [:], "the cat"), ("rouge_n", ["n": 2], "the cat sat"), ("rouge_l", ["extract": "tag(a)"], "the cat"),
        ("chrf", ["word_order": 2], "the cat"), ("edit", ["extract": only], "the cat"), ("fuzzy", [:], ["a", "bc"]),
        ("sequence_matcher", ["pass_at": 0.9], "the cat"),
        ("json_valid", [:], .null), ("json_valid", ["extract": "tag(a)", "max_depth": 1], .null),
        ("json_valid", ["extract": "json"], .null),
        ("json_schema", ["schema": ["type": "object", "required": ["a"]], "extract": only], .null),
        ("json_f1", ["extract": only], ["a": [1, 2]]), ("json_f1", ["extract": "json"], [["a": 1]]),
        ("json_f1", ["extract": "boxed", "list_mode": "key"], ["a": [["b": []]]]),
    ]

    @Test(arguments: bound.indices) func everyProbeDoesWhatItSays(index: Int) throws {
        let (name, options, reference) = Self.bound[index]
        let verifier = try VerifierRegistry.builtin.make(name, options: options).bound(to: reference)
        for probe in verifier.probes {
            let score = try #require(try verifier.verify(Rollout(probe.answer)).score)
            let passed = score.passed ?? (score.value == verifier.range.upperBound)
            #expect(passed == probe.passes, "\(name) \(options.text()), probe '\(probe.name)': \(probe.answer)")
        }
        if reference != .null {
            #expect(verifier.probes.contains { $0.passes }, "\(name) \(options.text()) has no gold")
        }
        if reference != "" && reference != [] {
            #expect(verifier.probes.contains { !$0.passes }, "\(name) \(options.text()) has no cheat")
        }
    }

    @Test func cheatsAreTriedWhereTheyCouldWork() throws {
        func names(_ name: String, _ options: JSON, _ reference: JSON) throws -> [String] {
            try VerifierRegistry.builtin.make(name, options: options).bound(to: reference).probes.map(\.name)
        }
        #expect(
            try names("exact", ["extract": Self.only], "Paris")
                == ["empty", "white space", "gold", "unfinished reasoning", "gold and more", "repeated answers"])
        #expect(try names("label", ["labels": ["a", "b"]], "b").contains("all labels"))
        #expect(try names("choice", [:], "B").contains("two letters"))
        #expect(try names("multilabel_f1", ["labels": ["a", "b"]], ["b"]).contains("all labels"))
    }

    /// A verifier that can be cheated is told apart: recall alone gives full marks to gold with anything behind it.
    @Test func recallAloneFailsItsOwnProbes() throws {
        let recall = try VerifierRegistry.builtin.make("rouge_n", options: ["score": "recall"]).bound(to: "the cat")
        let cheats = try recall.probes.filter { probe in
            let value = try recall.verify(Rollout(probe.answer)).score?.value
            return !probe.passes && value == recall.range.upperBound
        }
        #expect(cheats.map(\.name) == ["gold and more"])
    }
}
