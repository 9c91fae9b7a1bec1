import TextCore

extension RecordFormat {
    /// Two answers whose turns have `from` and `value`, behind `conversations` or each with the whole conversation.
    static let shareGPTPreference = RecordFormat(
        name: "sharegpt_preference",
        summary:
            "{conversations?: [{from, value}], chosen: {from, value} or a list, rejected, system?, tools?}; without "
            + "conversations the prompt is the turns that both share at the start",
        fields: ["conversations", "prompt", "chosen", "rejected", "system", "margin", "tools", "chat_template_kwargs"],
        recognise: { fields in
            let prompt = fields["prompt"]
            guard prompt == nil || prompt?.string != nil, isSpoken(fields["chosen"]), isSpoken(fields["rejected"])
            else { return nil }
            guard fields["conversations"] != nil else { return ["chosen", "rejected"] }
            guard prompt == nil else { return nil }
            return firstElement(fields["conversations"], has: "from") ? ["conversations", "chosen", "rejected"] : nil
        },
        decode: { (fields: inout RowFields) throws(DataError) -> TrainingRecord in
            var prompt: RecordText?
            if fields["conversations"] != nil {
                prompt = .messages(try fields.takeShareGPTTurns("conversations").messages)
            } else if fields["prompt"] != nil {
                // Some sets add the question as a text beside the conversations that begin with it.
                prompt = .text(try fields.takeString("prompt"))
            }
            var chosen = try fields.takeSpokenAnswer("chosen")
            var rejected = try fields.takeSpokenAnswer("rejected")
            if let system = fields["system"] {
                chosen = try fields.takeSystem(before: chosen)
                fields.putBack("system", system)
                rejected = try fields.takeSystem(before: rejected)
            }
            return try fields.takePreference(
                prompt: prompt,
                chosen: .messages(try fields.wholeAnswer(chosen, at: "$.chosen")),
                rejected: .messages(try fields.wholeAnswer(rejected, at: "$.rejected")))
        })
}

/// Whether `value` is a turn with `from`, or a list of such turns.
private func isSpoken(_ value: JSON?) -> Bool { value?["from"] != nil || firstElement(value, has: "from") }

extension RowFields {
    fileprivate mutating func takeSpokenAnswer(_ key: String) throws(DataError) -> Turns {
        try shareGPTTurns(try take(key), at: "$.\(key)", mayBeOne: true)
    }
}
