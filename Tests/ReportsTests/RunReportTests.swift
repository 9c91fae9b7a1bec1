import Foundation
import Reports
import Testing
import TextCore

/// A run folder of a test's own; removed with the value.
private final class RunFolderFixture {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("report-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: url.appendingPathComponent("eval"), withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: url.appendingPathComponent(name))
    }

    func writeEvents(_ lines: [String]) throws { try write(lines.joined(separator: "\n") + "\n", to: "events.jsonl") }

    func report(_ sections: [RunReport.Section] = [], pricePerHour: Double? = nil) -> String {
        RunReport(folder: url, sections: sections, pricePerHour: pricePerHour).document.markdown
    }

    static func start(_ step: Int = 0, second: Int = 0) -> String {
        """
        {"type":"start","time":"2026-01-02T03:00:\(String(format: "%02d", second)).000Z","step":\(step),"total_steps":4,\
        "seed":"7","version":"0.1.0","recipe":"small","method":"sft","rows":24,"threads":2,"instruction_set":"avx2"}
        """
    }

    static func step(_ step: Int, loss: String, second: Int) -> String {
        """
        {"type":"step","time":"2026-01-02T03:00:\(String(format: "%02d", second)).000Z","step":\(step),\
        "metrics":{"loss":\(loss),"num_tokens":\(100 * step)},"seconds":1,"memory":{"peak_resident_bytes":5000000}}
        """
    }

    static func end(_ step: Int, second: Int, reason: String = "completed") -> String {
        """
        {"type":"end","time":"2026-01-02T03:00:\(String(format: "%02d", second)).000Z","step":\(step),\
        "reason":"\(reason)","refused_steps":0,"message":"the disk is full"}
        """
    }

    static func suite(_ accuracy: Double, _ answers: [(String, Bool, String)]) -> String {
        let rows = answers.map { id, passed, answer in
            """
            {"id":"\(id)","source":"/data/\(id)","expected":"yes","answer":"\(answer)","passed":\(passed),"stopped":true}
            """
        }
        return """
            {"suite":"test","count":\(answers.count),"accuracy":\(accuracy),"accuracy_low":0.1,"accuracy_high":0.9,\
            "base_rate":0.25,"seconds":1,"answers":[\(rows.joined(separator: ","))]}
            """
    }
}

@Suite struct RunReportTests {
    private typealias Fixture = RunFolderFixture

    @Test func stepsDoneAgainAfterAnInterruptionCountOnce() throws {
        let run = try Fixture()
        try run.writeEvents([
            Fixture.start(), Fixture.step(1, loss: "4", second: 1), Fixture.step(2, loss: "98765", second: 2),
            // Resumed from step 1, ten seconds later.
            Fixture.start(1, second: 12), Fixture.step(2, loss: "3", second: 13),
            Fixture.step(3, loss: "2", second: 14),
            Fixture.step(4, loss: "1", second: 15), Fixture.end(4, second: 15),
        ])
        let text = run.report()
        #expect(text.contains("| training | 4 | 1 | 4 | 1 |") && !text.contains("98,765"))
        // Two seconds and three; the pause between them costs nothing.
        #expect(text.contains("| time by the clock | 5 s |"))
        #expect(text.contains("| sessions | 2 |"))
        #expect(!text.contains("has not ended"))
    }

    @Test func aRunThatIsNotOverSaysSo() throws {
        let run = try Fixture()
        try run.writeEvents([Fixture.start(), Fixture.step(1, loss: "4", second: 1)])
        #expect(run.report().contains("**? The run has not ended**"))
        try run.writeEvents([Fixture.start(), Fixture.end(1, second: 2, reason: "failed")])
        let failed = run.report()
        #expect(failed.contains("**✗ The run failed at step 1**") && failed.contains("the disk is full"))
    }

    @Test func whatIsMissingOrDamagedIsNamedAndEndsNothing() throws {
        let run = try Fixture()
        #expect(run.report().contains("- `events.jsonl` is missing: there are no curves"))
        try run.write("{\"type\":\"start\"", to: "events.jsonl")
        try run.write("not JSON", to: "fingerprint.json")
        try run.write("{}", to: "eval/test-step-4.json")
        try run.write("[1,", to: "eval/other-step-0.json")
        try run.write("{\"a\":1}", to: "gate.json")
        try Data([0xFF, 0xFE, 0x80]).write(to: run.url.appendingPathComponent("resolved.yaml"))
        struct Wrong: Error {}
        let text = run.report([
            .init(file: "gate.json", heading: "The gate", place: .verdict) { _ in throw Wrong() },
            .init(file: "data-check.json", heading: "Findings", place: .data) { _ in [] },
        ])
        for line in [
            "Line 1 of `events.jsonl` is no event", "`fingerprint.json` is damaged (1:1",
            "`eval/test-step-4.json` is no result of a suite", "`eval/other-step-0.json` is damaged",
            "`gate.json` cannot be shown: Wrong()", "`resolved.yaml` is not UTF-8 text",
        ] {
            #expect(text.contains("- " + line), "\(line)")
        }
        #expect(!text.contains("data-check.json"))
    }

