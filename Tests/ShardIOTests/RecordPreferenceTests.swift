import ShardIO
import Testing
import TextCore

private struct NotThisRecord: Error {}

private func records(
    _ lines: String, name: String = "x.jsonl", format: String = "auto", columns: [ColumnMapping] = []
) throws -> (format: String, records: [TrainingRecord]) {
    try withFile(name, lines) { path in
        let file = try DataFile(path: path)
        let decoder = try RecordDecoder(source: file, format: format, columns: columns)
        var stream = try file.rows()
        var records: [TrainingRecord] = []
        while let row = try stream.next() { records.append(try decoder.record(row)) }
        return (decoder.format.name, records)
    }
}

private func preference(
    _ line: String, is format: String, name: String = "x.jsonl", columns: [ColumnMapping] = []
) throws -> PreferenceRecord {
    let found = try records(line, name: name, columns: columns)
    #expect(found.format == format)
    guard case .preference(let record)? = found.records.first else { throw NotThisRecord() }
    return record
}

private func user(_ text: String) -> JSON { ["role": "user", "content": .string(text)] }
private func assistant(_ text: String) -> JSON { ["role": "assistant", "content": .string(text)] }

@Suite struct RecordPreferenceTests {
    @Test func explicitTextsStayAsTheyAre() throws {
        let record = try preference(
            #"{"prompt":"2+2?","chosen":" 4","rejected":"","margin":0.5,"score_chosen":9,"weight":2,"id":3}"#,
            is: "preference")
        #expect(record.prompt == .text("2+2?"))
        #expect(record.chosen == .text(" 4"))
        #expect(record.rejected == .text(""))
        #expect(record.margin == 0.5)
        #expect(record.info.weight == 2)
        #expect(record.info.id == "3")
        #expect(record.info.meta == ["score_chosen": 9])
    }

    @Test func explicitMessagesKeepToolsAndVariables() throws {
        let record = try preference(
            #"{"prompt":[{"role":"user","content":"q","weight":0}],"chosen":[{"role":"assistant","content":"a"}],"#
                + #""rejected":[],"tools":[{"type":"function"}],"chat_template_kwargs":{"x":1},"margin":2}"#,
            is: "preference")
        #expect(record.prompt == .messages([user("q")]))
        #expect(record.chosen == .messages([assistant("a")]))
        #expect(record.rejected == .messages([]))
        #expect(record.tools == [["type": "function"]])
        #expect(record.chatTemplateArguments == ["x": 1])
        #expect(record.margin == 2)
    }

    static let sharedTexts: [(chosen: String, rejected: String, prompt: String, left: String, right: String)] = [
        ("Q: hi A: yes", "Q: hi A: no", "Q: hi A:", " yes", " no"),
        ("abc", "abd", "ab", "c", "d"),
        ("x", "y", "", "x", "y"),
        ("ab", "abc", "ab", "", "c"),
        // é and è share their first byte, 𝄞 and 𝄟 their first three: a character is not cut.
        ("né", "nè", "n", "é", "è"),
        ("a𝄞", "a𝄟", "a", "𝄞", "𝄟"),
        ("aé", "a", "a", "é", ""),
        ("", "", "", "", ""),
    ]

    @Test(arguments: sharedTexts)
    func withoutAPromptTextsShareTheirFirstCharacters(
        chosen: String, rejected: String, prompt: String, left: String, right: String
    ) throws {
        let row: JSON = ["chosen": .string(chosen), "rejected": .string(rejected)]
        let record = try preference(row.text(), is: "preference")
        #expect(record.prompt == .text(prompt))
        #expect(record.chosen == .text(left))
        #expect(record.rejected == .text(right))
    }

