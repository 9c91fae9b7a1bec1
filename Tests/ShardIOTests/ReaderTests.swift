import Foundation
import ShardIO
import TestSupport
import Testing
import TextCore

/// All rows of a file, read as a stream in chunks of `chunkBytes`.
private func rows(_ path: String, textUnit: TextUnit = .line, chunkBytes: Int = 256 << 10) throws -> [RawRow] {
    var stream = try DataFile(path: path, options: .init(textUnit: textUnit, chunkBytes: chunkBytes)).rows()
    var rows: [RawRow] = []
    while let row = try stream.next() { rows.append(row) }
    return rows
}

/// Expects that the frames of a file, and streams that start between two rows, give these rows.
private func expectFrames(of path: String, give rows: [RawRow]) throws {
    let source = try DataFile(path: path).framed()
    #expect(source.frames.rowCount == rows.count)
    for index in (0..<source.frames.count).reversed() {
        let frame = try source.frame(index)
        let numbers = source.frames.rows(of: index)
        #expect(frame.count == numbers.count)
        #expect(try (0..<frame.count).map { try frame.row($0) } == Array(rows[numbers]))
    }
    var stream = try source.rows()
    for row in rows {
        var resumed = try source.rows(from: stream.position)
        #expect(try resumed.next() == row)
        _ = try stream.next()
    }
}

/// The error that reading a file ends in, without the folder's name.
private func failure(_ name: String, _ bytes: [UInt8], limit: Int = 64 << 20) throws -> String? {
    try withFile(name, bytes) { path in
        let error = #expect(throws: DataError.self) {
            var stream = try DataFile(path: path, options: .init(maximumRecordBytes: limit, chunkBytes: 7)).rows()
            while try stream.next() != nil {}
        }
        return error.map { $0.description.replacing(path, with: name) }
    }
}

@Suite struct JSONLinesTests {
    @Test(arguments: [1, 2, 5, 1 << 18])
    func rowsKnowTheirPlace(chunkBytes: Int) throws {
        let text = "\u{FEFF}{\"a\":1}\r\n\r\n  \n{\"a\":\"zwei\\nü\"}\n\n{\"a\":[3]}"
        try withFile("x.jsonl", text) { path in
            let rows = try rows(path, chunkBytes: chunkBytes)
            #expect(rows.map(\.fields) == [["a": 1], ["a": "zwei\nü"], ["a": [3]]])
            #expect(rows.map(\.provenance.line) == [1, 4, 6])
            #expect(rows.map(\.provenance.byteOffset) == [3, 17, 35])
            #expect(rows.map(\.provenance.ordinal) == [0, 1, 2])
            #expect(rows[0].provenance.file == path)
        }
    }

    static let broken: [(String, String)] = [
        (
            "{\"a\":1}\n{\"a\":2\n{\"a\":3}\n",
            "x.jsonl:2:7: broken JSON: the text ends inside an object (byte 14). A .jsonl file holds one JSON object a "
                + "line; mend or delete this line."
        ),
        (
            "{\"a\":1}\n\n{\"a\":\"\\ud800\"}\n",
            "x.jsonl:3:7: broken JSON: a lone surrogate (byte 15). A .jsonl file holds one JSON object a line; mend or "
                + "delete this line."
        ),
        (
            "{\"a\":1,\"a\":2}",
            "x.jsonl:1:8: broken JSON: key \"a\" is written twice (byte 7). A .jsonl file holds one JSON object a line; "
                + "mend or delete this line."
        ),
        (
            "[{\"a\":1}]\n",
            "x.jsonl:1:1: a row is an array, not an object (byte 0). A .jsonl file holds one object a line; name the file "
                + ".json if it is one array."
        ),
        (
            "{\"a\":NaN}\n",
            "x.jsonl:1:6: broken JSON: a value is expected here (byte 5). A .jsonl file holds one JSON object a line; "
                + "mend or delete this line."
        ),
        ("\n \n", "x.jsonl: there is no row in the file. There is nothing to train on; check the step that wrote it."),
        ("", "x.jsonl: the file is empty. There is nothing to train on; check the step that wrote it."),
    ]

    @Test(arguments: broken)
    func saysWhatIsWrongAndWhere(text: String, message: String) throws {
        #expect(try failure("x.jsonl", Array(text.utf8)) == message)
    }

    @Test func refusesInvalidUTF8() throws {
        let message = try failure("x.jsonl", Array("{\"a\":1}\n{\"a\":\"".utf8) + [0xFF] + Array("\"}\n".utf8))
        #expect(message?.hasPrefix("x.jsonl:2:7: broken JSON: a string that is not valid UTF-8 (byte 14).") == true)
    }

