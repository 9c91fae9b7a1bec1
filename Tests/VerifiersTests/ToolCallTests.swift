import Testing
import TextCore
import Verifiers

@Suite struct ToolCallTests {
    private static func hermes(_ calls: String...) -> String {
        calls.map { "<tool_call>\n\($0)\n</tool_call>" }.joined(separator: "\n")
    }

    private static let add = #"{"name": "add", "arguments": {"a": 2, "b": 3}}"#
    private static let search = #"{"name": "search", "arguments": {"query": "x"}}"#
    private static let addCall: JSON = ["name": "add", "arguments": ["a": 2, "b": 3]]
    private static let searchCall: JSON = ["name": "search", "arguments": ["query": "x"]]

    // MARK: Reading

    @Test func readsElements() {
        let reading = ToolCallReading("Let me see. " + Self.hermes(Self.add, Self.search) + " Done.")
        #expect(reading.calls.map(\.name) == ["add", "search"])
        #expect(reading.calls[0].arguments == ["a": 2, "b": 3])
        #expect(reading.content == "Let me see. \n Done." && reading.unreadable == 0)
    }

    @Test(arguments: [
        #"[{"type": "function", "function": {"name": "add", "arguments": "{\"a\": 2, \"b\": 3}"}}]"#,
        #"[{"name": "add", "arguments": {"a": 2, "b": 3}}]"#, #"{"name": "add", "parameters": {"a": 2, "b": 3}}"#,
        #"[TOOL_CALLS] [{"name": "add", "arguments": {"a": 2, "b": 3}}]"#,
    ])
    func readsLists(text: String) {
        let reading = ToolCallReading(text)
        #expect(reading.calls.map(\.name) == ["add"])
        #expect(reading.calls.first?.arguments == ["a": 2, "b": 3])
        #expect(reading.content == "")
    }

    @Test(arguments: [
        "", "plain words", "{}", "[]", #"{"name": "Bob"}"#, #"["add"]"#, #"{"arguments": {}}"#, "[1, {\"a\": 2}]",
        #"{"name": "add", "arguments": {}} and more"#,
    ])
    func otherTextHasNoCalls(text: String) {
        let reading = ToolCallReading(text)
        #expect(reading.calls.isEmpty && reading.unreadable == 0 && reading.content == text)
    }

