import OrderedCollections
import TextCore

extension RecordFormat {
    /// Conversations as ShareGPT's exports have them: `conversations` with `from` and `value`, an optional `system`.
    static let shareGPT = RecordFormat(
        name: "sharegpt",
        summary: "{conversations: [{from: human|gpt|system|tool…, value}], system?, tools?}",
        fields: ["conversations", "messages", "system", "tools"],
        recognise: { fields in
            guard RecordFormat.shareGPTPreference.recognise(fields) == nil else { return nil }
            for key in ["conversations", "messages"] where firstElement(fields[key], has: "from") { return [key] }
            return nil
        },
        decode: { (fields: inout RowFields) throws(DataError) -> TrainingRecord in
            let key = fields["conversations"] == nil && fields["messages"] != nil ? "messages" : "conversations"
            let turns = try fields.takeShareGPTTurns(key)
            return .conversation(try fields.takeConversation(turns))
        })
}

/// Who speaks, under the names that files in this format use.
private let speakers: OrderedDictionary<String, Speaker> = [
    "human": .role("user"), "user": .role("user"),
    "gpt": .role("assistant"), "assistant": .role("assistant"), "model": .role("assistant"), "bot": .role("assistant"),
    "system": .role("system"),
    "tool": .role("tool"), "observation": .role("tool"), "function_response": .role("tool"), "function": .role("tool"),
    "function_call": .call, "tool_call": .call,
]

private enum Speaker {
    case role(String)
    /// The assistant, calling a tool: the value is JSON with `name` and `arguments`.
    case call
}

extension RowFields {
    /// Takes a list of turns, and the text of `system` in front of them.
    mutating func takeShareGPTTurns(_ key: String) throws(DataError) -> Turns {
        let turns = try shareGPTTurns(try take(key), at: "$.\(key)")
        guard !turns.messages.isEmpty else { throw emptyList("turns", at: "$.\(key)") }
        return try takeSystem(before: turns)
    }

    /// Checks a list of turns; where an answer is expected, one turn alone does too.
    func shareGPTTurns(_ value: JSON, at path: String, mayBeOne: Bool = false) throws(DataError) -> Turns {
        var turns = Turns()
        if mayBeOne, value.object != nil {
            turns.messages.append(try message(from: value, at: path))
            turns.mayTrain.append(try mayTrain(value, at: path))
            return turns
        }
        guard let elements = value.array else { throw wrongType(value, expected: "a list of turns", at: path) }
        for (index, element) in elements.enumerated() {
            let path = "\(path)[\(index)]"
            turns.messages.append(try message(from: element, at: path))
            turns.mayTrain.append(try mayTrain(element, at: path))
        }
        return turns
    }

    /// Takes `system` and puts its text in front of the turns.
    mutating func takeSystem(before others: Turns) throws(DataError) -> Turns {
        var turns = others
        if let system = takeIfPresent("system") {
            guard let text = system.string else { throw wrongType(system, expected: "a string", at: "$.system") }
            if turns.messages.first?["role"] == "system" {
                throw error(
                    .field, at: "$.system", message: "the row has a system text and a system turn",
                    fix: "Keep one of the two.")
            }
            if !text.isEmpty {
                turns.messages.insert(["role": "system", "content": .string(text)], at: 0)
                turns.mayTrain.insert(true, at: 0)
            }
        }
        return turns
    }

    private func message(from element: JSON, at path: String) throws(DataError) -> JSON {
        guard element.object != nil else { throw wrongType(element, expected: "a turn (an object)", at: path) }
        guard let from = element["from"], let name = from.string else {
            throw wrongType(element["from"] ?? .null, expected: "a speaker's name", at: path + ".from")
        }
        guard let speaker = speakers[name] else {
            throw error(
                .field, at: path + ".from", message: "unknown speaker '\(name)'",
                fix: (nearestName(to: name, among: speakers.keys).map { "Did you mean '\($0)'? " } ?? "")
                    + "Known: \(speakers.keys.joined(separator: ", ")).")
        }
        guard let value = element["value"], let text = value.string else {
            throw wrongType(element["value"] ?? .null, expected: "a string", at: path + ".value")
        }
        switch speaker {
        case .role(let role): return ["role": .string(role), "content": .string(text)]
        case .call:
            let parsed = try parsedIfText(value, at: path + ".value")
            let calls = parsed.array ?? [parsed]
            for call in calls where call["name"]?.string == nil {
                throw error(
                    .field, at: path + ".value", message: "a tool call has no 'name'",
                    fix: "Write {\"name\": …, \"arguments\": {…}}.")
            }
            return [
                "role": "assistant", "content": "",
                "tool_calls": .array(calls.map { ["type": "function", "function": $0] }),
            ]
        }
    }

    private func mayTrain(_ element: JSON, at path: String) throws(DataError) -> Bool {
        guard let weight = element["weight"] else { return true }
        guard let number = weight.double, number == 0 || number == 1 else {
            throw error(
                .field, at: path + ".weight", message: "a turn's weight is 0 or 1, and is \(weight.text())",
                fix: "0 leaves the turn untrained.")
        }
        return number == 1
    }
}
