import TextCore
import Verifiers

/// How answers to train on are written.
public struct RolloutSettings: Sendable, Hashable {
    public var maxNewTokens = 256
    /// Divides the logits, while answers are written and while they are trained on.
    public var temperature = 1.0
    public var topP = 1.0
    /// 0 for no limit.
    public var topK = 0
    public var minP = 0.0
    public var repetitionPenalty = 1.0
    /// Texts that end an answer, beside the model's stop tokens.
    public var stop: [String] = []
    public var engine = RolloutEngineName.inprocess
    /// Of engine replay: the file of recorded answers.
    public var path: RecipePath?
    /// Answers that are written at once.
    public var batch = 64
    /// What the model acts in, turn by turn; `nil` where an answer is one turn.
    public var environment: EnvironmentName?
    /// Turns of the model in an environment, at most.
    public var maxTurns = 8
    /// Calls of tools in a rollout, at most.
    public var maxToolCalls = 16

    public init() {}

    /// Whether tokens are drawn from less than the whole distribution.
    public var isTruncated: Bool { topP < 1 || topK > 0 || minP > 0 || repetitionPenalty != 1 }
}

/// Where answers come from.
public enum RolloutEngineName: String, Sendable, Hashable, CaseIterable {
    /// The model that is trained, in this process.
    case inprocess
    /// A file of recorded answers.
    case replay
}

extension RolloutEngineName: RecipeWord {
    package static var planned: [String: String] { ["url": "Write `engine: inprocess`"] }
    package static var spellings: [String: RolloutEngineName] {
        ["local": .inprocess, "vllm": .inprocess, "transformers": .inprocess, "file": .replay, "recorded": .replay]
    }
}

/// An environment as a recipe names it.
public struct EnvironmentName: Sendable, Hashable {
    /// The registered name.
    public let name: String
}

extension EnvironmentName: RecipeValue {
    package static var shape: ValueShape {
        let known = EnvironmentRegistry.builtin.names.map { JSON.string($0) }
        return .scalar(
            schema: ["type": "string", "anyOf": [["enum": .array(known)], ["type": "string"]]],
            expected: "the name of an environment")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> EnvironmentName? {
        let known = Registry.current.environments.names
        guard let text = node.string else {
            decoder.reportType(node, expected: shape.expected, example: "calculator")
            return nil
        }
        if known.contains(text) { return EnvironmentName(name: text) }
        decoder.report(
            node, "\(decoder.key) names an environment that does not exist: \(node.shown)",
            why: "Nothing would answer the model",
            fix: (nearestName(to: text, among: known).map { "Did you mean '\($0)'? " } ?? "")
                + "Known: \(known.joined(separator: ", ")); your own is registered in Swift and run by `Hone.run`")
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { .string(name) }
}

extension RolloutSettings: RecipeSection {
    package static let table = SectionTable<RolloutSettings>(
        "How answers to train on are written.",
        fields: [
            Field("max_new_tokens", \.maxNewTokens, "Most tokens of an answer.", in: .within(1...1_048_576)),
            Field(
                "temperature", \.temperature, "Divides the logits, in writing and in training.",
                in: .positive(upTo: 100)),
            Field("top_p", \.topP, "Share of probability that is kept.", in: .positive(upTo: 1)),
            Field("top_k", \.topK, "Likeliest tokens that are kept; 0 for all.", in: .notNegative),
            Field("min_p", \.minP, "Least share of the likeliest token's probability.", in: .fraction),
            Field(
                "repetition_penalty", \.repetitionPenalty, "Makes tokens that were written less likely.", in: .positive),
            Field("stop", \.stop, "Texts that end an answer."),
            Field("engine", \.engine, "Where answers come from."),
            Field("path", \.path, "Of engine replay: the recorded answers.", exists: .file),
            Field(
                "batch", \.batch, "Answers that are written at once; they do not depend on it.",
                in: .within(1...4096), changesResults: false),
            Field(
                "environment", \.environment, "What the model acts in, turn by turn, such as tools that it may call."),
            Field("max_turns", \.maxTurns, "Of an environment: turns of the model, at most.", in: .within(1...1024)),
            Field(
                "max_tool_calls", \.maxToolCalls, "Of an environment: calls of tools in a rollout, at most.",
                in: .within(1...1024)),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        if engine == .replay, path == nil, !decoder.isWritten("path") {
            decoder.report(
                "engine", "\(decoder.key("engine")) is replay, but there is no path", why: "There is nothing to replay",
                fix: "Add `path: rollouts.jsonl`")
        }
        for key in ["max_turns", "max_tool_calls"] where environment == nil && decoder.isWritten(key) {
            decoder.report(
                key, "\(decoder.key(key)) is written, but there is no environment", why: "An answer is then one turn",
                fix: "Remove it, or name an `environment`, such as calculator")
        }
        if engine == .replay, environment != nil {
            decoder.report(
                "environment", "\(decoder.key("environment")) is written, but the engine is replay",
                why: "Recorded answers are complete", fix: "Remove one of them")
        }
        if engine != .replay, decoder.isWritten("path") {
            decoder.report(
                "path", "\(decoder.key("path")) is written, but the engine is \(engine.rawValue)",
                why: "Nothing reads it", fix: "Remove it, or write `engine: replay`")
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        // What nothing reads would make the written recipe one that is refused.
        let unread: Set<String> = environment == nil ? ["max_turns", "max_tool_calls"] : []
        return resolved(purpose, without: unread)
    }
}
