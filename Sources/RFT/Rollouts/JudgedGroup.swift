import OrderedCollections
import TextCore
import Training
import Verifiers

/// The answers to one prompt with what verifiers say of them.
struct JudgedGroup {
    let prompt: RolloutPrompt
    let answers: [EngineAnswer]
    let scores: [RolloutScore]
    /// Answers that have a reward.
    let valid: [Int]
    /// Whether enough of them have one.
    let isViable: Bool
    /// Of the valid answers, once they are known.
    var advantages: [Double] = []

    init(prompt: RolloutPrompt, answers: [EngineAnswer], scores: [RolloutScore], minimum: Int) {
        precondition(answers.count == scores.count, "\(scores.count) scores of \(answers.count) answers")
        self.prompt = prompt
        self.answers = answers
        // An environment that broke says nothing of the model, whatever verifiers found in the pieces.
        let scores = zip(scores, answers).map { score, answer in
            guard let failure = answer.failure else { return score }
            var score = score
            (score.status, score.total, score.passed) = (.errored, nil, nil)
            score.note = "the environment failed: \(failure)"
            return score
        }
        self.scores = scores
        valid = scores.indices.filter { scores[$0].status == .scored }
        isViable = valid.count >= max(1, minimum)
    }

    /// Rewards of the valid answers.
    var rewards: [Double] { valid.compactMap { scores[$0].total } }

    /// Whether all of them are worth the same.
    var isUniform: Bool { Set(rewards).count <= 1 }

    /// Whether it is part of the step.
    func isTrained(replacing: Bool) -> Bool { isViable && !(replacing && isUniform) }

    /// Share of the valid answers that passed; `nil` where nobody can tell.
    var passRate: Double? {
        let passed = valid.compactMap { scores[$0].passed }
        return passed.isEmpty ? nil : Double(passed.count { $0 }) / Double(passed.count)
    }

    /// Tokens that were read and written, the prompt once for each answer, as TRL counts them.
    var tokensRead: Int { answers.reduce(0) { $0 + prompt.ids.count + $1.ids.count } }

    /// The rollouts as verifiers see them.
    func rewardGroup(version: Int) -> RewardGroup { Self.rewardGroup(prompt, answers, version: version) }

    static func rewardGroup(_ prompt: RolloutPrompt, _ answers: [EngineAnswer], version: Int) -> RewardGroup {
        RewardGroup(
            answers.enumerated().map { sample, answer in
                var row = prompt.row
                if let recorded = answer.recorded, case .object(var members) = row {
                    members["recorded"] = recorded
                    row = .object(members)
                }
                return Rollout(
                    answer.text, item: prompt.item, sample: sample, messages: prompt.messages, prompt: prompt.text,
                    row: row, tokens: answer.ids, stopReason: answer.stopReason,
                    tokenCount: answer.isSampled.count { $0 }, reasoningIsOpen: prompt.reasoningIsOpen,
                    toolCalls: answer.toolCalls, lastTurn: answer.lastTurn, policyVersion: version)
            }, rewards: prompt.rewards)
    }

    /// A line for each answer, as they are logged.
    ///
    /// - Parameters:
    ///   - step: that they were written for, from 1.
    ///   - replaces: whether groups whose answers are all worth the same are left out.
    func lines(step: Int, replaces: Bool) -> [RolloutLine] {
        let reason: String? =
            !isViable
            ? "too few answers of its group have a reward"
            : isTrained(replacing: replaces) ? nil : "all answers of its group are worth the same"
        let rollouts = rewardGroup(version: step - 1).rollouts
        return rollouts.indices.map { index in
            let place = valid.firstIndex(of: index)
            let why = place == nil ? scores[index].note ?? scores[index].status.rawValue : reason
            return RolloutLine(
                rollouts[index], score: scores[index], step: step, logProbabilities: answers[index].logProbabilities,
                advantage: place.flatMap { advantages.indices.contains($0) ? advantages[$0] : nil },
                isKept: why == nil, reason: why)
        }
    }

    /// What is trained on.
    func policyGroup(version: Int) -> PolicyGroup {
        PolicyGroup(
            prompt: prompt.ids,
            samples: zip(valid, advantages).map { index, advantage in
                let answer = answers[index]
                var sample = PolicySample(
                    completion: answer.ids, isTrained: answer.isSampled,
                    samplingLogProbabilities: answer.logProbabilities, advantage: advantage,
                    isTruncated: answer.stopReason.isTruncated, version: version)
                sample.entropies = answer.entropies
                return sample
            })
    }
}

extension PolicyGroup {
    /// What a checkpoint holds; every number comes back as it was.
    var json: JSON {
        [
            "prompt": .array(prompt.map { .integer(Int($0)) }),
            "samples": .array(samples.map(\.json)),
        ]
    }

    init?(json: JSON) {
        guard let prompt = Self.ids(json["prompt"]), let samples = json["samples"]?.array else { return nil }
        let read = samples.compactMap { PolicySample(json: $0) }
        guard read.count == samples.count else { return nil }
        self.init(prompt: prompt, samples: read)
    }

    fileprivate static func ids(_ json: JSON?) -> [Int32]? {
        guard let elements = json?.array else { return nil }
        let ids = elements.compactMap { $0.int.flatMap { Int32(exactly: $0) } }
        return ids.count == elements.count ? ids : nil
    }
}

extension PolicySample {
    private static let lists: [(name: String, path: any WritableKeyPath<PolicySample, [Float]?> & Sendable)] = [
        ("sampling", \.samplingLogProbabilities), ("old", \.oldLogProbabilities),
        ("reference", \.referenceLogProbabilities), ("entropies", \.entropies), ("advantages", \.tokenAdvantages),
    ]

    fileprivate var json: JSON {
        var members: OrderedDictionary<String, JSON> = [
            "ids": .array(completion.map { .integer(Int($0)) }), "advantage": .number(advantage),
            "truncated": .bool(isTruncated), "version": .integer(version),
        ]
        if isTrained.contains(false) { members["trained"] = .array(isTrained.map { .bool($0) }) }
        // Bit patterns, as a number that is not finite has no name in JSON.
        for (name, path) in Self.lists {
            if let values = self[keyPath: path] { members[name] = .array(values.map { .integer(Int($0.bitPattern)) }) }
        }
        return .object(members)
    }

    fileprivate init?(json: JSON) {
        guard let ids = PolicyGroup.ids(json["ids"]), let advantage = json["advantage"]?.double else { return nil }
        let trained = json["trained"]?.array?.compactMap(\.bool)
        guard trained.map({ $0.count == ids.count }) ?? true else { return nil }
        self.init(
            completion: ids, isTrained: trained, advantage: advantage,
            isTruncated: json["truncated"]?.bool ?? false, version: json["version"]?.int ?? 0)
        for (name, path) in Self.lists {
            guard let values = json[name]?.array else { continue }
            let bits = values.compactMap { $0.int.flatMap { UInt32(exactly: $0) } }
            guard bits.count == ids.count else { return nil }
            self[keyPath: path] = bits.map { Float(bitPattern: $0) }
        }
    }
}
