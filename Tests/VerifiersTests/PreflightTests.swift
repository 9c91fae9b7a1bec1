import Synchronization
import Testing
import TextCore
import Verifiers

private func rows(_ answers: [String], question: String = "Which?") -> [PreflightRow] {
    answers.enumerated().map { index, answer in
        PreflightRow(
            place: "data.jsonl:\(index + 1)", item: "row \(index)",
            messages: [["role": "user", "content": .string("\(question) \(index)")]], prompt: "\(question) \(index)",
            row: ["gold": .string(answer)], completion: answer)
    }
}

private let labels = (0..<24).map { ["red", "green", "blue"][$0 % 3] }

private func set(_ name: String, _ options: JSON = [:]) throws -> RewardSet {
    try RewardSet([RewardComponent(VerifierRegistry.builtin.make(name, options: options), options: options)])
}

/// A closure over the text and the reference.
private func custom(
    range: ClosedRange<Double> = 0...1, _ body: @escaping @Sendable (Rollout, String) -> any VerdictConvertible
) throws -> RewardSet {
    let verifier = AnyVerifier(name: "own", range: range) { (json: JSON) throws(VerifierFailure) -> BoundVerifier in
        guard let wanted = json.string else { throw VerifierFailure(.item, "a string is expected") }
        return BoundVerifier(name: "own", range: range) { (rollout: Rollout) throws(VerifierFailure) -> Verdict in
            body(rollout, wanted).verdict
        }
    }
    return try RewardSet([RewardComponent(verifier)])
}

private func errors(_ report: PreflightReport) -> [String] {
    report.findings.filter { $0.severity == .error }.map(\.message)
}

