import Foundation
import LanguageModels
import RFT
import TensorCore
import Testing
import Training

@Suite struct PolicyObjectiveTests {
    private func objective(_ settings: PolicySettings) throws -> PolicyObjective {
        try PolicyObjective(settings: settings, reference: .cached)
    }

    private func expectSame(
        _ a: TinyPolicy.Outcome, _ b: TinyPolicy.Outcome, _ what: String, metrics: Bool = true,
        tolerance: Double = 2e-5, _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(abs(a.mean - b.mean) < 1e-5 * max(1, abs(b.mean)), "\(what): loss", sourceLocation: location)
        #expect(
            TinyPolicy.relativeDistance(a.gradients, b.gradients) < tolerance, "\(what): gradients",
            sourceLocation: location)
        guard metrics else { return }
        #expect(a.metrics.values.map(\.name) == b.metrics.values.map(\.name), "\(what)", sourceLocation: location)
        for (left, right) in zip(a.metrics.values, b.metrics.values) {
            #expect(
                abs(left.value - right.value) < 1e-4 * max(1, abs(right.value)),
                "\(what): \(left.name) is \(left.value) and \(right.value)", sourceLocation: location)
        }
    }

    /// Everything at once, so that all of it has to be the same however a step is cut.
    private func everything(_ loss: PolicyLoss) -> PolicySettings {
        var settings = TinyPolicy.settings(loss)
        settings.beta = 0.3
        settings.topEntropyQuantile = 0.7
        settings.entropyCoefficient = 0.05
        settings.offPolicyThreshold = 0.2
        settings.samplingCorrection = .init(mode: .tokenTruncate, minimum: 0.5, maximum: 1.5)
        return settings
    }

    @Test(arguments: PolicyLossRegistry.standard.names)
    func `how a step is cut into micro-batches changes nothing`(name: String) throws {
        let model = try TinyPolicy.model()
        let loss = try #require(PolicyLossRegistry.standard[name])
        var groups = TinyPolicy.groups(6)
        // A group without a signal, which is skipped where nothing else needs it.
        for index in groups[1].samples.indices { groups[1].samples[index].advantage = 0 }
        for settings in [TinyPolicy.settings(loss), everything(loss)] {
            let objective = try objective(settings)
            let whole = try TinyPolicy.outcome(objective, groups, model: model)
            for limit in [Packing.MicroBatchLimit.rows(1), .rows(3), .tokens(20)] {
                let cut = try TinyPolicy.outcome(objective, groups, model: model, limit: limit)
                expectSame(cut, whole, "\(name) in \(limit)")
            }
        }
    }

    @Test func `the gradient of a mean over tokens is that of its formula, without what tools said`() throws {
        let model = try TinyPolicy.model()
        var groups = TinyPolicy.groups(4)
        for (group, index) in groups.indices.flatMap({ g in groups[g].samples.indices.map { (g, $0) } }) {
            groups[group].samples[index].oldLogProbabilities = nil
        }
        let found = try TinyPolicy.outcome(try objective(PolicySettings("reinforce")), groups, model: model)
        // Each answer as a row of its own, all positions through the head, the untrained ones weighed with 0.
        let parameters = model.trainableParameters.map(\.parameter)
        var gradients = Gradients(count: parameters.count)
        let tokens = groups.flatMap(\.samples).reduce(0) { $0 + $1.isTrained.count(where: { $0 }) }
        var loss = 0.0
        for group in groups {
            for sample in group.samples {
                let (value, _) = valueAndGradient(of: parameters, addingTo: &gradients) {
                    let row = (group.prompt + sample.completion).map(Int.init)
                    let hidden = model.hiddenStates(PackedTokens([row]))
                    let start = group.prompt.count - 1
                    let labels = model.labelLogProbabilities(
                        hidden: embedding(hidden, Array(start..<start + sample.completion.count)),
                        labels: sample.completion)
                    let weights = sample.isTrained.map { $0 ? Float(-sample.advantage) / Float(tokens) : 0 }
                    return ((labels.logProbability * Tensor(weights, shape: [weights.count])).sum(), ())
                }
                loss += Double(value)
            }
        }
        let expected = zip(parameters, gradients.tensors).flatMap { ($1 ?? .zeros($0.value.shape)).scalars }
        #expect(abs(found.mean - loss) < 1e-5)
        #expect(TinyPolicy.relativeDistance(found.gradients, expected) < 1e-5)
    }

    @Test func `tokens of tools have no part in anything but the context`() throws {
        let model = try TinyPolicy.model()
        var groups = [PolicyGroup(prompt: [1, 2], samples: [])]
        func sample(_ tool: Int32) -> PolicySample {
            PolicySample(completion: [3, 4, tool, tool], isTrained: [true, true, false, false], advantage: 1)
        }
        groups[0].samples = [sample(5)]
        let first = try TinyPolicy.outcome(try objective(PolicySettings("ppo")), groups, model: model)
        groups[0].samples = [sample(9)]
        let second = try TinyPolicy.outcome(try objective(PolicySettings("ppo")), groups, model: model)
        #expect(first.gradients == second.gradients)
        #expect(first.metrics == second.metrics)
    }

    @Test func `equal rewards leave every bit of the weights as it was`() throws {
        let model = try TinyPolicy.model()
        var groups = TinyPolicy.groups(4)
        var advantages = Advantages(rule: .grpo)
        for group in groups.indices {
            let rewards = groups[group].samples.map { SampleRewards(0.1, length: $0.completion.count) }
            for (index, value) in advantages.compute([rewards]).advantages[0].enumerated() {
                groups[group].samples[index].advantage = try #require(value)
            }
        }
        let before = model.namedParameters.map(\.parameter.value.scalars)
        let objective = try objective(PolicySettings())
        let trainer = Trainer(
            model: model, objective: objective,
            configuration: TrainerConfiguration(
                schedule: LearningRateSchedule(baseRate: 1, totalSteps: 1), stepsPerEpoch: 1))
        let batches = PolicyBatch.plan(groups, settings: objective.settings, limit: .rows(3))
        #expect(batches.allSatisfy { $0.isIdle })
        guard case .updated(let report) = try trainer.step(StepBatch(microBatches: batches, tokens: 0, epoch: 0)) else {
            Issue.record("a step without a signal is no error")
            return
        }
        #expect(report.gradientNorm == 0 && report.loss == 0)
        #expect(model.namedParameters.map(\.parameter.value.scalars) == before)
        #expect(objective.explanation(of: report, batches: batches)?.contains("worth the same") == true)
        // The same without being skipped: the advantages themselves are exactly 0.
        var settings = PolicySettings()
        settings.topEntropyQuantile = 0.99
        settings.scope = .microBatch
        let trained = try TinyPolicy.outcome(try self.objective(settings), groups, model: model)
        #expect(trained.gradients.allSatisfy { $0 == 0 })
        // And what is measured of them is what is measured when they are trained on.
        let idle = try TinyPolicy.outcome(objective, groups, model: model)
        for name in ["entropy", "clip_ratio/region_mean", "sampling/kl", "clip_ratio/low_min"] {
            let (left, right) = (try #require(idle.metrics[name]), try #require(trained.metrics[name]))
            #expect(abs(left - right) < 1e-5, "\(name) is \(left) and \(right)")
        }
    }

    @Test(arguments: ["dapo", "grpo", "cispo", "reinforce", "sapo"])
    func `every answer twice is the same step`(name: String) throws {
        let model = try TinyPolicy.model()
        let objective = try objective(TinyPolicy.settings(try #require(PolicyLossRegistry.standard[name])))
        let groups = TinyPolicy.groups(4)
        var doubled = groups
        for index in groups.indices { doubled[index].samples += groups[index].samples }
        expectSame(
            try TinyPolicy.outcome(objective, doubled, model: model),
            try TinyPolicy.outcome(objective, groups, model: model),
            name)
    }

    @Test func `answers that were cut off are left out but counted`() throws {
        let model = try TinyPolicy.model()
        var groups = TinyPolicy.groups(12)
        var settings = PolicySettings("grpo")
        settings.masksTruncated = true
        let masked = try TinyPolicy.outcome(try objective(settings), groups, model: model)
        let total = groups.reduce(0) { $0 + $1.samples.count }
        #expect(masked.weight == Double(total))
        for index in groups.indices { groups[index].samples.removeAll(where: \.isTruncated) }
        let kept = groups.reduce(0) { $0 + $1.samples.count }
        #expect(kept < total)
        let without = try TinyPolicy.outcome(try objective(settings), groups, model: model)
        #expect(abs(masked.loss - without.loss) < 1e-5)
    }

    @Test func `bad answers that were far more likely when they were sampled are left out`() throws {
        let model = try TinyPolicy.model()
        let answers: [[Int32]] = [[3, 4], [5, 6], [7, 8]]
        var groups = [PolicyGroup(prompt: [1, 2], samples: answers.map { PolicySample(completion: $0) })]
        let plain = try objective(PolicySettings("reinforce"))
        try plain.complete(&groups, model: model, isReused: true)
        for (index, (advantage, drift)) in [(1.0, Float(2)), (-1, 0.5), (-1, 2)].enumerated() {
            groups[0].samples[index].advantage = advantage
            let now = try #require(groups[0].samples[index].oldLogProbabilities)
            groups[0].samples[index].samplingLogProbabilities = now.map { $0 + drift }
        }
        var settings = PolicySettings("reinforce")
        settings.offPolicyThreshold = 1
        let masked = try TinyPolicy.outcome(try objective(settings), groups, model: model)
        groups[0].samples[2].advantage = 0
        let expected = try TinyPolicy.outcome(plain, groups, model: model)
        expectSame(masked, expected, "the third is left out", metrics: false)
    }

    @Test(arguments: PolicyLossRegistry.standard.names)
    func `the entropy bonus is its weight times the entropy`(name: String) throws {
        let model = try TinyPolicy.model()
        var settings = TinyPolicy.settings(try #require(PolicyLossRegistry.standard[name]))
        settings.entropyCoefficient = 0.25
        let outcome = try TinyPolicy.outcome(
            try objective(settings), TinyPolicy.groups(5), model: model, limit: .rows(2))
        let (policy, entropy) = (outcome.metrics["policy_loss"] ?? .nan, outcome.metrics["entropy"] ?? .nan)
        #expect(abs((policy - outcome.mean) / entropy - 0.25) < 1e-4)
    }

    @Test func `an adaptive entropy bonus grows while the entropy is too low, and is kept in checkpoints`() throws {
        let model = try TinyPolicy.model()
        var settings = PolicySettings()
        settings.adaptiveEntropy = .init()
        settings.adaptiveEntropy?.target = 10
        let objective = try objective(settings)
        var weights: [Double] = []
        for step in 1...3 {
            let outcome = try TinyPolicy.outcome(objective, TinyPolicy.groups(3), model: model)
            weights.append(outcome.metrics["entropy_coef"] ?? .nan)
            objective.updated(model, step: step)
        }
        for (found, expected) in zip(weights, [0, 0.005, 0.01]) { #expect(abs(found - expected) < 1e-7) }
        let state = try #require(objective.companions.first { $0.name == "entropy_bonus" }).parameter
        #expect(abs(state.value.scalars[0] - 0.015) < 1e-7)
    }

    @Test func `a difference between sampling and training is bounded or dropped as asked`() throws {
        let model = try TinyPolicy.model()
        var groups = [
            PolicyGroup(prompt: [1, 2], samples: [PolicySample(completion: [3, 4]), PolicySample(completion: [5])])
        ]
        try objective(PolicySettings()).complete(&groups, model: model, isReused: true)
        // Ratios 4 and 1/2 in the first answer, 1 in the second.
        let shifts: [[Float]] = [[-1.3862944, 0.6931472], [0]]
        for index in 0..<2 {
            groups[0].samples[index].advantage = 1
            let old = try #require(groups[0].samples[index].oldLogProbabilities)
            groups[0].samples[index].samplingLogProbabilities = zip(old, shifts[index]).map { $0 + $1 }
        }
        // What the three tokens count, of which the loss is minus the mean.
        let cases: [(PolicySettings.SamplingCorrection.Mode, [Double])] = [
            (.tokenTruncate, [3, 0.5, 1]), (.tokenMask, [0, 0.5, 1]), (.sequenceTruncate, [2, 2, 1]),
            (.sequenceMask, [2, 2, 1]),
        ]
        for (mode, counts) in cases {
            let expected = -counts.reduce(0, +) / 3
            var settings = PolicySettings()
            settings.samplingCorrection = .init(mode: mode, maximum: 3)
            let outcome = try TinyPolicy.outcome(try objective(settings), groups, model: model)
            #expect(abs(outcome.mean - expected) < 1e-5, "\(mode): \(outcome.mean) is not \(expected)")
        }
        var settings = PolicySettings()
        settings.samplingCorrection = .init(mode: .sequenceMask, maximum: 1.5)
        let outcome = try TinyPolicy.outcome(try objective(settings), groups, model: model)
        #expect(abs(outcome.mean + 1.0 / 3) < 1e-5)
        #expect(outcome.metrics["sampling/importance_sampling_ratio/min"] == 0)
        #expect(abs((outcome.metrics["sampling/sampling_logp_difference/max"] ?? 0) - 1.3862944) < 1e-5)
        groups[0].samples[0].samplingLogProbabilities = nil
        #expect(throws: TrainingError.self) {
            try TinyPolicy.outcome(try objective(settings), groups, model: model)
        }
    }

    @Test func `the distance from the reference is never negative, and 0 from itself`() throws {
        let model = try TinyPolicy.model()
        var settings = PolicySettings()
        settings.beta = 1
        var groups = TinyPolicy.groups(5)
        let apart = try TinyPolicy.outcome(try objective(settings), groups, model: model)
        #expect((apart.metrics["kl"] ?? -1) > 0)
        let itself = try PolicyObjective(settings: settings, reference: .model(model.frozenCopy()))
        try itself.complete(&groups, model: model)
        for limit in [Packing.MicroBatchLimit.rows(1), .rows(100)] {
            let outcome = try TinyPolicy.outcome(itself, groups, model: model, limit: limit)
            let distance = try #require(outcome.metrics["kl"])
            #expect(distance >= 0 && distance < 1e-9)
        }
    }

    @Test func `a strong pull to the reference keeps the policy there`() throws {
        func distance(beta: Double) throws -> Double {
            let model = try TinyPolicy.model()
            var settings = PolicySettings()
            settings.beta = beta
            let objective = try PolicyObjective(settings: settings, reference: .model(model.frozenCopy()))
            let trainer = Trainer(
                model: model, objective: objective,
                configuration: TrainerConfiguration(
                    schedule: LearningRateSchedule(baseRate: 2e-3, curve: .linear, totalSteps: 40), stepsPerEpoch: 1))
            var groups = TinyPolicy.groups(4)
            for (group, index) in groups.indices.flatMap({ g in groups[g].samples.indices.map { (g, $0) } }) {
                groups[group].samples[index].oldLogProbabilities = nil
            }
            try objective.complete(&groups, model: model)
            for _ in 0..<40 {
                let batches = PolicyBatch.plan(groups, settings: settings, limit: .rows(100))
                _ = try trainer.step(StepBatch(microBatches: batches, tokens: 0, epoch: 0))
            }
            return try #require(try TinyPolicy.outcome(objective, groups, model: model).metrics["kl"])
        }
        let (free, held) = (try distance(beta: 1e-6), try distance(beta: 1e4))
        #expect(free > 0.1)
        #expect(held < free / 100, "\(held) is not far below \(free)")
    }

    @Test func `the distance in the advantage is centred, and adds to it`() throws {
        let model = try TinyPolicy.model()
        var settings = PolicySettings()
        (settings.beta, settings.klPlacement, settings.klEstimator) = (0.5, .advantage, .k1)
        let objective = try PolicyObjective(settings: settings, reference: .model(try TinyPolicy.model(seed: 5)))
        var groups = TinyPolicy.groups(4)
        try objective.complete(&groups, model: model)
        var (sum, size) = (0.0, 0.0)
        for sample in groups.flatMap(\.samples) {
            let added = try #require(sample.tokenAdvantages)
            for (token, value) in added.enumerated() {
                sum += Double(value)
                size += abs(Double(value))
                guard sample.isTrained[token] else {
                    #expect(value == 0)
                    continue
                }
            }
        }
        #expect(abs(sum) < 1e-4 && size > 0.1)
        let with = try TinyPolicy.outcome(objective, groups, model: model)
        for (group, index) in groups.indices.flatMap({ g in groups[g].samples.indices.map { (g, $0) } }) {
            groups[group].samples[index].tokenAdvantages = nil
        }
        let without = try TinyPolicy.outcome(objective, groups, model: model)
        #expect(TinyPolicy.relativeDistance(with.gradients, without.gradients) > 0.01)
    }

    @Test func `what a step must know beforehand is missed with a message`() throws {
        let model = try TinyPolicy.model()
        var settings = PolicySettings()
        settings.beta = 1
        #expect(throws: TrainingError.self) { try PolicyObjective(settings: settings) }
        var groups = TinyPolicy.groups(2)
        for index in groups[0].samples.indices { groups[0].samples[index].referenceLogProbabilities = nil }
        #expect(throws: TrainingError.self) { try TinyPolicy.outcome(try objective(settings), groups, model: model) }
        let bare = try PolicyObjective(settings: settings, reference: .adapterOff)
        #expect(throws: TrainingError.self) { try bare.complete(&groups, model: model) }
    }
}
