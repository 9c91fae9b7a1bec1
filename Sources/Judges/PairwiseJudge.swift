import TextCore
public import Verifiers

/// How often an answer is better than others to its prompt, by a judging model: wins count 1, ties 1/2, over all comparisons.
///
/// Each pair is shown in both orders, so that a judge that likes the first place gains nobody anything. An answer is compared
/// with the row's own answer (`against: reference`), or with others of its group: all of them, or `opponents` of them.
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

    public static let name = "pairwise_judge"
    public static let summary = "how often an answer beats others, by a judging model that sees both orders"
    public static var traits: VerifierTraits { .network }

    private let judge: Judge
    private let configuration: Configuration

    public init(_ configuration: Configuration) throws(VerifierFailure) {
        try self.init(configuration, in: VerifierEnvironment())
    }

    public init(_ configuration: Configuration, in environment: VerifierEnvironment) throws(VerifierFailure) {
        self.configuration = configuration
        judge = try Judge(configuration.judge, in: environment)
    }

    public func verify(
        _ group: [GroupMember], against reference: OptionalReference, in context: VerificationContext
    ) async throws(VerifierFailure) -> [Result<Verdict, VerifierFailure>] {
        let answers = group.map { $0.rollout.answerText.flatMap { $0.trimmed.isEmpty ? nil : $0 } }
        guard let question = group.first.map({ OptionalReference.question($0.rollout) }) else { return [] }
        if configuration.against == .reference {
            guard let gold = reference.text else {
                throw VerifierFailure(.item, "the row has no answer to compare with; name it in `target`")
            }
            var verdicts: [Result<Verdict, VerifierFailure>] = []
            for answer in answers {
                guard let answer else {
                    verdicts.append(.success(.fail(note: "there is no answer")))
                    continue
                }
                do throws(VerifierFailure) {
                    let points = try await points(answer, gold, question, context)
                    verdicts.append(.success(.score(Score(points, passed: points > 0.5))))
                } catch {
                    verdicts.append(.failure(error))
                }
            }
            return verdicts
        }
        return await tournament(answers, question, context)
    }

    private func tournament(
        _ answers: [String?], _ question: String, _ context: VerificationContext
    ) async -> [Result<Verdict, VerifierFailure>] {
        var points = answers.map { _ in (sum: 0.0, count: 0) }
        var failures = [VerifierFailure?](repeating: nil, count: answers.count)
        for (first, second) in pairs(answers.count, context) {
            do throws(VerifierFailure) {
                let won: Double =
                    switch (answers[first], answers[second]) {
                    case (nil, nil): 0.5
                    case (nil, _): 0
                    case (_, nil): 1
                    case (let mine?, let other?): try await self.points(mine, other, question, context)
                    }
                points[first] = (points[first].sum + won, points[first].count + 1)
                points[second] = (points[second].sum + 1 - won, points[second].count + 1)
            } catch {
                failures[first] = error
                failures[second] = error
            }
        }
        return points.indices.map { index in
            if let failure = failures[index] { return .failure(failure) }
            guard points[index].count > 0 else {
                return .success(.abstain(reason: "there is nothing to compare it with"))
            }
            let share = points[index].sum / Double(points[index].count)
            return .success(.score(Score(answers[index] == nil ? 0 : share, passed: share > 0.5)))
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

    /// What `mine` gains against `other`, in both orders.
    private func points(
        _ mine: String, _ other: String, _ question: String, _ context: VerificationContext
    ) async throws(VerifierFailure) -> Double {
        if mine.isSameText(as: other) { return 0.5 }
        let forward = try await comparison(mine, other, question, context)
        let backward = try await comparison(other, mine, question, context)
        return (forward + 1 - backward) / 2
    }

    private func comparison(
        _ first: String, _ second: String, _ question: String, _ context: VerificationContext
    ) async throws(VerifierFailure) -> Double {
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
            if reply.isRefusal { throw VerifierFailure(.item, "the judge refuses to judge") }
            switch reply.json?["result"]?.string?.lowercased() {
            case "a": sum += 1
            case "b": break
            case "tie": sum += 0.5
            default: throw VerifierFailure(.invalidValue, "the judge named no winner: \(reply.text.prefix(120))")
            }
        }
        return sum / Double(judge.votes)
    }
}
