import LanguageModels
import RFT
import TensorCore
import Testing
import Training

/// Reinforcement learning from a random start, with rewards whose best answer is known.
@Suite struct ToyTests {
    private static let stop = 0
    private static let prompts: [[Int]] = [[1, 2], [3], [4, 5, 6], [7, 8]]

    private func generator(_ model: LanguageModel, seed: UInt64, longest: Int) throws -> Generator {
        var settings = GenerationSettings()
        settings.maximumNewTokens = longest
        settings.stopTokens = [Self.stop]
        settings.seed = seed
        settings.batchLimit = 64
        return try Generator(model, settings)
    }

    private func sample(
        _ model: LanguageModel, seed: UInt64, longest: Int, size: Int, reward: (Completion) -> Double
    ) throws -> (groups: [PolicyGroup], rewards: [[SampleRewards]]) {
        let prompts = Self.prompts.flatMap { Array(repeating: $0, count: size) }
        let completions = try generator(model, seed: seed, longest: longest).completions(of: prompts)
        var groups: [PolicyGroup] = []
        var rewards: [[SampleRewards]] = []
        for (index, prompt) in Self.prompts.enumerated() {
            let part = completions[index * size..<(index + 1) * size]
            groups.append(
                PolicyGroup(
                    prompt: prompt.map { Int32($0) },
                    samples: part.map { PolicySample($0) }))
            rewards.append(part.map { SampleRewards(reward($0), length: $0.ids.count) })
        }
        return (groups, rewards)
    }

    /// Mean rewards of the steps.
    private func train(
        _ model: LanguageModel, steps: Int, longest: Int, size: Int = 16, rate: Double = 5e-3,
        reward: (Completion) -> Double
    ) throws -> [Double] {
        let objective = try PolicyObjective()
        let trainer = Trainer(
            model: model, objective: objective,
            configuration: TrainerConfiguration(
                schedule: LearningRateSchedule(baseRate: rate, totalSteps: steps), stepsPerEpoch: steps))
        var advantages = Advantages()
        var curve: [Double] = []
        for step in 0..<steps {
            var (groups, rewards) = try sample(
                model, seed: UInt64(step), longest: longest, size: size, reward: reward)
            let outcome = advantages.compute(rewards)
            for (group, values) in outcome.advantages.enumerated() {
                for (index, value) in values.enumerated() {
                    groups[group].samples[index].advantage = try #require(value)
                }
            }
            try objective.complete(&groups, model: model)
            let batches = PolicyBatch.plan(groups, settings: objective.settings, limit: .tokens(2048))
            guard
                case .updated(let report) = try trainer.step(
                    StepBatch(microBatches: batches, tokens: 0, epoch: 0, metrics: outcome.metrics))
            else {
                Issue.record("step \(step) was refused")
                return curve
            }
            // What was sampled is what is trained on, to the last digits.
            #expect(abs(try #require(report.metrics["sampling/kl"])) < 1e-6)
            #expect(try #require(report.metrics["sampling/kl_k3"]) < 1e-6)
            curve.append(try #require(report.metrics["reward"]))
        }
        return curve
    }

    /// The mean probability of ending at once.
    private func stopProbability(_ model: LanguageModel) -> Double {
        let hidden = model.hiddenStates(PackedTokens(Self.prompts))
        let ends = Self.prompts.indices.map { Self.prompts[...$0].reduce(0) { $0 + $1.count } - 1 }
        let labels = model.labelLogProbabilities(
            hidden: embedding(hidden, ends), labels: Array(repeating: Int32(Self.stop), count: ends.count))
        return labels.logProbability.exponential().total / Double(ends.count)
    }

    private func thirds(_ curve: [Double]) -> [Double] {
        let size = curve.count / 3
        return (0..<3).map { third in curve[third * size..<(third + 1) * size].reduce(0, +) / Double(size) }
    }

    @Test func `a policy that is paid to be short learns to stop`() throws {
        let model = try TinyPolicy.model(spread: 0.1)
        let before = stopProbability(model)
        let curve = try train(model, steps: 36, longest: 10) { -Double($0.ids.count) / 10 }
        let after = stopProbability(model)
        #expect(after > 0.5 && after > 5 * before, "from \(before) to \(after): \(curve)")
    }

    @Test func `a policy that is paid for five tokens writes five, better and better`() throws {
        let model = try TinyPolicy.model(spread: 0.1)
        let curve = try train(model, steps: 90, longest: 12, rate: 1e-2) { 1 - abs(Double($0.ids.count) - 5) / 7 }
        let means = thirds(curve)
        #expect(means[0] < means[1] && means[1] < means[2], "\(curve)")
        #expect(curve.suffix(5).reduce(0, +) / 5 > 0.9, "\(curve)")
    }

    @Test func `what top-p cut off is put back before the policy is compared with its sampling`() throws {
        let model = try TinyPolicy.model()
        var settings = GenerationSettings()
        settings.sampling.temperature = 0.7
        settings.sampling.topP = 0.6
        settings.maximumNewTokens = 8
        let completions = try Generator(model, settings).completions(of: Self.prompts)
        let groups = zip(Self.prompts, completions).map { prompt, completion in
            PolicyGroup(prompt: prompt.map { Int32($0) }, samples: [PolicySample(completion)])
        }
        var policy = PolicySettings()
        policy.temperature = 0.7
        let outcome = try TinyPolicy.outcome(try PolicyObjective(settings: policy), groups, model: model)
        #expect(try #require(outcome.metrics["sampling/kl_k3"]) < 1e-6)
        #expect(try #require(outcome.metrics["sampling/sampling_logp_difference/max"]) < 1e-4)
        let recorded = groups.flatMap(\.samples).flatMap { $0.entropies ?? [] }
        let mean = recorded.reduce(0, +) / Float(recorded.count)
        #expect(abs(Double(mean) - (try #require(outcome.metrics["entropy"]))) < 1e-4)
    }

    @Test func `other weights than those that sampled are noticed`() throws {
        let model = try TinyPolicy.model()
        let (groups, _) = try sample(model, seed: 1, longest: 10, size: 8) { _ in 0 }
        let objective = try PolicyObjective()
        func distance(_ model: LanguageModel) throws -> Double {
            try #require(try TinyPolicy.outcome(objective, groups, model: model).metrics["sampling/kl_k3"])
        }
        #expect(try distance(model) < 1e-6)
        #expect(try distance(try TinyPolicy.model(seed: 3)) > 1e-3)
    }
}
