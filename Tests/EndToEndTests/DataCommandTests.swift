import Foundation
import OrderedCollections
import Testing
import TextCore

/// `hone data`: building, verifying and looking into data sets, as a user types it.
@Suite struct DataCommandTests {
    /// A folder of its own for one test; removed with the value.
    private final class DataFolder {
        let url = FileManager.default.temporaryDirectory.appending(path: "data-\(UUID().uuidString)")

        init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

        deinit { try? FileManager.default.removeItem(at: url) }

        func write(_ text: String, to name: String) throws {
            try Data(text.utf8).write(to: url.appending(path: name))
        }

        func bytes(_ name: String) throws -> Data { try Data(contentsOf: url.appending(path: name)) }

        func hone(_ arguments: String...) throws -> HoneResult { try HoneProcess(arguments, in: url).result() }

        /// Runs `hone … --json`, which must succeed.
        func json(_ arguments: String...) throws -> JSON {
            let result = try HoneProcess(arguments + ["--json"], in: url).result()
            #expect(result.status == 0, "\(arguments): \(result)")
            return try result.json()
        }

        func shell(_ script: String) throws -> HoneResult {
            try HoneProcess(shell: "set -euo pipefail; " + script, in: url).result()
        }
    }

    /// Preference rows whose text is incompressible enough to fill several frames.
    private func pairs(_ count: Int, from first: Int = 0) -> [String] {
        (first..<first + count).map { index in
            let noise = (0..<40).map { String((index &* 2_654_435_761 &+ $0 &* 40_503) & 0xFFFFFF, radix: 36) }
            return
                "{\"id\":\"p\(index)\",\"prompt\":\"Question \(index)?\",\"chosen\":\"\(noise.joined(separator: " "))\","
                + "\"rejected\":\"No \(index).\"}"
        }
    }

