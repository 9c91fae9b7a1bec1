public import TextCore

/// How well the calls of tools in a rollout are those that the row expects.
///
/// For n expected and m made calls, s(e, c) is 0 for different names or unreadable arguments, and otherwise, with
/// `arguments: f1`, ½ + ½ · the F1 of the arguments (as `json_f1` computes it over all leaves), with `exact` 1 when that
/// F1 is 1 and else 0, with `ignore` 1. The value is
///
///     max Σ s(e, c) / max(n, m)
///
/// over all ways to pair calls, or with `order: seq` over those that keep the order; so a call too many costs as much as
/// one too few. It is 0 when a `forbidden` tool was called or a `required` one was not. Where no call is expected, none
/// must be made, and something must be said. It passes at 1.
///
/// Calls are those that the rollout brings, or else those that its answer holds, read by `ToolCallReading`. Of more than
/// 128 made calls the first 128 are paired, and all count.
public struct ToolCallMatch: ImmediateVerifier, SelfTesting {
    /// Whether the order of calls counts.
    public enum Order: String, NamedChoice {
        /// It does not.
        case any
        /// Pairs keep it.
        case seq
    }

    /// How arguments are compared.
    public enum Arguments: String, NamedChoice {
        /// The F1 of their leaves, for half of a call's value.
        case f1
        /// All or nothing.
        case exact
        /// Not at all.
        case ignore
    }