    @Test func numbersThatAreNoneAreGaps() throws {
        let run = try Fixture()
        try run.writeEvents([
            Fixture.start(), Fixture.step(1, loss: "4", second: 1), Fixture.step(2, loss: "\"NaN\"", second: 2),
            Fixture.step(3, loss: "\"Infinity\"", second: 3), Fixture.step(4, loss: "2", second: 4),
            Fixture.end(4, second: 4),
        ])
        #expect(run.report().contains("| training | 4 | 2 | 4 | 2 |"))
        _ = RunReport(folder: run.url, sections: []).document.html
    }

    @Test func answersThatChangedAreListedWithTheirRows() throws {
        let run = try Fixture()
        try run.writeEvents([Fixture.start(), Fixture.end(4, second: 1)])
        try run.write(
            Fixture.suite(0.5, [("a.jsonl:1", true, "yes"), ("a.jsonl:2", false, "no"), ("a.jsonl:3", false, "no")]),
            to: "eval/test-step-0.json")
        try run.write(
            Fixture.suite(
                0.75, [("a.jsonl:3", true, "yes"), ("a.jsonl:1", false, "never"), ("a.jsonl:2", true, "yes")]),
            to: "eval/test-step-4.json")
        try run.write(Fixture.suite(0.1, [("a.jsonl:1", false, "?")]), to: "eval/test-step-2.json")
        try run.write(Fixture.suite(0.6, [("a.jsonl:1", true, "yes")]), to: "eval/baseline-few-shot-test.json")
        let text = run.report()
        #expect(text.contains("**2** of 3 questions are newly right, **1** newly wrong."))
        #expect(text.contains("| `a.jsonl:1` | `yes` | `never` |"))
        #expect(
            text.contains("| test | accuracy | 50.0 % | **75.0 %** | +25.0 points | 10.0 % to 90.0 % | 25.0 % | 3 |"))
        #expect(text.contains("| few-shot | test | accuracy | 60.0 % | 75.0 % | +15.0 points |"))
        #expect(!text.contains("| 10.0 % |") && !text.contains("does better"))
        try run.write(Fixture.suite(0.8, [("a.jsonl:1", true, "yes")]), to: "eval/baseline-few-shot-test.json")
        let beaten = run.report()
        #expect(beaten.contains("**? A baseline does better**"))
        #expect(beaten.contains("`few-shot` has accuracy 80.0 % on `test`, the trained model 75.0 %."))
    }

    @Test func theVerdictOfTheGateStandsFirst() throws {
        let run = try Fixture()
        try run.writeEvents([Fixture.start(), Fixture.end(4, second: 36)])
        try run.write("{}", to: "gate.json")
        let gate = RunReport.Section(file: "gate.json", heading: "The gate", place: .verdict) { _ in
            [.heading("Gate", level: 2), .verdict(.good, title: "Ship", text: "All hold."), .paragraph("Conditions.")]
        }
        let text = run.report([gate], pricePerHour: 200)
        #expect(
            text.hasPrefix(
                "# small\n\nSFT · 4 steps · 24 rows · 2\u{A0}January\u{A0}2026\n\n> **✓ Ship**\n>\n> All hold.\n"))
        #expect(text.contains("## The gate\n\nConditions.") && text.components(separatedBy: "All hold.").count == 2)
        // 36 s are a hundredth of an hour.
        #expect(text.contains("$2.00 at $200 an hour"))
    }

    @Test func bothFilesAreWritten() throws {
        let run = try Fixture()
        try run.writeEvents([Fixture.start(), Fixture.end(4, second: 1)])
        try run.write("schema: 1\nname: <b>small</b>\n", to: "resolved.yaml")
        let page = try RunReport(folder: run.url, sections: []).write()
        let html = try String(contentsOf: page, encoding: .utf8)
        #expect(page.lastPathComponent == "report.html" && html.hasSuffix("</html>\n"))
        #expect(html.contains("name: &lt;b&gt;small&lt;/b&gt;") && html.contains("hone train"))
        let text = try String(contentsOf: run.url.appendingPathComponent("report.md"), encoding: .utf8)
        #expect(text.hasPrefix("# small\n"))
    }
}
