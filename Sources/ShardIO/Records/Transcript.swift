import TextCore

extension RecordFormat {
    /// Two transcripts of the same conversation as Anthropic's HH-RLHF has them.
    static let transcript = RecordFormat(
        name: "hh_transcript",
        summary:
            "{chosen, rejected}: texts with \"\\n\\nHuman:\" and \"\\n\\nAssistant:\" before each turn; the prompt is "
            + "the turns that both share at the start",
        fields: ["chosen", "rejected", "margin"],
        typedColumns: ["chosen", "rejected"],
        recognise: { fields in
            guard fields["prompt"] == nil, let chosen = fields["chosen"]?.string,
                let rejected = fields["rejected"]?.string, isTranscript(chosen), isTranscript(rejected)
            else { return nil }
            return ["chosen", "rejected"]
        },
        decode: { (fields: inout RowFields) throws(DataError) -> TrainingRecord in
            let chosen = try fields.takeTranscript("chosen")
            let rejected = try fields.takeTranscript("rejected")
            return try fields.takePreference(prompt: nil, chosen: .messages(chosen), rejected: .messages(rejected))
        })
}

private let markers = [(mark: "\n\nHuman:", role: "user"), (mark: "\n\nAssistant:", role: "assistant")]

/// Whether `text` begins with a turn of the human and has one of the assistant.
private func isTranscript(_ text: String) -> Bool {
    (text.hasPrefix("\n\nHuman:") || text.hasPrefix("Human:")) && text.contains("\n\nAssistant:")
}

extension RowFields {
    fileprivate mutating func takeTranscript(_ key: String) throws(DataError) -> [JSON] {
        let text = try takeString(key)
        let messages = transcriptMessages(text)
        guard let messages, messages.first?["role"] == "user" else {
            throw error(
                .field, at: "$.\(key)", message: "this transcript does not start with \"\\n\\nHuman:\"",
                fix: "Begin each turn with a blank line and \"Human:\" or \"Assistant:\", or write the row as messages."
            )
        }
        guard messages.last?["role"] == "assistant" else {
            throw error(
                .field, at: "$.\(key)", message: "this transcript ends with a turn of the human, so it holds no answer",
                fix: "Add the assistant's answer, or delete the row.")
        }
        return messages
    }
}

/// The turns of a transcript; `nil` when text stands before the first. The space behind a marker is not part of the turn.
private func transcriptMessages(_ text: String) -> [JSON]? {
    let bytes = Array((text.hasPrefix("Human:") ? "\n\n" + text : text).utf8)
    let marks = markers.map { (bytes: Array($0.mark.utf8), role: $0.role) }
    var starts: [(mark: Int, text: Int, role: String)] = []
    for index in bytes.indices where bytes[index] == UInt8(ascii: "\n") {
        for mark in marks where bytes[index...].starts(with: mark.bytes) {
            starts.append((index, index + mark.bytes.count, mark.role))
        }
    }
    guard starts.first?.mark == 0 else { return nil }
    let ends = starts.dropFirst().map(\.mark) + [bytes.count]
    return zip(starts, ends).map { start, end in
        let hasSpace = start.text < end && bytes[start.text] == UInt8(ascii: " ")
        let content = String(decoding: bytes[(start.text + (hasSpace ? 1 : 0))..<end], as: UTF8.self)
        return ["role": .string(start.role), "content": .string(content)]
    }
}
