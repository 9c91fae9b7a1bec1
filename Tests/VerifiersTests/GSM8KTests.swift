import Foundation
import TestSupport
import Testing
import TextCore
import Verifiers

/// `numeric` and `math` against the correctness that GSM8K's authors published.
@Suite struct GSM8KTests {
    /// A verifier as a recipe would name it.
    struct Setting: Sendable, CustomTestStringConvertible {
        var verifier: String
        /// Its options for model solutions, which end in a line `A: 18`.
        var options: JSON
        var testDescription: String { "\(verifier) \(options.text())" }
    }

    static let settings = [
        Setting(verifier: "numeric", options: [:]),
        Setting(verifier: "numeric", options: ["extract": "regex(A:(.*)$)"]),
        Setting(verifier: "math", options: ["extract": "regex(A:(.*)$)"]),
        Setting(verifier: "math", options: ["extract": "last_number"]),
    ]

    private func rows(_ name: String) throws -> [JSON]? {
        guard let file = try SharedFolder.url("data/gsm8k/\(name).jsonl") else { return nil }
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
            try JSON(parsing: String($0))
        }
    }

    /// Each worked solution, whose answer stands behind `####`, is right against itself.
    @Test(arguments: ["numeric", "math"], ["train", "test"])
    func everyGoldAnswerPassesAgainstItself(name: String, file: String) throws {
        guard let rows = try rows(file) else { return }
        let verifier = try VerifierRegistry.builtin.make(name)
        for (row, solution) in rows.enumerated() {
            let answer = try #require(solution["answer"])
            let bound = try verifier.bound(to: answer)
            let score = try bound.verify(Rollout(answer.string ?? "")).score
            #expect(score?.value == 1, "\(file) row \(row): \(String(describing: score))")
            // What stands behind the mark is the reference as well, with its commas.
            let alone = try #require(answer.string?.split(separator: "#").last.map(String.init))
            #expect(try verifier.bound(to: .string(alone)).verify(Rollout(answer.string ?? "")).score?.value == 1)
            #expect(bound.probes.count >= 3)
            for probe in bound.probes {
                #expect(
                    try bound.verify(Rollout(probe.answer)).score?.passed == probe.passes, "\(file) \(row) \(probe)")
            }
        }
        #expect(rows.count > 0)
    }

    /// Of each pair of model solutions the chosen one is right and the rejected one wrong.
    @Test(arguments: settings)
    func agreesWithThePublishedCorrectness(setting: Setting) throws {
        guard let tests = try rows("test"), let pairs = try rows("preference") else { return }
        let verifier = try VerifierRegistry.builtin.make(setting.verifier, options: setting.options)
        var gold: [String: BoundVerifier] = [:]
        for row in tests {
            gold[try #require(row["question"]?.string)] = try verifier.bound(to: try #require(row["answer"]))
        }
        var judged = 0
        var disagreements = 0
        for (index, pair) in pairs.enumerated() {
            let question = try #require(pair["prompt"]?.array?.first?["content"]?.string)
            let bound = try #require(gold[question])
            for (key, expected) in [("chosen", 1.0), ("rejected", 0.0)] {
                let solution = try #require(pair[key]?.array?.first?["content"]?.string)
                let score = try #require(try bound.verify(Rollout(solution)).score)
                judged += 1
                if score.value == expected { continue }
                disagreements += 1
                print(
                    "disagreement: \(setting) row \(index) \(key): took \(score.extracted ?? "nothing"), \(score.note ?? "")"
                )
            }
        }
        print("\(setting): \(disagreements) of \(judged) disagree")
        #expect(judged > 0)
        #expect(Double(disagreements) <= 0.005 * Double(judged))
    }
}
