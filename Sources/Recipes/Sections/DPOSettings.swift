import TextCore

/// Options of `method: dpo`: the losses on pairs of answers, and the reference that some of them compare with.
public struct DPOSettings: Sendable, Hashable {
    /// The losses that are added up: at least one, none twice.
    public var losses = [PreferenceLossName("sigmoid")]
    /// What each of `losses` is multiplied by; as many as there are losses.
    public var lossWeights: [Double] = []
    /// How strongly the policy is held to the reference; of SimPO, ORPO and CPO the scale of their own margins.
    public var beta = 0.1
    /// Share of pairs that are assumed to be the wrong way round.
    public var labelSmoothing = 0.0
    public var fDivergence = FDivergence.reverseKL
    /// α of `alpha_divergence`.
    public var fAlpha = 0.5
    /// Temperature of the blend in `discopop`.
    public var discopopTau = 0.05
    /// What the tokens beyond the shorter answer's length count (LD-DPO); `nil` for as much as the others.
    public var ldAlpha: Double?
    /// Whether pairs are weighted by how likely the policy finds them (WPO).
    public var wpo = false
    /// Margin of `simpo`, over beta.
    public var gamma = 0.5
    /// What the negative log-likelihood of the chosen answers is multiplied by before it is added; 0 for none.
    public var sftWeight = 0.0
    public var sftMean = SFTMean.step
    public var reference = ReferenceChoice.adapterOff
    /// Whether the reference's log-probabilities are computed once, before the first step. Never `auto` after loading.
    public var precomputeReference = AutomaticSwitch.auto
    /// How the reference follows the policy (TR-DPO); `nil` when it stays.
    public var syncReference: SyncSettings?

    public init() {}

    /// Whether no loss compares with a reference.
    public var isReferenceFree: Bool { losses.allSatisfy { $0.traits.isReferenceFree } }
    /// Whether the negative log-likelihood of chosen answers is part of what is minimised.
    public var hasSFTTerm: Bool { sftWeight > 0 || losses.contains { $0.traits.options.contains("sft_mean") } }
}

/// Which f-divergence from the reference the policy is held by.
public enum FDivergence: String, Sendable, Hashable, CaseIterable {
    case reverseKL = "reverse_kl"
    case forwardKL = "forward_kl"
    case jsDivergence = "js_divergence"
    case alphaDivergence = "alpha_divergence"
}

/// Over what the negative log-likelihood of chosen answers is averaged.
public enum SFTMean: String, Sendable, Hashable, CaseIterable {
    /// All chosen tokens of the optimiser step.
    case step
    /// The tokens of each micro-batch, and then the micro-batches, as TRL does.
    case microBatch = "micro_batch"
}

/// How the reference follows the policy: every so many steps it becomes `alpha` × policy + (1 − `alpha`) × reference.
public struct SyncSettings: Sendable, Hashable {
    public var everySteps = 512
    public var alpha = 0.6

    public init() {}
}

extension FDivergence: RecipeWord {
    package static var spellings: [String: FDivergence] {
        [
            "kl": .reverseKL, "js": .jsDivergence, "jsd": .jsDivergence, "alpha": .alphaDivergence,
            "fkl": .forwardKL, "rkl": .reverseKL,
        ]
    }
}

extension SFTMean: RecipeWord {
    package static var spellings: [String: SFTMean] { ["global": .step, "batch": .microBatch, "trl": .microBatch] }
}

extension SyncSettings: RecipeSection {
    package static let table = SectionTable<SyncSettings>(
        "How the reference follows the policy.",
        fields: [
            Field("every_steps", \.everySteps, "Optimiser steps between two moves of the reference.", in: .atLeast(1)),
            Field("alpha", \.alpha, "Share of the policy in the new reference.", in: .fraction),
        ])
}

extension PreferenceLossName {
    var traits: PreferenceLossTraits { PreferenceLossTraits.named(name) ?? PreferenceLossTraits(name: name) }
}

