import TextCore

extension RecordFormat {
    /// Two answers as TRL's sets have them, of which the first is preferred. Without a prompt it is what both share at
    /// the start.
    static let preference = RecordFormat(
        name: "preference",
        summary:
            "{prompt?, chosen, rejected, margin?, tools?}: all texts or all [messages]; without a prompt it is what "
            + "both answers share at the start",
        fields: ["prompt", "chosen", "rejected", "margin", "tools", "chat_template_kwargs"],
        typedColumns: ["prompt", "chosen", "rejected"],
        recognise: { fields in
            guard fields["chosen"] != nil, fields["rejected"] != nil,
                transcript.recognise(fields) == nil, shareGPTPreference.recognise(fields) == nil
            else { return nil }
            return (fields["prompt"] == nil ? [] : ["prompt"]) + ["chosen", "rejected"]
        },
        decode: { (fields: inout RowFields) throws(DataError) -> TrainingRecord in
            let prompt: RecordText? =
                fields.has("prompt") ? try fields.takeRecordText("prompt", mayBeEmpty: true) : nil
            let chosen = try fields.takeRecordText("chosen", isAnswer: true, mayBeEmpty: true)
            let rejected = try fields.takeRecordText("rejected", isAnswer: true, mayBeEmpty: true)
            return try fields.takePreference(prompt: prompt, chosen: chosen, rejected: rejected)
        })
}

extension RowFields {
    /// Settles what is the prompt, takes what else a preference has, and closes the record.
    mutating func takePreference(prompt: RecordText?, chosen: RecordText, rejected: RecordText) throws(DataError)
        -> TrainingRecord
    {
        var (settled, chosen, rejected) = (prompt ?? .messages([]), chosen, rejected)
        switch (chosen, rejected) {
        case (.messages(let first), .messages(let second)):
            if prompt == nil || first.repeats(settled) && second.repeats(settled) {
                let split = SharedStart(first, second)
                (settled, chosen, rejected) =
                    (.messages(split.prompt), .messages(split.chosen), .messages(split.rejected))
            }
        case (.text(let first), .text(let second)):
            if prompt == nil {
                let split = SharedStart(first, second)
                (settled, chosen, rejected) = (.text(split.prompt), .text(split.chosen), .text(split.rejected))
            }
        default: if prompt == nil { throw mixedAnswers() }
        }
        try require(chosen, at: "chosen", toBeLike: settled)
        try require(rejected, at: "rejected", toBeLike: settled)
        let margin = try takeMargin()
        let tools = try takeTools()
        let arguments = try takeTemplateArguments()
        return .preference(
            PreferenceRecord(
                prompt: consume settled, chosen: consume chosen, rejected: consume rejected, margin: margin,
                tools: tools,
                chatTemplateArguments: arguments, info: try takeInfo()))
    }

    private func mixedAnswers() -> DataError {
        error(
            .field, at: "$.rejected", message: "of 'chosen' and 'rejected' one is a text and one a list of messages",
            fix: "Write both as messages, or both as texts.")
    }

    /// Takes by how much the one answer is preferred.
    private mutating func takeMargin() throws(DataError) -> Double? {
        guard let value = takeUntyped("margin") else { return nil }
        guard let margin = number(value) else {
            throw error(
                .field, at: "$.margin", message: "a margin is a number, and is \(value.text())",
                fix: "Write by how much the chosen answer is preferred, such as 0.5, or delete the column.")
        }
        return margin
    }
}

extension [JSON] {
    /// Whether these messages begin with the prompt, as some sets repeat it at the start of both answers.
    ///
    /// A text is repeated by the first turn after a system text, if the user speaks it; messages are repeated by the same
    /// messages, with an answer behind them.
    fileprivate func repeats(_ prompt: RecordText) -> Bool {
        switch prompt {
        case .text(let text):
            let first = first { $0["role"] != "system" && $0["role"] != "developer" }
            return first?["role"] == "user" && first?["content"] == .string(text)
        case .messages(let messages): return !messages.isEmpty && count > messages.count && starts(with: messages)
        }
    }
}
