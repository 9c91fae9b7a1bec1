import RFT
import TextCore

/// Options of `method: rft`: groups of answers, what their rewards become, and the loss.
public struct RFTSettings: Sendable, Hashable {
    public var preset = RFTPreset.hone
    public var loss = PolicyLossName("dapo")
    /// Answers to each prompt.
    public var groupSize = 8
    /// Prompts of one optimiser step.
    public var promptsPerStep = 16
    /// Optimiser steps on the same answers.
    public var numIterations = 1
    /// What the divergence from the reference is multiplied by; 0 for no reference.
    public var beta = 0.0
    public var epsilon = 0.2
    /// `epsilon` where none is written.
    public var epsilonHigh: Double?
    /// Upper limit of the ratio on both sides of the objective; `nil` for none.
    public var delta: Double?
    /// `nil` for what the loss says.
    public var importanceSamplingLevel: ImportanceLevel?
    public var scaleRewards = RewardScale.none
    /// What a reward becomes before it is multiplied into the loss; `scale_rewards` refines `mean`.
    public var advantage = AdvantageName.mean
    public var combine = RewardCombination.sum
    /// Whether answers that were cut off carry no loss.
    public var maskTruncated = false
    /// Share of the tokens, those with the highest entropy, that carry loss.
    public var topEntropyQuantile = 1.0
    public var entropyCoef = 0.0
    /// Entropy that an adaptive bonus holds the policy to; `nil` for a bonus that stays.
    public var entropyTarget: Double?
    public var offPolicyMaskThreshold: Double?
    /// SAPO's temperatures.
    public var sapoTauPositive = 1.0
    public var sapoTauNegative = 1.05
    /// VESPO's exponents and rates, for advantages of at least 0 and below.
    public var vespo = [2.0, 3.0, 3.0, 2.0]
    public var useBiasCorrectionKL = true
    public var reference = ReferenceChoice.adapterOff
    /// Whether prompts whose answers are all alike are replaced by others.
    public var replaceUninformative = true
    /// Prompts that may be answered for one step, as a multiple of `prompts_per_step`.
    public var maxOversample = 3.0
    /// Answers of a group that must have a score for it to be trained on; 3/4 of the group where none is written.
    public var minGroup: Int?
    /// Which prompts are drawn; `nil` for all, in the order of the data.
    public var curriculum: CurriculumSettings?
    /// Whether the rewards are tried before the first step.
    public var preflight = true

    public init() {}
}

/// Which prompts are drawn, by how often the policy has solved them.
public struct CurriculumSettings: Sendable, Hashable {
    /// Prompts that are solved less often are left alone for a while.
    public var minPassRate = 0.0
    /// Prompts that are solved more often are left alone for a while.
    public var maxPassRate = 1.0
    /// Epochs for which they are left alone.
    public var restEpochs = 1
    /// Column with a row's level; only levels up to the one reached are drawn. `nil` without levels.
    public var levelColumn: String?
    /// Pass rate over the last `window` prompts at which the level rises.
    public var raiseAt = 0.8
    /// Pass rate over the last `window` prompts at which the level falls.
    public var lowerAt = 0.3
    public var window = 64

    public init() {}
}

public enum RFTPreset: String, Sendable, Hashable, CaseIterable { case hone, trl }
public enum ImportanceLevel: String, Sendable, Hashable, CaseIterable { case token, sequence }
public enum RewardScale: String, Sendable, Hashable, CaseIterable { case none, group, batch }

/// How the values of several verifiers become one reward.
public enum RewardCombination: String, Sendable, Hashable, CaseIterable {
    /// Σ weight · value.
    case sum
    /// Π value ^ weight.
    case product
    /// The smallest value.
    case min
    /// Each is made comparable within its group first, then summed (GDPO).
    case normalizeThenSum = "normalize_then_sum"
}

