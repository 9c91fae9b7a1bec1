import Foundation
import TestSupport
import Testing
import TextCore
import Verifiers

/// One judgement: options, reference, answer → expected value, and what was taken for the answer.
struct Case: Sendable, CustomTestStringConvertible {
    var verifier: String
    var options: JSON
    var reference: JSON
    var answer: String
    var value: Double
    var extracted: String?

    init(
        _ verifier: String, with options: JSON = [:], _ reference: JSON, _ answer: String, _ value: Double,
        _ extracted: String? = nil
    ) {
        self.verifier = verifier
        self.options = options
        self.reference = reference
        self.answer = answer
        self.value = value
        self.extracted = extracted
    }

    var testDescription: String {
        "\(verifier) \(options.text()): \(answer.debugDescription) against \(reference.text())"
    }
}

@Suite struct BuiltinVerifierTests {
    static let exact: [Case] = [
        Case("exact", "Paris", "Paris", 1, "Paris"),
        Case("exact", "Paris", "  Paris\n", 1, "Paris"),
        Case("exact", "Paris", "paris", 0),
        Case("exact", with: ["normalize": ["trim", "casefold"]], "Paris", " PARIS", 1),
        Case("exact", with: ["ignore_case": true], "Paris", " PARIS", 1),
        Case("exact", with: ["normalize": []], "Paris", "Paris ", 0),
        Case("exact", with: ["normalize": ["collapse_ws", "trim"]], "a b", " a \t\n b ", 1),
        Case(
            "exact", with: ["normalize": ["strip_punct", "casefold", "strip_articles", "trim"]], "the cat", "A cat!", 1),
        Case("exact", ["Paris", "Lutetia"], "Lutetia", 1),
        Case("exact", 42, "42", 1),
        Case("exact", true, "true", 1),
        // An empty answer is right only where nothing is asked for.
        Case("exact", "x", "", 0),
        Case("exact", "", " ", 1),
        // Composed and decomposed letters are other scalars, unless asked for.
        Case("exact", "caf\u{E9}", "cafe\u{301}", 0),
        Case("exact", with: ["normalize": ["nfc"]], "caf\u{E9}", "cafe\u{301}", 1),
        Case("exact", "a\nb", "a\r\nb", 0),
        Case("exact", "42", "<think>it is 41?</think>42", 1),
        Case("exact", "42", "<think>it is 42", 0),
    ]

    static let contains: [Case] = [
        Case("contains", "card", "my card is lost", 1, "card"),
        Case("contains", "card", "my Card is lost", 0),
        Case("contains", with: ["normalize": ["casefold"]], "card", "my CARD", 1),
        Case("contains", with: ["ignore_case": true], "Card", "my cARD", 1),
        Case("contains", with: ["words": true], "card", "discard it", 0),
        Case("contains", with: ["words": true], "card", "(card)", 1),
        Case("contains", with: ["words": true], "card", "discard the card", 1),
        Case("contains", ["a", "b"], "only b", 1, "b"),
        Case("contains", with: ["mode": "all"], ["x1", "x2"], "x1 alone", 0),
        Case("contains", with: ["mode": "all"], ["x1", "x2"], "x2 and x1", 1),
        Case("contains", "x", "", 0),
    ]

    private static let cards: JSON = ["card_arrival", "card_lost", "card lost abroad", "top up"]

