import Foundation
import Testing
import TextCore

/// I10: every reader with changed inputs.
@Suite struct FuzzTests {
    /// A minute in `make test`, ten with `HONE_SOAK=1`. The seed is the same each time, so that what was found once is
    /// found again; `make fuzz` goes on from there.
    @Test("I10 fuzz.short: a minute of changed inputs over all readers finds no crash, hang or large memory")
    func shortRun() throws {
        let isLong = ProcessInfo.processInfo.environment["HONE_SOAK"] == "1"
        let folder = try TemporaryFolder()
        let result = try FuzzProcess.run([
            "run", "--seconds", isLong ? "600" : "60", "--seed", isLong ? "\(UInt16.random(in: 1 ... .max))" : "1",
            "--jobs", "2", "--findings", folder.url.path,
        ])
        print(result.text)
        #expect(result.status == 0, "\(result.text)")
        let names = try FuzzProcess.run(["list"]).text.split(separator: "\n").map(String.init)
        #expect(result.lines.compactMap { $0["target"]?.string }.sorted() == names.sorted())
        for line in result.lines {
            // Far fewer than any reader manages: a reader that was never called would have found nothing either.
            #expect(line["inputs"]?.int ?? 0 >= 20, "\(line.text())")
        }
    }

    @Test func `a reader that traps, hangs, takes memory or gives another's error is found and its input kept`() throws
    {
        for (kind, word) in [
            ("trap", "signal"), ("hang", "takes more than"), ("memory", "MiB"), ("error", "no reader's own"),
        ] {
            let folder = try TemporaryFolder()
            let result = try FuzzProcess.run([
                "run", "broken-\(kind)", "--seconds", "2", "--jobs", "1", "--findings", folder.url.path,
            ])
            #expect(result.status == 1 && result.text.contains(word), "\(kind): \(result.text)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty == false)
        }
    }
}