    public struct Configuration: VerifierConfiguration {
        /// Whether the order of calls counts.
        public var order = Order.any
        /// How arguments are compared.
        public var arguments = Arguments.f1
        /// How calls are written in text.
        public var syntax = ToolCallSyntax.auto
        /// Tools whose use is worth 0.
        public var forbidden: [String] = []
        /// Tools without whose use the value is 0.
        public var required: [String] = []
        /// How elements of lists in arguments are paired.
        public var listMode = JSONF1.ListMode.index
        /// How single arguments are compared, and how much they count.
        public var fields = JSONFieldRules()
        /// How all other arguments are.
        public var fallback = FieldRule()
        /// Arguments that do not count.
        public var ignore: [JSONFieldPath] = []
        /// Whether an argument that is null counts as not there.
        public var nullIsAbsent = false
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("order", \.order, "Whether calls may come in any order, or in that of the row (seq)."),
            .init(
                "arguments", \.arguments, "Whether arguments count by their f1, as a whole (exact), or not (ignore)."),
            .init("syntax", \.syntax, "How calls are written in text."),
            .init("forbidden", \.forbidden, "Tools whose use is worth 0."),
            .init("required", \.required, "Tools without whose use the value is 0."),
            .init("list_mode", \.listMode, "How elements of lists in arguments are paired."),
            .init("fields", \.fields, "How single arguments are compared: `price: {compare: numeric}`."),
            .init("default", \.fallback, "How all other arguments are compared."),
            .init("ignore", \.ignore, "Arguments that do not count."),
            .init("null_is_absent", \.nullIsAbsent, "Whether an argument that is null counts as not there."),
        ]
    }

    /// The calls that are expected; none when no tool is to be called.
    public struct Reference: JSONReadable, Hashable {
        public static let expectation =
            "a list of calls, each an object with `name` and `arguments`, or one call, or a text that holds them"
        public var calls: [ToolCall]

        public init?(json: JSON) {
            guard let value = json.string.map({ try? JSON(parsing: $0) }) ?? json else { return nil }
            calls = []
            for element in value.array ?? [value] {
                guard let call = ToolCall(json: element) else { return nil }
                calls.append(call)
            }
        }
    }

    public static let name = "tool_call"
    public static let summary = "the calls of tools are those that are expected"
    /// Calls that are paired, at most.
    private static let callLimit = 128

    private let configuration: Configuration
    private let settings: JSONComparison.Settings

    /// - Throws: `VerifierFailure` when a tool is both required and forbidden.
    public init(_ configuration: Configuration) throws(VerifierFailure) {
        if let tool = configuration.required.first(where: { configuration.forbidden.contains($0) }) {
            throw VerifierFailure(.configuration, option: "required", "tool '\(tool)' is forbidden too")
        }
        self.configuration = configuration
        settings = JSONComparison.Settings(
            listMode: configuration.listMode.comparison, fallback: configuration.fallback, rules: configuration.fields,
            ignored: configuration.ignore, nullIsAbsent: configuration.nullIsAbsent)
    }

    public func check(_ reference: Reference) throws(VerifierFailure) {
        guard reference.calls.count <= Self.callLimit else {
            throw VerifierFailure(
                .item, "\(reference.calls.count) calls are expected; at most \(Self.callLimit) are paired")
        }
        for call in reference.calls {
            guard let arguments = call.arguments, arguments.object != nil else {
                throw VerifierFailure(
                    .item, "the arguments of '\(call.name)' are no JSON object: \(call.rawArguments.prefix(80))")
            }
            if configuration.forbidden.contains(where: { $0.isSameText(as: call.name) }) {
                throw VerifierFailure(.item, "a call of '\(call.name)' is expected, and that tool is forbidden")
            }
            var comparison = JSONComparison(settings)
            if configuration.arguments != .ignore, let problem = comparison.problem(in: arguments), arguments != [:] {
                throw VerifierFailure(.item, "the arguments of '\(call.name)': \(problem)")
            }
        }
        let names = reference.calls.map(\.name)
        if let tool = configuration.required.first(where: { tool in !names.contains { $0.isSameText(as: tool) } }) {
            throw VerifierFailure(.item, "tool '\(tool)' is required, and the row expects no call of it")
        }
    }

    public func verify(_ rollout: Rollout, against reference: Reference) throws(VerifierFailure) -> Verdict {
        guard let answer = rollout.answerText else { return .fail(note: "the reasoning never ended") }
        let reading = rollout.toolCalls.isEmpty ? ToolCallReading(answer, syntax: configuration.syntax) : nil
        let made = reading?.calls ?? rollout.toolCalls
        let unreadable = made.count { $0.arguments?.object == nil }
        let extracted = made.isEmpty ? nil : JSON.array(made.prefix(Self.callLimit).map(\.json)).text()
        func failed(_ note: String) -> Verdict {
            .score(
                Score(
                    0, passed: false, parts: ["calls": Double(made.count), "unreadable": Double(unreadable)],
                    extracted: extracted, note: note))
        }
        for tool in configuration.forbidden where made.contains(where: { $0.name.isSameText(as: tool) }) {
            return failed("forbidden tool '\(tool)' was called")
        }
        for tool in configuration.required where !made.contains(where: { $0.name.isSameText(as: tool) }) {
            return failed("required tool '\(tool)' was not called")
        }
        guard !reference.calls.isEmpty || !made.isEmpty else {
            return .check(!answer.trimmed.isEmpty, note: answer.trimmed.isEmpty ? "nothing was written" : nil)
        }
        let scores = reference.calls.map { expected in made.prefix(Self.callLimit).map { likeness($0, expected) } }
        let pairs = configuration.order == .any ? Assignment.best(scores) : Assignment.inOrder(scores)
        let sum = zip(scores, pairs).reduce(0) { sum, row in sum + (row.1.map { row.0[$0] } ?? 0) }
        let value = min(1, sum / Double(max(reference.calls.count, made.count)))
        let complaint = unreadable > 0 ? "\(unreadable) calls cannot be read" : nil
        return .score(
            Score(
                value, passed: value == 1, parts: ["calls": Double(made.count), "unreadable": Double(unreadable)],
                extracted: extracted, note: complaint))
    }

    private func likeness(_ made: ToolCall, _ expected: ToolCall) -> Double {
        guard made.name.isSameText(as: expected.name), let arguments = made.arguments, arguments.object != nil else {
            return 0
        }
        guard configuration.arguments != .ignore else { return 1 }
        var comparison = JSONComparison(settings)
        // Arguments too large to be paired are not those that were asked for.
        let f1 = (try? comparison.tally(arguments, against: expected.arguments ?? [:]).f1) ?? 0
        return configuration.arguments == .f1 ? 0.5 + 0.5 * f1 : f1 == 1 ? 1 : 0
    }

    public func probes(for reference: Reference) -> [VerifierProbe] {
        func text(_ calls: [ToolCall]) -> String {
            switch configuration.syntax {
            case .auto, .hermes:
                calls.map { "<tool_call>\n\($0.json.text())\n</tool_call>" }.joined(separator: "\n")
            case .json: JSON.array(calls.map(\.json)).text()
            case .mistral: "[TOOL_CALLS]" + JSON.array(calls.map(\.json)).text()
            }
        }
        let gold = reference.calls
        var probes = [VerifierProbe("empty", answer: "", passes: false)]
        guard let first = gold.first else {
            let call = ToolCall(name: "search", arguments: ["query": "anything"])
            return probes + [
                VerifierProbe("no call", answer: "This needs no tool.", passes: true),
                VerifierProbe("a call where none is expected", answer: text([call]), passes: false),
            ]
        }
        probes += [
            VerifierProbe("gold", answer: text(gold), passes: true),
            VerifierProbe("every call twice", answer: text(gold + gold), passes: false),
            VerifierProbe("no call", answer: "This needs no tool.", passes: false),
            VerifierProbe(
                "unreadable arguments", answer: text([ToolCall(name: first.name, rawArguments: "{")]), passes: false),
        ]
        if configuration.arguments != .ignore, gold.contains(where: { $0.arguments != [:] }) {
            let bare = gold.map { ToolCall(name: $0.name, arguments: [:]) }
            probes.append(VerifierProbe("names without arguments", answer: text(bare), passes: false))
        }
        for tool in configuration.forbidden {
            let call = ToolCall(name: tool, arguments: [:])
            probes.append(VerifierProbe("forbidden '\(tool)' as well", answer: text(gold + [call]), passes: false))
        }
        return probes
    }
}
