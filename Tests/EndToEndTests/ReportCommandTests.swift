import Foundation
import Reports
import Testing
import TextCore

/// `hone advise` and `hone report` as somebody runs them.
@Suite struct ReportCommandTests {
    private static let answers = """
        task: Sort tickets
        goal: cost
        prompt: costly
        examples: {demonstrations: 2000, quality: good}
        model: {parameters: 8B, memory: 24GB}
        cost:
          requests_per_day: 10000
          now: {per_request: 0.005}
          tuned: {per_request: 0.0003}
          training: 200
          hours: 10
        """

    /// A folder of the test's own, without anything shared.
    private func inFolder(_ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hone-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
    }

    @Test func `advise reads answers, says the worked case, and writes both reports`() throws {
        try inFolder { folder in
            try Data(Self.answers.utf8).write(to: folder.appending(path: "answers.yaml"))
            let shown = try HoneProcess(
                ["advise", "answers.yaml", "--markdown", "a.md", "--html", "a.html"], in: folder
            ).result()
            #expect(shown.status == 0, "\(shown)")
            for part in [
                "sft: Tune", "$50 against $3 a day, $18,250 against $1,095 a year: $17,155 a year saved",
                "paid back in 26 days", "lora 1.5 x the model: 24 GB, fits", "840",
            ] {
                #expect(shown.output.contains(part), "\(part) in \(shown.output)")
            }
            let page = try String(contentsOf: folder.appending(path: "a.html"), encoding: .utf8)
            #expect(page.contains("<h1>Sort tickets</h1>") && page.contains("$18,250"))
            let text = try String(contentsOf: folder.appending(path: "a.md"), encoding: .utf8)
            #expect(text.hasPrefix("# Sort tickets\n"))
            let json = try HoneProcess(["advise", "answers.yaml", "--json"], in: folder).result().json()
            #expect(json["verdict"] == "sft" && json["cost"]?["payback_days"] == 26)
            #expect(json["cost"]?["saved_per_year"]?.double == 17_155)
        }
    }

    @Test func `advise asks on the terminal and explains its questions`() throws {
        try inFolder { folder in
            // Goal 2 (cost), then gate 1: what it means, something else, and not tried yet.
            let asked = try HoneProcess(
                ["advise"], in: folder,
                input: "Sort tickets\n2\n?\nmaybe\nuntried\n" + String(repeating: "\n", count: 40)
            ).result()
            #expect(asked.status == 0, "\(asked)")
            #expect(asked.output.hasPrefix("prompt: "))
            #expect(asked.errors.contains("Gate 1 of 5") && asked.errors.contains("Please answer with one of untried"))
            #expect(asked.errors.contains("The strongest model that you may use"))
            let cut = try HoneProcess(["advise"], in: folder, input: "x\n").result()
            #expect(cut.status == 64 && cut.errors.contains("hone advise --template"))
        }
    }

    @Test func `the template is a file of answers`() throws {
        try inFolder { folder in
            let template = try HoneProcess(["advise", "--template"], in: folder).result()
            try Data(template.output.utf8).write(to: folder.appending(path: "answers.yaml"))
            let advice = try HoneProcess(["advise", "answers.yaml", "--json"], in: folder).result()
            #expect(try advice.json()["verdict"] == "prompt")
            #expect(try HoneProcess(["advise", "none.yaml"], in: folder).result().status == 66)
        }
    }

    @Test func `a run has a report that its folder alone makes`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(
            [
                "evaluation.suites": CommandTests.suites, "evaluation.at_start": true, "data.val_fraction": 0.2,
                "evaluation.every_steps": 2,
            ])
        try workspace.train()
        let result = try workspace.hone("report", "runs/run", "--price-per-hour", "3")
        #expect(result.status == 0, "\(result)")
        let folder = workspace.url("runs/run")
        let page = try String(contentsOf: folder.appending(path: "report.html"), encoding: .utf8)
        #expect(result.output.trimmingCharacters(in: .whitespacesAndNewlines).hasSuffix("runs/run/report.html"))
        for part in [
            "<h1>run</h1>", "Before and after", ">Loss<", "Learning rate", "How to repeat it", "at $3 an hour",
        ] {
            #expect(page.contains(part), "\(part)")
        }
        for reference in ["http://", "https://", "src=", "url(", "<script"] { #expect(!page.contains(reference)) }
        let text = try String(contentsOf: folder.appending(path: "report.md"), encoding: .utf8)
        // The figures are those of the events.
        let losses = try workspace.events().compactMap {
            $0["suite"] == "losses" ? $0["metrics"]?["loss"]?.double : nil
        }
        #expect(losses.count == 3)
        #expect(
            text.contains("| losses | loss | \(ReportText.number(losses[0])) | **\(ReportText.number(losses[2]))** |"))
        #expect(!text.contains("What is missing from this report"))
        // The command that repeats the run is one.
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("hone train ") })
        let arguments = line.split(separator: " ").dropFirst().map(String.init)
        let again = try HoneProcess(arguments + ["--quiet"], in: workspace.folder).result()
        #expect(again.status == 0, "\(again)")
        #expect(try workspace.finalWeights() == workspace.finalWeights("runs/run-again"))
        #expect(try workspace.hone("report", "runs").status == 66)
    }
}
