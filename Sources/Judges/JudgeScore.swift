import Foundation
public import TextCore
public import Verifiers

/// A number from a judging model, in the declared range: the mean of its votes.
///
/// An empty answer gets the lowest number without a call. What is no number is a failure and never 0, unless
/// `openai_compat` asks for that. A judge that refuses abstains. A number outside the range is brought to its nearest end.
public struct JudgeScore: Verifier, SelfTesting {
    public struct Configuration: JudgeConfiguration {
        public var judge = JudgeEndpoint()
        /// The lowest and the highest number.
        public var range = [0.0, 1.0]
        /// The number from which an answer passes; the highest where none is given.
        public var passAt: Double?
        /// Whether a verdict that cannot be read counts as the lowest number, as in OpenAI's graders.
        public var openAICompatible = false
        public init() {}

        public static let options: [ConfigurationOption<Self>] =
            judgeOptions() + [
                .init(
                    "range", \.range, "The lowest and the highest number.",
                    allowed: ("two numbers, the lower first", { $0.count == 2 && $0[0] < $0[1] })),
                .init("pass_at", \.passAt, "The number from which an answer passes."),
                .init(
                    "openai_compat", \.openAICompatible, "Whether a verdict that cannot be read counts as the lowest."),
            ]
    }

    public static let name = "judge_score"
    public static let summary = "a number from a judging model behind an OpenAI-compatible endpoint"

    private let judge: Judge
    private let configuration: Configuration

    public init(_ configuration: Configuration, in environment: VerifierEnvironment) throws(VerifierFailure) {
        self.configuration = configuration
        judge = try Judge(configuration.judge, in: environment)
    }

    public func verify(
        _ rollout: Rollout, against reference: OptionalReference, in context: VerificationContext
    ) async throws(VerifierFailure) -> Verdict {
        guard let answer = rollout.answerText, !answer.trimmed.isEmpty else { return .fail(note: "there is no answer") }
        let (low, high) = (configuration.range[0], configuration.range[1])
        let task =
            "Give the answer a number from \(low) to \(high) by the rubric below. Write {\"reason\": \"…\", \"result\": NUMBER}."
        let shape: JSON = [
            "type": "object", "properties": ["reason": ["type": "string"], "result": ["type": "number"]],
            "required": ["reason", "result"], "additionalProperties": false,
        ]
        var sum = 0.0
        var reason: String?
        for vote in 0..<judge.votes {
            let reply = try await judge.ask(
                task, reference.parts(rollout, answer: answer), shape: shape, vote: vote, in: context)
            if reply.isRefusal { return .abstain(reason: "the judge refuses to judge") }
            guard let number = reply.json?["result"]?.double, number.isFinite else {
                if configuration.openAICompatible {
                    sum += low
                    continue
                }
                throw VerifierFailure(.invalidValue, "the judge gave no number: \(reply.text.clipped(to: 120))")
            }
            sum += min(max(number, low), high)
            reason = reason ?? reply.json?["reason"]?.string
        }
        let number = sum / Double(judge.votes)
        return .score(
            Score(
                (number - low) / (high - low), passed: number >= configuration.passAt ?? high,
                parts: ["result": number], note: reason.map { $0.clipped(to: 500) }))
    }

    public func probes(for reference: OptionalReference) -> [VerifierProbe] { JudgeProbes.all }
}

/// Words that have made judges give full marks to nothing (Zhao et al., "One token to fool LLM-as-a-judge", 2025).
enum JudgeProbes {
    static let all = ["", ":", "Solution", "Thought process:", "Let's solve this step by step"].map {
        VerifierProbe($0.isEmpty ? "empty" : "judge key '\($0)'", answer: $0, passes: false)
    }
}

/// What a row expects, where it says so: a judge sees it beside the answer.
public struct OptionalReference: JSONReadable, Hashable {
    public static let expectation = "anything"
    /// `nil` where the row says nothing.
    public let text: String?

    public init?(json: JSON) { text = json.isNull ? nil : json.scalarText ?? json.text() }

    func parts(_ rollout: Rollout, answer: String) -> [(name: String, text: String)] {
        var parts = [(name: "question", text: Self.question(rollout))]
        if let text { parts.append((name: "reference", text: text)) }
        return parts + [(name: "answer", text: answer)]
    }

    static func question(_ rollout: Rollout) -> String {
        rollout.messages.isEmpty ? rollout.prompt : JSON.array(rollout.messages).text()
    }
}
