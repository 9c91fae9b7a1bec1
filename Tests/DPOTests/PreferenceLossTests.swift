import DPO
import Foundation
import TensorCore
import Testing

/// A loss with a divergence it allows, shown by both names.
struct LossCase: CustomTestStringConvertible, Sendable {
    let loss: PreferenceLoss
    let settings: LossSettings
    var testDescription: String { "\(loss.name), \(settings.divergence.rawValue), alpha \(settings.alphaPO)" }

    /// Every registered loss over pairs with every divergence it allows, its other options away from their defaults.
    static let all: [LossCase] = PreferenceLossRegistry.standard.losses.filter { $0.perPair != nil }.flatMap { loss in
        Divergence.allCases.filter(loss.divergences.contains).flatMap { divergence -> [LossCase] in
            var settings = LossSettings(loss.name)
            settings.divergence = divergence
            if loss.options.contains(.labelSmoothing) { settings.labelSmoothing = 0.1 }
            guard loss.options.contains(.alphaPO) else { return [LossCase(loss: loss, settings: settings)] }
            var curved = settings
            curved.alphaPO = 0.25
            return [LossCase(loss: loss, settings: settings), LossCase(loss: loss, settings: curved)]
        }
    }
}

@Suite struct PreferenceLossTests {
    /// The pair of the worked values: Δ = 2 with s_c = 1 and s_r = −1.
    private static let worked = OraclePairs(
        policyChosen: [-10], policyRejected: [-14], referenceChosen: [-11], referenceRejected: [-13],
        chosenCount: [5], rejectedCount: [8])

    private static func tensor(_ values: [Double]) -> Tensor {
        Tensor(values.map { Float($0) }, shape: [values.count])
    }

    private static func terms(_ pairs: OraclePairs, policy: [Tensor]? = nil, _ settings: LossSettings)
        -> PreferenceTerms
    {
        PreferenceTerms(
            policy: .init(
                chosen: policy?[0] ?? tensor(pairs.policyChosen), rejected: policy?[1] ?? tensor(pairs.policyRejected)),
            reference: .init(chosen: tensor(pairs.referenceChosen), rejected: tensor(pairs.referenceRejected)),
            counts: .init(chosen: tensor(pairs.chosenCount), rejected: tensor(pairs.rejectedCount)), settings: settings)
    }

    private static func value(_ settings: LossSettings, _ pairs: OraclePairs = worked) throws -> [Float] {
        let loss = try #require(PreferenceLossRegistry.standard[settings.losses[0].name])
        let perPair = try #require(loss.perPair)
        return perPair(terms(pairs, settings), settings).scalars
    }

    /// Worked out by hand from the papers' formulas for β = 0.1, τ = 0.05; ε = 0.1 where the loss has it.
    private static let values: [(name: String, smoothing: Double, value: Double)] = [
        ("sigmoid", 0, 0.598_138_87), ("hinge", 0, 0.8), ("ipo", 0, 21.855_625), ("exo_pair", 0.1, 0.406_304_25),
        ("nca_pair", 0, 1.338_793_32), ("robust", 0.1, 0.573_138_87), ("bco_pair", 0, 1.288_793_32),
        ("sppo_hard", 0, 32), ("aot", 0, 0.598_138_87), ("aot_unpaired", 0, 0.598_138_87),
        ("apo_zero", 0, 0.950_041_63), ("apo_down", 0, 0.975_145_19), ("discopop", 0, 0.814_763_14),
        ("sigmoid_norm", 0, 0.677_029_21),
    ]

    @Test(arguments: values.indices)
    func `a loss has its worked value`(index: Int) throws {
        let (name, smoothing, expected) = Self.values[index]
        var settings = LossSettings(name)
        settings.labelSmoothing = smoothing
        let value = Double(try Self.value(settings)[0])
        #expect(abs(value - expected) < 1e-6 * max(1, expected), "\(name) is \(value)")
    }

    @Test(arguments: [
        (Divergence.forwardKL, 0.582_516_71), (.jensenShannon, 0.644_396_66), (.alpha, 0.594_349_12),
    ])
    func `a divergence has its worked value`(divergence: Divergence, expected: Double) throws {
        var settings = LossSettings("sigmoid")
        settings.divergence = divergence
        #expect(abs(Double(try Self.value(settings)[0]) - expected) < 1e-6)
    }

