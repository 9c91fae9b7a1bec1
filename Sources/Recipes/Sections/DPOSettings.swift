public import DPO
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
    public var fDivergence = Divergence.reverseKL
    /// α of `alpha_divergence`.
    public var fAlpha = 0.5
    /// Temperature of the blend in `discopop`.
    public var discopopTau = 0.05
    /// What the tokens beyond the shorter answer's length count (LD-DPO); `nil` for as much as the others.
    public var ldAlpha: Double?
    /// Whether pairs are weighted by how likely the policy finds them (WPO).
    public var wpo = false
    /// Margin of `simpo`: by how much β times the difference of mean log-probabilities shall be above 0.
    public var gamma = 0.5
    /// α of AlphaPO, which reshapes the mean log-probabilities of `simpo`; 0 for none.
    public var alphaPOAlpha = 0.0
    /// What the negative log-likelihood of the chosen answers is multiplied by before it is added; 0 for none.
    public var sftWeight = 0.0
    public var sftMean = SFTMean.step
    public var reference = ReferenceChoice.adapterOff
    /// Whether the reference's log-probabilities are computed once, before the first step. Never `auto` after loading.
    public var precomputeReference = AutomaticSwitch.auto
    /// How the reference follows the policy (TR-DPO); `nil` when it stays.
    public var syncReference: SyncSettings?

    public init() {}

    /// Whether no loss compares with a reference. Cross-entropy alone does not either, but reports rewards against one.
    public var isReferenceFree: Bool {
        losses.allSatisfy { $0.loss.map { !$0.needsReference && $0.perPair != nil } ?? false }
    }

    /// Whether cross-entropy over chosen answers is part of what is minimised.
    public var hasSFTTerm: Bool { sftWeight > 0 || losses.contains { $0.loss?.tokenTerm != nil } }

    /// The losses and their settings as the objective takes them.
    public var lossSettings: LossSettings {
        var settings = LossSettings(
            zip(losses, lossWeights).map { LossSettings.Weighted($0.name, weight: $1) })
        settings.beta = beta
        settings.labelSmoothing = labelSmoothing
        settings.divergence = fDivergence
        settings.divergenceAlpha = fAlpha
        settings.temperature = discopopTau
        settings.lengthDiscount = ldAlpha
        settings.weighting = wpo
        settings.gamma = gamma
        settings.alphaPO = alphaPOAlpha
        settings.sftWeight = losses.contains { $0.loss?.options.contains(.sftWeight) ?? false } ? sftWeight : nil
        return settings
    }
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