    static let label: [Case] = [
        Case("label", "card_arrival", "Card_Arrival ", 1, "Card_Arrival"),
        Case("label", with: ["ignore_case": false], "card_arrival", "Card_Arrival ", 0),
        Case(
            "label", with: ["ignore_case": false, "labels": cards], "card_lost", "Card_arrival, card_lost", 1,
            "card_lost"),
        Case("label", "card_arrival", "The label is card_arrival.", 0),
        Case("label", with: ["labels": cards], "card_arrival", "The label is CARD_arrival.", 1, "card_arrival"),
        Case("label", with: ["labels": cards], "card_lost", "card_lost or card_arrival", 0),
        Case("label", with: ["labels": cards], "card_lost", "card_lost, yes: card_lost", 1, "card_lost"),
        // The longest label at a place counts, and only where a word begins and ends.
        Case("label", with: ["labels": cards], "card lost abroad", "card  lost\nabroad", 1, "card lost abroad"),
        Case("label", with: ["labels": cards], "card_lost", "xcard_lost", 0),
        Case("label", with: ["labels": cards, "match": "whole"], "top up", "Top  Up", 1, "top up"),
        Case("label", with: ["labels": cards, "match": "whole"], "top up", "top up!", 0),
        Case("label", with: ["field": "intent"], "refund", #"{"intent":"refund","urgency":"high"}"#, 1, "refund"),
        Case("label", with: ["field": "$.a.intent"], "refund", #" {"a":{"intent":"Refund"}} "#, 1, "Refund"),
        Case("label", with: ["field": "intent"], "refund", #"{"intent":"refund""#, 0),
        Case("label", with: ["field": "intent"], "refund", #"{"intent":["refund"]}"#, 0),
        Case("label", with: ["field": "intent"], "refund", #"{"urgency":"refund"}"#, 0),
        Case("label", with: ["field": "intent", "labels": cards], "top up", #"{"intent":"top up or so"}"#, 0),
        Case(
            "label", with: ["field": "intent"], #"{"intent":"refund","urgency":"low"}"#, #"{"intent":"refund"}"#, 1,
            "refund"),
        Case("label", ["a", "b"], "b", 1, "b"),
        Case("label", "a", "", 0),
    ]

    static let numeric: [Case] = [
        Case("numeric", 18, "She makes 9 * 2 = $<<9*2=18>>18 every day.\n#### 18", 1, "18"),
        Case("numeric", "16 - 3 = 13\n#### 18", "A: 18", 1, "18"),
        Case("numeric", "70,000", "so $70,000.", 1, "$70,000"),
        Case("numeric", 70000, "#### 70,000 dollars", 1),
        Case("numeric", 5, "3 apples and 5", 1),
        Case("numeric", 5, "1,2,3,4,5", 1, "5"),
        Case("numeric", 1000, "1,000", 1, "1,000"),
        Case("numeric", 12000, "12,00", 0),
        Case("numeric", -3, "it is -3", 1, "-3"),
        Case("numeric", -3, "it is \u{2212}3", 1),
        Case("numeric", 3, "5-3", 1, "3"),
        Case("numeric", 0.5, "about .5", 1, ".5"),
        Case("numeric", 0.75, "3/4", 1, "3/4"),
        Case("numeric", 2024, "on 1/2/2024", 1, "2024"),
        Case("numeric", 1500, "1.5e3", 1, "1.5e3"),
        Case("numeric", 50, "50%", 1, "50%"),
        Case("numeric", 0.5, "50%", 0),
        Case("numeric", with: ["percent": "fraction"], 0.5, "50 %", 1),
        Case("numeric", with: ["percent": "refuse"], 50, "50%", 0),
        Case("numeric", 3.14, "3.15", 0),
        Case("numeric", with: ["tolerance": 0.02], 3.14, "3.15", 1),
        Case("numeric", with: ["relative_tolerance": 0.01], 100, "100.9", 1),
        Case("numeric", with: ["relative_tolerance": 0.01], 100, "101.1", 0),
        Case("numeric", 0.3, "0.30000000000000004", 1),
        Case("numeric", 7, #"first \boxed{3}, then \boxed{7}, see page 9"#, 1, "7"),
        Case("numeric", 0.5, #"\boxed{\frac{1}{2}}"#, 1, #"\frac{1}{2}"#),
        Case("numeric", -1.5, #"\boxed{-\dfrac{3}{2}}"#, 1),
        Case("numeric", 1234, #"\boxed{1{,}234}"#, 1),
        Case("numeric", with: ["extract": "boxed"], 7, "7", 0),
        Case("numeric", with: ["extract": "hash4"], 7, "7", 0),
        Case("numeric", with: ["extract": "hash4"], 7, "#### 9\n#### $7.00 in all", 1, "$7.00"),
        Case("numeric", with: ["extract": "whole"], 7, " 7. ", 1),
        Case("numeric", with: ["extract": "whole"], 7, "7 apples", 0),
        Case("numeric", with: ["extract": "last_number"], 9, #"\boxed{3} on page 9"#, 1),
        Case("numeric", 8, "0x1p3", 0),
        Case("numeric", 1, "inf", 0),
        Case("numeric", 1, "nan", 0),
        Case("numeric", 1, "1e999", 0),
        Case("numeric", 3, "3/0", 0),
        Case("numeric", 2, "B2", 0),
        Case("numeric", 1.2, "version 1.2.3", 1, "1.2"),
        Case("numeric", 1, "", 0),
    ]

    static let regex: [Case] = [
        Case("regex", with: ["pattern": "[0-9]{4}"], .null, "in 1999 or 2004", 1, "1999"),
        Case("regex", with: ["pattern": "^yes"], .null, "oh yes", 0),
        Case("regex", with: ["pattern": "^yes", "ignore_case": true], .null, "Yes!", 1, "Yes"),
        Case("regex", with: ["pattern": "a|b", "min_count": 2, "max_count": 3], .null, "a b", 1),
        Case("regex", with: ["pattern": "a|b", "min_count": 2, "max_count": 3], .null, "abab", 0),
        Case("regex", with: ["pattern": "sorry", "min_count": 0, "max_count": 0], .null, "fine", 1),
        Case("regex", with: ["pattern": "a|ab", "mode": "full"], .null, " ab\n", 1, "ab"),
        Case("regex", with: ["pattern": "a|ab", "mode": "full"], .null, "abc", 0),
        Case("regex", with: ["pattern": "answer: (.+)", "mode": "capture"], "ü 7", "the answer: ü 7 ", 1, "ü 7 "),
        Case("regex", with: ["pattern": "(x)|y", "mode": "capture"], "y", "y", 0),
        Case("regex", with: ["pattern": "[a-z]+", "mode": "capture", "ignore_case": true], ["b", "a"], "A1", 1, "A"),
        Case("regex", with: ["pattern": "z"], .null, "", 0),
    ]

    static let jsonValid: [Case] = [
        Case("json_valid", .null, #" {"a": 1} "#, 1, #"{"a":1}"#),
        Case("json_valid", .null, #"{"a": 1} done"#, 0),
        Case("json_valid", .null, #"{"a": 1, "a": 2}"#, 0),
        Case("json_valid", .null, "```json\n{}\n```", 0),
        Case("json_valid", with: ["allow_fence": true], .null, "```json\n{}\n```\n", 1, "{}"),
        Case("json_valid", with: ["max_depth": 1], .null, "[[1]]", 0),
        Case("json_valid", .null, "", 0),
    ]

    @Test(arguments: exact + contains + label + numeric + regex + jsonValid)
    func judgesAsItsTableSays(row: Case) throws {
        let verifier = try VerifierRegistry.builtin.make(row.verifier, options: row.options).bound(to: row.reference)
        let score = try #require(try verifier.verify(Rollout(row.answer)).score)
        #expect(score.value == row.value, "\(score)")
        #expect(score.passed == (row.value == 1))
        if let extracted = row.extracted { #expect(score.extracted == extracted) }
    }

    /// Options and references of verifiers that need some.
    private static let hostile: [String: (options: JSON, reference: JSON)] = [
        "choice": ([:], "B"), "numeric": ([:], 1), "regex": (["pattern": "(a*)*(1,|x)*$zz"], "zz"),
        "json_schema": (["schema": ["type": "object", "required": ["a"]]], .null),
        "json_f1": (["list_mode": "assignment"], ["a": [1, 2, 3]]),
        "tool_call": ([:], ["name": "search", "arguments": ["query": "zz"]]),
        "composite": (["of": [["verifier": "json_valid"], ["verifier": "exact"]]], "zz"),
    ]

    @Test func hostileAnswersTakeLinearTime() throws {
        let registry = VerifierRegistry.builtin
        for filler in ["1,", "\\boxed{", "<think>", "####", "1/", "[", "a ", "-", "\u{301}"] {
            let answer = Rollout(String(repeating: filler, count: 100_000 / filler.utf8.count))
            // These do not read the answer themselves: they ask others, or know what was said before. Two measure its shape.
            let others = [
                "command", "recorded", "length", "repetition", "judge_score", "judge_label", "pairwise_judge", "http",
            ]
            for name in registry.names where !others.contains(name) {
                let (options, reference) = Self.hostile[name] ?? ([:], "zz")
                let verifier = try registry.make(name, options: options).bound(to: reference)
                let started = ContinuousClock.now
                let score = try verifier.verify(answer).score
                #expect(name == "numeric" || score?.value == 0)
                #expect(ContinuousClock.now - started < .seconds(5), "\(name) on \(filler)")
            }
        }
    }
}
