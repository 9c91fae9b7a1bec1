import TextCore
public import Verifiers

/// How often an answer is better than others to its prompt, by a judging model: wins count 1, ties 1/2, over all comparisons.
///
/// Each pair is shown in both orders, so that a judge that likes the first place gains nobody anything. An answer is compared
/// with the row's own answer (`against: reference`), or with others of its group: all of them, or `opponents` of them. A
/// comparison that the judge refuses does not count, and an answer without any is not judged.
public struct PairwiseJudge: GroupVerifier {
    public enum Against: String, NamedChoice {
        /// The other answers of the group.
        case group
        /// The row's own answer.
        case reference
    }

    public struct Configuration: JudgeConfiguration {
        public var judge = JudgeEndpoint()
        /// What an answer is compared with.
        public var against = Against.group
        /// Others of the group that each answer meets; `nil` for all.
        public var opponents: Int?
        public init() {}

        public static let options: [ConfigurationOption<Self>] =
            judgeOptions() + [
                .init("against", \.against, "What an answer is compared with."),
                .init(
                    "opponents", \.opponents, "Others of the group that each answer meets; all if absent.",
                    allowed: ("a whole number of at least 1", { $0.map { $0 >= 1 } ?? true })),
            ]
    }

    /// What the answer that was shown first gained, over both orders: kept beside the verdict for reports.
    package static let firstPlaceMetric = "judge_first_place"

    public static let name = "pairwise_judge"
    public static let summary = "how often an answer beats others, by a judging model that sees both orders"

    private let judge: Judge
    private let configuration: Configuration

    public init(_ configuration: Configuration, in environment: VerifierEnvironment) throws(VerifierFailure) {
        self.configuration = configuration
        judge = try Judge(configuration.judge, in: environment)
    }

    public func check(_ reference: OptionalReference) throws(VerifierFailure) {
        guard configuration.against == .group || reference.text != nil else {
            throw VerifierFailure(.item, "the row has no answer to compare with; name it in `target`")
        }
    }

    public func verify(
        _ group: [GroupMember], against reference: OptionalReference, in context: VerificationContext
    ) async throws(VerifierFailure) -> [Result<Verdict, VerifierFailure>] {
        try check(reference)
        var answers = group.map { $0.rollout.answerText.flatMap { $0.trimmed.isEmpty ? nil : $0 } }
        guard let question = group.first.map({ OptionalReference.question($0.rollout) }) else { return [] }
        let pairs: [(Int, Int)]
        if configuration.against == .reference {
            pairs = group.indices.map { ($0, group.count) }
            answers.append(reference.text)
        } else {
            pairs = self.pairs(group.count, context)
        }
        let outcomes = await outcomes(of: pairs, answers, question, context)
        return group.indices.map { verdict(on: $0, isEmpty: answers[$0] == nil, pairs, outcomes) }
    }

    private func verdict(
        on index: Int, isEmpty: Bool, _ pairs: [(Int, Int)], _ outcomes: [Result<Double?, VerifierFailure>]
    ) -> Result<Verdict, VerifierFailure> {
        var (sum, count) = (0.0, 0)
        for (pair, outcome) in zip(pairs, outcomes) where pair.0 == index || pair.1 == index {
            switch outcome {
            case .failure(let failure): return .failure(failure)
            case .success(nil): continue
            case .success(let points?):
                sum += pair.0 == index ? points : 1 - points
                count += 1
            }
        }
        if isEmpty { return .success(.fail(note: "there is no answer")) }
        guard count > 0 else { return .success(.abstain(reason: "it is compared with nothing")) }
        let share = sum / Double(count)
        return .success(.score(Score(share, passed: share > 0.5)))
    }

    /// Comparisons of a group that wait at the same time.
    private static let concurrency = 8

    /// What the first of each pair gains; `nil` where the judge refuses.
    private func outcomes(
        of pairs: [(Int, Int)], _ answers: [String?], _ question: String, _ context: VerificationContext
    ) async -> [Result<Double?, VerifierFailure>] {
        await withTaskGroup(of: (Int, Result<Double?, VerifierFailure>).self) { tasks in
            var outcomes = [Result<Double?, VerifierFailure>](repeating: .success(nil), count: pairs.count)
            var next = 0
            func add() {
                let (index, pair) = (next, pairs[next])
                next += 1
                tasks.addTask {
                    do throws(VerifierFailure) {
                        return (index, .success(try await points(answers[pair.0], answers[pair.1], question, context)))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            while next < min(pairs.count, Self.concurrency) { add() }
            while let (index, outcome) = await tasks.next() {
                outcomes[index] = outcome
                if next < pairs.count { add() }
            }
            return outcomes
        }
    }

    /// Who meets whom: everybody, or each the next few in an order that is drawn.
    private func pairs(_ count: Int, _ context: VerificationContext) -> [(Int, Int)] {
        guard let opponents = configuration.opponents, opponents < count - 1 else {
            return (0..<count).flatMap { first in (first + 1..<max(first + 1, count)).map { (first, $0) } }
        }
        var random = context.random
        let order = Array(0..<count).shuffled(using: &random)
        return order.indices.flatMap { place in
            (1...max(1, (opponents + 1) / 2)).map { (order[place], order[(place + $0) % count]) }
        }
    }

    /// What `mine` gains against `other`, in both orders; `nil` where the judge refuses.
    private func points(
        _ mine: String?, _ other: String?, _ question: String, _ context: VerificationContext
    ) async throws(VerifierFailure) -> Double? {
        guard let mine, let other else { return mine == nil ? (other == nil ? 0.5 : 0) : 1 }
        if mine.isSameText(as: other) { return 0.5 }
        guard let forward = try await comparison(mine, other, question, context),
            let backward = try await comparison(other, mine, question, context)
        else { return nil }
        // One half where the judge does not care which answer it sees first.
        context.metric(Self.firstPlaceMetric, (forward + backward) / 2)
        return (forward + 1 - backward) / 2
    }

    private func comparison(
        _ first: String, _ second: String, _ question: String, _ context: VerificationContext
    ) async throws(VerifierFailure) -> Double? {
        let shape: JSON = [
            "type": "object",
            "properties": ["reason": ["type": "string"], "result": ["enum": ["A", "B", "tie"]]],
            "required": ["reason", "result"], "additionalProperties": false,
        ]
        var sum = 0.0
        for vote in 0..<judge.votes {
            let reply = try await judge.ask(
                "Say which answer is better by the rubric below, or that neither is. Write {\"reason\": \"…\", "
                    + "\"result\": \"A\"}, \"B\" or \"tie\".",
                [(name: "question", text: question), (name: "A", text: first), (name: "B", text: second)], shape: shape,
                vote: vote, in: context)
            if reply.isRefusal { return nil }
            switch reply.json?["result"]?.string?.lowercased() {
            case "a": sum += 1
            case "b": break
            case "tie": sum += 0.5
            default: throw VerifierFailure(.invalidValue, "the judge named no winner: \(reply.text.clipped(to: 120))")
            }
        }
        return sum / Double(judge.votes)
    }
}