extension RFTPreset: RecipeWord {}
extension ImportanceLevel: RecipeWord {}
extension RewardScale: RecipeWord {
    package static var spellings: [String: RewardScale] { ["std": .group, "no": .none] }
}
extension RewardCombination: RecipeWord {
    package static var spellings: [String: RewardCombination] {
        [
            "sum_then_normalize": .sum, "normalise_then_sum": .normalizeThenSum, "weighted_sum": .sum,
            "gdpo": .normalizeThenSum,
        ]
    }
}

/// A rule of `RFT`'s table of advantages, by name.
public enum AdvantageName: String, Sendable, Hashable, CaseIterable {
    case mean, grpo, rloo, opo, ema, passk
    case batchStd = "batch_std"
    case maxRL = "max_rl"
}

extension AdvantageName: RecipeWord {
    package static var spellings: [String: AdvantageName] {
        ["dr_grpo": .mean, "leave_one_out": .rloo, "pass_at_k": .passk, "group": .grpo, "batch": .batchStd]
    }
}

/// The name of a policy loss.
public struct PolicyLossName: Sendable, Hashable {
    public let name: String
    public init(_ name: String) { self.name = name }
}

extension PolicyLossName: RecipeValue {
    private static var known: [String] { PolicyLossRegistry.standard.names }

