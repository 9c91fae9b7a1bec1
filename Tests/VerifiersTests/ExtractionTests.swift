import Foundation
import Testing
import TextCore
import Verifiers

/// The seconds that this thread computes for; other work on the machine does not count.
func processorSeconds<Failure: Error>(of work: () throws(Failure) -> Void) throws(Failure) -> Double {
    func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    let start = now()
    try work()
    return now() - start
}

/// One extraction: what is asked for, the text, and what is taken.
struct ExtractionCase: Sendable, CustomTestStringConvertible {
    var extract: JSON
    var text: String
    var expected: String?

    init(_ extract: JSON, _ text: String, _ expected: String?) {
        self.extract = extract
        self.text = text
        self.expected = expected
    }

    var testDescription: String { "\(extract.text()) of \(text.debugDescription)" }
}

@Suite struct ExtractionTests {
    static let reasoning: [ExtractionCase] = [
        .init("answer", " 42 ", " 42 "),
        .init("after_think", "<think>41?</think> 42", " 42"),
        .init("answer", "<think>a</think>b<think>c</think>d", "d"),
        .init("answer", "<think>42", nil),
        .init("full", "<think>42", "<think>42"),
        .init("boxed", #"<think>\boxed{1}</think>so 2"#, nil),
        .init("boxed", #"<think>\boxed{1}"#, nil),
    ]

    static let tags: [ExtractionCase] = [
        .init("tag(answer)", "<answer>\n 5 </answer>.", "5"),
        .init("tag(answer)", "<answer>1</answer> <answer>2</answer>", "2"),
        .init(["find": "tag(answer)", "pick": "first"], "<answer>1</answer> <answer>2</answer>", "1"),
        .init(["find": "tag(answer)", "pick": "only"], "<answer>1</answer> <answer>2</answer>", nil),
        .init(["find": "tag(answer)", "pick": "only"], "x<answer>1</answer>y", "1"),
        .init("tag(answer)", "I use <answer>. <answer>7</answer>", "7"),
        .init("tag(answer)", "<answer>1</answer><answer>2", "1"),
        .init("tag(answer)", "</answer>3<answer>", nil),
        .init("tag(answer)", "<Answer>1</Answer>", nil),
        .init("tag(answer)", "<answer></answer>", ""),
        .init("tag(réponse)", "<réponse>é</réponse>", "é"),
    ]

    static let boxes: [ExtractionCase] = [
        .init("boxed", #"\boxed{\frac{1}{2}}"#, #"\frac{1}{2}"#),
        .init("boxed", #"first \boxed{3}, then \boxed{7}, see page 9"#, "7"),
        .init(["find": "boxed", "pick": "first"], #"first \boxed{3}, then \boxed{7}"#, "3"),
        .init(["find": "boxed", "pick": "only"], #"first \boxed{3}, then \boxed{7}"#, nil),
        .init("boxed", #"\boxed{\left\{1, 2\right.}"#, #"\left\{1, 2\right."#),
        .init("boxed", #"\boxed{a\\}"#, #"a\\"#),
        .init("boxed", #"{{ \boxed{\boxed{5}} }"#, "5"),
        // What is never closed is no answer, and neither is what stood before it.
        .init("boxed", #"\boxed{3} or \boxed{4"#, nil),
        .init("boxed", "no box", nil),
        .init("boxed", #"\boxed{x}\"#, "x"),
    ]

    static let marks: [ExtractionCase] = [
        .init("hash4", "#### 9\nno: #### $70,000. \nDone", "$70,000."),
        .init(["find": "hash4", "pick": "first"], "#### 9\n#### 10", "9"),
        .init(["find": "hash4", "pick": "only"], "#### 9\n#### 10", nil),
        .init("hash4", "#### 9" + String(repeating: "é", count: 294), "9" + String(repeating: "é", count: 294)),
        .init("hash4", "#### 9" + String(repeating: "é", count: 295), nil),
        .init("hash4", "9", nil),
        .init("last_number", "3 of 1,200 apples.", "1,200"),
        .init("last_number", "none", nil),
    ]

    static let patterns: [ExtractionCase] = [
        .init("regex([0-9]+)", "1 and 22", "22"),
        .init(["find": "regex([0-9]+)", "pick": "first"], "1 and 22", "1"),
        .init(["find": "regex([0-9]+)", "pick": "only"], "1 and 22", nil),
        .init("regex(answer is (\\w+))", "the answer is B, no, the answer is Ç.", "Ç"),
        .init("regex((x)|y)", "xy", nil),
        .init("regex(\\bb)", "ab b", "b"),
    ]

    static let json: [ExtractionCase] = [
        .init("json", " [1] ", "[1]"),
        .init("json", "42", "42"),
        .init("json", "```json\n\"x\"\n```", "\"x\""),
        .init("json", "Here:\n```json\n{\"a\": {\"b\": [1]}}\n```\nDone {ok}.", "{\"a\": {\"b\": [1]}}"),
        .init("json", "use {x} or [y]: {\"a\": \"}\"}", "{\"a\": \"}\"}"),
        .init("json", "{\"a\":1} {\"b\":2}", "{\"b\":2}"),
        .init(["find": "json", "pick": "only"], "{\"a\":1} {\"b\":2}", nil),
        .init(["find": "json", "pick": "first"], "{\"a\":1} {\"b\":2}", "{\"a\":1}"),
        // The parts of a value that breaks off are not the answer.
        .init("json", "{\"items\": [{\"a\":1}, {\"a\":2}", nil),
        .init("json", "nothing", nil),
    ]

    @Test(arguments: reasoning + tags + boxes + marks + patterns + json)
    func takesWhatItsTableSays(row: ExtractionCase) throws {
        let extraction = try #require(Extraction(json: row.extract))
        #expect(extraction.text(in: Rollout(row.text)) == row.expected)
    }

    @Test(
        arguments: [
            "box", "tag()", "tag(a b)", "tag(a", "regex((a)", "regex()", ["find": "answer", "pick": "only"],
            ["find": "last_number", "pick": "first"], ["find": "boxed", "pick": "second"],
            ["find": "boxed", "which": "last"],
            ["pick": "last"], 3, .null,
        ] as [JSON])
    func refusesWhatItDoesNotKnow(json: JSON) {
        #expect(Extraction(json: json) == nil)
    }

    @Test func saysWhatItIsAndWhatIsMissing() throws {
        let only = try #require(Extraction("tag(answer)", pick: .only))
        #expect(only.description == "tag(answer) (only)")
        #expect(only.absence(in: Rollout("5")) == "there is not exactly one tag(answer) in the answer")
        #expect(Extraction.boxed.absence(in: Rollout("5")) == "there is no boxed in the answer")
        #expect(Extraction.boxed.absence(in: Rollout("<think>5")) == "the reasoning never ended")
        #expect(Extraction("after_think") == .answer)
    }

    @Test func aMegabyteTakesSeconds() throws {
        let names = ["answer", "full", "tag(answer)", "boxed", "hash4", "last_number", "regex((a*)*(<|x)*$zz)", "json"]
        for filler in ["<answer>", "</answer>", "\\boxed{", "{", "}", "[", "[\"", "{\"a\":", "[1,", "####", "1,", "a"] {
            let rollout = Rollout(String(repeating: filler, count: 1_000_000 / filler.utf8.count))
            for name in names {
                let extraction = try #require(Extraction(name))
                let seconds = processorSeconds { _ = extraction.text(in: rollout) }
                #expect(seconds < 5, "\(name) on \(filler)")
            }
        }
    }
}
