import Foundation
import Synchronization
import TextCore

/// One example, tried.
struct VerifierTrial: Sendable {
    typealias Rule = VerifierConformance.Rule
    typealias Finding = VerifierConformance.Finding
    private typealias Outcome = Result<Verdict, VerifierFailure>

    private let verifier: AnyVerifier
    private let row: BoundVerifier
    private let example: VerifierConformance.Example

    /// Texts that a model may write and nobody thinks of.
    private static let hostileTexts: [(name: String, text: String)] = [
        ("a zero byte", "\u{0}"), ("a million letters", String(repeating: "a", count: 1 << 20)),
        ("a million open brackets", String(repeating: "[", count: 1 << 20)),
        ("a hundred thousand lines", String(repeating: "\n", count: 100_000)),
        ("a million digits", String(repeating: "9", count: 1 << 20)),
        (
            "what repairs of bad UTF-8 leave",
            String(decoding: [0xFF, 0x41, 0xC3, 0x28, 0xED, 0xA0, 0x80], as: UTF8.self)
        ),
        ("right to left", "\u{202E}שלום \u{200F}مرحبا"), ("emoji of several scalars", "👩‍👩‍👧‍👦🏳️‍🌈"),
        ("many combining marks", "e" + String(repeating: "\u{301}", count: 10_000)),
        ("the last scalar", "\u{10FFFF}"), ("line ends of all kinds", "\r\n\r\u{2028}\u{85}\u{B}"),
        ("no number", "nan inf -0 1e999 0x1p-3 1/0"), ("a text in JSON that does not end", "{\"a\": [\"\\ud800"),
        ("reasoning without end", "<think>hmm"), ("many answers", String(repeating: "<answer>a</answer>", count: 1000)),
    ]

    init(_ verifier: AnyVerifier, _ row: BoundVerifier, _ example: VerifierConformance.Example) {
        self.verifier = verifier
        self.row = row
        self.example = example
    }

    func findings() async -> [Finding] {
        let known =
            example.passing.map { VerifierProbe("an answer that is right", answer: $0, passes: true) }
            + example.failing.map { VerifierProbe("an answer that is wrong", answer: $0, passes: false) } + row.probes
        var findings: [Finding] = []
        for probe in known where !isSlow(findings) { findings += await tried(probe) }
        for text in ["", " ", "\n\n", "<think>so</think>"]
        where !known.contains(where: { $0.passes && $0.answer == text }) {
            if passes(await outcome(text)) { findings.append(finding(.emptyFails, "\(shown(text)) passes")) }
        }
        for (name, text) in Self.hostileTexts where !isSlow(findings) {
            if case .failure(let failure) = await outcome(text) { findings.append(broken(failure, name)) }
        }
        if isSlow(findings) { return findings }
        let texts = known.map(\.answer) + ["", "a", "42"]
        let first = await oneByOne(texts)
        if verifier.traits.isDeterministic {
            findings += differences(.deterministic, texts, first, await oneByOne(texts))
            findings += differences(.concurrent, texts, first, await atOnce(texts))
        }
        return findings
    }

    /// Whether so many calls took too long that nobody wants to wait for more.
    private func isSlow(_ findings: [Finding]) -> Bool { findings.count { $0.rule == .inTime } >= 3 }

    private func tried(_ probe: VerifierProbe) async -> [Finding] {
        let outcome = await outcome(probe.answer)
        if case .failure(let failure) = outcome { return [broken(failure, "\(probe.name): \(shown(probe.answer))")] }
        guard passes(outcome) != probe.passes else { return [] }
        let text = "\(probe.name): \(shown(probe.answer))"
        guard probe.passes else { return [finding(.cheatsFail, "\(text) passes")] }
        if case .success(.abstain(let reason)) = outcome {
            return [finding(.goldPasses, "\(text) gets no score: \(reason)")]
        }
        return [finding(.goldPasses, "\(text) does not pass")]
    }

    /// Which rule a failure breaks; a model must not be able to get out of its score.
    private func broken(_ failure: VerifierFailure, _ what: String) -> Finding {
        let rule: Rule =
            switch failure.kind {
            case .invalidValue: .inRange
            case .timeout: .inTime
            default: .anyText
            }
        return finding(rule, "\(what): \(failure.kind), \(failure.message)")
    }

    private func finding(_ rule: Rule, _ message: String) -> Finding {
        let reference = example.reference.isNull ? "" : "for \(example.reference.text().prefix(80)), "
        return Finding(rule: rule, message: reference + message)
    }

    private func shown(_ text: String) -> String {
        let short = text.unicodeScalars.count > 80 ? String(text.prefix(80)) + "…" : text
        return JSON.string(short).text()
    }

    private func passes(_ outcome: Outcome) -> Bool {
        guard case .success(.score(let score)) = outcome else { return false }
        return score.passed ?? (score.value >= verifier.range.upperBound)
    }

    private func differences(_ rule: Rule, _ texts: [String], _ one: [Outcome], _ other: [Outcome]) -> [Finding] {
        texts.indices.filter { one[$0] != other[$0] }.prefix(3)
            .map { finding(rule, "\(shown(texts[$0])): \(one[$0]), then \(other[$0])") }
    }

    // MARK: Asking

    private func oneByOne(_ texts: [String]) async -> [Outcome] {
        var outcomes: [Outcome] = []
        for text in texts { outcomes.append(await outcome(text)) }
        return outcomes
    }

    private func atOnce(_ texts: [String]) async -> [Outcome] {
        // Each several times, so that calls meet.
        let rounds = 4
        let found = await withTaskGroup(of: (Int, Outcome).self) { group in
            for index in 0..<(rounds * texts.count) {
                group.addTask { (index, await outcome(texts[index % texts.count])) }
            }
            var outcomes: [Int: Outcome] = [:]
            for await (index, outcome) in group { outcomes[index] = outcome }
            return outcomes
        }
        // What differs from the first round, if anything does.
        return texts.indices.map { text in
            let all = (0..<rounds).compactMap { found[$0 * texts.count + text] }
            return all.first { $0 != all[0] } ?? all[0]
        }
    }

    /// One call, on a thread of its own where it does not wait, so that one that never ends does not end the trial.
    private func outcome(_ text: String) async -> Outcome {
        let rollout = Rollout(text, item: "example", tokenCount: text.utf8.count)
        let timeout = verifier.traits.timeout
        let context = VerificationContext(
            purpose: .preflight, deadline: .now + timeout, random: VerifierRandom(seed: 1, text))
        if verifier.traits.keepsDeadlines { return await waiting(rollout, context) }
        return await Self.threads.result(within: timeout) {
            guard row.isImmediate else { return await waiting(rollout, context) }
            return Result { () throws(VerifierFailure) -> Verdict in try row.verify(rollout) }
        } ?? .failure(VerifierFailure(.timeout, "no verdict within \(timeout.inSeconds) s"))
    }

    /// Those on which verifiers are tried.
    private static let threads = VerifierThreads()

    private func waiting(_ rollout: Rollout, _ context: VerificationContext) async -> Outcome {
        do throws(VerifierFailure) {
            return .success(try await row.verify(rollout, in: context))
        } catch {
            return .failure(error)
        }
    }
}
