import Foundation
import ShardIO
import TestSupport
import Testing
import TextCore

private let provenance = Provenance(file: "x.jsonl", line: 1, byteOffset: 0, ordinal: 0)

private func read(_ row: JSON) throws -> (format: String, record: TrainingRecord) {
    try withFile("x.jsonl", row.text()) { path in
        let file = try DataFile(path: path)
        let decoder = try RecordDecoder(source: file)
        var stream = try file.rows()
        var first = try #require(try stream.next())
        first.provenance = provenance
        return (decoder.format.name, try decoder.record(first))
    }
}

@Suite struct RecordCanonicalTests {
    /// Rows as they come, and the row that a shard keeps of each.
    static let rows: [(row: String, schema: String, canonical: String)] = [
        (
            #"{"topic":"x","messages":[{"role":"user","content":"hi","name":null},{"role":"assistant","content":"a","weight":0}],"#
                + #""tools":"[{\"type\":\"function\"}]","id":7,"weight":0.5,"chat_template_kwargs":{"k":1}}"#,
            "messages/1",
            #"{"id":"7","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"a","weight":0}],"#
                + #""tools":[{"type":"function"}],"chat_template_kwargs":{"k":1},"weight":0.5,"meta":{"topic":"x"}}"#
        ),
        (
            #"{"user":"q","assistant":"a","n":3.0}"#, "completion/1",
            #"{"prompt":[{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"a"}],"meta":{"n":3.0}}"#
        ),
        (
            #"{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a","weight":0}],"system":"s"}"#,
            "messages/1",
            #"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"q"},"#
                + #"{"role":"assistant","content":"a","weight":0}]}"#
        ),
        (
            #"{"instruction":"i","input":"x","output":"o"}"#, "completion/1",
            #"{"prompt":"i\n\nx","completion":"o"}"#
        ),
        (#"{"text":"t","tools":[],"meta":"plain"}"#, "text/1", #"{"text":"t","meta":{"tools":[],"meta":"plain"}}"#),
        (
            #"{"rejected":"Q: no","chosen":"Q: yes","margin":1,"score_chosen":2}"#, "pref/1",
            #"{"prompt":"Q:","chosen":" yes","rejected":" no","margin":1.0,"meta":{"score_chosen":2}}"#
        ),
        (
            #"{"prompt":"q","chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"#
                + #""rejected":[{"role":"user","content":"q"}],"messages":"m"}"#,
            "pref/1",
            #"{"prompt":[{"role":"user","content":"q"}],"chosen":[{"role":"assistant","content":"a"}],"rejected":[],"#
                + #""meta":{"messages":"m"}}"#
        ),
        (
            #"{"input":{"messages":[{"role":"user","content":"q"}],"parallel_tool_calls":false},"#
                + #""preferred_output":[{"role":"assistant","content":"a"}],"#
                + #""non_preferred_output":[{"role":"assistant","content":"b"}]}"#,
            "pref/1",
            #"{"prompt":[{"role":"user","content":"q"}],"chosen":[{"role":"assistant","content":"a"}],"#
                + #""rejected":[{"role":"assistant","content":"b"}],"meta":{"input":{"parallel_tool_calls":false}}}"#
        ),
        (
            #"{"label":true,"completion":"c","prompt":"p","meta":{"a":1},"b":2}"#, "unpaired/1",
            #"{"prompt":"p","completion":"c","label":true,"meta":{"meta":{"a":1},"b":2}}"#
        ),
        (#"{"prompt":"p","answer":"4"}"#, "rl/1", #"{"prompt":"p","meta":{"answer":"4"}}"#),
        (#"{"prompt":"p","meta":{"meta":{"a":1}}}"#, "rl/1", #"{"prompt":"p","meta":{"meta":{"a":1}}}"#),
        (#"{"prompt":"p","meta":{}}"#, "rl/1", #"{"prompt":"p"}"#),
    ]

    @Test(arguments: rows)
    func aCanonicalRowReadsBackEqual(row: String, schema: String, canonical: String) throws {
        let first = try read(try JSON(parsing: row)).record
        #expect(first.canonicalJSON.text() == canonical)
        #expect(first.schemaName == schema)
        let second = try read(first.canonicalJSON).record
        #expect(second == first)
        #expect(second.canonicalJSON.text() == canonical)
    }

    @Test func aLoneMetaObjectIsTheMeta() throws {
        #expect(try read(["text": "t", "meta": ["a": 1]]).record.info.meta == ["a": 1])
        #expect(
            try read(["text": "t", "meta": ["a": 1], "b": 2]).record.info.meta == ["meta": ["a": 1], "b": 2])
        #expect(try read(["text": "t", "meta": [1]]).record.info.meta == ["meta": [1]])
    }

    @Test func realPairsReadBackEqual() throws {
        guard let url = try SharedFolder.url("data/gsm8k/preference.jsonl") else { return }
        let file = try DataFile(path: url.path)
        let decoder = try RecordDecoder(source: file)
        #expect(decoder.format.name == "preference")
        var stream = try file.rows()
        var count = 0
        while let row = try stream.next() {
            let record = try decoder.record(row)
            let again = try decoder.record(RawRow(fields: record.canonicalJSON, provenance: row.provenance))
            guard record == again, case .preference(let pair) = record, !pair.prompt.isEmpty, !pair.chosen.isEmpty
            else {
                Issue.record("row \(count) does not read back")
                return
            }
            count += 1
        }
        #expect(count > 1000)
    }
}