    @Test func refusesADepthBomb() throws {
        let message = try failure("x.jsonl", Array(("{\"a\":" + String(repeating: "[", count: 100_000)).utf8))
        #expect(message?.hasPrefix("x.jsonl:1:69: broken JSON: nested deeper than 64 (byte 68).") == true)
    }

    @Test func aLineWithoutEndFailsAtTheLimit() throws {
        let message = try failure(
            "x.jsonl", Array(("{}\n{\"a\":\"" + String(repeating: "x", count: 5000)).utf8), limit: 1000)
        #expect(
            message
                == "x.jsonl:2:1: the record that starts here is longer than 1000 bytes (byte 3). A line end, quote or "
                + "bracket may be missing; split the record if it is really that long.")
    }

    @Test func streamsResumeAtEveryPosition() throws {
        let text = (0..<40).map { "{\"n\":\($0)}\($0 % 3 == 0 ? "\r\n\n" : "\n")" }.joined()
        try withFile("x.jsonl", text) { path in
            let file = try DataFile(path: path, options: .init(chunkBytes: 16))
            let whole = try rows(path)
            var stream = try file.rows()
            for index in 0...40 {
                var resumed = try file.rows(from: stream.position)
                var rest: [RawRow] = []
                while let row = try resumed.next() { rest.append(row) }
                #expect(rest == Array(whole[index...]))
                _ = try stream.next()
            }
            #expect(try stream.seek(toRow: 7))
            #expect(try stream.next() == whole[7])
            #expect(try !stream.seek(toRow: 40))
        }
    }
}

@Suite struct JSONArrayTests {
    @Test(arguments: [1, 3, 1 << 18])
    func elementsAreRows(chunkBytes: Int) throws {
        let text = "\u{FEFF}\n[ {\"a\": \"]\\\"}\"},\n  {\"a\":\n [1, {}]}\n,{\"b\":2} ]\n"
        try withFile("x.json", text) { path in
            let rows = try rows(path, chunkBytes: chunkBytes)
            #expect(rows.map(\.fields) == [["a": "]\"}"], ["a": [1, [:]]], ["b": 2]])
            #expect(rows.map(\.provenance.line) == [2, 3, 5])
            try expectFrames(of: path, give: rows)
        }
    }

    static let broken: [(String, String)] = [
        (
            "{\"a\":1}\n{\"a\":2}",
            "x.json:1:1: a .json data file is one array and starts with `[` (byte 0). Name the file .jsonl if it holds one "
                + "object a line."
        ),
        (
            "[{\"a\":1},\n {\"a\":2",
            "x.json:2:2: the file ends inside the array (byte 11). The last row starts here; the file was probably cut off "
                + "while it was written."
        ),
        ("[{\"a\":1},]", "x.json:1:10: a comma before `]` (byte 9). Delete the comma."),
        ("[{\"a\":1}] []", "x.json:1:11: text after the end of the array (byte 10). Put all rows inside one array."),
        (
            "[{\"a\":1}{}]",
            "x.json:1:9: `,` or `]` is expected after an element (byte 8). Mend the array at this place."
        ),
        (
            "[{\"a\":1},\n  3]",
            "x.json:2:3: a row is an integer, not an object (byte 12). A .json data file is one array of objects; mend "
                + "this element."
        ),
        (
            "[{\"a\":1},\n {\"a\":}]",
            "x.json:2:7: broken JSON: a value is expected here (byte 16). A .json data file is one array of objects; mend "
                + "this element."
        ),
        ("[]", "x.json: there is no row in the file. There is nothing to train on; check the step that wrote it."),
    ]

    @Test(arguments: broken)
    func saysWhatIsWrongAndWhere(text: String, message: String) throws {
        #expect(try failure("x.json", Array(text.utf8)) == message)
    }
}

