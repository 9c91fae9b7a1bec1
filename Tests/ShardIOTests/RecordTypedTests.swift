import ShardIO
import Testing
import TextCore

private let provenance = Provenance(file: "x.jsonl", line: 1, byteOffset: 0, ordinal: 0)

private func decoder(_ format: String) throws -> RecordDecoder {
    try withFile("x.jsonl", "{}") { path in try RecordDecoder(source: try DataFile(path: path), format: format) }
}

extension RecordDecoder {
    /// The record read without a tree.
    fileprivate func typed(_ row: [UInt8]) -> TrainingRecord? {
        row.withUnsafeBytes { typedRecord($0, provenance: provenance) }
    }

    /// The record read from a tree; `nil` where that is an error.
    fileprivate func general(_ row: [UInt8]) -> TrainingRecord? {
        guard let fields = try? JSON(parsing: row), fields.object != nil else { return nil }
        return try? record(RawRow(fields: fields, provenance: provenance))
    }
}

/// Rows by chance: most are right, and all have something that a reader could stumble over.
private struct RowGenerator {
    var state: UInt64

    mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[next(elements.count)] }

    mutating func space() -> String { next(6) == 0 ? pick([" ", "\t", " \r ", "  "]) : "" }

    mutating func text() -> String {
        let parts = [
            "plain words", "a", "", "\\n", "\\\"", "\\\\", "\\u00e9", "\\ud83d\\ude00", "\\/", "é", "日本", "😀",
            "12345678",
            "quite a long run without anything in it ", "\\t", "{}[],:",
        ]
        return "\"" + (0..<next(6)).map { _ in pick(parts) }.joined() + "\""
    }

    mutating func object(_ members: [(String, String)]) -> String {
        var rest = members
        if next(3) == 0 { rest.swapAt(0, next(rest.count)) }
        let written = rest.map { "\(space())\"\($0.0)\"\(space()):\(space())\($0.1)\(space())" }
        return "{" + written.joined(separator: ",") + "}"
    }

    mutating func message() -> String {
        var members = [
            ("role", pick(["\"user\"", "\"assistant\"", "\"system\"", "\"tool\"", "\"critic\""])), ("content", text()),
        ]
        switch next(12) {
        case 0: members.append(("weight", pick(["0", "1", "1.0", "0.5", "null"])))
        case 1: members.append(("name", pick([text(), "null"])))
        case 2: members.append(("tool_calls", pick(["[]", "[{\"function\":{\"name\":\"f\"}}]", "[3]", "null"])))
        case 3: members[1].1 = pick(["[{\"type\":\"text\",\"text\":\"t\"}]", "null", "7", "[null]"])
        case 4: members[0].1 = pick(["\"usr\"", "\"\"", "3", "null", "\"us\\u0065r\""])
        case 5: members.append((pick(["role", "content", "contents", "rol"]), text()))
        default: break
        }
        return object(members)
    }

    mutating func messages() -> String {
        "[" + (0..<(next(8) == 0 ? 0 : 1 + next(3))).map { _ in message() }.joined(separator: ",") + "]"
    }

    mutating func content() -> String {
        switch next(12) {
        case 0: pick(["null", "3", "{}", "[]", "[[]]", "true"])
        case 1...6: messages()
        default: text()
        }
    }

    mutating func row(_ columns: [String]) -> [UInt8] {
        let isText = next(2) == 0
        var members = columns.map { ($0, next(15) == 0 ? content() : isText ? text() : messages()) }
        if columns.contains("completion"), next(2) == 0 {
            members.append(("label", pick(["true", "false", "1", "\"no\""])))
        }
        let extras = [
            ("id", ["\"a-1\"", "7", "null", "1.5"]), ("weight", ["0.5", "2", "-1", "null"]),
            ("margin", ["0.25", "3", "\"x\""]),
            ("meta", ["{\"k\":1,\"n\":null}", "{}", "3", "{\"k\":1,\"k\":2}"]),
            ("tools", ["[]", "[{\"type\":\"function\"}]", "[1]"]),
            ("chat_template_kwargs", ["{\"x\":1}", "{}", "1"]),
            ("topic", ["\"x\"", "[null,{\"a\":null}]", "null", "12345678901234567890"]),
            ("prompt", ["\"p\""]), ("prom\\u0070t", ["\"p\""]), ("größe", ["1"]), ("score", ["-0.0", "01", "1e5"]),
        ]
        for _ in 0..<next(4) {
            let extra = pick(extras)
            members.append((extra.0, pick(extra.1)))
        }
        return Array((space() + object(members) + space()).utf8)
    }

    /// The row with a byte or a few changed, lost, doubled or added.
    mutating func mutated(_ row: [UInt8]) -> [UInt8] {
        var row = row
        for _ in 0...next(3) where !row.isEmpty {
            let index = next(row.count)
            switch next(6) {
            case 0: row[index] ^= 1 << UInt8(next(8))
            case 1: row.remove(at: index)
            case 2: row.insert(pick(Array("\"\\{}[],:0nu \u{1}".utf8) + [0xFF, 0xC3, 0x80]), at: index)
            case 3: row.removeSubrange(index...)
            case 4: row.replaceSubrange(index..<index, with: row[index..<min(index + next(20), row.count)])
            default: row.swapAt(index, next(row.count))
            }
        }
        return row
    }
}

