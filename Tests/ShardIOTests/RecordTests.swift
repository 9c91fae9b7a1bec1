import Foundation
import ShardIO
import TestSupport
import Testing
import TextCore

/// The first record of a one-line file, and the sentence about its format.
private func record(
    _ line: String, format: String = "auto", columns: [ColumnMapping] = []
) throws -> (record: TrainingRecord, sentence: String) {
    try withFile("x.jsonl", line) { path in
        let file = try DataFile(path: path)
        let decoder = try RecordDecoder(source: file, format: format, columns: columns)
        var stream = try file.rows()
        let row = try #require(try stream.next())
        return (try decoder.record(row), decoder.decision.sentence.replacing(path, with: "x.jsonl"))
    }
}

private func conversation(_ line: String) throws -> ConversationRecord {
    guard case .conversation(let conversation) = try record(line).record else {
        throw DataError(.field, file: "x.jsonl", message: "no conversation", fix: line)
    }
    return conversation
}

@Suite struct RecordFormatTests {
    @Test func messagesKeepToolsWeightsAndUnknownColumns() throws {
        let line = """
            {"id":7,"messages":[{"role":"user","content":"hi","name":null},\
            {"role":"assistant","content":"one","weight":0},{"role":"user","content":"more"},\
            {"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}],\
            "tools":[{"type":"function","function":{"name":"f"}}],"topic":"x","weight":0.5}
            """
        let row = try conversation(line)
        #expect(row.messages[0] == ["role": "user", "content": "hi"])
        #expect(row.messages[1] == ["role": "assistant", "content": "one"])
        #expect(row.messages[3]["content"] == nil)
        #expect(row.mayTrain == [true, false, true, true])
        #expect(row.tools?.count == 1)
        #expect(row.promptCount == nil)
        #expect(row.info.id == "7")
        #expect(row.info.weight == 0.5)
        #expect(row.info.meta == ["topic": "x"])
        #expect(row.info.provenance.line == 1)
    }

    @Test func toolsComeAsTextOrAsFunctionsToo() throws {
        let messages = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
        let text = try conversation("{\(messages),\"tools\":\"[{\\\"type\\\":\\\"function\\\"}]\"}")
        #expect(text.tools == [["type": "function"]])
        let functions = try conversation("{\(messages),\"functions\":[{\"name\":\"f\"}]}")
        #expect(functions.tools == [["type": "function", "function": ["name": "f"]]])
        #expect(try conversation("{\(messages),\"tools\":[]}").tools == nil)
        let arguments = try conversation("{\(messages),\"chat_template_kwargs\":{\"enable_thinking\":false}}")
        #expect(arguments.chatTemplateArguments == ["enable_thinking": false])
    }

