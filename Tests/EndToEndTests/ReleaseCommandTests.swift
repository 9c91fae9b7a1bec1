import Foundation
import Testing
import TextCore

/// `hone shadow` and `hone canary`, as a user types them.
@Suite final class ReleaseCommandTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "hone-release-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Writes a log in which every tenth request fails, and every `extra`th more.
    private func log(_ name: String, count: Int = 1_500, arm: String? = nil, extra: Int = .max) throws -> String {
        let lines = (0..<count).map { row in
            let passed = row % 10 != 0 && row % extra != 1
            return
                #"{"id": \#(row), \#(arm.map { #""arm": "\#($0)", "# } ?? "")"passed": \#(passed), "latency_ms": \#(100 + row % 40)}"#
        }
        let url = folder.appending(path: name)
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: url)
        return url.path
    }

    private func hone(_ arguments: String...) throws -> HoneResult { try HoneProcess(arguments, in: folder).result() }

    @Test func aShadowIsShippedOrRolledBackWithAReport() throws {
        let control = try log("a.jsonl")
        let good = try hone(
            "shadow", control, try log("b.jsonl"), "--max-p95-ms", "150", "--html", "out.html", "--markdown", "out.md")
        #expect(good.status == 0 && good.output.hasPrefix("ship: every rule is shown to hold"), "\(good)")
        let page = try String(contentsOf: folder.appending(path: "out.html"), encoding: .utf8)
        let text = try String(contentsOf: folder.appending(path: "out.md"), encoding: .utf8)
        #expect(page.contains("<svg") && page.contains("share of requests above 150 ms") && text.contains("# Shadow"))
        let bad = try hone("shadow", control, try log("c.jsonl", extra: 5), "--json")
        let json = try bad.json()
        #expect(bad.status == 3 && json["decision"]?.string == "roll_back", "\(bad)")
        #expect(json["rules"]?.array?.first?["mean"]?.double.map { $0 < -0.15 } == true)
    }

    @Test func aCanaryGoesOnUntilThereIsEnough() throws {
        let few = try log("few.jsonl", count: 30, arm: "control")
        let candidate = try log("new.jsonl", count: 30, arm: "candidate")
        let open = try hone("canary", few, candidate, "--json")
        let decision = try open.json()["decision"]?.string
        #expect(open.status == 0 && decision == "go_on", "\(open)")
        let log = folder.appending(path: "both.jsonl")
        let lines = try [few, candidate].flatMap { path in
            try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        }
        try Data((lines.joined(separator: "\n") + "\n{\n").utf8).write(to: log)
        let one = try hone("canary", log.path, "--max-bad-lines", "0.1")
        #expect(
            one.status == 0 && one.output.hasPrefix("go on: 30 requests of the candidate do not decide yet"), "\(one)")
        #expect(
            one.errors.contains("warning: 1 of 61 lines are no rows") && one.errors.contains("both.jsonl:61: no JSON"))
        let refused = try hone("canary", log.path)
        #expect(refused.status == 65 && refused.errors.contains("allow more with --max-bad-lines"), "\(refused)")
    }

    @Test func wrongOptionsAndMissingFilesAreNamed() throws {
        let log = try log("a.jsonl", arm: "old")
        for (arguments, status, message) in [
            (["canary", log], 65, "no row is of arm control; the arms are old: name it with --control"),
            (["canary", log, "none.jsonl"], 66, "none.jsonl: No such file"),
            (["shadow", log, log, "--column", "scroe=x"], 64, "did you mean 'score=…'?"),
            (["shadow", log, log, "--score-range", "5"], 64, "--score-range takes two numbers"),
            (["shadow", log, log, "--margin", "3"], 64, "the margin must be"),
            (["canary", log, log, log], 64, "name one log with arms, or two logs"),
            (["shadow", log, log, "--limits-only"], 65, "nothing to decide by"),
        ] {
            let result = try HoneProcess(arguments, in: folder).result()
            #expect(result.status == Int32(status) && result.errors.contains(message), "\(arguments): \(result)")
        }
    }
}
