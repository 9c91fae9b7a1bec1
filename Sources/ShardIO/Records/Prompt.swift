import TextCore

extension RecordFormat {
    /// A prompt that a model shall answer itself; every other column (an `answer`, tests to pass) is kept for verifiers.
    static let prompt = RecordFormat(
        name: "prompt",
        summary: "{prompt: text or [messages], tools?} and any other columns, which verifiers see",
        fields: ["prompt", "tools", "chat_template_kwargs"],
        typedColumns: ["prompt"],
        recognise: { fields in
            // Only a row that is nothing else: most formats have a prompt.
            let isElse = ["completion", "chosen", "rejected"].contains { fields[$0] != nil }
            guard fields["prompt"] != nil, !isElse,
                RecordFormat.all.allSatisfy({ $0.name == "prompt" || $0.recognise(fields) == nil })
            else { return nil }
            return ["prompt"]
        },
        decode: { (fields: inout RowFields) throws(DataError) -> TrainingRecord in
            let prompt = try fields.takeRecordText("prompt")
            let tools = try fields.takeTools()
            let arguments = try fields.takeTemplateArguments()
            return .prompt(
                PromptRecord(
                    prompt: prompt, tools: tools, chatTemplateArguments: arguments, info: try fields.takeInfo()))
        })
}
