import OrderedCollections
package import TextCore

extension RecordFormat {
    /// Conversations as OpenAI's files have them: `messages` (or `conversations`) with `role` and `content`, `tools` or
    /// the older `functions`, and per message `weight: 0` for a turn that is not trained.
    static let messages = RecordFormat(
        name: "messages",
        summary: "{messages: [{role, content, tool_calls?, weight?}], tools?, chat_template_kwargs?}",
        fields: ["messages", "conversations", "tools", "functions", "chat_template_kwargs"],
        typedColumns: ["messages", "conversations"],
        recognise: { fields in
            for key in ["messages", "conversations"] where firstElement(fields[key], has: "role") { return [key] }
            return nil
        },
        decode: { (fields: inout RowFields) throws(DataError) -> TrainingRecord in
            let key = fields["messages"] == nil && fields["conversations"] != nil ? "conversations" : "messages"
            let turns = try fields.takeMessages(key)
            return .conversation(try fields.takeConversation(turns))
        })
}

/// Whether `value` is a list whose first element is an object with `key`.
func firstElement(_ value: JSON?, has key: String) -> Bool { value?.array?.first?[key] != nil }

/// Messages and which of them may be trained.
package struct Turns {
    package var messages: [JSON] = []
    package var mayTrain: [Bool] = []
}

let knownRoles = ["system", "developer", "user", "assistant", "tool", "function"]

extension RowFields {
    /// Takes a list of messages and checks each.
    package mutating func takeMessages(_ key: String) throws(DataError) -> Turns {
        switch typed?.take(key) {
        case .messages(let messages, let mayTrain)?:
            guard !messages.isEmpty else { throw emptyList("messages", at: "$.\(key)") }
            return Turns(messages: messages, mayTrain: mayTrain ?? messages.map { _ in true })
        case let other?: throw wrongType(other.json, expected: "a list of messages", at: "$.\(key)")
        case nil: return try checkedTurns(try take(key), at: "$.\(key)")
        }
    }

