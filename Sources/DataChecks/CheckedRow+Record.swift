import OrderedCollections
package import ShardIO
import TextCore

extension CheckedRow {
    /// The row of a file as text.
    ///
    /// - Parameters:
    ///   - side: where it belongs.
    ///   - raw: its columns.
    ///   - record: what they mean.
    ///   - gold: the column of the right answer, if any.
    ///   - group: the column that rows are grouped by, if any; a row may lack it.
    package init(
        _ side: Side, _ raw: RawRow, _ record: TrainingRecord, gold: ColumnPath? = nil, group: ColumnPath? = nil
    ) {
        self.init(
            side: side, source: "\(raw.provenance.file):\(raw.provenance.line)", ordinal: raw.provenance.ordinal,
            prompt: "", gold: gold.flatMap { Self.text($0, in: raw.fields) },
            group: group.flatMap { Self.text($0, in: raw.fields) }, fields: raw.fields, record: record)
        switch record {
        case .conversation(let record):
            let count =
                record.promptCount ?? record.messages.count - (record.messages.last.map(Self.isAnswer) == true ? 1 : 0)
            set(prompt: record.messages.prefix(count))
            let answers = record.messages.dropFirst(count)
            answer = answers.isEmpty ? nil : Self.text(answers)
        case .completion(let record): (prompt, answer) = (record.prompt, record.completion)
        case .text(let record): prompt = record.text
        case .preference(let record):
            set(prompt: record.prompt)
            (answer, rejected) = (Self.text(record.chosen), Self.text(record.rejected))
        case .unpaired(let record):
            set(prompt: record.prompt)
            answer = Self.text(record.completion)
        case .prompt(let record): set(prompt: record.prompt)
        }
    }

    /// A row of no known format: its columns one after the other.
    package init(whole side: Side, _ raw: RawRow) {
        let texts = (raw.fields.object ?? [:]).values.map { $0.string ?? $0.text() }
        self.init(
            side: side, source: "\(raw.provenance.file):\(raw.provenance.line)", ordinal: raw.provenance.ordinal,
            prompt: texts.joined(separator: "\n"), fields: raw.fields)
    }

    private mutating func set(prompt content: RecordText) {
        switch content {
        case .text(let text): prompt = text
        case .messages(let messages): set(prompt: messages[...])
        }
    }

    private mutating func set(prompt messages: ArraySlice<JSON>) {
        let isSystem = { (message: JSON) in ["system", "developer"].contains(message["role"]?.string) }
        let told = messages.filter(isSystem)
        system = told.isEmpty ? nil : Self.text(told[...])
        prompt = Self.text(told.isEmpty ? messages : messages.filter { !isSystem($0) }[...])
    }

    private static func isAnswer(_ message: JSON) -> Bool { message["role"]?.string == "assistant" }

    private static func text(_ content: RecordText) -> String {
        switch content {
        case .text(let text): text
        case .messages(let messages): text(messages[...])
        }
    }

    /// What messages say, a line each; of a message without words its calls of tools.
    private static func text(_ messages: ArraySlice<JSON>) -> String {
        messages.map { message in
            switch message["content"] {
            case .string(let text)?: return text
            case .array(let parts)?: return parts.compactMap { $0["text"]?.string ?? $0.string }.joined(separator: "\n")
            default: return message["tool_calls"]?.text() ?? ""
            }
        }.joined(separator: "\n")
    }

    private static func text(_ column: ColumnPath, in row: JSON) -> String? {
        guard let value = column.value(in: row), !value.isNull else { return nil }
        return value.string ?? value.text(.init(sortedKeys: true))
    }
}
