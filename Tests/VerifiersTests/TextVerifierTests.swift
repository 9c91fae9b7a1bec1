import Testing
import TextCore
import Verifiers

@Suite struct TextVerifierTests {
    static let strings: [Case] = [
        Case("string_check", "Paris", "Paris", 1, "Paris"),
        Case("string_check", "Paris", "Paris ", 0),
        Case("string_check", ["Paris", "Rome"], "Rome", 1),
        Case("string_check", "caf\u{E9}", "cafe\u{301}", 0),
        Case("string_check", with: ["operation": "ne"], "Paris", "Rome", 1),
        Case("string_check", with: ["operation": "ne"], ["Paris", "Rome"], "Rome", 0),
        Case("string_check", with: ["operation": "ne"], "Paris", " ", 0),
        Case("string_check", with: ["operation": "like"], "card", "my card", 1),
        Case("string_check", with: ["operation": "like"], "card", "my Card", 0),
        Case("string_check", with: ["operation": "ilike"], "CARD", "my card", 1),
        Case("string_check", with: ["operation": "ilike"], "straße", "DIE STRASSE", 1),
        Case("string_check", with: ["operation": "like"], "card", "", 0),
        Case("string_check", with: ["extract": "tag(answer)"], "x", "say <answer> x </answer>", 1),
        Case("exact", with: ["extract": "boxed"], "7", #"thus \boxed{7}."#, 1, "7"),
        Case("exact", with: ["extract": "boxed"], "7", "7", 0),
        Case("exact", with: ["extract": ["find": "tag(a)", "pick": "only"]], "7", "<a>6</a><a>7</a>", 0),
        Case("exact", with: ["normalize": ["casefold"]], "ΟΔΟΣ", "οδος", 1),
        Case("exact", with: ["normalize": ["strip_articles", "collapse_ws", "trim"]], "cat", "the\ncat", 1),
        Case("contains", with: ["extract": "tag(answer)"], "7", "7 <answer>6</answer>", 0),
        Case("contains", "aab", "aaab", 1),
        Case("contains", with: ["words": true], "aa", "aaa aa", 1),
        Case("regex", with: ["pattern": "[0-9]+", "mode": "count", "min_count": 2], .null, "1 and 2", 1, "1"),
        Case("regex", with: ["pattern": "[0-9]+", "mode": "partial"], .null, "a 1", 1, "1"),
        Case("regex", with: ["pattern": "x*"], .null, " ", 0),
        Case("regex", with: ["pattern": "sorry", "min_count": 0, "max_count": 0], .null, "", 0),
        Case("regex", with: ["pattern": "[0-9]+", "extract": "tag(a)", "mode": "full"], .null, "n <a>12</a>", 1, "12"),
    ]

    private static let cities: JSON = ["Paris", "Rome", "Vitamin C", "rome"]
    private static let row: JSON = ["answer": 1, "options": ["Paris", "Rome", "Vitamin C", "Oslo"]]

    static let choices: [Case] = [
        Case("choice", "B", "B", 1, "B"),
        Case("choice", "B", "(b).", 1, "B"),
        Case("choice", "B", "**B**", 1, "B"),
        Case("choice", 1, "The answer is B.", 1, "B"),
        Case("choice", "B", "The answer is A or B", 0),
        Case("choice", "B", "A, B, C, D", 0),
        Case("choice", "D", "A\nB\nC\nD", 0),
        Case("choice", "D", "A.\nB.\nC.\nD.", 0),
        Case("choice", "B", "A is wrong because it is. So the answer is B.", 1, "B"),
        Case("choice", "A", "A is right.", 1, "A"),
        Case("choice", "A", "A dog is an animal", 0),
        Case("choice", "B", "A dog chooses B", 1, "B"),
        Case("choice", "B", "In an A-level course I'd say B", 1, "B"),
        Case("choice", "B", "B, B and again B", 1, "B"),
        Case("choice", "B", "because", 0),
        Case("choice", "B", "E", 0),
        Case("choice", with: ["letters": "ABCDE"], "E", "E", 1, "E"),
        Case("choice", with: ["letters": "ABCDEFGHI"], "B", "I think B", 1, "B"),
        Case("choice", "B", "", 0),
        Case("choice", "B", "<think>B", 0),
        Case("choice", row, "rome.", 1, "B"),
        Case("choice", row, "Vitamin C", 0),
        Case("choice", ["answer": "Vitamin C", "options": ["Paris", "Rome", "Vitamin C"]], "vitamin  C", 1, "C"),
        Case("choice", row, "B) Rome", 1, "B"),
        Case("choice", row, "A) Rome", 0),
        Case("choice", ["answer": "C", "options": ["Paris", "Rome", "Vitamin C"]], "C. Vitamin C", 1, "C"),
        Case("choice", with: ["options": cities], "D", "Rome", 0),
        Case("choice", with: ["options": cities], "Paris", "Paris", 1, "A"),
        Case("choice", with: ["options": cities, "allow_text": false], "A", "Paris", 0),
        Case("choice", with: ["extract": "boxed"], "B", #"A? \boxed{B}"#, 1, "B"),
    ]

    static let formats: [Case] = [
        Case("format_tags", .null, "<think>a</think>b", 1),
        Case("format_tags", .null, " <think>a</think>\nb", 1),
        Case("format_tags", .null, "<think>a</think>", 0),
        Case("format_tags", .null, "<think> </think>b", 0),
        Case("format_tags", .null, "x<think>a</think>b", 0),
        Case("format_tags", .null, "<think>a<think>b</think>c", 0),
        Case("format_tags", .null, "<think>a</think>b</think>c", 0),
        Case("format_tags", .null, "<think>a", 0),
        Case("format_tags", .null, "", 0),
        Case("format_tags", with: ["once": false], .null, "<think>a</think>b</think>c", 1),
        Case("format_tags", with: ["nonempty": false], .null, "<think></think>b", 1),
        Case("format_tags", with: ["tags": ["think", "answer"]], .null, "<think>a</think>\n<answer>b</answer>\n", 1),
        Case("format_tags", with: ["tags": ["think", "answer"]], .null, "<think>a</think> so <answer>b</answer>", 0),
        Case("format_tags", with: ["tags": ["think", "answer"]], .null, "<answer>b</answer><think>a</think>", 0),
        Case("format_tags", with: ["tags": ["think", "answer"]], .null, "<think>a</think><answer>b</answer>c", 0),
        Case(
            "format_tags", with: ["tags": ["think", "answer"], "after": "any"], .null,
            "<think>a</think><answer>b</answer>c", 1),
    ]

    @Test(arguments: strings + choices + formats)
    func judgesAsItsTableSays(row: Case) throws {
        let verifier = try VerifierRegistry.builtin.make(row.verifier, options: row.options).bound(to: row.reference)
        let score = try #require(try verifier.verify(Rollout(row.answer)).score)
        #expect(score.value == row.value, "\(score)")
        #expect(score.passed == (row.value == 1))
        if let extracted = row.extracted { #expect(score.extracted == extracted) }
    }

    private static let sizes: JSON = ["small", "medium", "large", "huge"]

    static let partial: [Case] = [
        Case("label", with: ["labels": sizes, "partial": "ordinal"], "small", "medium", 2.0 / 3, "medium"),
        Case("label", with: ["labels": sizes, "partial": "ordinal"], "small", "huge", 0, "huge"),
        Case("label", with: ["labels": sizes, "partial": "ordinal"], ["small", "large"], "huge", 2.0 / 3),
        Case("label", with: ["labels": sizes, "partial": "ordinal"], "small", "small or huge", 0),
        Case("label", with: ["labels": sizes, "exclusive": false], "huge", "not small, huge", 1, "huge"),
        Case("label", with: ["labels": sizes, "exclusive": false], "small", "small, then huge", 0, "huge"),
        Case("label", with: ["labels": sizes, "aliases": ["XL": "huge"]], "huge", "it is xl.", 1, "huge"),
        Case("label", with: ["labels": sizes, "aliases": ["XL": "huge"]], "XL", "huge, xl", 1, "huge"),
        Case("label", with: ["labels": sizes, "weights": ["huge": 0.25]], "huge", "huge", 0.25, "huge"),
        Case("label", with: ["partial": "hierarchical"], "animal/dog/poodle", "Animal/Dog/boxer", 2.0 / 3),
        Case("label", with: ["partial": "hierarchical"], "animal/dog", "animal/dog/boxer", 2.0 / 3),
        Case("label", with: ["partial": "hierarchical"], "animal/dog", "plant/dog", 0),
        Case("label", with: ["partial": "hierarchical", "separator": "."], "a.b", "a.c", 0.5),
        Case("label", with: ["labels": sizes, "extract": "tag(size)"], "huge", "small <size>huge</size>", 1),
        Case("multilabel_f1", ["red", "blue"], "Red, blue", 1),
        Case("multilabel_f1", ["red", "blue"], "red; red\nred", 2.0 / 3),
        Case("multilabel_f1", ["red", "blue"], #"["blue", "red", "blue"]"#, 1),
        Case("multilabel_f1", "red, blue", "red, green, blue", 0.8),
        Case("multilabel_f1", with: ["mode": "jaccard"], ["red", "blue"], "red, green, blue", 2.0 / 3),
        Case("multilabel_f1", with: ["mode": "exact"], ["red", "blue"], "red, green, blue", 0),
        Case("multilabel_f1", with: ["mode": "exact"], ["red", "blue"], "blue,red", 1),
        Case("multilabel_f1", ["red"], "", 0),
        Case("multilabel_f1", [], "[]", 1),
        Case("multilabel_f1", [], "", 1),
        Case("multilabel_f1", [], "red", 0),
        Case(
            "multilabel_f1", with: ["match": "find", "labels": ["red", "dark red", "blue"]], ["dark red", "blue"],
            "it is dark red and blue", 1),
        Case("multilabel_f1", with: ["labels": ["red", "blue"], "aliases": ["azure": "blue"]], ["blue"], "azure", 1),
        Case("format_tags", with: ["penalty": 0.5], .null, "<think>a</think>b", 0),
        Case("format_tags", with: ["penalty": 0.5], .null, "b", -0.5),
        Case("repetition", with: ["unit": "words", "n": 2], .null, "a b A b", -1.0 / 3),
        Case("repetition", with: ["unit": "words", "n": 2, "max_penalty": 0.5], .null, "a a a a a", -0.375),
        Case("repetition", with: ["unit": "words"], .null, "a a", 0),
        Case("repetition", with: ["unit": "words"], .null, "", 0),
        Case("repetition", with: ["unit": "words", "detect": "suffix"], .null, "1 2 3 4 3 4 3 4", -0.5),
        Case("repetition", with: ["unit": "words", "detect": "suffix"], .null, "5 5 5 5", -0.75),
        Case("repetition", with: ["unit": "words", "detect": "suffix"], .null, "5 6 7", 0),
        Case("length", with: ["form": "target", "target": 4, "unit": "words"], .null, "a b c", 0.75),
        Case("length", with: ["form": "target", "target": 4, "unit": "scalars"], .null, "e\u{301}e\u{301}", 1),
        Case("length", with: ["form": "target", "target": 4, "unit": "words"], .null, "a b c d e f g h i", 0),
        Case(
            "length", with: ["form": "target", "target": 1, "unit": "words", "extract": "answer"], .null,
            "<think>so many</think>one", 1),
    ]

    @Test(arguments: partial)
    func valuesAsItsTableSays(row: Case) throws {
        let verifier = try VerifierRegistry.builtin.make(row.verifier, options: row.options).bound(to: row.reference)
        let score = try #require(try verifier.verify(Rollout(row.answer)).score)
        #expect(abs(score.value - row.value) < 1e-15, "\(score)")
        if let extracted = row.extracted { #expect(score.extracted == extracted) }
    }

    @Test func onlyTheRightLabelPasses() throws {
        let options: JSON = ["labels": Self.sizes, "partial": "ordinal", "weights": ["huge": 0.5]]
        let huge = try VerifierRegistry.builtin.make("label", options: options).bound(to: ["huge", "small"])
        #expect(try huge.verify(Rollout("huge")).score?.passed == true)
        #expect(try huge.verify(Rollout("large")).score?.passed == false)
        let blue = try VerifierRegistry.builtin.make("multilabel_f1").bound(to: ["blue"])
        #expect(try blue.verify(Rollout("blue")).score?.passed == true)
        let both = try #require(try blue.verify(Rollout("blue, red")).score)
        #expect(both.passed == false && both.parts == ["precision": 0.5, "recall": 1])
    }

    @Test func aBlockThatThePromptOpenedIsOpen() throws {
        let format = try VerifierRegistry.builtin.make("format_tags").bound(to: .null)
        #expect(try format.verify(Rollout("a</think>b", reasoningIsOpen: true)).score?.value == 1)
        #expect(try format.verify(Rollout("a</think>b")).score?.value == 0)
        #expect(try format.verify(Rollout("<think>a</think>b", reasoningIsOpen: true)).score?.value == 0)
    }

    @Test func repetitionCountsTheIdsOfTokens() throws {
        let repetition = try VerifierRegistry.builtin.make("repetition").bound(to: .null)
        #expect(try repetition.verify(Rollout("x", tokens: [1, 2, 3, 1, 2, 3])).score?.value == -0.25)
        #expect(try repetition.verify(Rollout("x", tokens: [1, 2])).score?.value == 0)
        let error = #expect(throws: VerifierFailure.self) { try repetition.verify(Rollout("x")) }
        #expect(error?.description == "verifier 'repetition': nobody kept the rollout's tokens; count `unit: words`")
    }

    @Test(
        arguments: [
            ("choice", ["letters": "AbC"]), ("choice", ["letters": "ABA"]),
            ("choice", ["letters": "ABC", "options": ["x", "y"]]), ("choice", ["options": ["x"]]),
            ("label", ["labels": ["a", "b"], "aliases": ["x": "c"]]),
            ("label", ["labels": ["a", "b"], "aliases": ["a": "b"]]),
            ("label", ["partial": "ordinal"]), ("label", ["labels": ["a"], "weights": ["b": 0.5]]),
            ("label", ["labels": ["a"], "weights": ["a": 2]]), ("multilabel_f1", ["match": "find"]),
            ("format_tags", ["tags": []]), ("format_tags", ["tags": ["a", "a"]]), ("format_tags", ["tags": ["a b"]]),
            ("format_tags", ["penalty": 0]), ("regex", ["pattern": "a", "mode": "full", "max_count": 2]),
            ("repetition", ["n": 0]), ("length", [:]), ("length", ["form": "target"]),
            ("length", ["form": "max", "limit": 10]), ("length", ["form": "max", "limit": 10, "buffer": 0]),
            ("length", ["form": "max", "limit": 10, "buffer": 11]), ("length", ["form": "cosine"]),
            ("length", ["form": "cosine", "limit": 9, "wrong_min": 0]),
            ("length", ["form": "target", "target": 5, "extract": "answer"]), ("string_check", ["operation": "gt"]),
        ] as [(String, JSON)])
    func refusesOptionsThatCannotBeMeant(name: String, options: JSON) {
        let error = #expect(throws: VerifierFailure.self) { try VerifierRegistry.builtin.make(name, options: options) }
        #expect(error?.kind == .configuration && error?.verifier == name && error?.option != nil)
    }

    @Test func sayWhatIsWrongWithAReference() throws {
        func message(_ name: String, with options: JSON = [:], _ reference: JSON) throws -> String? {
            let verifier = try VerifierRegistry.builtin.make(name, options: options)
            return #expect(throws: VerifierFailure.self) { try verifier.bound(to: reference) }?.message
        }
        #expect(
            try message("choice", "E")
                == "'\"E\"' is no letter, no place from 0, and no text of exactly one of the 4 options")
        #expect(
            try message("choice", ["answer": 4, "options": ["x", "y"]])
                == "'4' is no letter, no place from 0, and no text of exactly one of the 2 options")
        #expect(try message("choice", ["answer": "A", "options": ["x"]]) == "1 options; 2 to 26 are possible")
        #expect(
            try message("exact", with: ["normalize": ["strip_punct"]], "?!")
                == "nothing is left of the reference '?!' when it is normalised, and an empty answer never passes")
        #expect(
            try message("multilabel_f1", with: ["labels": ["red", "blue"]], ["blu"])
                == "the reference 'blu' is none of the labels. Did you mean 'blue'?")
        #expect(
            try message("string_check", with: ["operation": "like"], " ")
                == "the reference is empty, and every answer contains that")
    }