    package static var shape: ValueShape {
        .scalar(
            schema: ["type": "string", "enum": .array(known.map(JSON.string))],
            expected: "one of \(known.joined(separator: ", "))")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> PolicyLossName? {
        guard let text = node.string, known.contains(text) else {
            let near = node.string.flatMap { nearestName(to: $0, among: known) }
            decoder.reportType(
                node, expected: shape.expected, example: "dapo", fix: near.map { "Did you mean '\($0)'?" })
            return nil
        }
        return PolicyLossName(text)
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { .string(name) }
}

extension CurriculumSettings: RecipeSection {
    package static let table = SectionTable<CurriculumSettings>(
        "Which prompts are drawn, by how often the policy has solved them.",
        fields: [
            Field("min_pass_rate", \.minPassRate, "Prompts solved less often rest for a while.", in: .fraction),
            Field("max_pass_rate", \.maxPassRate, "Prompts solved more often rest for a while.", in: .fraction),
            Field("rest_epochs", \.restEpochs, "Epochs for which a prompt rests.", in: .within(1...1_000_000)),
            Field("level_column", \.levelColumn, "Column with a row's level, a whole number from 0."),
            Field("raise_at", \.raiseAt, "Pass rate at which the level rises.", in: .fraction),
            Field("lower_at", \.lowerAt, "Pass rate at which the level falls.", in: .fraction),
            Field("window", \.window, "Prompts that the pass rate is taken over.", in: .within(1...1_000_000)),
        ])
}

extension RFTSettings: RecipeSection {
    package static let table = SectionTable<RFTSettings>(
        "Options of method rft.",
        fields: [
            Field(
                "preset", \.preset,
                "Whose defaults hold: Hone's, or TRL's (scale_rewards group, nothing replaced)."),
            Field("loss", \.loss, "What is minimised over the tokens of the answers."),
            Field("group_size", \.groupSize, "Answers to each prompt.", in: .within(1...4096)),
            Field("prompts_per_step", \.promptsPerStep, "Prompts of one optimiser step.", in: .within(1...1_048_576)),
            Field("num_iterations", \.numIterations, "Optimiser steps on the same answers.", in: .within(1...1000)),
            Field("beta", \.beta, "What the divergence from the reference is multiplied by.", in: .notNegative),
            Field("epsilon", \.epsilon, "How far the ratio may fall below 1.", in: .within(0...1)),
            Field(
                "epsilon_high", \.epsilonHigh, "How far the ratio may rise above 1; of cispo the cap itself.",
                in: .notNegative, derivation: "epsilon"),
            Field("delta", \.delta, "Upper limit of the ratio whatever the sign of the advantage.", in: .positive),
            Field(
                "importance_sampling_level", \.importanceSamplingLevel,
                "Whether each token has a ratio or the whole answer one (GSPO).", derivation: "what the loss has"),
            Field(
                "scale_rewards", \.scaleRewards,
                "What advantages are divided by: nothing, their group's or batch's spread."
            ),
            Field("advantage", \.advantage, "What a reward becomes."),
            Field("combine", \.combine, "How the values of several verifiers become one reward."),
            Field("mask_truncated", \.maskTruncated, "Whether answers that were cut off carry no loss."),
            Field(
                "top_entropy_quantile", \.topEntropyQuantile, "Share of the most uncertain tokens that carry loss.",
                in: .fraction),
            Field("entropy_coef", \.entropyCoef, "What the entropy bonus is multiplied by.", in: .notNegative),
            Field(
                "entropy_target", \.entropyTarget, "Entropy that an adaptive bonus holds the policy to.",
                in: .notNegative),
            Field(
                "off_policy_mask_threshold", \.offPolicyMaskThreshold,
                "Divergence above which a bad answer of an old policy carries no loss.", in: .notNegative),
            Field("sapo_tau_positive", \.sapoTauPositive, "SAPO's temperature of good answers.", in: .positive),
            Field("sapo_tau_negative", \.sapoTauNegative, "SAPO's temperature of bad answers.", in: .positive),
            Field(
                "vespo", \.vespo, "VESPO's k and lambda of good answers, then of bad ones.", in: .notNegative),
            Field(
                "use_bias_correction_kl", \.useBiasCorrectionKL,
                "Whether the divergence is weighted by the ratio when answers are trained on twice."),
            Field(
                "reference", \.reference,
                "What the policy is held to: adapter_off, init (a frozen copy of the start), base, or the folder of another model.",
                exists: .folder, derivation: ReferenceChoice.derivation),
            Field(
                "replace_uninformative", \.replaceUninformative,
                "Whether prompts whose answers are all alike are replaced by others."),
            Field(
                "max_oversample", \.maxOversample, "Prompts answered for one step, as a multiple of prompts_per_step.",
                in: .within(1...1000)),
            Field(
                "min_group", \.minGroup, "Answers with a score that a group needs.", in: .atLeast(1),
                derivation: "3/4 of group_size"),
            Field("curriculum", \.curriculum, "Which prompts are drawn; all if absent."),
            Field(
                "preflight", \.preflight, "Whether the rewards are tried before the first step.", changesResults: false),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        if preset == .trl {
            if !decoder.isWritten("scale_rewards") { scaleRewards = .group }
            if !decoder.isWritten("replace_uninformative") { replaceUninformative = false }
        }
        if loss.name == "rloo", !decoder.isWritten("advantage") { advantage = .rloo }
        check(decoder)
    }

    private func check(_ decoder: RecipeDecoder) {
        if groupSize < 2, advantage != .ema {
            decoder.report(
                "group_size",
                "\(decoder.key("group_size")) is 1, but advantage \(advantage.rawValue) compares the answers "
                    + "to one prompt", why: "One answer has nothing to be compared with, so nothing would be learned",
                fix: "Write `group_size: 8`, or `advantage: ema`")
        }
        if advantage != .mean, decoder.isWritten("scale_rewards"), scaleRewards != .none {
            decoder.report(
                "scale_rewards",
                "\(decoder.key("scale_rewards")) is \(scaleRewards.rawValue), but advantage is "
                    + advantage.rawValue, why: "Both say what a reward is divided by", fix: "Remove one of the two")
        }
        if let minGroup, minGroup > groupSize {
            decoder.report(
                "min_group", "\(decoder.key("min_group")) \(minGroup) is more than group_size \(groupSize)",
                why: "No group would ever be trained on", fix: "Write at most \(groupSize)")
        }
        if vespo.count != 4 {
            decoder.report(
                "vespo", "\(decoder.key("vespo")) has \(vespo.count) numbers",
                why: "VESPO has a k and a lambda for each sign",
                fix: "Write `vespo: [2, 3, 3, 2]`")
        }
        if let curriculum, curriculum.minPassRate > curriculum.maxPassRate {
            decoder.report(
                "curriculum.min_pass_rate", "min_pass_rate is above max_pass_rate", why: "Every prompt would rest",
                fix: "Exchange the two")
        }
    }
}
