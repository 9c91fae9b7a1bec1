import Datasets
import Testing
import TextCore

/// What single tasks accept, beside the faults that reward functions of this kind are known for: credit for a list of
/// candidates, for the beginning of an answer, for numbers used twice, for a number that is near.
@Suite struct ProceduralAnswerTests {
    private func isRight(_ task: String, _ state: JSON, _ answer: String) throws -> Bool {
        let task = try #require(TaskRegistry.builtin[task])
        return try #require(task.isRight(answer, state: state) as Bool?)
    }

    private func gold(_ task: String, _ state: JSON) throws -> String? {
        let task = try #require(TaskRegistry.builtin[task])
        return try #require(task.answer(state: state))
    }

    @Test(
        arguments: [
            ("reverse_text", ["text": "abc de"], "ed cba"), ("letter_count", ["letter": "a", "text": "banana"], "3"),
            ("caesar_cipher", ["text": "xyz", "shift": 3], "abc"), ("palindrome", ["letters": "abcba"], "abcba"),
            ("chain_sum", ["terms": [12, -30, 4]], "-14"), ("products", ["factors": [12, 12]], "144"),
            ("gcd", ["numbers": [12, 18]], "6"), ("base_conversion", ["number": 255, "from": 10, "to": 16], "ff"),
            ("base_conversion", ["number": 10, "from": 2, "to": 10], "10"), ("count_bits", ["bits": "10110"], "3"),
            ("binary_alternation", ["bits": "0011"], "1"), ("binary_alternation", ["bits": "0000"], "-1"),
            ("binary_alternation", ["bits": "01010"], "0"),
            ("number_sequence", ["start": 3, "rule": "add", "by": [4], "count": 4], "19"),
            ("number_sequence", ["start": 3, "rule": "multiply", "by": [2], "count": 3], "24"),
            ("number_sequence", ["start": 1, "rule": "alternate", "by": [5, -2], "count": 4], "7"),
            ("leg_counting", ["animals": ["hen": 2, "spider": 1, "snail": 4]], "12"),
            ("sorting", ["numbers": [10, 9, 9, -1], "descending": false], "-1 9 9 10"),
            ("sorting", ["numbers": [10, 9], "descending": true], "10 9"),
            ("word_sorting", ["words": ["ba", "b", "a"]], "a b ba"),
            ("countdown", ["numbers": [3, 5, 7], "target": 1, "operators": "+-"], "3+5-7"),
            (
                "label",
                [
                    "clauses": [
                        ["noun": "box", "word": "good", "not": true], ["noun": "lid", "word": "blue", "not": true],
                    ]
                ],
                "negative"
            ),
            ("label", ["clauses": [["noun": "box", "word": "blue", "not": false]]], "neutral"),
            ("json_emit", ["fields": ["name": "ada", "age": 36]], #"{"name":"ada","age":36}"#),
            ("tool_call", ["tool": "add", "a": 3, "b": 4], #"{"name":"add","arguments":{"a":3,"b":4}}"#),
        ] as [(String, JSON, String)]) func theGoldAnswerIsWhatItShouldBe(task: String, state: JSON, answer: String)
        throws
    {
        #expect(try gold(task, state) == answer)
        #expect(try isRight(task, state, answer))
    }

    @Test func aListOfCandidatesEarnsNothing() throws {
        #expect(try !isRight("letter_count", ["letter": "a", "text": "banana"], "1 2 3 4"))
        #expect(try !isRight("letter_count", ["letter": "a", "text": "banana"], "3 4"))
        let label: JSON = ["clauses": [["noun": "box", "word": "good", "not": false]]]
        #expect(try isRight("label", label, "positive"))
        #expect(try !isRight("label", label, "positive negative neutral mixed"))
        #expect(try !isRight("label", label, "positive, negative"))
        #expect(try !isRight("label", label, "not positive"))
    }

    @Test func whatBeginsOrContainsTheAnswerIsWrong() throws {
        let state: JSON = ["text": "abcd"]
        for wrong in ["dcb", "dcbaa", "dcba dcba", "dcbaabcd", "x dcba", "DCBA", "d c b a"] {
            #expect(try !isRight("reverse_text", state, wrong), "\(wrong)")
        }
        #expect(try isRight("reverse_text", state, "\t dcba\r\n"))
    }

    @Test func aNumberIsWrittenInOneWay() throws {
        for wrong in ["5.0", "05", "+5", "5.", "٥", "5e0", "4.9999999999", "five"] {
            #expect(try !isRight("chain_sum", ["terms": [2, 3]], wrong), "\(wrong)")
        }
        #expect(try !isRight("chain_sum", ["terms": [2, -2]], "-0"))
        #expect(try !isRight("base_conversion", ["number": 255, "from": 10, "to": 16], "FF"))
        #expect(try !isRight("base_conversion", ["number": 5, "from": 10, "to": 2], "0101"))
        #expect(try !isRight("base_conversion", ["number": 5, "from": 10, "to": 2], "0b101"))
    }

    @Test(arguments: ["3+5-7", "5+3-7", "5-7+3", "(3+5)-7", "((3)+(5))-7", "3 + 5 - 7", "5-(7-3)", "3-(7-5)"])
    func anyExpressionThatGivesTheNumberIsRight(answer: String) throws {
        #expect(try isRight("countdown", ["numbers": [3, 5, 7], "target": 1, "operators": "+-"], answer))
    }

    @Test(
        arguments: [
            "7/5", "3/3", "7-5-3+1+1", "5-3-1", "3-5+3", "7-3-3", "3*5-7*2", "1", "3+5-7=1", "-7+3+5",
            "3+5-07",
            "3+5-7.0", "3+5--7", "3+5-(7", "3+5-7)", "3++5-7", "(3+5)7", "35-7", "", "3 5 7", "__import__('os')",
            "3+5-7;1",
            "3+5−7", "3+5-7+0",
        ])
    func aNumberUsedTwiceOrLeftOutIsWrong(answer: String) throws {
        #expect(try !isRight("countdown", ["numbers": [3, 5, 7], "target": 1, "operators": "+-"], answer))
    }

    @Test func countdownIsExactAndHoldsToItsOperators() throws {
        let state: JSON = ["numbers": [7, 2, 3], "target": 9, "operators": "+-*/"]
        // 7/2 is not 3.
        #expect(try !isRight("countdown", ["numbers": [7, 2, 3], "target": 6, "operators": "+-*/"], "7/2+3"))
        #expect(try !isRight("countdown", state, "7/0+2"))
        #expect(try isRight("countdown", ["numbers": [1, 3, 3], "target": 1, "operators": "*/"], "1/3*3"))
        #expect(try isRight("countdown", ["numbers": [8, 3, 8, 3], "target": 24, "operators": "+-*/"], "8/(3-8/3)"))
        #expect(try gold("countdown", ["numbers": [8, 3, 8, 3], "target": 24, "operators": "+-*/"]) != nil)
        #expect(try !isRight("countdown", ["numbers": [2, 3], "target": 6, "operators": "+-"], "2*3"))
        #expect(try gold("countdown", ["numbers": [2, 3], "target": 6, "operators": "+-"]) == .none)
        // The same number twice among the given ones is used twice.
        #expect(try isRight("countdown", ["numbers": [4, 4, 1], "target": 7, "operators": "+-"], "4+4-1"))
        #expect(try !isRight("countdown", ["numbers": [4, 4, 1], "target": 3, "operators": "+-"], "4-1"))
    }

    @Test func whatIsDeepLongOrLargeIsWrongAndNoMore() throws {
        let state: JSON = ["numbers": [3, 5, 7], "target": 1, "operators": "+-*/"]
        for wrong in [
            String(repeating: "(", count: 100) + "1" + String(repeating: ")", count: 100),
            String(repeating: "9", count: 200), "999999999*999999999*999999999*999999999",
            String(repeating: "1+", count: 100_000) + "1",
        ] {
            #expect(try !isRight("countdown", state, wrong))
        }
        #expect(try !isRight("json_emit", ["fields": ["a": 1]], String(repeating: "[", count: 5000)))
    }

    @Test func aPalindromeUsesTheLettersOnceEach() throws {
        let state: JSON = ["letters": "aabbc"]
        for right in ["abcba", "bacab"] { #expect(try isRight("palindrome", state, right)) }
        for wrong in ["aabbc", "aca", "abba", "abcbaabcba", "ABCBA", "ab c ba"] {
            #expect(try !isRight("palindrome", state, wrong), "\(wrong)")
        }
        #expect(try gold("palindrome", ["letters": "abc"]) == .none)
    }

    @Test func objectsAreComparedByValue() throws {
        let state: JSON = ["fields": ["name": "ada", "age": 36]]
        for right in [#"{"age": 36, "name": "ada"}"#, #"{"name":"ada","age":36.0}"#] {
            #expect(try isRight("json_emit", state, right), "\(right)")
        }
        for wrong in [
            #"{"name":"ada"}"#, #"{"name":"ada","age":"36"}"#, #"{"name":"ada","age":36,"x":1}"#,
            #"{"name":"ada","age":36}{"#, #"{"name":"ada","age":36,"age":36}"#, #"[{"name":"ada","age":36}]"#,
        ] {
            #expect(try !isRight("json_emit", state, wrong), "\(wrong)")
        }
        #expect(try !isRight("json_emit", ["fields": ["x": true]], #"{"x":1}"#))
        let call: JSON = ["tool": "add", "a": 3, "b": 4]
        #expect(try isRight("tool_call", call, #"{"arguments": {"b": 4, "a": 3}, "name": "add"}"#))
        for wrong in [
            #"{"name":"add","arguments":"{\"a\":3,\"b\":4}"}"#, #"{"name":"add","arguments":{"a":4,"b":3}}"#,
            #"{"name":"subtract","arguments":{"a":3,"b":4}}"#, #"add(3, 4)"#, "7",
        ] {
            #expect(try !isRight("tool_call", call, wrong), "\(wrong)")
        }
    }
}