    @Test func `files of several formats become one data set that any tool can read`() throws {
        let folder = try DataFolder()
        let rows = pairs(3000)
        try folder.write(rows[..<1000].map { $0 + "\n" }.joined(), to: "a.jsonl")
        try folder.write("[" + rows[1000..<1010].joined(separator: ",\n") + "]", to: "b.json")
        try folder.write("question,good,bad,source\n\"Why, then?\",Because,\"Don't \"\"know\"\"\",web\n", to: "c.csv")
        try folder.write(rows[1010...].map { $0 + "\n" }.joined(), to: "d.jsonl")
        let isCompressed = try folder.shell("command -v zstd >/dev/null && zstd -q --rm d.jsonl").status == 0
        let last = isCompressed ? "d.jsonl.zst" : "d.jsonl"
        let first = try folder.json("data", "build", "a.jsonl", "b.json", last, "-o", "pairs")
        #expect(first["rows"] == 3000 && first["schema"] == "pref/1" && first["shards"] == 1)
        #expect(first["ratio"]?.double ?? 0 > 1 && first["sources"]?.array?.count == 3)
        #expect(try folder.json("data", "verify", "pairs")["intact"] == true)
        let csv = try folder.json(
            "data", "build", "c.csv", "-o", "csv", "--columns", "prompt=question,chosen=good", "--columns",
            "rejected=bad")
        #expect(csv["rows"] == 1)
        let row = try folder.json("data", "head", "csv")["rows"]?.array?.first
        #expect(
            row?["prompt"] == "Why, then?" && row?["rejected"] == "Don't \"know\"" && row?["meta"] == ["source": "web"])
        // A data set is an input too, and nothing is lost on the way.
        let again = try folder.json("data", "build", "pairs", "-o", "again")
        #expect(again["rows"] == 3000 && again["raw_bytes"] == first["raw_bytes"])
        guard isCompressed else { return print("no zstd here: its view of the shards is not compared") }
        let plain = try folder.shell("zstd -dc pairs/*.zst")
        #expect(plain.output.split(separator: "\n").map(String.init) == rows)
        if try folder.shell("command -v jq >/dev/null").status == 0 {
            #expect(try folder.shell("zstd -dc pairs/*.zst | jq -r .id | tail -1").output == "p2999\n")
        }
    }

    @Test func `a seed gives one order, and the same bytes`() throws {
        let folder = try DataFolder()
        let rows = pairs(2500)
        try folder.write(rows.map { $0 + "\n" }.joined(), to: "a.jsonl")
        func build(_ name: String, _ seed: String...) throws -> [String] {
            let result = try HoneProcess(["data", "build", "a.jsonl", "-o", name] + seed, in: folder.url).result()
            #expect(result.status == 0, "\(result)")
            let head = try folder.hone("data", "head", name, "-n", "5000")
            return head.output.split(separator: "\n").map(String.init)
        }
        let seven = try build("seven", "--shuffle-seed", "7")
        #expect(try build("plain") == rows)
        #expect(seven != rows && seven.sorted() == rows.sorted())
        #expect(try build("again", "--shuffle-seed", "7") == seven)
        #expect(try build("eight", "--shuffle-seed", "8") != seven)
        #expect(try folder.bytes("seven/data-00000.jsonl.zst") == folder.bytes("again/data-00000.jsonl.zst"))
        let stat = try folder.json("data", "stat", "seven")
        #expect(stat["shuffle_seed"] == 7 && stat["rows"] == 2500 && stat["integrity"] == "verified")
        #expect(stat["row_bytes"]?["max"]?.int == rows.map(\.utf8.count).max())
        #expect(stat["row_bytes"]?["min"]?.int == rows.map(\.utf8.count).min())
        #expect(stat["sources"]?.array?.first?["rows"] == 2500)
    }

    @Test func `any row is shown without reading those before it`() throws {
        let folder = try DataFolder()
        let rows = pairs(4000)
        try folder.write(rows.map { $0 + "\n" }.joined(), to: "a.jsonl")
        _ = try folder.json("data", "build", "a.jsonl", "-o", "pairs", "--max-shard-size", "512KiB")
        #expect(try folder.json("data", "stat", "pairs")["shards"]?.int ?? 0 > 2)
        for path in ["pairs", "a.jsonl"] {
            for start in [0, 1, 1777, 3998] {
                let result = try folder.hone("data", "head", path, "--at", "\(start)", "-n", "3")
                #expect(
                    result.output == rows[start..<min(start + 3, 4000)].map { $0 + "\n" }.joined(), "\(path) \(start)")
            }
            let beyond = try folder.hone("data", "head", path, "--at", "4000")
            #expect(
                beyond.status == 64 && beyond.errors.contains("it has 4,000 rows, numbered from 0 to 3999"), "\(beyond)"
            )
        }
        let first = try folder.shell("$HONE data head pairs -n 4000 | head -2")
        #expect(
            first.status == 0 && first.errors.isEmpty && first.output == rows[..<2].map { $0 + "\n" }.joined(),
            "\(first)")
    }

    @Test func `all damage is said at once, with status 65`() throws {
        let folder = try DataFolder()
        try folder.write(pairs(4000).map { $0 + "\n" }.joined(), to: "a.jsonl")
        let built = try folder.json("data", "build", "a.jsonl", "-o", "pairs", "--max-shard-size", "512KiB")
        let shards = try #require(built["shards"]?.int)
        #expect(shards >= 3)
        let good = try folder.hone("data", "verify", "pairs")
        #expect(
            good.status == 0 && good.output.contains("pairs: intact; \(shards) files,")
                && good.output.contains("verified"))
        // One bit in the first shard, the end of the second, the whole of the third.
        var first = try folder.bytes("pairs/data-00000.jsonl.zst")
        first[first.count / 2] ^= 4
        try first.write(to: folder.url.appending(path: "pairs/data-00000.jsonl.zst"))
        let second = try folder.bytes("pairs/data-00001.jsonl.zst")
        try second.dropLast(1000).write(to: folder.url.appending(path: "pairs/data-00001.jsonl.zst"))
        try FileManager.default.removeItem(at: folder.url.appending(path: "pairs/data-00002.jsonl.zst"))
        let bad = try folder.hone("data", "verify", "pairs")
        #expect(bad.status == 65 && bad.output.contains("DAMAGED"), "\(bad)")
        for name in ["data-00000", "data-00001", "data-00002"] {
            #expect(bad.output.contains("pairs/\(name).jsonl.zst: "), "\(bad)")
        }
        let report = try HoneProcess(["data", "verify", "pairs", "--json"], in: folder.url).result()
        #expect(report.status == 65)
        let json = try report.json()
        #expect(json["intact"] == false && json["problems"]?.array?.count ?? 0 >= 3)
        #expect(json["rows"]?.int ?? 0 < 4000 && json["expected_rows"] == 4000)
        // What is damaged is not read as if it were not.
        #expect(try folder.hone("data", "stat", "pairs").status == 65)
        try FileManager.default.removeItem(at: folder.url.appending(path: "pairs/manifest.json"))
        let incomplete = try folder.hone("data", "head", "pairs")
        #expect(incomplete.status == 65 && incomplete.errors.contains("no manifest.json"), "\(incomplete)")
    }

    @Test func `other files are checked as far as they can be, and it is said how far that is`() throws {
        let folder = try DataFolder()
        var rows = pairs(50)
        try folder.write(rows.map { $0 + "\n" }.joined(), to: "good.jsonl")
        let good = try folder.hone("data", "verify", "good.jsonl")
        #expect(good.status == 0 && good.output.contains("50 rows; not checksummed"), "\(good)")
        rows[10] = "{\"prompt\": "
        rows[20] = "[1]"
        rows[30] = "{\"a\":1,}"
        try folder.write(rows.map { $0 + "\n" }.joined(), to: "bad.jsonl")
        let bad = try folder.hone("data", "verify", "bad.jsonl")
        #expect(bad.status == 65, "\(bad)")
        for line in [11, 21, 31] { #expect(bad.output.contains("bad.jsonl:\(line):"), "\(bad)") }
        #expect(try folder.json("data", "verify", "good.jsonl")["integrity"] == "not checksummed")
        guard try folder.shell("command -v zstd >/dev/null").status == 0 else { return }
        _ = try folder.shell(
            "zstd -q --no-check good.jsonl -o bare.jsonl.zst; zstd -q --check good.jsonl -o sums.jsonl.zst")
        let bare = try folder.hone("data", "verify", "bare.jsonl.zst")
        #expect(bare.status == 0 && bare.output.contains("0 of 1 frame"), "\(bare)")
        let sums = try folder.hone("data", "verify", "sums.jsonl.zst")
        #expect(sums.status == 0 && sums.output.contains("1 of 1 frame"), "\(sums)")
        let cut = try folder.bytes("sums.jsonl.zst").dropLast(20)
        try cut.write(to: folder.url.appending(path: "cut.jsonl.zst"))
        #expect(try folder.hone("data", "verify", "cut.jsonl.zst").status == 65)
    }

    @Test func `mistakes are refused before anything is written`() throws {
        let folder = try DataFolder()
        try folder.write(pairs(5).map { $0 + "\n" }.joined(), to: "pairs.jsonl")
        try folder.write(
            "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]}\n",
            to: "chat.jsonl")
        try folder.write("", to: "empty.jsonl")
        func expect(_ status: Int32, _ words: String, _ arguments: String...) throws {
            let result = try HoneProcess(["data", "build"] + arguments, in: folder.url).result()
            #expect(result.status == status && result.errors.contains(words), "\(arguments): \(result)")
        }
        try expect(65, "A data set holds rows of one kind", "pairs.jsonl", "chat.jsonl", "-o", "mixed")
        try expect(66, "nothing.jsonl", "pairs.jsonl", "nothing.jsonl", "-o", "out")
        try expect(65, "empty.jsonl", "empty.jsonl", "-o", "out")
        try expect(64, "field=column", "pairs.jsonl", "-o", "out", "--columns", "prompt")
        try expect(64, "--level takes 1 to 19", "pairs.jsonl", "-o", "out", "--level", "30")
        try expect(64, "max-shard-size", "pairs.jsonl", "-o", "out", "--max-shard-size", "many")
        try expect(65, "there is no data format", "pairs.jsonl", "-o", "out", "--format", "preferences")
        try expect(64, "input", "-o", "out")
        #expect(!FileManager.default.fileExists(atPath: folder.url.appending(path: "out").path))
        #expect(try folder.hone("data", "build", "pairs.jsonl", "-o", "set").status == 0)
        let before = try folder.bytes("set/manifest.json")
        try expect(64, "--overwrite", "pairs.jsonl", "-o", "set")
        try expect(64, "overwritten while it is read", "set", "-o", "set", "--overwrite")
        #expect(try folder.bytes("set/manifest.json") == before)
        #expect(try folder.hone("data", "build", "chat.jsonl", "-o", "set", "--overwrite").status == 0)
        #expect(try folder.json("data", "stat", "set")["schema"] == "messages/1")
        #expect(try folder.hone("data", "verify", "nowhere").status == 66)
        #expect(try folder.hone("data", "head", "nowhere").status == 66)
        // In a pipe nothing is redrawn.
        let quiet = try folder.hone("data", "build", "pairs.jsonl", "-o", "piped")
        #expect(
            !quiet.errors.contains("\u{1B}") && quiet.output.contains("piped: 5 rows of pref/1 in 1 shard"), "\(quiet)")
        #expect(try folder.hone("data", "build", "pairs.jsonl", "-o", "silent", "--quiet").errors.isEmpty)
    }

    @Test func `the tickets' preferences become shards`() throws {
        let folder = try DataFolder()
        let made = try folder.json("data", "tickets", "-o", "tickets", "--count", "200", "--pairs", "150")
        #expect(made["pairs"] == 150 && made["tickets"] == 200)
        let built = try folder.json(
            "data", "build", "tickets/preference.jsonl", "-o", "tickets/preference", "--shuffle-seed", "7")
        #expect(built["rows"] == 150 && built["schema"] == "pref/1")
        let row = try #require(try folder.json("data", "head", "tickets/preference", "-n", "1")["rows"]?.array?.first)
        #expect(row["prompt"]?.array?.first?["role"] == "user" && row["meta"]?["kind"]?.string != nil)
    }
}