    @Test func aMegabyteTakesSeconds() throws {
        let cases: [(String, JSON, JSON)] = [
            (
                "exact", ["normalize": ["nfc", "strip_punct", "strip_articles", "collapse_ws", "casefold", "trim"]],
                "zz"
            ),
            ("contains", ["words": true], .string(String(repeating: "a", count: 5_000) + "b")),
            ("string_check", ["operation": "ilike"], "zz"), ("choice", ["options": ["x", "y"]], "x"),
            ("label", ["labels": .array((0..<500).map { .string("a a \($0)") })], "a a 7"),
            ("multilabel_f1", [:], ["zz"]), ("multilabel_f1", ["match": "find", "labels": ["a", "a a"]], ["a"]),
            ("format_tags", ["once": false], .null), ("repetition", ["unit": "words", "n": 32], .null),
            ("repetition", ["unit": "words", "detect": "suffix"], .null),
            ("length", ["form": "max", "limit": 9, "buffer": 3, "unit": "words"], .null),
        ]
        for filler in ["a ", "A\n", "<think>", "B. ", "e\u{301}", "\u{1E9E},"] {
            let answer = Rollout(String(repeating: filler, count: 1_000_000 / filler.utf8.count))
            for (name, options, reference) in cases {
                let bound = try VerifierRegistry.builtin.make(name, options: options).bound(to: reference)
                let seconds = try processorSeconds { _ = try bound.verify(answer) }
                #expect(seconds < 10, "\(name) on \(filler.debugDescription)")
            }
        }
    }

    /// What Python's `casefold` gives for the letters where folding is more than small letters.
    @Test(arguments: [
        ("Straße", "STRASSE"), ("ΟΔΟΣ", "οδος"), ("\u{1E9E}", "ß"), ("ﬁ", "FI"), ("\u{AB70}", "\u{13A0}"), ("ǆ", "ǅ"),
        ("\u{345}", "\u{3B9}"), ("K", "\u{212A}"),
    ])
    func foldsCaseAsUnicodeSays(first: String, second: String) throws {
        let folding = try VerifierRegistry.builtin.make("exact", options: ["normalize": ["casefold"]])
        #expect(try folding.bound(to: .string(first)).verify(Rollout(second)).score?.value == 1)
        #expect(try folding.bound(to: "ı").verify(Rollout("i")).score?.value == 0)
    }
}
