import Foundation
import ShardIO
import Testing
import TextCore

/// Runs that are rewarded by verifiers of the user's own.
@Suite struct VerifierRunTests {
    /// Does what the row's answer says; used as a file of its own, and in a package.
    static let hostile = """
        import Foundation
        import TextCore
        import Verifiers

        struct HostileVerifier: ImmediateVerifier {
            static let name = "hostile"
            static let summary = "how much of the answer is vowels, where the row lets it"
            init(_: NoConfiguration) {}

            func verify(_ rollout: Rollout, against what: String) throws(VerifierFailure) -> Verdict {
                switch what {
                case "trap": fatalError("this row is a trap")
                case "loop": while true {}
                case "memory":
                    var hog: [[UInt8]] = []
                    while true { hog.append([UInt8](repeating: 1, count: 16 << 20)) }
                case "exit": exit(0)
                case "print": print("{\\"score\\": 1}")
                case "nan": return .score(Score(.nan))
                default: break
                }
                let text = rollout.fullText.lowercased().unicodeScalars
                let vowels = text.filter { "aeiou".unicodeScalars.contains($0) }.count
                return .score(Score(Double(vowels) / Double(max(1, text.count))))
            }
        }

        """

    /// One row for each way to fail, among so many that are judged that the run need not give up.
    private static let words =
        ["trap", "loop", "memory", "exit", "nan", "print"] + [String](repeating: "fine", count: 18)

    static func workspace(verifier: String) throws -> Workspace? {
        guard let workspace = try Workspace() else { return nil }
        let rows = words.enumerated().map { "{\"prompt\": \"Number \($0) was a\", \"answer\": \"\($1)\"}" }
        try workspace.writeRecipe(
            [
                "method": "rft", "data": ["train": [["path": "rows.jsonl", "format": "prompt"]]],
                "rft": [
                    "group_size": 2, "prompts_per_step": .integer(rows.count), "preflight": false, "max_oversample": 1,
                ],
                "rollout": ["max_new_tokens": 12],
                "rewards": [["verifier": .string(verifier), "target": "answer", "timeout": "2s"]],
                "train": ["max_steps": 2, "learning_rate": 0.001, "lr_scheduler": "constant", "warmup_steps": 0],
            ], rows: rows)
        return workspace
    }

    /// What a run wrote of each answer: the row's word, the status and the kind of the failure.
    static func outcomes(_ workspace: Workspace) throws -> [(row: String, status: String, failure: String?, line: JSON)]
    {
        let path = workspace.url("runs/run").appending(path: "rollouts.jsonl.zst").path
        let source = try DataSourceOpener.open(path: path)
        var outcomes: [(row: String, status: String, failure: String?, line: JSON)] = []
        for frame in 0..<source.frames.count {
            let decoded = try source.frame(frame)
            for row in 0..<decoded.count {
                let line = try JSON.object(#require(try decoded.row(row).fields.object))
                let part = try #require(line["components"]?.array?.first)
                outcomes.append(
                    (
                        try #require(line["row"]?["answer"]?.string), try #require(line["status"]?.string),
                        part["failure"]?.string, line
                    ))
            }
        }
        return outcomes
    }

    /// That each way to fail was told as such, and that what was judged was trained on.
    static func expectTold(_ workspace: Workspace) throws {
        let outcomes = try outcomes(workspace)
        #expect(outcomes.count == 2 * 2 * words.count)
        for outcome in outcomes {
            let isTold =
                switch outcome.row {
                case "fine", "print": outcome.status == "scored" && outcome.failure == nil
                case "trap", "exit": outcome.status == "errored" && outcome.failure == "crashed"
                case "nan": outcome.status == "errored" && outcome.failure == "invalidValue"
                case "loop": outcome.status == "timed_out" && outcome.failure == "timeout"
                // On a busy machine the time is over before the memory is.
                case "memory":
                    ["errored crashed", "timed_out timeout"].contains("\(outcome.status) \(outcome.failure ?? "")")
                default: false
                }
            #expect(isTold, "\(outcome.row): \(outcome.line.text())")
        }
        #expect(outcomes.contains { $0.row == "print" && $0.line.text().contains("printed: ") })
        #expect(outcomes.contains { $0.row == "trap" && $0.line.text().contains("this row is a trap") })
        for (step, metrics) in try workspace.steps() {
            func count(_ name: String) throws -> Double { try #require(metrics["ledger/\(name)"]?.double) }
            func logged(_ status: String) -> Double {
                Double(outcomes.filter { $0.line["step"]?.int == step && $0.status == status }.count)
            }
            for status in ["scored", "abstained", "errored", "timed_out", "filtered"] {
                #expect(try count(status) == logged(status), "step \(step), \(status)")
            }
            #expect(try count("requested") == 2 * Double(words.count))
            // Later, rows in quarantine give way to others.
            #expect(try step > 1 || count("errored") + count("timed_out") == 10)
        }
        #expect(try !workspace.finalWeights().isEmpty)
    }

    @Test func `a file whose verifier traps, loops, hoards, prints, exits and gives NaN leaves a run that ends well`()
        throws
    {
        guard let workspace = try Self.workspace(verifier: "./hostile.swift") else { return }
        try workspace.write(Self.hostile, to: "hostile.swift")
        let result = try workspace.hone("train", "recipe.yaml", timeLimit: 180)
        #expect(result.status == 0, "\(result)")
        try Self.expectTold(workspace)
    }

    @Test func `a verifier is written, tried and built from the command line`() throws {
        guard let workspace = try Workspace() else { return }
        let new = try workspace.hone("verifier", "new", "last_line", "--quiet")
        #expect(new.status == 0 && new.output == "last_line.swift\nlast_line.examples.jsonl\n", "\(new)")
        let tried = try workspace.hone("verifier", "test", "last_line.swift", timeLimit: 120)
        #expect(tried.status == 0 && tried.output.hasPrefix("✓"), "\(tried)")
        let built = try workspace.hone("verifier", "build", "last_line.swift", timeLimit: 120)
        #expect(built.status == 0, "\(built)")
        let lenient = try workspace.hone(
            "verifier", "test", "last_line.verifier", "--options", "{\"ignore_case\": true}", "--json")
        // With small and capital letters alike one of the wrong answers is right.
        #expect(lenient.status == 3, "\(lenient)")
        let rules = try lenient.json()["findings"]?.array?.compactMap { $0["rule"]?.string }
        #expect(rules == ["cheats fail"], "\(lenient)")
        let unknown = try workspace.hone("verifier", "options", "nummeric")
        #expect(unknown.status == 64 && unknown.errors.contains("Did you mean 'numeric'?"), "\(unknown)")
        #expect(try workspace.hone("verifier", "list").output.contains("\njson_valid"))
    }
}
