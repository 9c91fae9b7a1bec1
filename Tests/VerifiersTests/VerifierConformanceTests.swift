import Foundation
import Synchronization
import Testing
import TextCore
import Verifiers

/// A verifier with one fault, which its options name.
private struct Faulty: Verifier {
    struct Configuration: VerifierConfiguration {
        static let options: [ConfigurationOption<Self>] = [
            ConfigurationOption("fault", \.fault, "what is wrong with it")
        ]
        var fault = "none"
    }

    static let name = "faulty"
    static let summary = "the answer is the reference"
    static var traits: VerifierTraits {
        var traits = VerifierTraits()
        traits.timeout = .seconds(2)
        return traits
    }

    private let fault: String
    private let calls = Counter()

    init(_ configuration: Configuration) { fault = configuration.fault }

    func check(_ reference: String) throws(VerifierFailure) {
        if fault == "reference", reference.isEmpty { throw VerifierFailure(.crashed, "an empty reference") }
    }

    func verify(_ rollout: Rollout, against reference: String, in context: VerificationContext)
        async throws(VerifierFailure) -> Verdict
    {
        let answer = rollout.answerText ?? ""
        switch fault {
        case "contains": return .check(reference.contains(answer) || answer.isEmpty)
        case "throws": if answer.unicodeScalars.contains("\u{0}") { throw VerifierFailure(.item, "a zero byte") }
        case "range": if answer.utf8.count > 1000 { return .score(Score(Double(answer.utf8.count))) }
        case "counts": return .score(Score(answer == reference ? 1 : 0, note: String(calls.next())))
        case "races":
            let before = calls.next()
            await Task.yield()
            try? await Task.sleep(for: .milliseconds(2))
            if calls.next() != before + 1 { return .score(Score(0.5)) }
        case "slow": if answer.hasPrefix("[[") { try? await Task.sleep(for: .seconds(5)) }
        case "never": return .fail()
        case "lenient": return .check(!answer.isEmpty && (answer == reference || answer.hasPrefix(reference)))
        default: break
        }
        return .check(answer == reference)
    }
}

private final class Counter: Sendable {
    private let count = Mutex(0)
    func next() -> Int {
        count.withLock {
            $0 += 1
            return $0
        }
    }
}

@Suite("What every verifier keeps to") struct VerifierConformanceTests {
    private let examples = [
        VerifierConformance.Example(
            reference: "cat", passing: ["cat", "<think>so</think>cat"], failing: ["cats", "dog"])
    ]

    @Test("A good verifier breaks no rule")
    func good() async {
        let findings = await VerifierConformance.check(Faulty.self, examples: examples)
        #expect(findings.isEmpty, "\(findings)")
    }

    @Test(
        "Each fault is found under the rule that it breaks",
        arguments: [
            ("contains", VerifierConformance.Rule.emptyFails), ("throws", .anyText), ("range", .inRange),
            ("counts", .deterministic), ("races", .concurrent), ("slow", .inTime), ("never", .goldPasses),
            ("lenient", .cheatsFail), ("reference", .anyReference),
        ])
    func faults(fault: String, rule: VerifierConformance.Rule) async {
        let findings = await VerifierConformance.check(
            Faulty.self, options: ["fault": .string(fault)], examples: examples)
        #expect(findings.contains { $0.rule == rule }, "\(findings)")
        // A verdict that differs between calls differs at the same time too; every other fault breaks one rule.
        #expect(fault == "counts" || Set(findings.map(\.rule)) == [rule], "\(findings)")
    }

    @Test("Options that do not exist and references that cannot be read are found")
    func options() async {
        let lax = await VerifierConformance.check(examples: []) { (_) throws(VerifierFailure) in
            AnyVerifier(try Faulty(.init(options: [:])))
        }
        #expect(lax.map(\.rule) == [.strictOptions])
        let wrong = await VerifierConformance.check(Faulty.self, examples: [.init(reference: 3)])
        #expect(wrong.map(\.rule) == [.starts])
        let unknown = await VerifierConformance.check(Faulty.self, options: ["folt": 1], examples: [])
        #expect(unknown.map(\.rule) == [.starts])
    }

    @Test("A line of examples that cannot be read is told with its place")
    func exampleFiles() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).jsonl")
        defer { try? FileManager.default.removeItem(at: file) }
        for (text, words) in [
            ("{}\n\n{\"pass\": [1]}", ":3: 'pass' must be a list"), ("{\"passs\": []}", "Did you mean 'pass'?"),
            ("{\"pass\": [}", ":1:11:"), ("[]", ":1: an array"),
        ] {
            try Data(text.utf8).write(to: file)
            let failure = #expect(throws: VerifierFailure.self) { try VerifierConformance.examples(in: file) }
            #expect(failure?.message.contains(words) == true, "\(failure?.message ?? "")")
        }
    }
}