@Suite("Before a run") struct PreflightTests {
    @Test("A strict comparison is sound, and chance is told for other rows' answers")
    func sound() async throws {
        let report = try await Preflight(set("exact")).report(on: rows(labels))
        #expect(errors(report) == [] && report.isSound)
        let results = Dictionary(uniqueKeysWithValues: report.checks.map { ($0.name, $0.result) })
        #expect(results[.references] == "all 24 rows have what is needed")
        #expect(results[.rightAnswers] == "24 of 24 rows have one that passes")
        #expect(results[.cheats] == "none passes on 24 rows")
        #expect(results[.repetition] == "the same on 24 rows, in any order")
        // A shift by 12 and one by 9 meet the same colour always, one by 1 never.
        #expect(
            results[.otherRows] == "67 % pass; by chance 67 % would, for so many pairs of rows expect the same")
        #expect(results[.time]?.contains("exact p95") == true)
        #expect(report.text.hasSuffix("The rewards are sound as far as this can tell."))
        #expect(report.json["sound"] == true && report.json["rows"] == 24)
    }

    @Test("A verifier that only asks whether there is text is found out")
    func truthiness() async throws {
        let report = try await Preflight(custom { rollout, _ in !rollout.fullText.isEmpty }).report(on: rows(labels))
        #expect(errors(report).contains("words without sense earns the reward on 24 of 24 rows"))
        #expect(errors(report).contains("the prompt again earns the reward on 24 of 24 rows"))
        #expect(
            errors(report).contains(
                "right answers of other rows pass on 100 % of the rows that expect something else"))
        #expect(!report.isSound && report.text.contains("FAIL  cheats"))
    }

    @Test("A verifier that looks for the answer anywhere passes those that list all answers")
    func listing() async throws {
        let report = try await Preflight(
            custom { rollout, wanted in rollout.fullText.utf8.count < 500 && rollout.fullText.contains(wanted) }
        ).report(on: rows(labels))
        #expect(errors(report) == ["every answer there is earns the reward on 24 of 24 rows"])
        #expect(report.findings.first?.rows.first == "data.jsonl:1" && report.findings.first?.rowCount == 24)
        #expect(report.findings.first?.fix.isEmpty == false)
        // One that takes the last is fooled by no order of them.
        let last = try custom { rollout, wanted in
            rollout.fullText.split(whereSeparator: \.isWhitespace).last == wanted[...]
        }
        #expect(errors(try await Preflight(last).report(on: rows(labels))) == [])
    }

    @Test("A score without a verdict is held against what the right answer earns")
    func partial() async throws {
        let length = try custom(range: 0...1) { rollout, _ in min(1, Double(rollout.fullText.utf8.count) / 10) }
        let report = try await Preflight(length).report(on: rows(labels))
        #expect(errors(report).contains("words without sense earns the reward on 24 of 24 rows"))
        #expect(!errors(report).contains { $0.hasPrefix("nothing earns") })
    }

    @Test("Rows without a usable reference are named, and so are those whose own answer does not pass")
    func badRows() async throws {
        var data = rows(["1", "2", "3", "four"])
        data[2].completion = nil
        let report = try await Preflight(set("numeric")).report(on: data)
        let references = try #require(report.findings.first { $0.check == .references })
        // A row without an answer, and one whose answer is no number: one finding, for both fail the same verifier.
        #expect(references.severity == .error && references.rows == ["data.jsonl:3", "data.jsonl:4"])
        let picky = try custom { rollout, wanted in rollout.fullText == wanted && wanted != "b" }
        let found = try await Preflight(picky).report(on: rows(["a", "b", "c", "d"])).findings
        #expect(
            found.contains {
                $0.message.hasPrefix("no known right answer passes all verifiers together on 1 of 4 rows")
                    && $0.rows == ["data.jsonl:2"]
            })
    }

    @Test("A verifier that changes its mind is found out")
    func moods() async throws {
        let calls = Mutex(0)
        let moody = try custom { rollout, wanted in
            rollout.fullText == wanted
                && calls.withLock { count in
                    count += 1
                    return count
                } % 7 != 0
        }
        let report = try await Preflight(moody).report(on: rows(labels))
        #expect(
            report.findings.contains {
                $0.check == .repetition && $0.severity == .error
                    && $0.message.hasPrefix("'own' judges the same answer differently")
            })
    }

    @Test("A verifier that waits for long is said to hold up each step")
    func time() async throws {
        let slow = AnyVerifier(name: "slow") { (_: JSON) throws(VerifierFailure) -> BoundVerifier in
            BoundVerifier(name: "slow") { (rollout, _) async throws(VerifierFailure) -> Verdict in
                try? await Task.sleep(for: .milliseconds(20))
                return .check(rollout.fullText == "red")
            }
        }
        var settings = Preflight.Settings()
        settings.rolloutsPerStep = 10_000
        let report = try await Preflight(RewardSet([RewardComponent(slow, concurrency: 8)]), settings: settings)
            .report(on: rows(["red", "red"]))
        let finding = try #require(report.findings.first { $0.check == .time })
        // 10 000 calls of 20 ms on 8 lanes take 25 s and more.
        #expect(finding.severity == .warning && finding.message.contains("most of it for 'slow'"))
    }

    @Test("The policy's rollouts say how many groups will be informative, and what to do when few are")
    func policy() async throws {
        var settings = Preflight.Settings()
        settings.groupSize = 4
        let preflight = try Preflight(set("exact"), settings: settings)
        let half = try await preflight.report(on: rows(labels)) { prompts in
            prompts.map { row in
                (0..<4).map { Rollout($0 < 2 ? row.completion ?? "" : "?", item: row.item, sample: $0, tokenCount: 3) }
            }
        }
        let forecast = try #require(half.forecast)
        #expect(forecast.prompts == 24 && forecast.rollouts == 96 && forecast.passRate == 0.5)
        #expect(abs(forecast.informativeShare - 0.875) < 1e-12)  // The table: G = 4, p = 0.5 gives 87.5 %.
        #expect(forecast.histogram.map(\.count) == [0, 0, 24, 0, 0, 0])
        #expect(half.isSound && half.text.contains("informative groups of 4: 88 %"))

        let none = try await preflight.report(on: rows(labels)) { prompts in
            prompts.map { row in
                (0..<8).map { Rollout("", item: row.item, sample: $0, stopReason: .length, tokenCount: 9) }
            }
        }
        #expect(
            errors(none).contains {
                $0.hasPrefix("only 0 % of the groups of 4") && $0.hasSuffix("solves 0 % of the rollouts")
            })
        #expect(none.findings.contains { $0.message == "100 % of the rollouts are cut off before they end" })
        #expect(
            none.findings.contains { $0.message == "'exact' finds no answer in 192 of 192 of the policy's rollouts" })

        let few = try await preflight.report(on: rows(["a", "b"])) { prompts in
            prompts.map { row in (0..<4).map { Rollout("", item: row.item, sample: $0) } }
        }
        #expect(few.isSound, "eight rollouts prove nothing")
        #expect(few.findings.contains { $0.severity == .warning && $0.message.hasPrefix("only 0 % of the groups") })

        let all = try await preflight.report(on: rows(labels)) { prompts in
            prompts.map { row in (0..<4).map { Rollout(row.completion ?? "", item: row.item, sample: $0) } }
        }
        #expect(all.findings.contains { $0.fix == "Take harder rows: most of these are solved already." })
    }

    @Test(
        "The expected share of informative groups is that of the table",
        arguments: [
            (4, 0.01, 0.039), (4, 0.2, 0.589), (4, 0.5, 0.875), (8, 0.02, 0.149), (8, 0.1, 0.570), (8, 0.8, 0.832),
            (16, 0.05, 0.560), (16, 0.9, 0.815), (16, 0.99, 0.149),
        ])
    func table(size: Int, rate: Double, share: Double) async throws {
        var settings = Preflight.Settings()
        settings.groupSize = size
        settings.rows = 4
        let report = try await Preflight(set("exact"), settings: settings).report(on: rows(["a", "b", "c", "d"])) {
            prompts in
            prompts.map { row in
                (0..<100).map { sample in
                    Rollout(
                        Double(sample) < rate * 100 - 0.5 ? row.completion ?? "" : "?", item: row.item, sample: sample)
                }
            }
        }
        #expect(abs((report.forecast?.informativeShare ?? 0) - share) < 0.0006)
    }
}