    @Test func withoutAPromptMessagesShareTheirFirstTurns() throws {
        func split(_ chosen: [JSON], _ rejected: [JSON]) throws -> [RecordText] {
            let row: JSON = ["chosen": .array(chosen), "rejected": .array(rejected)]
            let record = try preference(row.text(), is: "preference")
            return [record.prompt, record.chosen, record.rejected]
        }
        #expect(
            try split([user("q"), assistant("a")], [user("q"), assistant("b")])
                == [.messages([user("q")]), .messages([assistant("a")]), .messages([assistant("b")])])
        // One answer goes on where the other has ended.
        #expect(
            try split([user("q")], [user("q"), assistant("b")])
                == [.messages([user("q")]), .messages([]), .messages([assistant("b")])])
        // Equal conversations stay comparable.
        #expect(
            try split([user("q"), assistant("a")], [user("q"), assistant("a")])
                == [.messages([user("q")]), .messages([assistant("a")]), .messages([assistant("a")])])
        #expect(
            try split([user("q"), assistant("a")], [user("r"), assistant("a")])
                == [.messages([]), .messages([user("q"), assistant("a")]), .messages([user("r"), assistant("a")])])
    }

    @Test func aPromptThatTheAnswersRepeatIsNotSaidTwice() throws {
        let system: JSON = ["role": "system", "content": "brief"]
        let first: [JSON] = [system, user("q"), assistant("a")]
        let second: [JSON] = [system, user("q"), assistant("b")]
        for prompt: JSON in ["q", .array([system, user("q")]), .array([system])] {
            let row: JSON = ["prompt": prompt, "chosen": .array(first), "rejected": .array(second), "score_chosen": 8]
            let record = try preference(row.text(), is: "preference")
            #expect(record.prompt == .messages([system, user("q")]))
            #expect(record.chosen == .messages([assistant("a")]))
            #expect(record.rejected == .messages([assistant("b")]))
            #expect(record.info.meta == ["score_chosen": 8])
        }
    }

    @Test func openAIRowsHaveTwoSpellings() throws {
        for (preferred, other) in [
            ("preferred_output", "non_preferred_output"), ("preferred_completion", "non_preferred_completion"),
        ] {
            let record = try preference(
                #"{"input":{"messages":[{"role":"user","content":"q"}],"tools":[{"type":"function"}],"#
                    + #""parallel_tool_calls":true},"\#(preferred)":[{"role":"assistant","content":"a"}],"#
                    + #""\#(other)":[{"role":"assistant","content":"b"}],"k":1}"#,
                is: "openai_preference")
            #expect(record.prompt == .messages([user("q")]))
            #expect(record.chosen == .messages([assistant("a")]))
            #expect(record.rejected == .messages([assistant("b")]))
            #expect(record.tools == [["type": "function"]])
            #expect(record.info.meta == ["k": 1, "input": ["parallel_tool_calls": true]])
        }
    }

    @Test func transcriptsBecomeMessages() throws {
        let row: JSON = [
            "chosen": "\n\nHuman: hi\n\nAssistant: hello\n\nyou\n\nHuman: why?\n\nAssistant: so",
            "rejected": "\n\nHuman: hi\n\nAssistant: hello\n\nyou\n\nHuman: why?\n\nAssistant:",
        ]
        let record = try preference(row.text(), is: "hh_transcript")
        #expect(record.prompt == .messages([user("hi"), assistant("hello\n\nyou"), user("why?")]))
        #expect(record.chosen == .messages([assistant("so")]))
        #expect(record.rejected == .messages([assistant("")]))
        // Earlier turns may differ: then they belong to the answers.
        let apart: JSON = [
            "chosen": "Human: hi\n\nAssistant: one\n\nHuman: on\n\nAssistant: a",
            "rejected": "Human: hi\n\nAssistant: two\n\nHuman: on\n\nAssistant: b",
        ]
        let other = try preference(apart.text(), is: "hh_transcript")
        #expect(other.prompt == .messages([user("hi")]))
        #expect(other.chosen == .messages([assistant("one"), user("on"), assistant("a")]))
        #expect(other.rejected == .messages([assistant("two"), user("on"), assistant("b")]))
    }

    @Test func shareGPTPairsHaveTurnsWithFromAndValue() throws {
        let asked = #""conversations":[{"from":"human","value":"q"}],"system":"brief""#
        let system: JSON = ["role": "system", "content": "brief"]
        for (left, right) in [
            (#"{"from":"gpt","value":"a"}"#, #"{"from":"gpt","value":"b"}"#),
            (#"[{"from":"gpt","value":"a"}]"#, #"[{"from":"gpt","value":"b"}]"#),
        ] {
            let record = try preference(
                "{\(asked),\"chosen\":\(left),\"rejected\":\(right)}", is: "sharegpt_preference")
            #expect(record.prompt == .messages([system, user("q")]))
            #expect(record.chosen == .messages([assistant("a")]))
            #expect(record.rejected == .messages([assistant("b")]))
        }
        let whole = #"{"from":"human","value":"q"},{"from":"gpt","value":"#
        for prompt in [#""system":"brief""#, #""system":"brief","prompt":"q""#] {
            let record = try preference(
                "{\(prompt),\"chosen\":[\(whole)\"a\"}],\"rejected\":[\(whole)\"b\"}]}", is: "sharegpt_preference")
            #expect(record.prompt == .messages([system, user("q")]))
            #expect(record.chosen == .messages([assistant("a")]))
            #expect(record.rejected == .messages([assistant("b")]))
        }
    }

    @Test func columnsMakePairsOfAnyTable() throws {
        let record = try preference(
            "q,good,bad,gap\nwhy?,so,no,1.5\n", is: "preference", name: "x.csv",
            columns: [
                ColumnMapping(field: "prompt", column: "q"), ColumnMapping(field: "chosen", column: "good"),
                ColumnMapping(field: "rejected", column: "bad"), ColumnMapping(field: "margin", column: "gap"),
            ])
        #expect(record.prompt == .text("why?"))
        #expect(record.chosen == .text("so"))
        #expect(record.rejected == .text("no"))
        #expect(record.margin == 1.5)
    }
}

@Suite struct RecordLabelTests {
    @Test func aTruthValueMakesARowUnpaired() throws {
        let texts = try records(#"{"prompt":"p","completion":"","label":false,"k":1}"#)
        #expect(texts.format == "unpaired")
        guard case .unpaired(let record)? = texts.records.first else { throw NotThisRecord() }
        #expect(record.prompt == .text("p"))
        #expect(record.completion == .text(""))
        #expect(!record.isDesirable)
        #expect(record.info.meta == ["k": 1])
        let row: JSON = ["prompt": .array([user("q")]), "completion": .array([assistant("a")]), "label": true]
        guard case .unpaired(let chat)? = try records(row.text()).records.first else { throw NotThisRecord() }
        #expect(chat.prompt == .messages([user("q")]))
        #expect(chat.completion == .messages([assistant("a")]))
        #expect(chat.isDesirable)
    }

    @Test(arguments: ["1", "\"true\"", "\"card\"", "null"])
    func anyOtherLabelLeavesAPairOfTexts(label: String) throws {
        #expect(try records(#"{"prompt":"p","completion":"c","label":\#(label)}"#).format == "prompt_completion")
    }

    @Test func theFormatOrAMappingReadsTextsAsLabels() throws {
        func labels(_ found: [TrainingRecord]) -> [Bool?] {
            found.map { if case .unpaired(let record) = $0 { record.isDesirable } else { nil } }
        }
        let table = "prompt,completion,label\np,c,True\np,c,0\np,c,1\np,c,false\n"
        #expect(try records(table, name: "x.csv").format == "prompt_completion")
        #expect(
            labels(try records(table, name: "x.csv", format: "unpaired").records) == [true, false, true, false])
        let mapped = try records(
            "q,a,ok\np,c,1\n", name: "x.csv",
            columns: [
                ColumnMapping(field: "prompt", column: "q"), ColumnMapping(field: "completion", column: "a"),
                ColumnMapping(field: "label", column: "ok"),
            ])
        #expect(mapped.format == "unpaired")
        #expect(labels(mapped.records) == [true])
    }

    @Test func aPromptAloneKeepsEverythingElse() throws {
        let found = try records(#"{"prompt":"2+2?","answer":"4","verifier":{"kind":"number"}}"#)
        #expect(found.format == "prompt")
        guard case .prompt(let record)? = found.records.first else { throw NotThisRecord() }
        #expect(record.prompt == .text("2+2?"))
        #expect(record.info.meta == ["answer": "4", "verifier": ["kind": "number"]])
        let asked: JSON = ["prompt": .array([user("q")])]
        guard case .prompt(let chat)? = try records(asked.text()).records.first else {
            throw NotThisRecord()
        }
        #expect(chat.prompt == .messages([user("q")]))
    }

    /// Which format a row is of, or why that is unclear.
    static let recognised: [(String, String)] = [
        (#"{"prompt":"p","chosen":"a","rejected":"b"}"#, "preference"),
        (#"{"prompt":"p","messages":[{"role":"user","content":"p"}]}"#, "messages"),
        (#"{"prompt":"p","text":"t"}"#, "text"),
        (#"{"prompt":"p","instruction":"i","output":"o"}"#, "alpaca"),
        (#"{"chosen":"Human: a","rejected":"Human: b"}"#, "preference"),
        (
            #"{"prompt":"p","chosen":"\n\nHuman: a\n\nAssistant: b","rejected":"\n\nHuman: a\n\nAssistant: c"}"#,
            "preference"
        ),
        (#"{"chosen":[],"rejected":[{"role":"assistant","content":"a"}]}"#, "preference"),
        (#"{"prompt":"p","chosen":"a"}"#, "no format fits columns 'prompt', 'chosen'"),
        (
            #"{"prompt":"p","completion":"c","chosen":"a","rejected":"b"}"#,
            "this row fits several formats: 'prompt_completion' by 'prompt', 'completion', 'preference' by 'prompt', "
                + "'chosen', 'rejected'"
        ),
        (
            #"{"messages":[{"role":"user","content":"q"}],"chosen":"a","rejected":"b"}"#,
            "this row fits several formats: 'messages' by 'messages', 'preference' by 'chosen', 'rejected'"
        ),
    ]

    @Test(arguments: recognised)
    func recognitionIsUnambiguous(line: String, outcome: String) throws {
        do {
            #expect(try records(line).format == outcome)
        } catch let error as DataError {
            #expect(error.message == outcome)
        }
    }

    static let broken: [(format: String, line: String, message: String)] = [
        (
            "preference", #"{"prompt":"p","chosen":[{"role":"assistant","content":"a"}],"rejected":[]}"#,
            "the prompt is a text and this a list of messages at $.chosen (byte 0). Write the prompt as messages too, "
                + "[{\"role\": \"user\", \"content\": …}], or all of them as texts."
        ),
        (
            "preference", #"{"prompt":[{"role":"user","content":"q"}],"chosen":[],"rejected":"b"}"#,
            "the prompt is a list of messages and this a text at $.rejected (byte 0). Write it as messages too, "
                + "[{\"role\": \"assistant\", \"content\": …}], or all of them as texts."
        ),
        (
            "preference", #"{"chosen":[],"rejected":"b"}"#,
            "of 'chosen' and 'rejected' one is a text and one a list of messages at $.rejected (byte 0). Write both as "
                + "messages, or both as texts."
        ),
        (
            "preference", #"{"prompt":"p","chosen":"a"}"#,
            "this row has no 'rejected' (byte 0). Its columns are: ."
        ),
        (
            "preference", #"{"prompt":"p","chosen":"a","rejected":3}"#,
            "a text or a list of messages is expected and an integer found at $.rejected (byte 0). Mend the row, or map "
                + "another column with `columns`."
        ),
        (
            "preference",
            #"{"prompt":[{"role":"user","content":"q"}],"chosen":[{"role":"user","content":"q"},{"role":"asistant","content":"a"}],"rejected":[]}"#,
            "unknown role 'asistant' at $.chosen[1].role (byte 0). Did you mean 'assistant'? A turn with a misspelt role "
                + "would not be trained as meant."
        ),
        (
            "preference",
            #"{"prompt":[{"role":"user","content":"q"}],"chosen":[{"role":"assistant","content":"a","weight":0}],"rejected":[]}"#,
            "an answer counts whole, and this turn of it has weight 0 at $.chosen[0].weight (byte 0). Delete the weight, or "
                + "move the turn into the prompt if it is not part of the answer."
        ),
        (
            "preference", #"{"prompt":"p","chosen":"a","rejected":"b","margin":"much"}"#,
            "a margin is a number, and is \"much\" at $.margin (byte 0). Write by how much the chosen answer is preferred, "
                + "such as 0.5, or delete the column."
        ),
        (
            "openai_preference", #"{"input":{},"preferred_output":[],"non_preferred_output":[]}"#,
            "the input has no 'messages' at $.input (byte 0). Write the conversation before the answers as input.messages."
        ),
        (
            "openai_preference",
            #"{"input":{"messages":[{"role":"user","content":"q"}]},"preferred_output":[],"non_preferred_completion":[]}"#,
            "this row has no 'non_preferred_output' (byte 0). Did you mean 'non_preferred_completion'? Map it with `columns: "
                + "{non_preferred_output: non_preferred_completion}`."
        ),
        (
            "openai_preference",
            #"{"input":{"messages":[{"content":"q"}]},"preferred_output":[],"non_preferred_output":[]}"#,
            "this message has no 'role' at $.input.messages[0] (byte 0). Every message says who speaks: system, developer, "
                + "user, assistant, tool, function."
        ),
        (
            "hh_transcript", #"{"chosen":"\n\nHuman: a\n\nAssistant: b","rejected":"\n\nHuman: a"}"#,
            "this transcript ends with a turn of the human, so it holds no answer at $.rejected (byte 0). Add the assistant's "
                + "answer, or delete the row."
        ),
        (
            "hh_transcript", #"{"chosen":"So:\n\nHuman: a","rejected":""}"#,
            "this transcript does not start with \"\\n\\nHuman:\" at $.chosen (byte 0). Begin each turn with a blank line and "
                + "\"Human:\" or \"Assistant:\", or write the row as messages."
        ),
        (
            "sharegpt_preference", #"{"conversations":[],"chosen":{},"rejected":{}}"#,
            "the list of turns is empty at $.conversations (byte 0). Delete the row; there is nothing to train on."
        ),
        (
            "sharegpt_preference",
            #"{"conversations":[{"from":"human","value":"q"}],"chosen":{"from":"gpt"},"rejected":{"from":"gpt","value":"b"}}"#,
            "a string is expected and null found at $.chosen.value (byte 0). Mend the row, or map another column with "
                + "`columns`."
        ),
        (
            "unpaired", #"{"prompt":"p","completion":"c","label":"good"}"#,
            "a label is true or false, and is \"good\" at $.label (byte 0). Write true for an answer that is wanted and false "
                + "for one that is not."
        ),
        (
            "prompt", #"{"prompt":[]}"#,
            "the list of messages is empty at $.prompt (byte 0). Delete the row; there is nothing to train on."
        ),
    ]

    @Test(arguments: broken)
    func saysWhatIsWrongAndWhere(format: String, line: String, message: String) throws {
        try withFile("x.jsonl", line) { path in
            let error = #expect(throws: DataError.self) {
                let file = try DataFile(path: path)
                let decoder = try RecordDecoder(source: file, format: format)
                var stream = try file.rows()
                while let row = try stream.next() { _ = try decoder.record(row) }
            }
            #expect(error?.description.replacing(path, with: "x.jsonl") == "x.jsonl:1: " + message)
        }
    }
}
