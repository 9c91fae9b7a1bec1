import TextCore

extension RecordFormat {
    /// A prompt, one answer, and whether that answer is wanted.
    static let unpaired = RecordFormat(
        name: "unpaired",
        summary:
            "{prompt, completion, label: true|false, tools?}: both texts or both [messages]; true marks an answer that "
            + "is wanted",
        fields: ["prompt", "completion", "label", "tools", "chat_template_kwargs"],
        typedColumns: ["prompt", "completion"],
        recognise: { fields in
            // Many sets name a class `label`: only a truth value, or a mapping by the user, makes it a verdict.
            guard fields["prompt"] != nil, fields["completion"] != nil, let label = fields["label"],
                label.bool != nil || fields.mapped.contains("label")
            else { return nil }
            return ["prompt", "completion", "label"]
        },
        decode: { (fields: inout RowFields) throws(DataError) -> TrainingRecord in
            let prompt = try fields.takeRecordText("prompt")
            let completion = try fields.takeRecordText("completion", isAnswer: true, mayBeEmpty: true)
            try fields.require(completion, at: "completion", toBeLike: prompt)
            let label = try fields.takeLabel()
            let tools = try fields.takeTools()
            let arguments = try fields.takeTemplateArguments()
            return .unpaired(
                UnpairedRecord(
                    prompt: prompt, completion: completion, isDesirable: label, tools: tools,
                    chatTemplateArguments: arguments, info: try fields.takeInfo()))
        })
}

extension RowFields {
    /// Takes a verdict: a truth value, or what stands for one where a file has none (`0`, `1`, `"true"`, `"False"`).
    fileprivate mutating func takeLabel() throws(DataError) -> Bool {
        let value = try take("label")
        switch value {
        case .bool(let label): return label
        case .integer(0): return false
        case .integer(1): return true
        case .string(let text):
            switch text.lowercased() {
            case "false", "0": return false
            case "true", "1": return true
            default: break
            }
        default: break
        }
        throw error(
            .field, at: "$.label", message: "a label is true or false, and is \(value.text())",
            fix: "Write true for an answer that is wanted and false for one that is not.")
    }
}
