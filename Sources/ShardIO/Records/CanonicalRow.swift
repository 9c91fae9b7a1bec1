import OrderedCollections
public import TextCore

extension TrainingRecord {
    /// The row that a shard stores: the record's own columns in a fixed order, and everything else in `meta`.
    ///
    /// The columns are `id`, then those that `schemaName` stands for, `tools`, `chat_template_kwargs`, `margin`, `weight`
    /// (unless 1) and `meta` (unless empty), whatever format the record was read from. Read again, the row gives an equal
    /// record, but for its provenance.
    public var canonicalJSON: JSON {
        var row = CanonicalRow(id: info.id)
        switch self {
        case .conversation(let record):
            let messages = zip(record.messages, record.mayTrain).map { $0.withTrainingWeight($1) }
            if let count = record.promptCount {
                row.add("prompt", .array(Array(messages.prefix(count))))
                row.add("completion", .array(Array(messages.dropFirst(count))))
            } else {
                row.add("messages", .array(messages))
            }
            row.add(tools: record.tools, arguments: record.chatTemplateArguments)
        case .completion(let record):
            row.add("prompt", .string(record.prompt))
            row.add("completion", .string(record.completion))
        case .text(let record): row.add("text", .string(record.text))
        case .preference(let record):
            row.add("prompt", record.prompt.json)
            row.add("chosen", record.chosen.json)
            row.add("rejected", record.rejected.json)
            row.add(tools: record.tools, arguments: record.chatTemplateArguments)
            if let margin = record.margin { row.add("margin", .number(margin)) }
        case .unpaired(let record):
            row.add("prompt", record.prompt.json)
            row.add("completion", record.completion.json)
            row.add("label", .bool(record.isDesirable))
            row.add(tools: record.tools, arguments: record.chatTemplateArguments)
        case .prompt(let record):
            row.add("prompt", record.prompt.json)
            row.add(tools: record.tools, arguments: record.chatTemplateArguments)
        }
        if info.weight != 1 { row.add("weight", .number(info.weight)) }
        if info.meta != [:] { row.add("meta", info.meta) }
        return .object(row.members)
    }

    /// The name and version of the columns that `canonicalJSON` has.
    public var schemaName: String {
        switch self {
        case .conversation(let record): record.promptCount == nil ? "messages/1" : "completion/1"
        case .completion: "completion/1"
        case .text: "text/1"
        case .preference: "pref/1"
        case .unpaired: "unpaired/1"
        case .prompt: "rl/1"
        }
    }
}

private struct CanonicalRow {
    var members: OrderedDictionary<String, JSON> = [:]

    init(id: String?) {
        if let id { add("id", .string(id)) }
    }

    mutating func add(_ key: String, _ value: JSON) { members[key] = value }

    mutating func add(tools: [JSON]?, arguments: JSON) {
        if let tools { add("tools", .array(tools)) }
        if arguments != [:] { add("chat_template_kwargs", arguments) }
    }
}

extension RecordText {
    fileprivate var json: JSON {
        switch self {
        case .text(let text): .string(text)
        case .messages(let messages): .array(messages)
        }
    }
}

extension JSON {
    /// This message, with `weight: 0` if it is not trained.
    func withTrainingWeight(_ mayTrain: Bool) -> JSON {
        guard !mayTrain, case .object(var message) = self else { return self }
        message["weight"] = 0
        return .object(message)
    }
}