@Suite struct RecordTypedTests {
    static let formats: [(String, [String])] = [
        ("messages", ["messages"]), ("prompt_completion", ["prompt", "completion"]),
        ("preference", ["prompt", "chosen", "rejected"]), ("preference", ["chosen", "rejected"]),
        ("unpaired", ["prompt", "completion"]), ("prompt", ["prompt"]), ("text", ["text"]),
        ("turns", ["system", "user", "assistant"]), ("alpaca", ["instruction", "input", "output"]),
        ("hh_transcript", ["chosen", "rejected"]),
    ]

    /// Whatever the fast reader takes means what the general one says; what it leaves, the general one reads.
    @Test(arguments: formats)
    func bothReadersGiveOneRecord(format: String, columns: [String]) throws {
        let decoder = try decoder(format)
        var generator = RowGenerator(state: 7)
        var (records, taken) = (0, 0)
        for _ in 0..<1500 {
            let whole = generator.row(columns)
            for row in [whole, generator.mutated(whole)] {
                let (typed, general) = (decoder.typed(row), decoder.general(row))
                if general != nil { records += 1 }
                guard let typed else { continue }
                taken += 1
                guard typed == general, typed.canonicalJSON.text() == general?.canonicalJSON.text() else {
                    Issue.record("\(format) reads two ways: \(String(decoding: row, as: UTF8.self))")
                    return
                }
            }
        }
        // A reader that leaves everything would pass the comparison. (Transcripts do not come by chance.)
        #expect(format == "hh_transcript" || taken > 200)
        #expect(taken <= records)
        #expect(Double(taken) >= 0.8 * Double(records), "only \(taken) of \(records) were read without a tree")
    }

    static let usual: [(String, String)] = [
        (
            "messages",
            #"{"messages":[{"role":"user","content":"q\n"},{"role":"assistant","content":"a","weight":0}],"id":1}"#
        ),
        ("messages", #"{"messages":[{"content":"q","role":"user"}],"tools":[{"type":"function"}]}"#),
        ("prompt_completion", #"{"prompt":"p","completion":"é","k":{"a":[1,2]}}"#),
        ("preference", #"{"id":"x","prompt":"p","chosen":"","rejected":"b","margin":0.5}"#),
        ("preference", #" { "chosen" : [ ] , "rejected" : [ { "role" : "assistant" , "content" : "b" } ] } "#),
        ("unpaired", #"{"prompt":[{"role":"user","content":"q"}],"completion":[],"label":true}"#),
        ("prompt", #"{"prompt":"p","answer":null,"verifier":{"kind":"x"}}"#),
        ("text", #"{"text":"\u00e9\ud83d\ude00"}"#),
        ("hh_transcript", #"{"chosen":"\n\nHuman: a\n\nAssistant: b","rejected":"\n\nHuman: a\n\nAssistant: c"}"#),
    ]

    @Test(arguments: usual)
    func usualRowsNeedNoTree(format: String, row: String) throws {
        let decoder = try decoder(format)
        let typed = try #require(decoder.typed(Array(row.utf8)))
        #expect(typed == decoder.general(Array(row.utf8)))
    }

    static let unusual: [String] = [
        #"{"prompt":"p","chosen":"a","rejected":"b","chosen":"c"}"#,
        #"{"prompt":"p","chosen":"a","rejected":"b","k":null,"k":1}"#,
        #"{"prompt":null,"chosen":"a","rejected":"b","prompt":"p"}"#,
        #"{"prompt":"p","chosen":"a","rejected":"b","pro\u006dpt":"q"}"#,
        #"{"prompt":"p","chosen":"a","rejected":"b"} x"#,
        #"{"prompt":"p","chosen":"a","rejected":"b",}"#,
        #"{"prompt":"p","chosen":"a"}"#,
        #"[{"prompt":"p","chosen":"a","rejected":"b"}]"#,
        "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\",\"k\":" + String(repeating: "[", count: 64)
            + String(repeating: "]", count: 64) + "}",
        "",
    ]

    @Test(arguments: unusual)
    func wrongRowsAreLeftToTheGeneralReader(row: String) throws {
        let decoder = try decoder("preference")
        #expect(decoder.typed(Array(row.utf8)) == nil)
        #expect(decoder.general(Array(row.utf8)) == nil)
    }

    @Test func mappedColumnsAreLeftToTheGeneralReader() throws {
        let decoder = try withFile("x.jsonl", "{\"q\":\"p\",\"a\":\"c\"}") { path in
            try RecordDecoder(
                source: try DataFile(path: path),
                columns: [ColumnMapping(field: "prompt", column: "q"), ColumnMapping(field: "completion", column: "a")])
        }
        #expect(decoder.typed(Array("{\"q\":\"p\",\"a\":\"c\",\"prompt\":\"x\",\"completion\":\"y\"}".utf8)) == nil)
    }
}
