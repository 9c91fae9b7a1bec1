import TextCore
public import Verifiers

/// A label from a judging model: 1 when most of its votes are among those that pass.
///
/// The verdict is the object that was asked for; else what stands in the last `\boxed{…}`, behind the last `VERDICT:`, or the
/// last label that stands in the text as a word of its own, the longest where several end there. Case does not count. What
/// is before `</think>` is no verdict. Without one the call has failed.
public struct JudgeLabel: Verifier, SelfTesting {
    public struct Configuration: JudgeConfiguration {
        public var judge = JudgeEndpoint()
        /// The verdicts that there are.
        public var labels = ["good", "bad"]
        /// Those that are worth 1.
        public var passing = ["good"]
        public init() {}

        public static let options: [ConfigurationOption<Self>] =
            judgeOptions() + [
                .init(
                    "labels", \.labels, "The verdicts that there are.",
                    allowed: (
                        "at least two texts that differ in more than case",
                        { labels in
                            let texts = Set(labels.map { $0.trimmed.lowercased() })
                            return texts.count == labels.count && texts.count > 1 && !texts.contains("")
                        }
                    )),
                .init("passing_labels", \.passing, "The verdicts that are worth 1."),
            ]
    }

    public static let name = "judge_label"
    public static let summary = "a label from a judging model behind an OpenAI-compatible endpoint"

    private let judge: Judge
    private let configuration: Configuration

    public init(_ configuration: Configuration, in environment: VerifierEnvironment) throws(VerifierFailure) {
        guard !configuration.passing.isEmpty, configuration.passing.allSatisfy(configuration.labels.contains),
            configuration.passing.count < configuration.labels.count
        else {
            throw VerifierFailure(
                .configuration, option: "passing_labels", "they are some of the labels, and neither none nor all")
        }
        self.configuration = configuration
        judge = try Judge(configuration.judge, in: environment)
    }

    public func verify(
        _ rollout: Rollout, against reference: OptionalReference, in context: VerificationContext
    ) async throws(VerifierFailure) -> Verdict {
        guard let answer = rollout.answerText, !answer.trimmed.isEmpty else { return .fail(note: "there is no answer") }
        let labels = configuration.labels
        let task =
            "Choose one label for the answer by the rubric below: \(labels.joined(separator: ", ")). "
            + "Write {\"reason\": \"…\", \"result\": \"LABEL\"}."
        let shape: JSON = [
            "type": "object",
            "properties": [
                "reason": ["type": "string"], "result": ["enum": .array(labels.map { .string($0) })],
            ],
            "required": ["reason", "result"], "additionalProperties": false,
        ]
        var passing = 0
        var last: (label: String, reason: String?)?
        for vote in 0..<judge.votes {
            let reply = try await judge.ask(
                task, reference.parts(rollout, answer: answer), shape: shape, vote: vote, in: context)
            if reply.isRefusal { return .abstain(reason: "the judge refuses to judge") }
            guard let label = Self.label(in: reply, among: labels) else {
                throw VerifierFailure(.invalidValue, "the judge named no label: \(reply.text.clipped(to: 120))")
            }
            if configuration.passing.contains(label) { passing += 1 }
            last = (label, reply.json?["reason"]?.string)
        }
        return .check(
            2 * passing > judge.votes, extracted: last?.label, note: last?.reason.map { $0.clipped(to: 500) })
    }

    /// The label that a reply names, in whatever way it does.
    static func label(in reply: Judge.Reply, among labels: [String]) -> String? {
        func known(_ text: String) -> String? {
            let wanted = text.trimmed.lowercased()
            return labels.first { $0.trimmed.lowercased() == wanted }
        }
        if let result = reply.json?["result"]?.string { return known(result) }
        if let boxed = Extraction.boxed.text(in: Rollout(reply.text)), let label = known(boxed) { return label }
        if let mark = reply.text.lastRange(of: "VERDICT:") {
            let rest = reply.text[mark.upperBound...].prefix { !$0.isNewline }
            if let label = known(String(rest)) { return label }
        }
        return lastLabel(in: reply.text, among: labels)
    }

    /// The label that ends last, the longest of several.
    private static func lastLabel(in text: String, among labels: [String]) -> String? {
        let scalars = Array(text.lowercased().unicodeScalars)
        var last: (end: Int, count: Int, label: String)?
        for label in labels {
            let wanted = Array(label.trimmed.lowercased().unicodeScalars)
            guard let first = wanted.first, let final = wanted.last, scalars.count >= wanted.count else { continue }
            let place = (0...scalars.count - wanted.count).last { start in
                let end = start + wanted.count
                return scalars[start] == first && scalars[start..<end].elementsEqual(wanted)
                    && !(first.isWord && start > 0 && scalars[start - 1].isWord)
                    && !(final.isWord && end < scalars.count && scalars[end].isWord)
            }
            guard let end = place.map({ $0 + wanted.count }) else { continue }
            if let known = last, (known.end, known.count) > (end, wanted.count) { continue }
            last = (end, wanted.count, label)
        }
        return last?.label
    }

    public func probes(for reference: OptionalReference) -> [VerifierProbe] { JudgeProbes.all }
}
