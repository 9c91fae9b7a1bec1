import Foundation
import RFT
import TensorCore
import Testing
import Training

/// Losses on numbers that can be worked out by hand, and on a bandit.
@Suite struct PolicyLossTests {
    /// The loss of one answer of one token of a given ratio and advantage.
    private func value(_ settings: PolicySettings, ratio: Double, advantage: Float) throws -> Double {
        let loss = try #require(PolicyLossRegistry.standard[settings.loss])
        let terms = PolicyTerms(
            logProbability: Tensor([Float(log(ratio)) - 2], shape: [1]), old: Tensor([-2], shape: [1]),
            advantages: Tensor([advantage], shape: [1]), answerAdvantages: [advantage], answers: [0..<1],
            level: loss.levels.first ?? .token)
        return Double(loss.perToken(terms, settings).scalar)
    }

    private func expect(
        _ settings: PolicySettings, _ ratio: Double, _ advantage: Float, _ expected: Double,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let found = try value(settings, ratio: ratio, advantage: advantage)
        #expect(
            abs(found - expected) < 2e-6 * max(1, abs(expected)), "\(found) is not \(expected)",
            sourceLocation: location)
    }

    @Test(arguments: ["grpo", "bnpo", "dr_grpo", "dapo", "ppo", "gspo", "luspo", "rloo"])
    func `clipped losses have the values of TRL`(name: String) throws {
        var settings = PolicySettings(name)
        try expect(settings, 0.5, 1, -0.5)
        try expect(settings, 0.5, -1, 0.8)
        try expect(settings, 1.5, 1, -1.2)
        try expect(settings, 1.5, -1, 1.5)
        settings.delta = 2
        try expect(settings, 4, 1, -1.2)
        try expect(settings, 4, -1, 2)
        settings.delta = nil
        settings.dualClip = 3
        try expect(settings, 5, -1, 3)
        try expect(settings, 2, -1, 2)
        try expect(settings, 5, 1, -1.2)
        settings.epsilonHigh = 0.28
        try expect(settings, 1.5, 1, -1.28)
    }

    @Test func `sapo, vespo, cispo, dppo and reinforce have the values of their formulas`() throws {
        try expect(PolicySettings("sapo"), 1, 1, -2)
        try expect(PolicySettings("sapo"), 1, -1, 1.904762)
        try expect(PolicySettings("sapo"), 1.5, 1, -2.489837)
        try expect(PolicySettings("sapo"), 1.5, -1, 2.393585)
        let logarithm = log(1.5) - 2
        try expect(PolicySettings("vespo"), 1.5, 1, -0.502043 * logarithm)
        try expect(PolicySettings("vespo"), 1.5, -1, 1.241593 * logarithm)
        var cispo = PolicySettings("cispo")
        cispo.epsilonHigh = 1.25
        try expect(cispo, 1.5, 1, -1.25 * logarithm)
        try expect(cispo, 0.1, -1, 0.1 * (log(0.1) - 2))
        try expect(PolicySettings("reinforce"), 1.5, 2, -2 * logarithm)
        // e⁻² = 0.135: three times as likely is 0.27 more, one and a half times only 0.07.
        try expect(PolicySettings("dppo"), 3, 1, 0)
        try expect(PolicySettings("dppo"), 3, -1, 3)
        try expect(PolicySettings("dppo"), 1.5, 1, -1.5)
    }

    /// Gradients of a loss with respect to ln π of tokens, at a ratio of 1.
    private func gradients(_ name: String) throws -> [Float] {
        var settings = PolicySettings(name)
        if name == "cispo" { settings.epsilonHigh = 5 }
        let loss = try #require(PolicyLossRegistry.standard[name])
        let advantages: [Float] = [1.5, 1.5, -0.5, -0.5, -0.5]
        let result = pullback(
            at: [Tensor([-1, -0.5, -2, -3, -0.1], shape: [5])],
            upstream: { [.zeros($0[0].shape).scaled(by: 1, plus: 1)] }
        ) { inputs in
            let terms = PolicyTerms(
                logProbability: inputs[0], old: inputs[0].detached, advantages: Tensor(advantages, shape: [5]),
                answerAdvantages: [1.5, -0.5], answers: [0..<2, 2..<5], level: loss.levels.first ?? .token)
            return [loss.perToken(terms, settings)]
        }
        return try #require(result.gradients[0]).scalars
    }

    @Test(arguments: ["ppo", "grpo", "dapo", "bnpo", "dr_grpo", "cispo", "dppo"])
    func `at a ratio of 1 the gradient is that of REINFORCE`(name: String) throws {
        #expect(try gradients("reinforce") == [-1.5, -1.5, 0.5, 0.5, 0.5])
        for (found, expected) in zip(try gradients(name), try gradients("reinforce")) {
            #expect(abs(found - expected) < 1e-6)
        }
    }

    @Test func `a ratio of a whole answer passes its gradient to all of its tokens`() throws {
        for (found, expected) in zip(try gradients("gspo"), [-1.5, -1.5, 0.5, 0.5, 0.5]) {
            #expect(abs(Double(found) - expected) < 1e-6)
        }
        for (found, expected) in zip(try gradients("rloo"), [-3, -3, 1.5, 1.5, 1.5]) {
            #expect(abs(Double(found) - expected) < 1e-6)
        }
    }

    @Test func `a ratio that float32 cannot hold leaves numbers finite`() throws {
        for loss in PolicyLossRegistry.standard.losses {
            var settings = PolicySettings(loss.name)
            if loss.name == "cispo" { settings.epsilonHigh = 5 }
            for (ratio, advantage) in [(1e30, 0), (1e30, -1), (1e-30, 1)] as [(Double, Float)] {
                #expect(try value(settings, ratio: ratio, advantage: advantage).isFinite)
            }
        }
    }

    @Test func `the upper part of the entropies is found as TRL finds it`() throws {
        let entropies = (1...10).map { Float($0) / 10 }
        func kept(_ share: Double) throws -> Int {
            let threshold = try #require(entropies.quantile(share))
            return entropies.filter { $0 >= threshold }.count
        }
        #expect(try kept(0.8) == 2)
        #expect(try kept(0.5) == 5)
        #expect(try kept(0) == 10)
        #expect(try kept(1) == 1)
        #expect([Float]().quantile(0.5) == nil)
    }

    @Test func `settings that cannot be meant are refused, each with what to write instead`() {
        func messages(_ change: (inout PolicySettings) -> Void, given: Set<PolicyOption> = []) -> String {
            var settings = PolicySettings()
            change(&settings)
            return settings.problems(given: given).map(\.message).joined(separator: "\n")
        }
        #expect(messages({ _ in }).isEmpty)
        #expect(messages({ $0.loss = "grpp" }).contains("did you mean grpo"))
        #expect(messages({ $0.loss = "cispo" }).contains("epsilon_high: 5"))
        #expect(messages({ $0.loss = "reinforce" }, given: [.epsilon]).contains("no effect"))
        #expect(messages({ $0.delta = 1.1 }).contains("delta"))
        #expect(messages({ $0.temperature = 0 }).contains("temperature"))
        #expect(messages({ $0.topEntropyQuantile = 1.5 }).contains("0 to 1"))
        #expect(messages({ $0.epsilon = 0 }).contains("epsilon"))
        #expect(messages({ $0.beta = -1 }).contains("beta"))
        #expect(
            messages({
                $0.loss = "luspo"; $0.importanceLevel = .token
            }).contains("write sequence"))
        #expect(
            messages({
                $0.beta = 1; $0.klEstimator = .k1; $0.correctsKL = false
            }).contains("0 on average"))
        #expect(
            messages({
                $0.beta = 1; $0.klPlacement = .advantage
            }).contains("k1"))
        #expect(
            messages({
                $0.loss = "vespo"; $0.samplingCorrection = .init()
            }).contains("token_"))
    }
}

