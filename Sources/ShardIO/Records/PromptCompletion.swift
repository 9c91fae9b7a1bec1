import TextCore

extension RecordFormat {
    /// A prompt and its completion, both texts or both lists of messages.
    static let promptCompletion = RecordFormat(
        name: "prompt_completion",
        summary: "{prompt: text, completion: text} or {prompt: [messages], completion: [messages], tools?}",
        fields: ["prompt", "completion", "tools", "chat_template_kwargs"],
        typedColumns: ["prompt", "completion"],
        recognise: { fields in
            guard RecordFormat.unpaired.recognise(fields) == nil else { return nil }
            return fields["prompt"] != nil && fields["completion"] != nil ? ["prompt", "completion"] : nil
        },
        decode: { (fields: inout RowFields) throws(DataError) -> TrainingRecord in
            switch (fields["prompt"], fields["completion"]) {
            case (.array?, .array?):
                var turns = try fields.takeMessages("prompt")
                let promptCount = turns.messages.count
                let completion = try fields.takeMessages("completion")
                turns.messages += completion.messages
                turns.mayTrain += completion.mayTrain
                return .conversation(try fields.takeConversation(turns, promptCount: promptCount))
            case (.array?, let other?):
                throw fields.wrongType(other, expected: "a list of messages, as the prompt is,", at: "$.completion")
            case (.string?, let other?) where other.string == nil:
                throw fields.wrongType(other, expected: "a string, as the prompt is,", at: "$.completion")
            default:
                let prompt = try fields.takeString("prompt")
                let completion = try fields.takeString("completion")
                return .completion(
                    CompletionRecord(prompt: prompt, completion: completion, info: try fields.takeInfo()))
            }
        })

    /// Instructions as Alpaca's file has them. The prompt is the instruction and, where there is one, a blank line and
    /// the input; no other words are added.
    static let alpaca = RecordFormat(
        name: "alpaca",
        summary: "{instruction, input?, output}: prompt is the instruction, a blank line and the input",
        fields: ["instruction", "input", "output"],
        typedColumns: ["instruction", "input", "output"],
        recognise: { fields in
            fields["instruction"] != nil && fields["output"] != nil ? ["instruction", "output"] : nil
        },
        decode: { (fields: inout RowFields) throws(DataError) -> TrainingRecord in
            for key in ["system", "history"] where fields[key].map({ $0 != "" && $0 != [] }) ?? false {
                throw fields.error(
                    .field, at: "$.\(key)",
                    message: "this format has no '\(key)', and leaving it out would change the row",
                    fix: "Write the rows as `messages`.")
            }
            var prompt = try fields.takeString("instruction")
            if fields["input"] != nil {
                let input = try fields.takeString("input")
                if !input.isEmpty { prompt += "\n\n" + input }
            }
            let output = try fields.takeString("output")
            return .completion(CompletionRecord(prompt: prompt, completion: output, info: try fields.takeInfo()))
        })

    /// Raw text.
    static let text = RecordFormat(
        name: "text", summary: "{text}", fields: ["text"], typedColumns: ["text"],
        recognise: { fields in fields["text"] != nil ? ["text"] : nil },
        decode: { (fields: inout RowFields) throws(DataError) -> TrainingRecord in
            let text = try fields.takeString("text")
            return .text(TextRecord(text: text, info: try fields.takeInfo()))
        })
}
