import TextCore

extension RowFields {
    /// Takes a prompt or an answer, a text or a list of messages.
    ///
    /// - Parameters:
    ///   - key: the column.
    ///   - isAnswer: whether its turns are compared or judged whole, so that none may be left untrained.
    ///   - mayBeEmpty: whether the list may hold no message.
    mutating func takeRecordText(_ key: String, isAnswer: Bool = false, mayBeEmpty: Bool = false) throws(DataError)
        -> RecordText
    {
        let turns: Turns
        switch typed?.take(key) {
        case .text(let text)?: return .text(text)
        case .messages(let messages, nil)?:
            guard mayBeEmpty || !messages.isEmpty else { throw emptyList("messages", at: "$.\(key)") }
            return .messages(messages)
        case let content:
            let value = if let content { content.json } else { try take(key) }
            if let text = value.string { return .text(text) }
            guard value.array != nil else {
                throw wrongType(value, expected: "a text or a list of messages", at: "$.\(key)")
            }
            turns = try checkedTurns(value, at: "$.\(key)", mayBeEmpty: mayBeEmpty)
        }
        return .messages(isAnswer ? try wholeAnswer(turns, at: "$.\(key)") : turns.messages)
    }

    /// The messages of an answer, of which each counts.
    func wholeAnswer(_ turns: Turns, at path: String) throws(DataError) -> [JSON] {
        if let index = turns.mayTrain.firstIndex(of: false) {
            throw error(
                .field, at: "\(path)[\(index)].weight",
                message: "an answer counts whole, and this turn of it has weight 0",
                fix: "Delete the weight, or move the turn into the prompt if it is not part of the answer.")
        }
        return turns.messages
    }

    /// Refuses an answer of another kind than the prompt: it would be unclear whether the chat template applies.
    func require(_ answer: RecordText, at key: String, toBeLike prompt: RecordText) throws(DataError) {
        switch (prompt, answer) {
        case (.text, .text), (.messages, .messages): return
        case (.text, .messages):
            throw error(
                .field, at: "$.\(key)", message: "the prompt is a text and this a list of messages",
                fix:
                    "Write the prompt as messages too, [{\"role\": \"user\", \"content\": …}], or all of them as texts."
            )
        case (.messages, .text):
            throw error(
                .field, at: "$.\(key)", message: "the prompt is a list of messages and this a text",
                fix: "Write it as messages too, [{\"role\": \"assistant\", \"content\": …}], or all of them as texts.")
        }
    }
}

/// Two answers after what they share at the start.
struct SharedStart<Part> {
    var prompt: Part
    var chosen: Part
    var rejected: Part
}

extension SharedStart<[JSON]> {
    /// Takes the messages that both start with for the prompt. Two equal conversations keep their last message as the
    /// answer: otherwise nothing would be left that shows them to be equal.
    init(_ chosen: [JSON], _ rejected: [JSON]) {
        var count = zip(chosen, rejected).prefix { $0 == $1 }.count
        if count == chosen.count, count == rejected.count, count > 0 { count -= 1 }
        prompt = Array(chosen[..<count])
        self.chosen = Array(chosen[count...])
        self.rejected = Array(rejected[count...])
    }
}

extension SharedStart<String> {
    /// Takes the characters (Unicode scalars) that both start with for the prompt. A space at its end goes to both
    /// answers, where a tokenizer expects it.
    init(_ chosen: String, _ rejected: String) {
        let (left, right) = (Array(chosen.utf8), Array(rejected.utf8))
        var count = zip(left, right).prefix { $0 == $1 }.count
        // The first byte that differs may lie inside a character of either text.
        while count > 0, [left, right].contains(where: { count < $0.count && UTF8.isContinuation($0[count]) }) {
            count -= 1
        }
        if count > 0, left[count - 1] == UInt8(ascii: " ") { count -= 1 }
        prompt = String(decoding: left[..<count], as: UTF8.self)
        self.chosen = String(decoding: left[count...], as: UTF8.self)
        self.rejected = String(decoding: right[count...], as: UTF8.self)
    }
}
