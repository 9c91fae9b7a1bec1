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

/// What a row means.
public enum TrainingRecord: Sendable, Hashable {
    case conversation(ConversationRecord)
    case completion(CompletionRecord)
    case text(TextRecord)

    /// What every record carries.
    public var info: RecordInfo {
        switch self {
        case .conversation(let record): record.info
        case .completion(let record): record.info
        case .text(let record): record.info
        }
    }
}
