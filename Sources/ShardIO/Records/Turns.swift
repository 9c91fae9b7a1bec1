import TextCore

extension RecordFormat {
    /// One exchange, a column for each speaker: what a CSV file of questions and answers is, and is read as through the
    /// chat template.
    static let turns = RecordFormat(
        name: "turns",
        summary: "{system?: text, user: text, assistant: text}: a conversation of one question and its answer",
        fields: ["system", "user", "assistant"],
        typedColumns: ["system", "user", "assistant"],
        recognise: { fields in
            fields["user"]?.string != nil && fields["assistant"]?.string != nil ? ["user", "assistant"] : nil
        },
        decode: { (fields: inout RowFields) throws(DataError) -> TrainingRecord in
            var turns = Turns()
            for role in ["system", "user", "assistant"] where role != "system" || fields[role] != nil {
                turns.messages.append(["role": .string(role), "content": .string(try fields.takeString(role))])
                turns.mayTrain.append(true)
            }
            return .conversation(try fields.takeConversation(turns, promptCount: turns.messages.count - 1))
        })
}