extension Divergence: RecipeWord {
    package static var spellings: [String: Divergence] {
        [
            "kl": .reverseKL, "js": .jensenShannon, "jsd": .jensenShannon, "alpha": .alpha, "fkl": .forwardKL,
            "rkl": .reverseKL,
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

extension DPOSettings: RecipeSection {
    package static let table = SectionTable<DPOSettings>(
        "Options of method dpo.",
        fields: [
            Field(
                "loss", \.losses, "What is minimised over pairs: a name, or a list of names that are added up.",
                acceptsOne: true),
            Field(
                "loss_weights", \.lossWeights, "What each loss of the list is multiplied by.", in: .positive,
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
            Field("gamma", \.gamma, "Margin of loss simpo, in units of its logit.", in: .notNegative),
            Field(
                "alphapo_alpha", \.alphaPOAlpha, "Of loss simpo: shape of its reward (AlphaPO); 0 for none.",
                in: .within(-100...100)),
            Field(
                "sft_weight", \.sftWeight, "Weight of the chosen answers' negative log-likelihood, which is added.",
                in: .notNegative, derivation: "1 with the losses of CPO, else 0"),
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
        if !decoder.isWritten("sft_weight") { sftWeight = losses.compactMap { $0.loss?.defaultSFTWeight }.max() ?? 0 }
        for (key, fix) in unread where decoder.isWritten(key) && !isNeutral(key) {
            let names = losses.map(\.name)
            let nobody =
                names.count == 1 ? "loss \(names[0]) does not read" : "none of \(names.joined(separator: ", ")) reads"
            decoder.report(
                key, "\(decoder.key(key)) is written, but \(nobody) it", why: "It would be ignored without a word",
                fix: fix)
        }
        checkRanges(decoder)
        checkDivergence(decoder)
        checkMixture(decoder)
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
            if written.isEmpty {
                decoder.report(
                    "loss", "dpo.loss is an empty list", why: "There would be nothing to minimise",
                    fix: "Write for example `loss: sigmoid`")
            }
            if written.isEmpty || written.map(\.string) != losses.map({ Optional($0.name) }) { return false }
        }
        if let twice = losses.indices.first(where: { losses[..<$0].contains(losses[$0]) }) {
            decoder.report(
                "loss.\(twice)", "dpo.loss lists \(losses[twice].name) twice", why: "Its two weights would be added up",
                fix: "Keep one of them, with a weight in loss_weights")
        }
        if lossWeights.count != losses.count {
            if decoder.isWritten("loss_weights") {
                let count = lossWeights.count == 1 ? "1 number" : "\(lossWeights.count) numbers"
                decoder.report(
                    "loss_weights",
                    "dpo.loss_weights has \(count) for \(losses.count == 1 ? "1 loss" : "\(losses.count) losses")",
                    why: "Which weight belongs to which loss would be a guess",
                    fix: "Write one number for each of \(losses.map(\.name).joined(separator: ", "))")
            }
            lossWeights = losses.map { _ in 1 }
        }
        return true
    }

    /// Keys that change nothing with these losses, with a way to mend that: a recipe that writes one is refused, and a
    /// resolved recipe has none.
    private var unread: [(key: String, fix: String)] {
        let used = losses.compactMap(\.loss)
        var found: [(key: String, fix: String)] = LossOption.allCases.compactMap { option in
            if option == .divergenceAlpha, fDivergence != .alpha {
                return (option.rawValue, "Remove it, or write `f_divergence: alpha_divergence`")
            }
            if used.contains(where: { $0.options.contains(option) }) { return nil }
            let readers = PreferenceLossName.losses.losses.filter { $0.options.contains(option) }.map(\.name)
            return (option.rawValue, "Remove it, or use a loss that reads it: \(readers.joined(separator: ", "))")
        }
        if used.allSatisfy({ $0.perPair == nil }) {
            found.append(("beta", "Remove it, or add a loss that compares the two answers, such as sigmoid"))
        }
        if !hasSFTTerm { found.append(("sft_mean", "Remove it, or add `sft_weight: 0.1`")) }
        return found
    }

    /// Whether a key that nothing reads says "without it", so that nothing is lost.
    private func isNeutral(_ key: String) -> Bool {
        switch key {
        // Both have a check of their own for what is not neutral.
        case "wpo", "f_divergence": true
        case "label_smoothing": labelSmoothing == 0
        case "sft_weight": sftWeight == 0
        default: false
        }
    }

    /// What each loss says of its own settings.
    private func checkRanges(_ decoder: RecipeDecoder) {
        let settings = lossSettings
        for loss in losses.compactMap(\.loss) {
            for problem in loss.check(settings) {
                let key = problem.option?.rawValue ?? "beta"
                let value = Self.table.fields.first { $0.member.name == key }?.resolved(self, .file).json.text() ?? ""
                let parts = problem.message.split(separator: "; ", maxSplits: 1).map(String.init)
                decoder.report(
                    decoder.isWritten(key) ? key : "loss", "dpo.\(key) is \(value) with loss \(loss.name)",
                    why: parts[0], fix: parts.count > 1 ? parts[1].capitalisedFirst : "Write another value")
            }
        }
    }

    private func checkDivergence(_ decoder: RecipeDecoder) {
        let used = losses.compactMap(\.loss)
        if let other = used.first(where: { !$0.divergences.contains(fDivergence) }) {
            let takers = PreferenceLossName.losses.losses.filter { $0.divergences.contains(fDivergence) }.map(\.name)
            decoder.report(
                "f_divergence",
                "dpo.f_divergence is \(fDivergence.rawValue), but loss \(other.name) is defined on log-ratios",
                why: "That loss would go on with reverse_kl, whatever is written",
                fix: "Remove it, or use one of the losses \(takers.joined(separator: ", "))")
        }
        if wpo, let other = used.first(where: { !$0.options.contains(.weighting) }) {
            decoder.report(
                "wpo", "dpo.wpo is true, but loss \(other.name) cannot be weighted pair by pair",
                why: other.dependsOnMicroBatch
                    ? "It sorts the micro-batch, so that no term belongs to one pair"
                    : "It has no term for each pair alone",
                fix: "Remove it, or write `loss: sigmoid`")
        }
    }

    private func checkMixture(_ decoder: RecipeDecoder) {
        let used = losses.compactMap(\.loss)
        let paired = used.filter { $0.perPair != nil }
        if let free = paired.first(where: { !$0.needsReference }), let other = paired.first(where: \.needsReference) {
            decoder.report(
                "loss", "dpo.loss mixes \(free.name), which has no reference, with \(other.name), which has one",
                why: "Their margins are on different scales", fix: "Keep losses of one kind")
        }
        if sftWeight > 0, let own = used.first(where: { $0.tokenTerm != nil }), decoder.isWritten("sft_weight") {
            decoder.report(
                "sft_weight", "dpo.sft_weight is written, but loss \(own.name) is or has that term itself",
                why: "The chosen answers would count twice", fix: "Remove it, or use loss_weights")
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        let left = Set(unread.map(\.key))
        return .mapping(
            Self.table.fields.compactMap { field in
                let value = field.resolved(self, purpose)
                return value.isNull || left.contains(field.member.name) ? nil : (key: field.member.name, value: value)
            })
    }
}

extension String {
    /// The text with a capital in front.
    fileprivate var capitalisedFirst: String { prefix(1).uppercased() + dropFirst() }
}