@Suite struct CSVTests {
    @Test(arguments: [1, 4, 1 << 18])
    func readsWhatRFC4180Allows(chunkBytes: Int) throws {
        let text =
            "\u{FEFF}text,\"cate\"\"gory\"\r\nplain, spaced \r\n\"a,b\r\nsecond \"\"line\"\"\",x\n\n,\"\"\nlast,é"
        try withFile("x.csv", text) { path in
            let rows = try rows(path, chunkBytes: chunkBytes)
            #expect(
                rows.map(\.fields) == [
                    ["text": "plain", "cate\"gory": " spaced "],
                    ["text": "a,b\r\nsecond \"line\"", "cate\"gory": "x"],
                    ["text": "", "cate\"gory": ""],
                    ["text": "last", "cate\"gory": "é"],
                ])
            #expect(rows.map(\.provenance.line) == [2, 3, 6, 7])
            try expectFrames(of: path, give: rows)
        }
    }

    @Test func tabsSeparateATSVFile() throws {
        try withFile("x.tsv", "a\tb\n1,5\t\"x\ty\"\n") { path in
            let fields = try rows(path).map(\.fields)
            #expect(fields == [["a": "1,5", "b": "x\ty"]])
        }
    }

    static let broken: [(String, String)] = [
        (
            "a,b\n1,2\n3,\"open\n4,5\n6,7\n",
            "x.csv:3:3: this quote is never closed before the end of the file, line 6 (byte 10). Close it, or double it "
                + "(\"\") if it belongs to the text."
        ),
        (
            "a,b\n1,2\n3\n",
            "x.csv:3: this row has 1 fields and the header 2 (byte 8). Quote fields that hold the delimiter or a line end, "
                + "and double the quotes inside them."
        ),
        (
            "a,b\n1,2,3\n",
            "x.csv:2: this row has 3 fields and the header 2 (byte 4). Quote fields that hold the delimiter or a line end, "
                + "and double the quotes inside them."
        ),
        ("a,b,a\n1,2,3\n", "x.csv:1: the header names column 'a' twice (byte 0). Rename one of the two."),
        ("a,,c\n1,2,3\n", "x.csv:1: column 2 of the header has no name (byte 0). Name it, or delete the column."),
        (
            "a,b\nsay \"hi\",2\n",
            "x.csv:2:5: a quote inside a field that does not start with one (byte 8). Quote the whole field and double the "
                + "quotes inside it (\"\")."
        ),
        (
            "a,b\n\"x\"y,2\n",
            "x.csv:2:4: text after a closing quote (byte 7). Double a quote that belongs to the text (\"\")."
        ),
        (
            "a,b\r1,2\r",
            "x.csv:1:4: a carriage return without a line feed (byte 3). Save the file with LF or CRLF line ends, or quote "
                + "the field."
        ),
        ("a,b\n", "x.csv: there is no row in the file. There is nothing to train on; check the step that wrote it."),
        ("\n\n", "x.csv: there is no row in the file. There is nothing to train on; check the step that wrote it."),
    ]

    @Test(arguments: broken)
    func saysWhatIsWrongAndWhere(text: String, message: String) throws {
        #expect(try failure("x.csv", Array(text.utf8)) == message)
    }

    @Test func invalidUTF8IsFoundAtItsByte() throws {
        let message = try failure("x.csv", Array("a,b\n\"x\ny".utf8) + [0xC3, 0x28] + Array("\",2\n".utf8))
        #expect(
            message
                == "x.csv:3:2: this byte is not valid UTF-8 (byte 8). Save the file as UTF-8: iconv -f latin1 -t utf-8 IN > "
                + "OUT (if it is Latin-1).")
    }

    @Test func anOpenQuoteIsBlamedWhenTheLimitIsReached() throws {
        let text = "a,b\n1,\"x" + String(repeating: "\nfiller,1", count: 500)
        #expect(
            try failure("x.csv", Array(text.utf8), limit: 1000)
                == "x.csv:2:3: this quote is never closed before the limit of a record (byte 6). Close it, or double it (\"\") "
                + "if it belongs to the text.")
    }
}

@Suite struct PlainTextTests {
    private let text = "\u{FEFF}eins\r\n  zwei\n\n \nü drei\nvier"

    @Test(arguments: [1, 3, 1 << 18])
    func aRowIsALineAParagraphOrTheFile(chunkBytes: Int) throws {
        try withFile("x.txt", text) { path in
            let lines = try rows(path, textUnit: .line, chunkBytes: chunkBytes)
            #expect(lines.map { $0.fields["text"]?.string } == ["eins", "  zwei", "ü drei", "vier"])
            #expect(lines.map(\.provenance.line) == [1, 2, 5, 6])
            let paragraphs = try rows(path, textUnit: .paragraph, chunkBytes: chunkBytes)
            #expect(paragraphs.map { $0.fields["text"]?.string } == ["eins\r\n  zwei", "ü drei\nvier"])
            #expect(paragraphs.map(\.provenance.line) == [1, 5])
            let document = try rows(path, textUnit: .document, chunkBytes: chunkBytes)
            #expect(document.map { $0.fields["text"]?.string } == [String(text.unicodeScalars.dropFirst())])
        }
    }

