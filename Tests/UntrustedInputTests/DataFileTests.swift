import Foundation
import ShardIO
import Testing
import TextCore

/// I5 to I8: data files.
@Suite struct DataFileTests {
    @Test("I5 jsonl.corpus: every class of damage is an error with the right line, column and byte")
    func linesCorpus() throws {
        try HostileCorpus("jsonl").check(seconds: 0.2, growth: 16, count: 50)
        try HostileCorpus("json-array").check(seconds: 0.2, growth: 16, count: 10)
        try HostileCorpus("json").check(seconds: 0.2, growth: 16, count: 9)
        for name in ["manifest", "training-state", "position", "rollouts", "judge-reply", "verifiers"] {
            try HostileCorpus(name).check(seconds: 0.2, growth: 16, count: 3)
        }
    }

    @Test("I5 jsonl.corpus: places are counted from the start of the file, far behind the first chunks")
    func placesBehindTenMebibytes() throws {
        let folder = try TemporaryFolder()
        let row = Array((#"{"prompt": "é", "completion": "b"}"# + "\n").utf8)
        let count = (11 << 20) / row.count
        let offset = count * row.count
        let bad = Array(#"{"prompt": "x", "completion": nul}"#.utf8)
        let file = try folder.write("rows.jsonl", [], repeating: row, times: count)
        let handle = try FileHandle(forWritingTo: file)
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(bad))
        try handle.close()
        let reading = try HostileCorpus.read("large-jsonl", [file])[0]
        #expect(
            reading.message.contains(":\(count + 1):31: broken JSON: expected `null` (byte \(offset + 30))"),
            "\(reading)")
        #expect(reading.growth <= 32 << 20, "\(reading)")
    }

    @Test("I6 jsonl.one_10GB_line: an error at 64 MiB, with 128 MiB at the most")
    func oneLineOfTenGigabytes() throws {
        let folder = try TemporaryFolder()
        let start = Array(#"{"prompt": ""#.utf8)
        let files = [
            try folder.writeSparse("text.jsonl", start, size: 10 << 30),
            try folder.writeSparse("spaces.jsonl", [], size: 10 << 30, end: Array("\n{}\n".utf8)),
        ]
        let readings = try HostileCorpus.read("large-jsonl", files)
        for reading in readings {
            #expect(reading.message.contains("longer than 67108864 bytes"), "\(reading)")
            #expect(reading.peak <= 128 << 20, "\(reading)")
            #expect(reading.seconds <= 5, "\(reading)")
        }
        #expect(readings[0].message.contains(":1:1: the record that starts here"), "\(readings[0])")
        print(HostileCorpus.summary("one line of 10 GB", readings))
        // A pipe never says how much is to come, and its writer may never come.
        let pipe = folder.file("pipe.jsonl")
        #expect(mkfifo(pipe.path, 0o600) == 0)
        let error = #expect(throws: DataError.self) { try DataSourceOpener.open(path: pipe.path) }
        #expect(error?.message == "this is no regular file")
        for device in ["/dev/zero", "/dev/null"] {
            let options = DataFileOptions(kind: .jsonl)
            let error = #expect(throws: DataError.self) { try DataSourceOpener.open(path: device, options: options) }
            #expect(error?.message == "this is no regular file")
        }
    }

    @Test("I7 csv.corpus: row, line and byte; a quote that is never closed costs no more than a record may")
    func delimitedCorpus() throws {
        try HostileCorpus("csv").check(seconds: 0.2, growth: 16, count: 20)
        let folder = try TemporaryFolder()
        let file = try folder.writeSparse("open.csv", Array("prompt,completion\na,b\n\"c,d\n".utf8), size: 10 << 30)
        let reading = try HostileCorpus.read("large-csv", [file])[0]
        #expect(reading.message.contains(":3:1: this quote is never closed before the limit of a record"), "\(reading)")
        #expect(reading.peak <= 128 << 20 && reading.seconds <= 10, "\(reading)")
        print(HostileCorpus.summary("a quote open over 10 GB", [reading]))
    }

    /// A frame whose blocks say one byte again and again: four bytes for 128 KiB.
    private static func bomb(of byte: UInt8, blocks: Int) -> [UInt8] {
        var frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58]
        for index in 0..<blocks {
            let header = UInt32(index == blocks - 1 ? 1 : 0) | 1 << 1 | UInt32(1 << 17) << 3
            frame += [UInt8(header & 255), UInt8(header >> 8 & 255), UInt8(header >> 16 & 255), byte]
        }
        return frame
    }

    @Test("I8 zstd.bombs: refused or bounded, with 160 MiB and 5 s at the most")
    func compressedBombs() throws {
        try HostileCorpus("zstd", target: "zst").check(seconds: 1, growth: 64, count: 30)
        let folder = try TemporaryFolder()
        // Ten gigabytes each.
        let text = try folder.write("text.jsonl.zst", Self.bomb(of: UInt8(ascii: "x"), blocks: 76_294))
        let lines = try folder.write("lines.jsonl.zst", Self.bomb(of: UInt8(ascii: "\n"), blocks: 76_294))
        let row = Array("{\"prompt\":\"a\",\"completion\":\"b\"}\n".utf8)
        let size = UInt32(1 | row.count << 3)
        let block = [UInt8(size & 255), UInt8(size >> 8 & 255), UInt8(size >> 16 & 255)] + row
        // A window of 128 MiB is the largest that is read, and its memory is the decoder's.
        let window = try folder.write("window.jsonl.zst", [0x28, 0xB5, 0x2F, 0xFD, 0x00, 17 << 3] + block)
        let empty: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58, 0x01, 0x00, 0x00]
        let whole = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58] + block
        let frames = try folder.write("frames.jsonl.zst", whole, repeating: empty, times: 1_000_000)
        let skipped = try folder.write(
            "skipped.jsonl.zst", whole, repeating: [0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0], times: 1_000_000)
        let cut = try folder.write("cut.jsonl.zst", Array(Self.bomb(of: UInt8(ascii: "\n"), blocks: 200).dropLast(2)))
        let readings = try HostileCorpus.read("large-zst", [text, lines, window, frames, skipped, cut])
        for reading in readings {
            #expect(reading.peak <= 160 << 20, "\(reading)")
            #expect(reading.seconds <= 5, "\(reading)")
        }
        #expect(readings[0].message.contains("longer than 67108864 bytes"), "\(readings[0])")
        #expect(
            readings[1].message.contains("compressed bytes become more than 64 MiB, over 2000 for one"),
            "\(readings[1])")
        #expect(readings[2].outcome == "accepted", "\(readings[2])")
        #expect(readings[3].outcome == "accepted", "\(readings[3])")
        #expect(readings[4].outcome == "accepted", "\(readings[4])")
        #expect(readings[5].message.contains("cut off inside frame 1"), "\(readings[5])")
        print(HostileCorpus.summary("zstd bombs", readings))
    }

    @Test func `a shard whose length nobody wrote is refused before its index is read`() throws {
        let folder = try TemporaryFolder()
        // The table at the end tells of four thousand million frames, which such a file has room for.
        var footer = withUnsafeBytes(of: UInt32(4_000_000_000).littleEndian) { [UInt8]($0) }
        footer += [0x80, 0xB1, 0xEA, 0x92, 0x8F]
        let shard = try Data(
            contentsOf: PackageFolder.url.appending(path: "Tests/Fixtures/shards/v1/data-00000.jsonl.zst"))
        let file = try folder.writeSparse("data-00000.jsonl.zst", [UInt8](shard), size: 1 << 40, end: footer)
        let error = #expect(throws: DataError.self) { try ShardFile(path: file.path) }
        #expect(error?.message.contains("a shard has at most 8388608") == true, "\(error as Any)")
    }
}
