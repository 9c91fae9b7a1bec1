public import OrderedCollections
public import TextCore

/// Why a JSON value is not a message or a conversation.
public struct MessageError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Which key is wrong, how, and what to write instead.
    public let message: String
    public var description: String { message }
}

/// One message of a conversation. All its keys are kept in their order, known or not, because templates may read them.
public struct Message: Sendable, Hashable {
    /// The message as data, without `weight`; `role` is a string and `content`, where it is not null, a string or
    /// an array.
    public private(set) var members: OrderedDictionary<String, JSON>
    /// Whether an assistant's message is trained on: `weight` 1, the default, or 0.
    public var isTrained: Bool

    /// A message of text.
    public init(role: String, content: String, isTrained: Bool = true) {
        members = ["role": .string(role), "content": .string(content)]
        self.isTrained = isTrained
    }

    /// Reads a message; null for an optional key (`name`, `tool_calls`, `tool_call_id`, `reasoning_content`) counts as
    /// the key's absence.
    ///
    /// - Throws: `MessageError` for a value that is no object, or a known key of another type.
    public init(_ json: JSON) throws(MessageError) {
        guard case .object(var members) = json else {
            throw MessageError(message: "a message is an object with 'role' and 'content', not \(json.kind)")
        }
        guard case .string = members["role"] else {
            let found = members["role"].map { "is \($0.kind)" } ?? "is missing"
            throw MessageError(
                message: "a message's 'role' \(found); write \"user\", \"assistant\", \"system\" or \"tool\"")
        }
        isTrained = try Self.readWeight(members["weight"])
        members["weight"] = nil
        for key in ["name", "tool_calls", "tool_call_id", "reasoning_content"] where members[key] == .null {
            members[key] = nil
        }
        switch members["content"] {
        case nil, .null, .string, .array: break
        case .some(let other):
            throw MessageError(message: "a message's 'content' is \(other.kind); write a string or an array of parts")
        }
        if let calls = members["tool_calls"], calls.array == nil {
            throw MessageError(message: "a message's 'tool_calls' is \(calls.kind); write an array")
        }
        for key in ["name", "tool_call_id", "reasoning_content"] {
            if let value = members[key], value.string == nil {
                throw MessageError(message: "a message's '\(key)' is \(value.kind); write a string")
            }
        }
        self.members = members
    }

    private static func readWeight(_ weight: JSON?) throws(MessageError) -> Bool {
        guard let weight, weight != .null else { return true }
        guard let number = weight.int, number == 0 || number == 1 else {
            throw MessageError(message: "a message's 'weight' is \(weight.text()); write 0 (not trained on) or 1")
        }
        return number == 1
    }

    /// Who speaks.
    public var role: String { members["role"]?.string ?? "" }
    /// What is said, when it is plain text.
    public var text: String? { members["content"]?.string }
    /// The content as given: a string, an array of parts, or nil.
    public var content: JSON? { members["content"] }
    /// The speaker's name.
    public var name: String? { members["name"]?.string }
    /// The tools that an assistant calls, as given; empty for none.
    public var toolCalls: [JSON] { members["tool_calls"]?.array ?? [] }
    /// The call that a tool's message answers.
    public var toolCallID: String? { members["tool_call_id"]?.string }
    /// What an assistant thought before it answered.
    public var reasoningContent: String? { members["reasoning_content"]?.string }

    /// The message as templates see it, without `weight`.
    public var json: JSON { .object(members) }
}

/// Messages with the tools and template variables that belong to them.
public struct Conversation: Sendable, Hashable {
    /// First to last.
    public var messages: [Message]
    /// One JSON schema a tool; empty for none.
    public var tools: [JSON]
    /// Variables for the template from this row, such as `enable_thinking`; they win over those of the run.
    public var variables: [String: JSON]
    /// How many messages at the beginning are the prompt, where the row says so (`prompt` and `completion`).
    public var promptCount: Int?

    public init(
        messages: [Message], tools: [JSON] = [], variables: [String: JSON] = [:], promptCount: Int? = nil
    ) {
        self.messages = messages
        self.tools = tools
        self.variables = variables
        self.promptCount = promptCount
    }
}
