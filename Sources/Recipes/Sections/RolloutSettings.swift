import TextCore

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

extension RolloutSettings: RecipeSection {
    package static let table = SectionTable<RolloutSettings>(
        "How answers to train on are written.",
        planned: [
            PlannedField(
                "environment", instead: "Remove it; conversations with tools are driven from Swift (RFT/Turns)"),
            PlannedField("max_turns", neutral: 1, instead: "Remove it; an answer has one turn"),
        ],
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
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        if engine == .replay, path == nil, !decoder.isWritten("path") {
            decoder.report(
                "engine", "\(decoder.key("engine")) is replay, but there is no path", why: "There is nothing to replay",
                fix: "Add `path: rollouts.jsonl`")
        }
        if engine != .replay, decoder.isWritten("path") {
            decoder.report(
                "path", "\(decoder.key("path")) is written, but the engine is \(engine.rawValue)",
                why: "Nothing reads it", fix: "Remove it, or write `engine: replay`")
        }
    }
}