    @Test func `the odds ratio has its worked value`() throws {
        let pairs = OraclePairs(
            policyChosen: [-2], policyRejected: [-4.5], referenceChosen: [0], referenceRejected: [0], chosenCount: [4],
            rejectedCount: [3])
        let settings = LossSettings("orpo")
        #expect(abs(Double(try Self.value(settings, pairs)[0]) - 0.017_085_92) < 1e-6)
        let odds = PreferenceLoss.orpo.metrics(Self.terms(pairs, settings), settings)
        #expect(odds.map(\.name) == ["log_odds_ratio", "log_odds_chosen"])
        #expect(abs(odds[1].values.scalars[0] - 1.680_269_67) < 1e-6)
    }

    @Test func `every registered loss over pairs has an oracle, and only sft has no pairs`() {
        for loss in PreferenceLossRegistry.standard.losses {
            #expect((LossOracle.loss(loss.name) == nil) == (loss.perPair == nil), "\(loss.name)")
        }
        #expect(PreferenceLossRegistry.standard.losses.filter { $0.perPair == nil }.map(\.name) == ["sft"])
    }

    private static func pairs(_ count: Int) -> OraclePairs {
        func numbers(_ purpose: String, _ low: Float, _ high: Float) -> [Double] {
            Tensor.uniform([count], from: low, to: high, stream: RandomStream(seed: 5, purpose: purpose)).scalars
                .map(Double.init)
        }
        let chosen = numbers("chosen", -18, -6)
        let rejected = numbers("rejected", -18, -6)
        return OraclePairs(
            policyChosen: chosen, policyRejected: rejected,
            referenceChosen: zip(chosen, numbers("chosen ratio", -3, 3)).map { Double(Float($0 - $1)) },
            referenceRejected: zip(rejected, numbers("rejected ratio", -3, 3)).map { Double(Float($0 - $1)) },
            chosenCount: (0..<count).map { Double(4 + $0) }, rejectedCount: (0..<count).map { Double(9 - $0) })
    }

    /// Values: float32 has 6e-8, the squared losses reach 10². Gradients: the same on numbers up to 20, and e³ from
    /// the divergences.
    @Test(arguments: LossCase.all)
    func `values and gradients are those of the oracle in double precision`(given: LossCase) throws {
        let count = 5
        let pairs = Self.pairs(count)
        let oracle = try #require(LossOracle.loss(given.loss.name))
        let perPair = try #require(given.loss.perPair)
        let weights = (0..<count).map { 0.5 + 0.3 * Double($0) }
        let (outputs, gradients) = pullback(
            at: [Self.tensor(pairs.policyChosen), Self.tensor(pairs.policyRejected)],
            upstream: { _ in [Self.tensor(weights)] },
            { [perPair(Self.terms(pairs, policy: $0, given.settings), given.settings)] })
        let expected = oracle(pairs, given.settings)
        for (value, exact) in zip(outputs[0].scalars, expected) {
            #expect(abs(Double(value) - exact) < 2e-6 * max(1, abs(exact)))
        }
        func total(_ pairs: OraclePairs) -> Double {
            zip(oracle(pairs, given.settings), weights).reduce(0) { $0 + $1.0 * $1.1 }
        }
        for (side, path) in [\OraclePairs.policyChosen, \OraclePairs.policyRejected].enumerated() {
            let gradient = try #require(gradients[side]).scalars
            for index in 0..<count {
                var (above, below) = (pairs, pairs)
                let step = 1e-5
                above[keyPath: path][index] += step
                below[keyPath: path][index] -= step
                let slope = (total(above) - total(below)) / (2 * step)
                #expect(abs(Double(gradient[index]) - slope) < 1e-5 * max(1, abs(slope)))
            }
        }
    }

