public import TextCore

/// What every record carries beside its text.
public struct RecordInfo: Sendable, Hashable {
    /// The row's own name, if it gives one.
    public var id: String?
    /// How much the row counts, at least 0; 1 unless the row says otherwise.
    public var weight: Double
    /// The columns that the format does not use, as an object.
    public var meta: JSON
    /// Where the row came from.
    public var provenance: Provenance

    public init(id: String? = nil, weight: Double = 1, meta: JSON = [:], provenance: Provenance) {
        self.id = id
        self.weight = weight
        self.meta = meta
        self.provenance = provenance
    }
}

/// A conversation to train on.
public struct ConversationRecord: Sendable, Hashable {
    /// The messages: objects with at least `role`, keys in the file's order, as a chat template takes them.
    public var messages: [JSON]
    /// For each message, whether it may be trained: `false` where the row says `weight: 0`.
    public var mayTrain: [Bool]
    /// How many leading messages are the prompt, where the row divides prompt from completion.
    public var promptCount: Int?
    /// The tools on offer; `nil` when there are none.
    public var tools: [JSON]?
    /// Further variables for the chat template, as an object.
    public var chatTemplateArguments: JSON
    public var info: RecordInfo

    public init(
        messages: [JSON], mayTrain: [Bool]? = nil, promptCount: Int? = nil, tools: [JSON]? = nil,
        chatTemplateArguments: JSON = [:], info: RecordInfo
    ) {
        precondition(mayTrain == nil || mayTrain?.count == messages.count, "mayTrain has a flag for each message")
        self.messages = messages
        self.mayTrain = mayTrain ?? messages.map { _ in true }
        self.promptCount = promptCount
        self.tools = tools
        self.chatTemplateArguments = chatTemplateArguments
        self.info = info
    }
}

/// A prompt and what shall follow it, both plain text.
public struct CompletionRecord: Sendable, Hashable {
    public var prompt: String
    public var completion: String
    public var info: RecordInfo

    public init(prompt: String, completion: String, info: RecordInfo) {
        self.prompt = prompt
        self.completion = completion
        self.info = info
    }
}

/// Raw text.
public struct TextRecord: Sendable, Hashable {
    public var text: String
    public var info: RecordInfo

    public init(text: String, info: RecordInfo) {
        self.text = text
        self.info = info
    }
}

/// A prompt or an answer to it, as the row has it.
public enum RecordText: Sendable, Hashable {
    /// Plain text.
    case text(String)
    /// Messages: objects with at least `role`, keys in the file's order, as a chat template takes them.
    case messages([JSON])

    /// Whether it holds no message, or no character.
    public var isEmpty: Bool {
        switch self {
        case .text(let text): text.isEmpty
        case .messages(let messages): messages.isEmpty
        }
    }
}

/// A prompt with two answers, of which one is preferred. All three are text, or all three are messages.
public struct PreferenceRecord: Sendable, Hashable {
    public var prompt: RecordText
    /// The preferred answer.
    public var chosen: RecordText
    /// The other answer.
    public var rejected: RecordText
    /// By how much the one is preferred, where the row says so.
    public var margin: Double?
    /// The tools on offer; `nil` when there are none.
    public var tools: [JSON]?
    /// Further variables for the chat template, as an object.
    public var chatTemplateArguments: JSON
    public var info: RecordInfo

    public init(
        prompt: RecordText, chosen: RecordText, rejected: RecordText, margin: Double? = nil, tools: [JSON]? = nil,
        chatTemplateArguments: JSON = [:], info: RecordInfo
    ) {
        self.prompt = prompt
        self.chosen = chosen
        self.rejected = rejected
        self.margin = margin
        self.tools = tools
        self.chatTemplateArguments = chatTemplateArguments
        self.info = info
    }
}

/// A prompt with one answer, and whether that answer is wanted. Both are text, or both are messages.
public struct UnpairedRecord: Sendable, Hashable {
    public var prompt: RecordText
    public var completion: RecordText
    /// Whether the answer is a good one: the row's `label`.
    public var isDesirable: Bool
    /// The tools on offer; `nil` when there are none.
    public var tools: [JSON]?
    /// Further variables for the chat template, as an object.
    public var chatTemplateArguments: JSON
    public var info: RecordInfo

    public init(
        prompt: RecordText, completion: RecordText, isDesirable: Bool, tools: [JSON]? = nil,
        chatTemplateArguments: JSON = [:], info: RecordInfo
    ) {
        self.prompt = prompt
        self.completion = completion
        self.isDesirable = isDesirable
        self.tools = tools
        self.chatTemplateArguments = chatTemplateArguments
        self.info = info
    }
}

/// A prompt that a model shall answer itself, as reward fine-tuning takes it; what a verifier needs is in `info.meta`.
public struct PromptRecord: Sendable, Hashable {
    public var prompt: RecordText
    /// The tools on offer; `nil` when there are none.
    public var tools: [JSON]?
    /// Further variables for the chat template, as an object.
    public var chatTemplateArguments: JSON
    public var info: RecordInfo

    public init(
        prompt: RecordText, tools: [JSON]? = nil, chatTemplateArguments: JSON = [:], info: RecordInfo
    ) {
        self.prompt = prompt
        self.tools = tools
        self.chatTemplateArguments = chatTemplateArguments
        self.info = info
    }
}

/// What a row means.
public enum TrainingRecord: Sendable, Hashable {
    case conversation(ConversationRecord)
    case completion(CompletionRecord)
    case text(TextRecord)
    case preference(PreferenceRecord)
    case unpaired(UnpairedRecord)
    case prompt(PromptRecord)

    /// What every record carries.
    public var info: RecordInfo {
        switch self {
        case .conversation(let record): record.info
        case .completion(let record): record.info
        case .text(let record): record.info
        case .preference(let record): record.info
        case .unpaired(let record): record.info
        case .prompt(let record): record.info
        }
    }

    /// What the record is, for messages.
    public var kind: String {
        switch self {
        case .conversation: "a conversation"
        case .completion: "a prompt and its completion"
        case .text: "a text"
        case .preference: "a preference (a prompt with a chosen and a rejected answer)"
        case .unpaired: "an answer with a label"
        case .prompt: "a prompt without an answer"
        }
    }
}
