import OrderedCollections
import TextCore

extension RecordFormat {
    /// Two answers as OpenAI's files for preference tuning have them.
    static let openAIPreference = RecordFormat(
        name: "openai_preference",
        summary: "{input: {messages, tools?}, preferred_output: [messages], non_preferred_output: [messages]}; also "
            + "named preferred_completion and non_preferred_completion",
        fields: ["input"] + answerNames.flatMap { [$0.preferred, $0.other] },
        recognise: { fields in
            guard fields["input"]?["messages"] != nil else { return nil }
            for names in answerNames where fields[names.preferred] != nil && fields[names.other] != nil {
                return ["input", names.preferred, names.other]
            }
            return nil
        },
        decode: { (fields: inout RowFields) throws(DataError) -> TrainingRecord in
            let (prompt, tools) = try fields.takeInput()
            let names = answerNames.first { fields[$0.preferred] != nil } ?? answerNames[0]
            let chosen = try fields.takeAnswer(names.preferred)
            let rejected = try fields.takeAnswer(names.other)
            let arguments = try fields.takeTemplateArguments()
            return .preference(
                PreferenceRecord(
                    prompt: .messages(prompt), chosen: .messages(chosen), rejected: .messages(rejected), tools: tools,
                    chatTemplateArguments: arguments, info: try fields.takeInfo()))
        })
}

private let answerNames = [
    (preferred: "preferred_output", other: "non_preferred_output"),
    (preferred: "preferred_completion", other: "non_preferred_completion"),
]

extension RowFields {
    /// Takes `input`: its messages and tools; what else it holds stays in a column of that name.
    fileprivate mutating func takeInput() throws(DataError) -> (messages: [JSON], tools: [JSON]?) {
        let value = try take("input")
        guard var input = value.object else {
            throw wrongType(value, expected: "an object with messages", at: "$.input")
        }
        guard let messages = input.removeValue(forKey: "messages") else {
            throw error(
                .field, at: "$.input", message: "the input has no 'messages'",
                fix: "Write the conversation before the answers as input.messages.")
        }
        let turns = try checkedTurns(messages, at: "$.input.messages")
        var tools: [JSON]?
        if let value = input.removeValue(forKey: "tools") {
            tools = try checkedTools(value, key: "tools", at: "$.input.tools")
        }
        if !input.isEmpty { putBack("input", .object(input)) }
        return (turns.messages, tools)
    }

    fileprivate mutating func takeAnswer(_ key: String) throws(DataError) -> [JSON] {
        try wholeAnswer(try checkedTurns(try take(key), at: "$.\(key)", mayBeEmpty: true), at: "$.\(key)")
    }
}