    /// Checks a list of messages; an answer may have none, a prompt or a conversation may not.
    package func checkedTurns(
        _ value: JSON, at path: @autoclosure () -> String, mayBeEmpty: Bool = false
    ) throws(DataError) -> Turns {
        guard let elements = value.array else { throw wrongType(value, expected: "a list of messages", at: path()) }
        guard mayBeEmpty || !elements.isEmpty else { throw emptyList("messages", at: path()) }
        var turns = Turns()
        turns.messages.reserveCapacity(elements.count)
        turns.mayTrain.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            let (message, mayTrain) = try checkedMessage(element, at: "\(path())[\(index)]")
            turns.messages.append(message)
            turns.mayTrain.append(mayTrain)
        }
        return turns
    }

    func emptyList(_ what: String, at path: String) -> DataError {
        error(
            .field, at: path, message: "the list of \(what) is empty",
            fix: "Delete the row; there is nothing to train on.")
    }

    func checkedMessage(_ element: JSON, at path: @autoclosure () -> String) throws(DataError) -> (JSON, Bool) {
        guard var message = element.object else { throw wrongType(element, expected: "a message object", at: path()) }
        guard let role = message["role"] else {
            throw error(
                .field, at: path(), message: "this message has no 'role'",
                fix: "Every message says who speaks: \(knownRoles.joined(separator: ", ")).")
        }
        guard let name = role.string, !name.isEmpty else {
            throw wrongType(role, expected: "a role's name", at: path() + ".role")
        }
        if !knownRoles.contains(name), let near = nearestName(to: name, among: knownRoles) {
            throw error(
                .field, at: path() + ".role", message: "unknown role '\(name)'",
                fix: "Did you mean '\(near)'? A turn with a misspelt role would not be trained as meant.")
        }
        try checkContent(of: message, at: path())
        let mayTrain = try takeWeight(of: &message, at: path())
        return (.object(message), mayTrain)
    }

    private func checkContent(of message: OrderedDictionary<String, JSON>, at path: @autoclosure () -> String)
        throws(DataError)
    {
        switch message["content"] {
        case .string: break
        case .array(let parts):
            for (index, part) in parts.enumerated() where part.object == nil {
                throw wrongType(part, expected: "a content part (an object)", at: "\(path()).content[\(index)]")
            }
        case nil:
            guard message["tool_calls"] != nil || message["function_call"] != nil else {
                throw error(
                    .field, at: path(), message: "this message has neither 'content' nor 'tool_calls'",
                    fix: "Give it a text, or delete it.")
            }
        case let other?:
            throw wrongType(other, expected: "a string or a list of content parts", at: path() + ".content")
        }
        if let calls = message["tool_calls"] {
            guard let list = calls.array else {
                throw wrongType(calls, expected: "a list of tool calls", at: path() + ".tool_calls")
            }
            for (index, call) in list.enumerated() where call.object == nil {
                throw wrongType(call, expected: "a tool call (an object)", at: "\(path()).tool_calls[\(index)]")
            }
        }
    }

    /// Takes `weight` off a message, which templates do not know.
    private func takeWeight(of message: inout OrderedDictionary<String, JSON>, at path: @autoclosure () -> String)
        throws(DataError)
        -> Bool
    {
        guard let weight = message.removeValue(forKey: "weight") else { return true }
        guard let number = weight.double, number == 0 || number == 1 else {
            throw error(
                .field, at: path() + ".weight", message: "a message's weight is 0 or 1, and is \(weight.text())",
                fix: "0 leaves the turn untrained. Weigh whole rows with a `weight` beside the messages.")
        }
        return number == 1
    }

    /// Takes the tools and the template's variables, and closes the record.
    package mutating func takeConversation(_ turns: Turns, promptCount: Int? = nil) throws(DataError)
        -> ConversationRecord
    {
        let tools = try takeTools()
        let arguments = try takeTemplateArguments()
        return ConversationRecord(
            messages: turns.messages, mayTrain: turns.mayTrain, promptCount: promptCount, tools: tools,
            chatTemplateArguments: arguments, info: try takeInfo())
    }

    /// Takes the template's variables, an object or JSON text of one.
    mutating func takeTemplateArguments() throws(DataError) -> JSON {
        guard let value = takeUntyped("chat_template_kwargs") else { return [:] }
        let arguments = try parsedIfText(value, at: "$.chat_template_kwargs")
        guard arguments.object != nil else {
            throw wrongType(arguments, expected: "an object", at: "$.chat_template_kwargs")
        }
        return arguments
    }

    /// Takes `tools` (a list, or JSON text of one) or the older `functions`; `nil` when there are none.
    mutating func takeTools() throws(DataError) -> [JSON]? {
        if let tools = takeUntyped("tools") { return try checkedTools(tools, key: "tools", at: "$.tools") }
        guard let functions = takeUntyped("functions") else { return nil }
        return try checkedTools(functions, key: "functions", at: "$.functions")
    }

    /// Checks `tools` or `functions`, which a row may have as JSON text.
    func checkedTools(_ value: JSON, key: String, at path: String) throws(DataError) -> [JSON]? {
        let parsed = try parsedIfText(value, at: path)
        guard let tools = parsed.array else { throw wrongType(parsed, expected: "a list of tools", at: path) }
        for (index, tool) in tools.enumerated() where tool.object == nil {
            throw wrongType(tool, expected: "a tool (an object)", at: "\(path)[\(index)]")
        }
        // Some templates take an empty list for tools on offer.
        guard !tools.isEmpty else { return nil }
        return key == "tools" ? tools : tools.map { ["type": "function", "function": $0] }
    }

    /// The value that a text holds as JSON; any other value as it is.
    package func parsedIfText(_ value: JSON, at path: String) throws(DataError) -> JSON {
        guard let text = value.string else { return value }
        do throws(JSONError) {
            return try JSON(parsing: text).withoutNulls
        } catch {
            throw self.error(
                .field, at: path, message: "this text is not JSON: \(error.message)",
                fix: "Write the value itself instead of text.")
        }
    }
}