    @Test func shareGPTSpeakersBecomeRoles() throws {
        let line = """
            {"conversations":[{"from":"human","value":"q"},{"from":"function_call","value":"{\\"name\\":\\"f\\",\\"arguments\\":{}}"},\
            {"from":"observation","value":"r"},{"from":"gpt","value":"a","weight":0}],"system":"be brief"}
            """
        let row = try conversation(line)
        #expect(
            row.messages == [
                ["role": "system", "content": "be brief"],
                ["role": "user", "content": "q"],
                [
                    "role": "assistant", "content": "",
                    "tool_calls": [["type": "function", "function": ["name": "f", "arguments": [:]]]],
                ],
                ["role": "tool", "content": "r"],
                ["role": "assistant", "content": "a"],
            ])
        #expect(row.mayTrain == [true, true, true, true, false])
    }

    @Test func promptAndCompletionAreTextsOrMessages() throws {
        guard case .completion(let plain) = try record("{\"prompt\":\"p\",\"completion\":\"c\",\"k\":1}").record else {
            Issue.record("no completion")
            return
        }
        #expect(plain.prompt == "p")
        #expect(plain.completion == "c")
        #expect(plain.info.meta == ["k": 1])
        let chat = try conversation(
            "{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],\"completion\":[{\"role\":\"assistant\",\"content\":\"a\"}]}"
        )
        #expect(chat.messages.count == 2)
        #expect(chat.promptCount == 1)
    }

    @Test func alpacaJoinsInstructionAndInputByABlankLine() throws {
        func prompt(_ line: String) throws -> String? {
            if case .completion(let record) = try record(line).record { record.prompt } else { nil }
        }
        #expect(try prompt("{\"instruction\":\"Add.\",\"input\":\"1 2\",\"output\":\"3\"}") == "Add.\n\n1 2")
        #expect(try prompt("{\"instruction\":\"Add.\",\"input\":\"\",\"output\":\"3\"}") == "Add.")
        #expect(try prompt("{\"instruction\":\"Add.\",\"output\":\"3\"}") == "Add.")
    }

    @Test func theDecisionIsSaidAloud() throws {
        #expect(
            try record("{\"text\":\"t\",\"n\":1}").sentence
                == "x.jsonl: format 'text', found by 'text' in the first row; set `format` to read them otherwise.")
        #expect(
            try record("{\"prompt\":\"t\",\"completion\":\"1\"}", format: "prompt_completion").sentence
                == "x.jsonl: format 'prompt_completion', as the recipe says.")
    }

    @Test func columnsGiveOtherNames() throws {
        let columns = [
            ColumnMapping(field: "prompt", column: "text"), ColumnMapping(field: "completion", column: "category"),
        ]
        let mapped = try record("{\"text\":\"where?\",\"category\":\"card\",\"n\":\"3\"}", columns: columns)
        guard case .completion(let row) = mapped.record else {
            Issue.record("no completion")
            return
        }
        #expect(row.prompt == "where?")
        #expect(row.completion == "card")
        #expect(row.info.meta == ["n": "3"])
    }

    static let broken: [(String, String, String)] = [
        (
            "auto", "{\"question\":\"q\",\"answer\":\"a\"}",
            "x.jsonl:1: no format fits columns 'question', 'answer' (byte 0). Say what they are, such as `columns: {prompt: "
                + "question, completion: answer}`, or set `format` to one of: messages, sharegpt, prompt_completion, turns, alpaca, text, "
                + "preference, openai_preference, hh_transcript, sharegpt_preference, unpaired, prompt."
        ),
        (
            "auto", "{\"text\":\"q\",\"prompt\":\"p\",\"completion\":\"a\"}",
            "x.jsonl:1: this row fits several formats: 'prompt_completion' by 'prompt', 'completion', 'text' by 'text' (byte "
                + "0). Set `format` to the one you mean."
        ),
        (
            "auto", "{\"text\":\"q\"}\n{\"prompt\":\"p\",\"completion\":\"a\"}",
            "x.jsonl:2: this row looks like format 'prompt_completion', and line 1 like 'text' (byte 13). Set `format`, or put "
                + "the rows of each format in a file of their own."
        ),
        (
            "mesages", "{\"text\":\"q\"}",
            "x.jsonl: there is no data format 'mesages'. Did you mean 'messages'? Formats: auto, messages, sharegpt, "
                + "prompt_completion, turns, alpaca, text, "
                + "preference, openai_preference, hh_transcript, sharegpt_preference, unpaired, prompt."
        ),
        (
            "prompt_completion", "{\"prompt\":\"p\",\"completions\":\"a\"}",
            "x.jsonl:1: this row has no 'completion' (byte 0). Did you mean 'completions'? Map it with `columns: {completion: "
                + "completions}`."
        ),
        (
            "prompt_completion", "{\"prompt\":\"p\",\"completion\":3}",
            "x.jsonl:1: a string, as the prompt is, is expected and an integer found at $.completion (byte 0). Mend the row, "
                + "or map another column with `columns`."
        ),
        (
            "text", "{\"text\":[\"a\"]}",
            "x.jsonl:1: a string is expected and an array found at $.text (byte 0). Mend the row, or map another column with "
                + "`columns`."
        ),
        (
            "text", "{\"text\":null}",
            "x.jsonl:1: this row has no 'text' (byte 0). Its columns are: ."
        ),
        (
            "messages", "{\"messages\":[]}",
            "x.jsonl:1: the list of messages is empty at $.messages (byte 0). Delete the row; there is nothing to train on."
        ),
        (
            "messages",
            "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"asistant\",\"content\":\"a\"}]}",
            "x.jsonl:1: unknown role 'asistant' at $.messages[1].role (byte 0). Did you mean 'assistant'? A turn with a "
                + "misspelt role would not be trained as meant."
        ),
        (
            "messages", "{\"messages\":[{\"role\":\"user\",\"content\":5}]}",
            "x.jsonl:1: a string or a list of content parts is expected and an integer found at $.messages[0].content (byte 0). "
                + "Mend the row, or map another column with `columns`."
        ),
        (
            "messages", "{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"weight\":0.5}]}",
            "x.jsonl:1: a message's weight is 0 or 1, and is 0.5 at $.messages[0].weight (byte 0). 0 leaves the turn "
                + "untrained. Weigh whole rows with a `weight` beside the messages."
        ),
        (
            "messages", "{\"messages\":[{\"role\":\"assistant\"}]}",
            "x.jsonl:1: this message has neither 'content' nor 'tool_calls' at $.messages[0] (byte 0). Give it a text, or "
                + "delete it."
        ),
        (
            "sharegpt", "{\"conversations\":[{\"from\":\"humn\",\"value\":\"q\"}]}",
            "x.jsonl:1: unknown speaker 'humn' at $.conversations[0].from (byte 0). Did you mean 'human'? Known: human, user, "
                + "gpt, assistant, model, bot, system, tool, observation, function_response, function, function_call, tool_call."
        ),
        (
            "alpaca", "{\"instruction\":\"i\",\"output\":\"o\",\"system\":\"s\"}",
            "x.jsonl:1: this format has no 'system', and leaving it out would change the row at $.system (byte 0). Write the "
                + "rows as `messages`."
        ),
        (
            "text", "{\"text\":\"t\",\"weight\":-1}",
            "x.jsonl:1: a row's weight is a number of at least 0, and is -1 at $.weight (byte 0). Write how much the row counts, "
                + "such as 1 or 0.5."
        ),
    ]

    @Test(arguments: broken)
    func saysWhatIsWrongAndWhere(format: String, lines: String, message: String) throws {
        try withFile("x.jsonl", lines) { path in
            let error = #expect(throws: DataError.self) {
                let file = try DataFile(path: path)
                let decoder = try RecordDecoder(source: file, format: format)
                var stream = try file.rows()
                while let row = try stream.next() { _ = try decoder.record(row) }
            }
            #expect(error?.description.replacing(path, with: "x.jsonl") == message)
        }
    }

    @Test func aWrongMappingNamesTheNearest() throws {
        func message(_ mapping: ColumnMapping) throws -> String? {
            try withFile("x.csv", "question,answer\nq,a\n") { path in
                #expect(throws: DataError.self) {
                    try RecordDecoder(source: try DataFile(path: path), columns: [mapping])
                }?.description.replacing(path, with: "x.csv")
            }
        }
        #expect(
            try message(ColumnMapping(field: "prompt", column: "qestion"))
                == "x.csv:2: column 'qestion', mapped to 'prompt', is not in this row (byte 16). Did you mean 'question'?"
        )
        #expect(
            try message(ColumnMapping(field: "promt", column: "question"))
                == "x.csv: columns: no format has a field 'promt'. Did you mean 'prompt'? The mapping is {field: column}."
        )
    }

    /// Every format refuses these rows without a trap, whatever it takes them for.
    @Test(arguments: RecordFormat.all.map(\.name))
    func hostileRowsAreErrors(format: String) throws {
        let values = [
            "null", "3", "true", "\"x\"", "[]", "[3]", "[null]", "[{}]", "{}", "[[]]", "[{\"role\":3}]",
            "[{\"from\":3}]",
        ]
        let fields = try #require(RecordFormat.named(format)).fields
        for value in values {
            let line = "{" + fields.map { "\"\($0)\":\(value)" }.joined(separator: ",") + "}"
            try withFile("x.jsonl", line) { path in
                let file = try DataFile(path: path)
                let decoder = try RecordDecoder(source: file, format: format)
                var stream = try file.rows()
                let row = try #require(try stream.next())
                do {
                    _ = try decoder.record(row)
                    #expect(value == "\"x\"", "\(format) took \(line)")
                } catch let error as DataError {
                    #expect(error.line == 1)
                }
            }
        }
    }

    @Test func realFilesDecodeWhole() throws {
        guard let folder = try SharedFolder.url("data") else { return }
        var decoded = 0
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted() {
            guard let kind = FileKind(path: name), kind == .csv || kind == .jsonl else { continue }
            let file = try DataFile(path: folder.appendingPathComponent(name).path)
            var peek = try file.rows()
            let first = try #require(try peek.next())
            // The files name their columns themselves; RecordCanonicalTests reads the preference triples.
            let pairs = [("question", "answer"), ("text", "category")]
            guard let pair = pairs.first(where: { first.fields[$0.0] != nil && first.fields[$0.1] != nil }) else {
                continue
            }
            let decoder = try RecordDecoder(
                source: file,
                columns: [
                    ColumnMapping(field: "prompt", column: pair.0), ColumnMapping(field: "completion", column: pair.1),
                ])
            var stream = try file.rows()
            while let row = try stream.next() {
                guard case .completion(let record) = try decoder.record(row), !record.prompt.isEmpty,
                    !record.completion.isEmpty
                else {
                    Issue.record("\(name): row \(row.provenance.ordinal) is no completion")
                    break
                }
                decoded += 1
            }
        }
        #expect(decoded >= 10_003 + 3_080 + 7_473 + 1_319)
    }
}
