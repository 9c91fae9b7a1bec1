public import Statistics
public import TextCore

/// The call of a calculator's function: `{"name":"add","arguments":{"a":3,"b":4}}`.
public struct ToolUse: ProceduralTask {
    public struct State: TaskState {
        let tool: String
        let first: Int
        let second: Int

        init(tool: String, first: Int, second: Int) {
            self.tool = tool
            self.first = first
            self.second = second
        }

        public init?(json: JSON) {
            guard let tool = json["tool"]?.string, ToolUse.words[tool] != nil,
                let first = json["a"]?.wholeNumber(in: -1_000_000_000...1_000_000_000),
                let second = json["b"]?.wholeNumber(in: -1_000_000_000...1_000_000_000)
            else { return nil }
            self.init(tool: tool, first: first, second: second)
        }

        public var json: JSON { ["tool": .string(tool), "a": .integer(first), "b": .integer(second)] }

        /// The call that is asked for.
        var call: JSON { ["name": .string(tool), "arguments": ["a": .integer(first), "b": .integer(second)]] }
    }

    public static let name = "tool_call"
    public static let summary = "call add(a, b), or another function of a calculator, as JSON"
    public static let chance = "about 0"
    public static let levels: [TaskLevel] = [
        ["tools": 1, "most": 9], ["tools": 1, "most": 99], ["tools": 2, "most": 99], ["tools": 3, "most": 999],
    ]
    private static let tools = ["add", "multiply", "subtract"]
    private static let words = ["add": "plus", "multiply": "times", "subtract": "minus"]

    public init() {}

    public func state(at level: TaskLevel, random: inout CounterRandom) -> State {
        State(
            tool: Self.tools[random.below(level["tools"])], first: random.number(in: 0...level["most"]),
            second: random.number(in: 0...level["most"]))
    }

    public func prompt(_ state: State) -> String {
        "call: what is \(state.first) \(Self.words[state.tool] ?? state.tool) \(state.second)?\n"
    }

    public func answer(_ state: State) -> String? { state.call.text() }

    /// The same call, whatever the order of its members; arguments are an object and not its text.
    public func isRight(_ answer: String, _ state: State) -> Bool {
        (try? JSON(parsing: answer, limits: JSONLimits(depth: 64, bytes: 4096)))?.isSameValue(as: state.call) ?? false
    }
}
