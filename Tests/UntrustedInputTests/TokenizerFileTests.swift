import Foundation
import Testing
import TextCore
import Tokenization

/// I3 and I4: tokenizers and chat templates.
@Suite struct TokenizerFileTests {
    @Test("I3 tokenizer.corpus: typed errors within a second, and no trap at loading, encoding or decoding")
    func tokenizerCorpus() throws {
        try HostileCorpus("tokenizer").check(seconds: 1, growth: 64, count: 55)
        try HostileCorpus("tokenizer-config").check(seconds: 1, growth: 64, count: 8)
        try HostileCorpus("regex").check(seconds: 1, growth: 64, count: 12)
    }

    @Test("I3 tokenizer.corpus: files over their limits are refused before they are read")
    func largeFiles() throws {
        let folder = try TemporaryFolder()
        let whole = try folder.writeSparse("tokenizer.json", [], size: 10 << 30)
        let readings = try HostileCorpus.read("tokenizer", [whole])
        #expect(readings[0].message.contains("10737418240 bytes; the limit"), "\(readings)")
        #expect(readings[0].growth <= 8 << 20 && readings[0].seconds <= 0.1, "\(readings)")
        // A million numbers, each the next: as large as a vocabulary may be. Ids far apart cost what their table costs.
        var vocabulary = "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":4194303"
        for number in 0..<200_000 { vocabulary += ",\"\(number)\":\(number)" }
        let many = try folder.write("many.json", Array((vocabulary + "},\"merges\":[]}}").utf8))
        let reading = try HostileCorpus.read("tokenizer", [many])[0]
        #expect(reading.outcome == "accepted" && reading.growth <= 160 << 20 && reading.seconds <= 2, "\(reading)")
    }

    @Test func `a pipe in the place of a tokenizer's file is not waited for`() throws {
        let folder = try TemporaryFolder()
        #expect(mkfifo(folder.file("tokenizer.json").path, 0o600) == 0)
        let error = #expect(throws: TokenizationError.self) { try Tokenizer(folder: folder.url) }
        #expect(error?.message == "this is no regular file")
    }

    @Test("I4 jinja.bombs: the limit and the template's line are named, within 2 s and 64 MiB")
    func templateBombs() throws {
        // The time of a template is that of the clock; the processor's is measured here, and a tick beyond the limit.
        try HostileCorpus("templates", target: "large-template").check(seconds: 2.5, growth: 64, count: 60)
    }

    @Test("I4 jinja.bombs: a template that keeps every text it makes is stopped, by its time or at 256 MiB")
    func keptTexts() throws {
        let folder = try TemporaryFolder()
        let source =
            "{% set ns = namespace(all=[]) %}\n"
            + "{% for i in range(100000) %}{% set ns.all = ns.all + [('x' * 1000000) ~ i] %}{% endfor %}"
        let reading = try HostileCorpus.read("large-template", [try folder.write("keep.jinja", Array(source.utf8))])[0]
        // On a machine that is busy the clock comes first.
        let isStopped = ["268435456 bytes together", "more than 2.0 s"].contains(where: reading.message.contains)
        #expect(reading.message.contains(":2:") && isStopped, "\(reading)")
        #expect(reading.growth <= 300 << 20 && reading.seconds <= 2.5, "\(reading)")
    }
}
