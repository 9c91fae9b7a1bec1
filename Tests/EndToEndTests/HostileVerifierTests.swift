import Foundation
import Testing
import TextCore

/// A user's verifier in a file of its own that does the worst that a row can make it do.
@Suite struct HostileVerifierTests {
    private static let source = """
        import Foundation
        import Verifiers

        struct Hostile: ImmediateVerifier {
            static let name = "hostile"
            static let summary = "does what a row says"
            init(_: NoConfiguration) {}

            func verify(_ rollout: Rollout, against mode: String) throws(VerifierFailure) -> Verdict {
                let score = Verdict.score(Score(rollout.tokens.reduce(0) { $0 + Double($1) }.truncatingRemainder(dividingBy: 2)))
                switch mode {
                case "trap":
                    let none: [Int] = []
                    return .check(none[rollout.sample] == 0)
                case "loop":
                    var count = 0
                    while count >= 0 { count = (count + 1) % 1000 }
                    return score
                case "memory":
                    var all: [[UInt8]] = []
                    while true { all.append([UInt8](repeating: UInt8(all.count % 200), count: 1 << 26)) }
                case "exit": exit(0)
                case "nan": return .score(Score(.nan))
                case "print":
                    print(String(repeating: "noise ", count: 100_000))
                    return score
                default: return score
                }
            }
        }
        """

    @Test func `a trap, a hang, a hunger for memory, an exit, a NaN and a print fail their own rows and nothing else`()
        throws
    {
        guard let workspace = try Workspace() else { return }
        let modes = ["trap", "loop", "memory", "exit", "nan", "print", "fine", "good", "well"]
        try workspace.write(Self.source, to: "hostile.swift")
        try workspace.writeRecipe(
            [
                "method": "rft", "data": ["train": [["path": "rows.jsonl", "format": "prompt"]], "shuffle": false],
                "rft": [
                    "group_size": 2, "prompts_per_step": .integer(modes.count), "preflight": false,
                    "replace_uninformative": false, "min_group": 2,
                ],
                "rollout": ["max_new_tokens": 8],
                "rewards": [["verifier": "hostile.swift", "target": "mode", "timeout": "3s"]],
                "train": ["max_steps": 1, "learning_rate": 0.001, "warmup_steps": 0],
            ],
            rows: modes.map { "{\"id\": \"\($0)\", \"prompt\": \"Once there was a cat\", \"mode\": \"\($0)\"}" })
        let result = try workspace.hone(
            "train", "recipe.yaml", "--quiet", environment: ["HONE_CACHE": workspace.url("cache").path], timeLimit: 300)
        #expect(result.status == 0, "\(result)")
        let metrics = try #require(try workspace.steps()[1])
        func count(_ name: String) -> Double { metrics["ledger/\(name)"]?.double ?? -1 }
        #expect(count("requested") == 18)
        #expect(count("scored") == 8, "print and the three sound rows")
        #expect(count("timed_out") == 2, "the row that loops")
        #expect(count("errored") == 8, "trap, memory, exit and NaN")
        #expect(count("requested") == count("scored") + count("errored") + count("timed_out"))
        // The log says what happened to each.
        let log = try workspace.rollouts()
        for (mode, kinds) in [
            "trap": ["crashed"], "memory": ["crashed", "timeout"], "exit": ["crashed"], "loop": ["timeout"],
            "nan": ["invalidValue"],
        ] {
            let failures = log.filter { $0["item"]?.string == mode }
                .compactMap { $0["components"]?.array?.first?["failure"]?.string }
            #expect(failures.count == 2 && failures.allSatisfy(kinds.contains), "\(mode): \(failures)")
        }
        #expect(log.filter { $0["item"] == "print" }.allSatisfy { $0["status"] == "scored" })
    }
}
