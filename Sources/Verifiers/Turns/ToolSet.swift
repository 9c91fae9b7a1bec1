import OrderedCollections
public import TextCore

/// Tools to call until the model answers without a call.
///
/// A turn without a call ends the rollout. A call of a tool that does not exist, or with arguments that do not meet the
/// tool's schema, is answered with what is wrong, and counts.
public struct ToolSet: Environment {
    /// What becomes of a call that cannot be read.
    public enum Unreadable: String, Sendable, Hashable, CaseIterable {
        /// The model is told, and goes on.
        case tell
        /// The rollout is over, with the reason `parse_error`.
        case end
    }

    /// What is known of one rollout.
    public struct State: Sendable, Hashable {
        /// Calls so far, those that failed included.
        public var calls = 0
        /// Calls that could not be read, were of no tool, or had arguments that do not meet the schema.
        public var badCalls = 0

        public init(calls: Int = 0, badCalls: Int = 0) {
            self.calls = calls
            self.badCalls = badCalls
        }
    }

    public let tools: [JSON]
    private let byName: [String: any Tool]
    private let schemas: [String: JSONSchema]
    private let callLimit: Int
    private let unreadable: Unreadable

    /// - Parameters:
    ///   - tools: with different names.
    ///   - callLimit: calls of a rollout, at most; one more ends it with the reason `max_tool_calls`.
    ///   - unreadable: what becomes of a call that cannot be read.
    /// - Throws: `VerifierFailure` of kind `configuration` for two tools of one name, a schema that is none, and a limit
    ///   below 1.
    public init(_ tools: [any Tool], callLimit: Int = 16, unreadable: Unreadable = .tell) throws(VerifierFailure) {
        guard callLimit >= 1 else {
            throw VerifierFailure(.configuration, option: "max_tool_calls", "\(callLimit) is below 1")
        }
        var byName: [String: any Tool] = [:]
        var schemas: [String: JSONSchema] = [:]
        for tool in tools {
            guard byName.updateValue(tool, forKey: tool.name) == nil else {
                throw VerifierFailure(.configuration, "two tools are called '\(tool.name)'")
            }
            do {
                schemas[tool.name] = try JSONSchema(tool.parameters)
            } catch {
                throw VerifierFailure(.configuration, "the parameters of tool '\(tool.name)': \(error)")
            }
        }
        self.tools = tools.map(\.definition)
        (self.byName, self.schemas, self.callLimit, self.unreadable) = (byName, schemas, callLimit, unreadable)
    }

    /// The row's `messages`, or its `prompt` as a message of the user.
    public func reset(
        _ row: JSON, random: inout VerifierRandom
    ) throws(VerifierFailure) -> (state: State, messages: [JSON]) {
        if let messages = row["messages"]?.array, !messages.isEmpty { return (State(), messages) }
        if let messages = row["prompt"]?.array, !messages.isEmpty { return (State(), messages) }
        guard let prompt = row["prompt"]?.string else {
            throw VerifierFailure(.item, "the row has neither `messages` nor a `prompt`")
        }
        return (State(), [["role": "user", "content": .string(prompt)]])
    }

    public func step(
        _ state: inout State, after turn: Turn, random: inout VerifierRandom
    ) throws(VerifierFailure) -> EnvironmentStep {
        guard !turn.toolCalls.isEmpty else { return EnvironmentStep(end: .stop) }
        var step = EnvironmentStep()
        for call in turn.toolCalls {
            guard state.calls < callLimit else {
                step.end = .maxToolCalls
                return step
            }
            state.calls += 1
            let answer: ToolResult
            switch check(call) {
            case .success(let tool): answer = try tool.call(call.arguments ?? [:], random: &random)
            case .failure(let problem):
                state.badCalls += 1
                step.log.append(problem.message)
                if problem.isUnreadable, unreadable == .end {
                    step.end = .parseError
                    return step
                }
                answer = ToolResult("error: " + problem.message)
            }
            step.messages.append(message(answer.text, to: call, number: state.calls))
            if let reward = answer.reward { step.reward = (step.reward ?? 0) + reward }
            if answer.endsRollout { step.end = .toolStopped }
            if step.end != nil { break }
        }
        return step
    }

    private struct Problem: Error {
        let message: String
        var isUnreadable = false
    }

    private func check(_ call: ToolCall) -> Result<any Tool, Problem> {
        guard !call.name.isEmpty, let arguments = call.arguments else {
            return .failure(Problem(message: "this is no JSON: \(call.rawArguments.prefix(200))", isUnreadable: true))
        }
        guard let tool = byName[call.name], let schema = schemas[call.name] else {
            let near = nearestName(to: call.name, among: byName.keys.sorted())
            return .failure(
                Problem(message: "there is no tool '\(call.name)'\(near.map { "; did you mean '\($0)'?" } ?? "")"))
        }
        let report = schema.report(on: arguments)
        guard report.isValid else {
            return .failure(Problem(message: "arguments of '\(call.name)': \(report.problems.joined(separator: "; "))"))
        }
        return .success(tool)
    }

    /// The number has nine letters and digits, because one family of templates insists on that.
    private func message(_ text: String, to call: ToolCall, number: Int) -> JSON {
        let digits = String(number)
        return [
            "role": "tool", "name": .string(call.name), "content": .string(text),
            "tool_call_id": .string("call" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits),
        ]
    }
}