/// A policy that is one row of logits, so that expected gradients can be written down.
@Suite struct BanditTests {
    private static let arms = 10
    private static let best: Int32 = 3

    /// −d loss / d logits of `loss` over answers of one token each, each counted by a weight.
    private func ascent(
        _ loss: PolicyLoss, _ settings: PolicySettings, logits: [Float], actions: [Int32], old: [Float]?,
        advantages: [Float], weights: [Float]
    ) -> [Double] {
        let ones = Tensor(repeating: 1, shape: [actions.count, 1])
        let table = Parameter(Tensor(logits, shape: [logits.count, 1]), isTrainable: true)
        var gradients = Gradients(count: 1)
        _ = valueAndGradient(of: [table], addingTo: &gradients) {
            let values = labelLogProbabilities(ones, table.tensor, labels: actions).logProbability
            let terms = PolicyTerms(
                logProbability: values, old: old.map { Tensor($0, shape: [$0.count]) } ?? values.detached,
                advantages: Tensor(advantages, shape: [advantages.count]), answerAdvantages: advantages,
                answers: actions.indices.map { $0..<$0 + 1 }, level: loss.levels.first ?? .token)
            return ((loss.perToken(terms, settings) * Tensor(weights, shape: [weights.count])).sum(), ())
        }
        return gradients.tensors[0]!.scalars.map { -Double($0) }
    }