extension DPOSettings: RecipeSection {
    package static let table = SectionTable<DPOSettings>(
        "Options of method dpo.",
        fields: [
            Field(
                "loss", \.losses, "What is minimised over pairs: a name, or a list of names that are added up.",
                acceptsOne: true),
            Field(
                "loss_weights", \.lossWeights, "What each loss of the list is multiplied by.", in: .notNegative,
                derivation: "1 for each"),
            Field("beta", \.beta, "How strongly the policy is held to the reference.", in: .positive),
            Field(
                "label_smoothing", \.labelSmoothing, "Share of pairs that are assumed to be the wrong way round.",
                in: .within(0...0.5)),
            Field("f_divergence", \.fDivergence, "Which divergence from the reference is held down."),
            Field("f_alpha", \.fAlpha, "Coefficient of alpha_divergence.", in: .within(-100...100)),
            Field("discopop_tau", \.discopopTau, "Temperature of the blend in loss discopop.", in: .positive),
            Field(
                "ld_alpha", \.ldAlpha,
                "What tokens beyond the shorter answer's length count; as much as the others if absent.",
                in: .fraction),
            Field("wpo", \.wpo, "Whether pairs are weighted by how likely the policy finds them."),
            Field("gamma", \.gamma, "Margin of loss simpo; it is divided by beta.", in: .notNegative),
            Field(
                "sft_weight", \.sftWeight, "Weight of the chosen answers' negative log-likelihood, which is added.",
                in: .notNegative, derivation: "1 with loss cpo, else 0"),
            Field("sft_mean", \.sftMean, "Over what that negative log-likelihood is averaged."),
            Field(
                "reference", \.reference,
                "What the policy is compared with: adapter_off, init (a frozen copy of the start), base, none, or the folder of another model.",
                exists: .folder, derivation: ReferenceChoice.derivation),
            Field(
                "precompute_reference", \.precomputeReference,
                "Whether the reference's log-probabilities are computed once and kept in data.cache.",
                derivation: "true, unless the reference moves or data are streamed"),
            Field("sync_reference", \.syncReference, "How the reference follows the policy; it stays if absent."),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        guard finishLosses(decoder) else { return }
        if !decoder.isWritten("sft_weight") { sftWeight = losses.contains { $0.name == "cpo" } ? 1 : 0 }
        for option in unread where decoder.isWritten(option.name) {
            decoder.report(
                option.name, "\(decoder.key(option.name)) is written, but \(subject) does not read it",
                why: option.why, fix: option.fix)
        }
        checkSmoothing(decoder)
        checkDivergence(decoder)
        checkMixture(decoder)
    }

    /// The losses in words.
    private var subject: String {
        let names = losses.map(\.name)
        return names.count == 1 ? "loss \(names[0])" : "none of the losses \(names.joined(separator: ", "))"
    }

    /// Takes over the loss that a shorthand of `method` stands for, and fills in weights.
    ///
    /// - Returns: Whether the losses are known, so that other keys can be judged by them.
    private mutating func finishLosses(_ decoder: RecipeDecoder) -> Bool {
        if let shorthand = TrainingMethod.shorthand(in: decoder.root) {
            let loss = PreferenceLossName(shorthand)
            if decoder.isWritten("loss"), losses != [loss] {
                decoder.report(
                    "loss", "dpo.loss is written, but `method: \(shorthand)` already says which loss",
                    why: "One of the two would be ignored", fix: "Remove it, or write `method: dpo`")
            }
            losses = [loss]
        } else if let written = decoder.root[decoder.key("loss")]?.elements {
            guard written.map(\.string) == losses.map({ Optional($0.name) }) else {
                if written.isEmpty {
                    decoder.report(
                        "loss", "dpo.loss is an empty list", why: "There would be nothing to minimise",
                        fix: "Write for example `loss: sigmoid`")
                }
                return false
            }
        }
        if let twice = losses.indices.first(where: { losses[..<$0].contains(losses[$0]) }) {
            decoder.report(
                "loss.\(twice)", "dpo.loss lists \(losses[twice].name) twice", why: "Its two weights would be added up",
                fix: "Keep one of them, with a weight in loss_weights")
        }
        if lossWeights.isEmpty, !decoder.isWritten("loss_weights") {
            lossWeights = losses.map { _ in 1 }
        } else if lossWeights.count != losses.count {
            decoder.report(
                "loss_weights", "dpo.loss_weights has \(lossWeights.count) numbers for \(losses.count) losses",
                why: "Which weight belongs to which loss would be a guess",
                fix: "Write one number for each of \(losses.map(\.name).joined(separator: ", "))")
            lossWeights = losses.map { _ in 1 }
        } else if lossWeights.allSatisfy({ $0 == 0 }) {
            decoder.report(
                "loss_weights", "every number of dpo.loss_weights is 0", why: "There would be nothing to minimise",
                fix: "Write a number above 0 for at least one loss")
        }
        return true
    }

    private func reads(_ option: String) -> Bool { losses.contains { $0.traits.options.contains(option) } }

    /// Keys that change nothing with these losses: a recipe that writes one is refused, a resolved one has none.
    private var unread: [(name: String, why: String, fix: String)] {
        var found: [(name: String, why: String, fix: String)] = []
        func add(_ name: String, why: String = "Nothing reads it there", fix: String) {
            found.append((name, why, fix))
        }
        if losses.allSatisfy({ $0.name == "sft" }) {
            add("beta", fix: "Remove it, or add a loss that compares the two answers, such as sigmoid")
        }
        if !reads("label_smoothing") {
            add(
                "label_smoothing", why: "It would be ignored, as TRL ignores it there",
                fix: "Remove it, or use a loss that reads it: "
                    + PreferenceLossTraits.reading("label_smoothing").joined(separator: ", "))
        }
        if fDivergence != .alphaDivergence {
            add("f_alpha", fix: "Remove it, or write `f_divergence: alpha_divergence`")
        }
        if !reads("discopop_tau") { add("discopop_tau", fix: "Remove it, or write `loss: discopop`") }
        if !reads("gamma") { add("gamma", fix: "Remove it, or write `loss: simpo`") }
        if isReferenceFree || losses.allSatisfy({ $0.name == "sft" }) {
            add("ld_alpha", fix: "Remove it, or write `loss: sigmoid`")
        }
        if !hasSFTTerm { add("sft_mean", fix: "Remove it, or add `sft_weight: 0.1`") }
        return found
    }

    private func checkSmoothing(_ decoder: RecipeDecoder) {
        let names = losses.map(\.name)
        if names.contains("robust"), labelSmoothing >= 0.5 {
            decoder.report(
                "label_smoothing", "dpo.label_smoothing is \(labelSmoothing) with loss robust",
                why: "robust divides by 1 - 2 × label_smoothing", fix: "Write a value at least 0 and below 0.5")
        }
        if names.contains("exo_pair"), labelSmoothing == 0 {
            decoder.report(
                decoder.isWritten("label_smoothing") ? "label_smoothing" : "loss",
                "loss exo_pair has dpo.label_smoothing 0",
                why: "exo_pair takes the logarithm of label_smoothing",
                fix: "Write for example `label_smoothing: 0.001`")
        }
    }

    private func checkDivergence(_ decoder: RecipeDecoder) {
        if fDivergence != .reverseKL, let other = losses.first(where: { !$0.traits.takesDivergence }) {
            let takers = PreferenceLossTraits.all.filter(\.takesDivergence).map(\.name)
            decoder.report(
                "f_divergence",
                "dpo.f_divergence is \(fDivergence.rawValue), but loss \(other.name) has no scores for it",
                why: "The loss would go on with reverse_kl, or mix the two",
                fix: "Remove it, or use one of the losses \(takers.joined(separator: ", "))")
        }
        if wpo, let other = losses.first(where: { !$0.traits.takesWeighting }) {
            decoder.report(
                "wpo", "dpo.wpo is true, but loss \(other.name) cannot be weighted pair by pair",
                why: other.name.hasPrefix("aot")
                    ? "It sorts the micro-batch, so that no term belongs to one pair"
                    : "It has no term of the kind that WPO weights",
                fix: "Remove it, or write `loss: sigmoid`")
        }
    }

    private func checkMixture(_ decoder: RecipeDecoder) {
        if let free = losses.first(where: { $0.traits.isReferenceFree }),
            let other = losses.first(where: { !$0.traits.isReferenceFree && $0.name != "sft" })
        {
            decoder.report(
                "loss", "dpo.loss mixes \(free.name), which has no reference, with \(other.name), which has one",
                why: "Their margins are on different scales", fix: "Keep losses of one kind")
        }
        if sftWeight > 0, let own = losses.first(where: { $0.name == "sft" || $0.name == "orpo" }) {
            decoder.report(
                "sft_weight", "dpo.sft_weight is written, but loss \(own.name) is or has that term itself",
                why: "The chosen answers would count twice", fix: "Remove it, or use loss_weights")
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        let left = Set(unread.map(\.name))
        return .mapping(
            Self.table.fields.compactMap { field in
                let value = field.resolved(self, purpose)
                return value.isNull || left.contains(field.member.name) ? nil : (key: field.member.name, value: value)
            })
    }
}