    @Test(arguments: LossCase.all)
    func `pairs far from the reference give finite numbers`(given: LossCase) throws {
        var pairs = Self.pairs(4)
        pairs.policyChosen = [-1000, -0.001, -500, -2]
        pairs.policyRejected = [-0.001, -1000, -2, -500]
        let perPair = try #require(given.loss.perPair)
        let (outputs, gradients) = pullback(
            at: [Self.tensor(pairs.policyChosen), Self.tensor(pairs.policyRejected)],
            upstream: { [Tensor(repeating: 1, shape: $0[0].shape)] },
            { [perPair(Self.terms(pairs, policy: $0, given.settings), given.settings)] })
        for tensor in outputs + gradients.compactMap({ $0 }) { #expect(tensor.isFinite) }
    }

    @Test func `a list sorts ranks, so that aot sees the micro-batch and not the pairs`() throws {
        let pairs = Self.pairs(5)
        var turned = pairs
        turned.policyRejected = Array(pairs.policyRejected.reversed())
        turned.referenceRejected = Array(pairs.referenceRejected.reversed())
        let first = try Self.value(LossSettings("aot_unpaired"), pairs)
        #expect(try Self.value(LossSettings("aot_unpaired"), turned) == first)
        #expect(PreferenceLossRegistry.standard.losses.filter(\.dependsOnMicroBatch).count == 2)
    }

    // MARK: Settings

    private func problems(_ change: (inout LossSettings) -> Void, given: Set<LossOption> = []) -> [String] {
        var settings = LossSettings()
        change(&settings)
        return settings.problems(given: given).map(\.message)
    }

    @Test func `plain settings have no problem`() {
        #expect(problems { _ in } == [])
        #expect(
            problems {
                $0.losses = [.init("sigmoid", weight: 0.8), .init("bco_pair", weight: 0.2), .init("sft")]
            } == [])
        for loss in PreferenceLossRegistry.standard.losses where loss.name != "exo_pair" {
            #expect(LossSettings(loss.name).problems() == [], "\(loss.name)")
        }
    }

    @Test func `an option that no loss reads is a problem that names those that do`() {
        let found = problems { $0.labelSmoothing = 0.1 }
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("label_smoothing has no effect on sigmoid; leave it out, or use a loss") == true)
        #expect(found.first?.contains("exo_pair, robust, aot, aot_unpaired, cpo, simpo") == true)
        #expect(problems({ _ in }, given: [.gamma]).count == 1)
        #expect(problems({ $0.losses = [.init("simpo")] }, given: [.gamma]) == [])
        #expect(problems({ $0.divergence = .forwardKL }, given: [.divergenceAlpha]).count == 1)
    }

    @Test func `all problems come at once`() {
        let found = problems {
            $0.losses = [.init("robust"), .init("aot"), .init("aot", weight: -1)]
            $0.labelSmoothing = 0.5
            $0.beta = 0
            $0.weighting = true
            $0.divergence = .jensenShannon
            $0.lengthDiscount = 2
        }
        for part in [
            "listed twice", "weight of aot is -1.0", "beta is 0.0", "1 − 2 · label_smoothing", "aot knows no js_diverg",
            "wpo cannot weigh aot: it compares ranks", "ld_alpha is 2.0",
        ] {
            #expect(found.contains { $0.contains(part) }, "\(part)")
        }
    }

    @Test func `a misspelt loss is met with the nearest name`() {
        #expect(
            problems { $0.losses = [.init("sigmiod")] }.first?.hasPrefix(
                "there is no loss 'sigmiod'; did you mean sigmoid? There are sigmoid, hinge") == true)
        #expect(problems { $0.losses = [] } == ["there is no loss; write one, such as sigmoid"])
    }

    @Test func `losses with and without a reference are not mixed`() {
        #expect(problems { $0.losses = [.init("sigmoid"), .init("simpo")] }.count == 1)
    }

    @Test func `exo_pair needs smoothing above 0`() {
        #expect(problems { $0.losses = [.init("exo_pair")] }.count == 1)
        #expect(problems { ($0.losses, $0.labelSmoothing) = ([.init("exo_pair")], 0.1) } == [])
    }

    @Test func `a loss of one's own takes its place in the registry`() {
        var registry = PreferenceLossRegistry.standard
        registry.register(PreferenceLoss("mine", summary: "squares") { terms, _ in terms.scoreDifference.squared() })
        #expect(registry.names.last == "mine" && LossSettings("mine").problems(in: registry) == [])
        #expect(LossSettings("mine").problems().count == 1)
    }
}