    /// The mean over many groups of the step that each would make, in units of the learning rate.
    private func meanUpdate(_ rule: AdvantageRule, groupSize: Int, groups: Int) -> [Double] {
        let actions = (0..<groups * groupSize).map { index in
            Int32(RandomStream(seed: 3, purpose: "bandit", index: index).word(0) % UInt32(Self.arms))
        }
        var rule = Advantages(rule: rule)
        let rewards = (0..<groups).map { group in
            (0..<groupSize).map { SampleRewards(actions[group * groupSize + $0] == Self.best ? 1 : 0, length: 1) }
        }
        let advantages = rule.compute(rewards).advantages.flatMap { $0 }.map { Float($0 ?? 0) }
        return ascent(
            .ppo, PolicySettings(), logits: Array(repeating: 0, count: Self.arms), actions: actions, old: nil,
            advantages: advantages, weights: Array(repeating: 1 / Float(actions.count), count: actions.count))
    }

    @Test(arguments: [2, 4, 8])
    func `the mean step is that of the expected reward, smaller by 1 / G where the mean includes oneself`(size: Int) {
        let (p, shrunk) = (1.0 / Double(Self.arms), 1 - 1 / Double(size))
        for (rule, factor) in [(AdvantageRule.mean, shrunk), (.rloo, 1)] {
            let update = meanUpdate(rule, groupSize: size, groups: 120_000 / size)
            for (arm, value) in update.enumerated() {
                let expected = arm == Int(Self.best) ? factor * p * (1 - p) : -factor * p * p
                // Four standard errors of a mean over that many answers.
                #expect(abs(value - expected) < 0.004, "\(rule), G \(size), arm \(arm): \(value) for \(expected)")
            }
            #expect(abs(update[Int(Self.best)] - factor * p * (1 - p)) < 0.0035)
        }
    }

    @Test func `what corrects for stale answers takes away bias`() {
        // The policy has moved since: arm 3 was rare, and arm 7 frequent.
        var old = [Float](repeating: 0, count: Self.arms)
        (old[3], old[7]) = (-2, 2)
        let now = [Float](repeating: 0, count: Self.arms)
        func logarithms(_ logits: [Float]) -> [Float] {
            let total = log(logits.reduce(0) { $0 + exp(Double($1)) })
            return logits.map { Float(Double($0) - total) }
        }
        let (before, current) = (logarithms(old), logarithms(now))
        let arms = (0..<Int32(Self.arms)).map { $0 }
        let rewards = arms.map { $0 == Self.best ? Float(1) : $0 == 7 ? -1 : 0 }
        func step(_ loss: PolicyLoss, _ settings: PolicySettings = PolicySettings(), counted: [Float]) -> [Double] {
            ascent(
                loss, settings, logits: now, actions: arms, old: before, advantages: rewards,
                weights: counted)
        }
        func distance(_ a: [Double], _ b: [Double]) -> Double {
            zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
        }
        let sampled = before.map { Float(exp(Double($0))) }
        // In expectation over what the policy as it is would sample, and over what the old one did.
        let exact = step(.reinforce, counted: current.map { Float(exp(Double($0))) })
        let plain = distance(step(.reinforce, counted: sampled), exact)
        var wide = PolicySettings("cispo")
        wide.epsilonHigh = 1000
        let weighted = distance(step(.cispo, wide, counted: sampled), exact)
        #expect(weighted < 1e-6)
        // A bound keeps variance down and gives some of the bias back, but never all.
        wide.epsilonHigh = 2
        let bounded = distance(step(.cispo, wide, counted: sampled), exact)
        #expect(bounded > weighted && bounded < plain)
        // Leaving out what was sampled far more likely than it is now, and is to become less likely.
        let kept = arms.map { arm in
            rewards[Int(arm)] < 0 && before[Int(arm)] - current[Int(arm)] > 0.5 ? 0 : sampled[Int(arm)]
        }
        #expect(distance(step(.reinforce, counted: kept), exact) < plain)
    }
}