    @Test func refusesInvalidUTF8() throws {
        #expect(
            try failure("x.txt", Array("gut\nschlecht ".utf8) + [0xE4])
                == "x.txt:2:10: this byte is not valid UTF-8 (byte 13). Save the file as UTF-8: iconv -f latin1 -t utf-8 IN > OUT "
                + "(if it is Latin-1).")
    }
}

@Suite struct DataFileTests {
    @Test func whatIsNoFileIsDescribed() throws {
        func message(_ path: String) -> String? {
            #expect(throws: DataError.self) { try DataFile(path: path) }?.description
        }
        #expect(
            message("/no/such.jsonl")
                == "/no/such.jsonl: no such file. Paths in a recipe are relative to the recipe's own folder.")
        #expect(
            message("/tmp")
                == "/tmp: this is a folder, not a file. Name the data files inside it, one entry of `data.train` each.")
        #expect(
            message("/dev/zero")
                == "/dev/zero: this is no regular file. Copy its content into a file first; data are read more than once."
        )
        try withFile("x.parquet", "PAR1") { path in
            #expect(
                message(path)
                    == "\(path): the ending tells no file format. Known endings: .jsonl, .json, .csv, .tsv, .txt, each with "
                    + ".zst behind it if it is compressed.")
        }
        try withFile("x.jsonl.gz", "....") { path in
            #expect(
                message(path)
                    == "\(path): .gz files are not read directly. Decompress it first, or compress it with zstd instead."
            )
        }
    }

    @Test func aFileCutShortWhileReadIsAnError() throws {
        try withFile("x.jsonl", "{\"a\":1}\n{\"a\":2}\n") { path in
            let source = try DataFile(path: path).framed()
            #expect(truncate(path, 9) == 0)
            let error = #expect(throws: DataError.self) { try source.frame(0) }
            #expect(error?.message == "the file has become shorter while it was read")
        }
    }

    @Test func aFileChangedAfterItWasOpenedIsAnError() throws {
        try withFile("x.jsonl", "{\"a\":1}\n{\"a\":2}\n") { path in
            let source = try DataFile(path: path).framed()
            let handle = try #require(FileHandle(forWritingAtPath: path))
            try handle.seek(toOffset: 5)
            try handle.write(contentsOf: Data("7".utf8))
            try handle.close()
            let error = #expect(throws: DataError.self) { try source.frame(0) }
            #expect(error?.message == "the file has changed since it was opened")
        }
    }

    @Test func aHundredThousandRowsComeBackInAnyOrder() throws {
        let count = 100_000
        var text = ""
        for index in 0..<count { text += "{\"n\":\(index),\"t\":\"row \(index) \\u00e9\\n\"}\n" }
        try withFile("x.jsonl", text) { path in
            let source = try DataFile(path: path).framed()
            #expect(source.frames.rowCount == count)
            // 4 MB of text in frames of 256 KiB.
            #expect((10...20).contains(source.frames.count))
            let order = FeistelPermutation(count: source.frames.count, seed: 7, epoch: 0)
            var sum = 0
            for place in 0..<source.frames.count {
                let frame = try source.frame(order[place])
                let first = source.frames.rows(of: order[place]).lowerBound
                for index in 0..<frame.count {
                    let row = try frame.row(index)
                    guard row.fields["n"]?.int == first + index, row.provenance.line == first + index + 1,
                        row.provenance.ordinal == first + index
                    else {
                        Issue.record("row \(first + index) came back as \(row)")
                        return
                    }
                    sum += first + index
                }
            }
            #expect(sum == count * (count - 1) / 2)
        }
    }

    /// The row counts that the shared folder's own README states.
    @Test func realFilesHaveTheirStatedNumberOfRows() throws {
        guard let folder = try SharedFolder.url("data") else { return }
        let counts = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
            .filter { FileKind(path: $0).map { $0 != .txt } ?? false }
            .map { try DataFile(path: folder.appendingPathComponent($0).path).framed().frames.rowCount }
        let readme = try String(contentsOf: folder.appendingPathComponent("README.md"), encoding: .utf8)
            .replacing(",", with: "")
        #expect(!counts.isEmpty)
        for count in counts { #expect(readme.contains("\(count)"), "\(count) rows are not in the README") }
        #expect(Set(counts).isSuperset(of: [10_003, 3_080, 7_473, 1_319]))
    }
}