    @Test(arguments: [
        ("<tool_call>{</tool_call>", "", "{"), ("<tool_call>\(add)", "", add), ("<tool_call></tool_call>", "", ""),
        (#"<tool_call>{"name": "add", "arguments": "{a:"}</tool_call>"#, "add", "{a:"),
        (#"<tool_call>{"name": "add", "arguments": [1]}</tool_call>"#, "add", "[1]"),
        (#"<tool_call>{"arguments": {}}</tool_call>"#, "", #"{"arguments": {}}"#),
        ("[TOOL_CALLS] nothing", "", "nothing"),
        (
            #"<tool_call>{"name": "add", "name": "x", "arguments": {}}</tool_call>"#, "",
            #"{"name": "add", "name": "x", "arguments": {}}"#
        ),
    ])
    func callsThatCannotBeReadAreKept(text: String, name: String, raw: String) {
        let reading = ToolCallReading(text)
        #expect(reading.unreadable == 1 && reading.calls.count == 1)
        #expect(reading.calls.first?.name == name && reading.calls.first?.rawArguments == raw)
    }

    @Test func readingTakesLinearTime() {
        let started = ContinuousClock.now
        for piece in ["<tool_call>", "<tool_call>{}</tool_call>", "</tool_call>", "<", "[TOOL_CALLS]", "[{\"name\":"] {
            let text = String(repeating: piece, count: 1_000_000 / piece.utf8.count)
            #expect(ToolCallReading(text).calls.count <= ToolCallReading.callLimit + 1)
        }
        #expect(ContinuousClock.now - started < .seconds(10))
    }

    // MARK: Judging

    static let judged: [Case] = [
        Case("tool_call", addCall, hermes(add), 1),
        Case("tool_call", [addCall], "<think>add them</think>" + hermes(add), 1),
        Case("tool_call", [addCall], "<think>" + hermes(add), 0),
        Case("tool_call", [addCall], "<think>" + hermes(add) + "</think>5", 0),
        Case("tool_call", [addCall], "[\(add)]", 1),
        Case("tool_call", with: ["syntax": "hermes"], [addCall], "[\(add)]", 0),
        Case("tool_call", [addCall], "2 + 3 is 5", 0),
        Case("tool_call", [addCall], "", 0),
        // Half for the name, half of one half for one of two arguments.
        Case("tool_call", addCall, hermes(#"{"name": "add", "arguments": {"a": 2, "b": 4}}"#), 0.75),
        Case(
            "tool_call", with: ["arguments": "exact"], addCall,
            hermes(#"{"name": "add", "arguments": {"a": 2, "b": 4}}"#), 0),
        Case("tool_call", with: ["arguments": "ignore"], addCall, hermes(#"{"name": "add", "arguments": {}}"#), 1),
        Case(
            "tool_call", with: ["arguments": "exact"], addCall,
            hermes(#"{"name": "add", "arguments": {"b": 3.0, "a": 2}}"#), 1),
        Case("tool_call", addCall, hermes(#"{"name": "add", "arguments": "{\"a\": 2, \"b\": 3}"}"#), 1),
        Case("tool_call", addCall, hermes(#"{"name": "add", "arguments": "{a: 2}"}"#), 0),
        Case("tool_call", addCall, hermes(#"{"name": "sub", "arguments": {"a": 2, "b": 3}}"#), 0),
        Case("tool_call", ["name": "now", "arguments": [:]], hermes(#"{"name": "now", "arguments": {}}"#), 1),
        Case("tool_call", ["name": "now", "arguments": [:]], hermes(#"{"name": "now"}"#), 1),
        // A call too many costs as much as one too few.
        Case("tool_call", [addCall], hermes(add, add), 0.5),
        Case("tool_call", [addCall], hermes(add, "{"), 0.5),
        Case("tool_call", [addCall, addCall], hermes(add), 0.5),
        Case("tool_call", [addCall, searchCall], hermes(search, add), 1),
        Case("tool_call", with: ["order": "seq"], [addCall, searchCall], hermes(search, add), 0.5),
        Case("tool_call", with: ["order": "seq"], [addCall, searchCall], hermes(add, search), 1),
        Case("tool_call", with: ["forbidden": ["rm"]], [addCall], hermes(add, #"{"name": "rm", "arguments": {}}"#), 0),
        Case("tool_call", with: ["required": ["add"]], [addCall, searchCall], hermes(search), 0),
        Case("tool_call", with: ["required": ["search"]], [addCall, searchCall], hermes(search), 0.5),
        // Where nothing is to be called.
        Case("tool_call", [], "Good morning.", 1),
        Case("tool_call", [], " \n", 0),
        Case("tool_call", [], hermes(add), 0),
        Case("tool_call", [], hermes("{"), 0),
        Case(
            "tool_call", with: ["fields": ["a": ["compare": "numeric", "tolerance": 0.5]]], addCall,
            hermes(#"{"name": "add", "arguments": {"a": 2.4, "b": 3}}"#), 1),
        Case("tool_call", with: ["ignore": ["b"]], addCall, hermes(#"{"name": "add", "arguments": {"a": 2}}"#), 1),
    ]

    @Test(arguments: judged)
    func judgesAsItsTableSays(row: Case) throws {
        let verifier = try VerifierRegistry.builtin.make("tool_call", options: row.options).bound(to: row.reference)
        let score = try #require(try verifier.verify(Rollout(row.answer)).score)
        #expect(abs(score.value - row.value) < 1e-12, "\(score)")
        #expect(score.passed == (row.value == 1))
    }

    @Test func callsOfTheRolloutComeFirst() throws {
        let verifier = try VerifierRegistry.builtin.make("tool_call").bound(to: Self.addCall)
        let call = ToolCall(name: "add", rawArguments: #"{"b": 3, "a": 2}"#)
        #expect(try verifier.verify(Rollout("no call here", toolCalls: [call])).score?.value == 1)
        let broken = ToolCall(name: "add", rawArguments: "{")
        let score = try #require(try verifier.verify(Rollout("no call here", toolCalls: [call, broken])).score)
        #expect(score.value == 0.5 && score.parts == ["calls": 2, "unreadable": 1])
        #expect(score.note == "1 calls cannot be read")
    }

    @Test(
        arguments: [
            ([:], "zz", "the reference must be a list of calls"),
            ([:], [["arguments": [:]]], "the reference must be a list"),
            ([:], ["name": "a", "arguments": "{"], "the arguments of 'a' are no JSON object: {"),
            (["forbidden": ["add"]], addCall, "a call of 'add' is expected, and that tool is forbidden"),
            (["required": ["x"]], addCall, "tool 'x' is required, and the row expects no call of it"),
        ] as [(JSON, JSON, String)])
    func refusesReferences(options: JSON, reference: JSON, message: String) throws {
        let failure = try #require(throws: VerifierFailure.self) {
            try VerifierRegistry.builtin.make("tool_call", options: options).bound(to: reference)
        }
        #expect(failure.kind == .item && failure.message.hasPrefix(message), "\(failure)")
    }

    @Test(arguments: ["auto", "hermes", "json", "mistral"])
    func probesHold(syntax: String) throws {
        for reference: JSON in [
            Self.addCall, [Self.addCall, Self.searchCall], [["name": "now", "arguments": [:]]], [],
        ] {
            let verifier = try VerifierRegistry.builtin.make(
                "tool_call", options: ["syntax": .string(syntax), "forbidden": ["rm"]]
            ).bound(to: reference)
            for probe in verifier.probes {
                let score = try #require(try verifier.verify(Rollout(probe.answer)).score)
                #expect(score.passed == probe.passes, "\(probe) on \(reference.text())")
            }
        }
    }

    @Test func manyCallsAreBounded() throws {
        let expected = JSON.array((0..<128).map { ["name": "add", "arguments": ["a": .integer($0), "b": 3]] })
        let verifier = try VerifierRegistry.builtin.make("tool_call").bound(to: expected)
        let calls = (0..<5000).map { ToolCall(name: "add", arguments: ["a": .integer($0), "b": .integer($0)]) }
        let started = ContinuousClock.now
        let score = try #require(try verifier.verify(Rollout("", toolCalls: calls)).score)
        #expect(score.value > 0 && score.value < 128.0 / 5000)
        #expect(ContinuousClock.now - started < .seconds(5))
    }
}
