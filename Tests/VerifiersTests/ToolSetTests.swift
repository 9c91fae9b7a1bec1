import Testing
import TextCore
import Verifiers

/// Tools that a model calls, and what it is told.
@Suite struct ToolSetTests {
    private static let add = ClosureTool(
        "add", summary: "Adds two numbers.",
        parameters: [
            "type": "object", "properties": ["a": ["type": "integer"], "b": ["type": "integer"]],
            "required": ["a", "b"], "additionalProperties": false,
        ]
    ) { arguments throws(VerifierFailure) in
        guard let a = arguments["a"]?.int, let b = arguments["b"]?.int else {
            throw VerifierFailure(.infrastructure, "arguments that do not meet the schema arrived")
        }
        return ToolResult("\(a + b)", endsRollout: a == 99, reward: b == 1 ? 0.5 : nil)
    }

    private static let broken = ClosureTool("broken", summary: "Fails.", parameters: ["type": "object"]) {
        _ throws(VerifierFailure) in throw VerifierFailure(.infrastructure, "the disk is full")
    }

    private func turn(_ text: String) -> Turn {
        Turn(index: 0, messages: [], text: text, toolCalls: ToolCallReading(text).calls)
    }

    private func call(_ name: String, _ arguments: String) -> String {
        "<tool_call>{\"name\": \"\(name)\", \"arguments\": \(arguments)}</tool_call>"
    }

    private func contents(_ step: EnvironmentStep) -> [String] { step.messages.compactMap { $0["content"]?.string } }

    @Test func theCalculatorAnswersAndSaysWhatIsWrong() throws {
        let registry = EnvironmentRegistry.builtin
        guard let tools = try registry.make("calculator", options: .init(callLimit: 3)) as? ToolSet else {
            Issue.record("calculator is no set of tools")
            return
        }
        var random = VerifierRandom(seed: 1)
        var (state, _) = try tools.reset(["prompt": "How many?"], random: &random)
        for (expression, answer) in [
            ("(12 + 30) / 7", "6"), ("1 / 4", "0.25"), ("2 ^", "error: "), ("1 / 0", "error: "),
        ].prefix(3) {
            let step = try tools.step(
                &state, after: turn(call("calculator", "{\"expression\": \"\(expression)\"}")), random: &random)
            let said = try #require(contents(step).first)
            #expect(answer == "error: " ? said.hasPrefix(answer) : said == answer)
        }
        let fourth = try tools.step(
            &state, after: turn(call("calculator", #"{"expression": "1"}"#)), random: &random)
        #expect(fourth.end == .maxToolCalls)
        let unknown = #expect(throws: VerifierFailure.self) { try registry.make("calculater") }
        #expect(unknown?.message.contains("did you mean 'calculator'?") == true)
    }

    @Test func callsAreCarriedOutInOrderUntilAnAnswerWithoutOne() throws {
        let tools = try ToolSet([Self.add])
        var random = VerifierRandom(seed: 1)
        var (state, messages) = try tools.reset(["prompt": "What is 2 + 3?"], random: &random)
        #expect(messages == [["role": "user", "content": "What is 2 + 3?"]])
        let both = call("add", #"{"a": 2, "b": 3}"#) + call("add", #"{"a": -4, "b": 1}"#)
        let step = try tools.step(&state, after: turn(both), random: &random)
        #expect(contents(step) == ["5", "-3"] && step.end == nil && step.reward == 0.5)
        #expect(step.messages.allSatisfy { $0["role"] == "tool" && $0["name"] == "add" })
        #expect(step.messages.compactMap { $0["tool_call_id"]?.string } == ["call00001", "call00002"])
        #expect(try tools.step(&state, after: turn("It is 5."), random: &random) == EnvironmentStep(end: .stop))
        #expect(state == ToolSet.State(calls: 2))
        let schema = tools.tools.first?["function"]
        #expect(schema?["name"] == "add" && schema?["parameters"]?["required"] == ["a", "b"])
    }

    @Test func mistakesOfTheModelAreToldAndCounted() throws {
        let tools = try ToolSet([Self.add])
        var (state, random) = (ToolSet.State(), VerifierRandom(seed: 1))
        func told(_ text: String) throws -> String {
            let step = try tools.step(&state, after: turn(text), random: &random)
            #expect(step.end == nil && step.log.count == 1)
            return contents(step).joined()
        }
        #expect(try told(call("ad", "{}")) == "error: there is no tool 'ad'; did you mean 'add'?")
        #expect(try told(call("add", #"{"a": 2}"#)).hasPrefix("error: arguments of 'add': "))
        #expect(try told(call("add", #"{"a": 2, "b": "3"}"#)).hasPrefix("error: arguments of 'add': "))
        #expect(try told("<tool_call>{]</tool_call>") == "error: this is no JSON: {]")
        #expect(state == ToolSet.State(calls: 4, badCalls: 4))
    }

    @Test func everyReasonToEndIsReported() throws {
        let tools = try ToolSet([Self.add], callLimit: 2, unreadable: .end)
        var random = VerifierRandom(seed: 1)
        func end(_ text: String, _ state: ToolSet.State = ToolSet.State()) throws -> Rollout.StopReason? {
            var state = state
            return try tools.step(&state, after: turn(text), random: &random).end
        }
        let fine = call("add", #"{"a": 2, "b": 3}"#)
        #expect(try end(fine + fine) == nil)
        #expect(try end(fine + fine + fine) == .maxToolCalls)
        #expect(try end(fine, ToolSet.State(calls: 2)) == .maxToolCalls)
        #expect(try end("<tool_call>{]</tool_call>") == .parseError)
        #expect(try end(call("add", #"{"a": 99, "b": 3}"#)) == .toolStopped)
        #expect(try end("Done.") == .stop)
    }

    @Test func whatFailsOutsideOfTheModelIsNoAnswer() throws {
        let tools = try ToolSet([Self.broken])
        var (state, random) = (ToolSet.State(), VerifierRandom(seed: 1))
        let turn = turn(call("broken", "{}"))
        #expect(throws: VerifierFailure(.infrastructure, "the disk is full")) {
            try tools.step(&state, after: turn, random: &random)
        }
        #expect(throws: VerifierFailure.self) { try tools.reset(["text": "x"], random: &random) }
    }

    @Test func toolsThatCannotBeAreRefused() {
        #expect(throws: VerifierFailure(.configuration, "two tools are called 'add'")) {
            try ToolSet([Self.add, Self.add])
        }
        #expect(throws: VerifierFailure(.configuration, option: "max_tool_calls", "0 is below 1")) {
            try ToolSet([Self.add], callLimit: 0)
        }
        #expect {
            try ToolSet([
                ClosureTool("odd", summary: "", parameters: ["type": "thing"]) { _ in ToolResult("") }
            ])
        } throws: { ("\($0)").contains("the parameters of tool 'odd'") }
    }
}
