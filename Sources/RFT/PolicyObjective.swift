public import LanguageModels
public import TensorCore
public import Training

/// Reward fine-tuning: sampled answers that were better than expected become more likely, the others less.
///
/// The loss of a step is the mean over its answers, or over its trained tokens, of the loss that the settings name, and
/// the distance from the reference and the entropy bonus where these are on. Only the positions that predict trained
/// tokens reach the head, and the answers to a prompt share its computation.
public final class PolicyObjective: Objective {
    /// How answers change the policy.
    public let settings: PolicySettings
    /// What the policy is kept near to; not read where β is 0.
    public let reference: ReferencePolicy
    /// How the reference follows the policy; `nil` for not at all.
    public let synchronization: ReferenceSynchronization?
    let lossOfTokens: PolicyLoss
    let entropyBonus: EntropyController

    /// - Parameters:
    ///   - settings: how answers change the policy.
    ///   - registry: where the loss is looked up.
    ///   - reference: what the policy is kept near to.
    ///   - synchronization: how a reference model follows the policy.
    /// - Throws: `TrainingError` with everything that is wrong with the settings.
    public init(
        settings: PolicySettings = PolicySettings(), registry: PolicyLossRegistry = .standard,
        reference: ReferencePolicy = .none, synchronization: ReferenceSynchronization? = nil
    ) throws(TrainingError) {
        var problems = settings.problems(in: registry).map(\.message) + (synchronization?.problems ?? [])
        if settings.needsReference, case .none = reference {
            problems.append("beta is \(settings.beta), and there is no reference to stay near to; use one, or beta: 0")
        }
        if synchronization != nil {
            if case .model = reference {
            } else {
                problems.append("only a reference that is a model of its own can follow the policy; leave it fixed")
            }
        }
        guard problems.isEmpty, let loss = registry[settings.loss] else {
            throw TrainingError(problems.joined(separator: "\n"))
        }
        self.settings = settings
        self.reference = reference
        self.synchronization = synchronization
        lossOfTokens = loss
        entropyBonus = EntropyController(settings)
    }

    /// Over what ratios are taken.
    public var importanceLevel: PolicySettings.ImportanceLevel {
        settings.importanceLevel ?? lossOfTokens.levels.first ?? .token
    }

    /// How losses of tokens become one number.
    public var aggregation: PolicySettings.Aggregation {
        let chosen = settings.aggregation ?? lossOfTokens.aggregation
        return chosen == .microBatchToken && settings.scope == .step ? .token : chosen
    }

    /// The loss of a micro-batch: its share of the step's sum, its answers, and the metrics of TRL.
    ///
    /// - Throws: `TrainingError` when a sample lacks what the settings need.
    public func loss(_ batch: PolicyBatch, model: LanguageModel, context: StepContext) throws -> LossSum {
        var metrics = MetricSums()
        let answers = Double(batch.sampleCount)
        if let idle = batch.idle { addIdleMetrics(idle, model, to: &metrics) }
        guard let active = batch.active else {
            return LossSum(sum: Tensor(0), weight: answers, metrics: metrics)
        }
        let labels = active.answers.labelLogProbabilities(
            model, options: context.forwardOptions, temperature: settings.temperature)
        let terms = try terms(active, labels)
        var losses = lossOfTokens.perToken(terms, settings)
        if let kept = keptTokens(active, terms, labels, batch.totals) { losses = losses * kept }
        let correction = try correction(terms)
        if let correction, !lossOfTokens.correctsSampling { losses = losses * correction }
        if let distance = try distance(active, terms) {
            losses = losses + distance.inLoss.scaled(by: Float(settings.beta))
            metrics.add("kl", sum: distance.reported.total, weight: Double(labels.entropy.count))
        }
        let factors = factors(active, batch)
        var sum = (losses * factors).sum()
        if settings.hasEntropyBonus {
            let bonus = self.bonus(labels, batch, context: context)
            metrics.add("policy_loss", sum: Double(sum.scalar), weight: answers)
            metrics.add("entropy_coef", sum: entropyBonus.coefficient, weight: 1)
            sum = sum - bonus
        }
        addMetrics(active, terms, labels, correction, to: &metrics)
        return LossSum(sum: sum, weight: answers, metrics: metrics)
    }

    // MARK: Terms

    private func terms(_ active: PackedPolicy, _ labels: LabelLogProbabilities) throws(TrainingError) -> PolicyTerms {
        let current = labels.logProbability.detached.scalars
        let old = active.values(\.oldLogProbabilities) { current[$0] }
        let added = active.values(\.tokenAdvantages) { _ in 0 }
        let advantages = zip(active.owners, added).map { Float(active.samples[$0].advantage) + $1 }
        var samplingLogRatio: Tensor?
        if settings.samplingCorrection != nil {
            let sampling = try required(active, \.samplingLogProbabilities, "log-probabilities of the sampling")
            samplingLogRatio = Tensor(zip(old, sampling).map { $0 - $1 }, shape: [old.count])
        }
        return PolicyTerms(
            logProbability: labels.logProbability, old: Tensor(old, shape: [old.count]),
            advantages: Tensor(advantages, shape: [advantages.count]),
            answerAdvantages: active.samples.map { Float($0.advantage) }, answers: active.answers.ranges,
            level: importanceLevel, samplingLogRatio: samplingLogRatio)
    }

    private func required(
        _ active: PackedPolicy, _ list: KeyPath<PolicySample, [Float]?>, _ what: String
    ) throws(TrainingError) -> [Float] {
        guard active.samples.allSatisfy({ $0[keyPath: list] != nil }) else {
            throw TrainingError("an answer has no \(what), which its settings need; complete the groups first")
        }
        return active.values(list) { _ in 0 }
    }

    /// What each token's loss is multiplied by, so that the sum over the step, divided by its answers, is the mean that
    /// the settings ask for.
    private func factors(_ active: PackedPolicy, _ batch: PolicyBatch) -> Tensor {
        let totals = batch.totals
        let factors: [Float] = active.owners.map { owner in
            switch aggregation {
            case .token: Float(totals.samples / max(1, totals.tokens))
            case .microBatchToken: Float(Double(batch.sampleCount) / Double(max(1, batch.tokenCount)))
            case .sequenceMean: 1 / Float(active.answers.ranges[owner].count)
            case .sequenceSum: 1
            case .sequenceSumConstant: 1 / Float(settings.maximumCompletionLength)
            }
        }
        return Tensor(factors, shape: [factors.count])
    }

    // MARK: What is left out

    /// 1 for tokens that count and 0 for others; `nil` where all do.
    private func keptTokens(
        _ active: PackedPolicy, _ terms: PolicyTerms, _ labels: LabelLogProbabilities, _ totals: PolicyBatch.StepTotals
    ) -> Tensor? {
        guard settings.offPolicyThreshold != nil || settings.topEntropyQuantile < 1 else { return nil }
        var kept = [Float](repeating: 1, count: active.owners.count)
        if let threshold = settings.offPolicyThreshold {
            let old = terms.old.scalars
            let sampled = active.values(\.samplingLogProbabilities) { old[$0] }
            // TRL compares with the sampling where it corrects for it, and with the old policy otherwise.
            let before = settings.scope == .step || settings.samplingCorrection != nil ? sampled : old
            let drift = Tensor(before, shape: [before.count]) - terms.logProbability.detached
            let means = terms.means(drift).scalars
            for (index, owner) in active.owners.enumerated()
            where active.samples[owner].advantage < 0 && Double(means[owner]) > threshold { kept[index] = 0 }
        }
        if settings.topEntropyQuantile < 1 {
            let now = labels.entropy.detached.scalars
            // A step's threshold is one of the entropies before the step, so that all its micro-batches can know it.
            let entropies = totals.entropyThreshold == nil ? now : active.values(\.entropies) { now[$0] }
            let threshold = totals.entropyThreshold ?? now.quantile(1 - settings.topEntropyQuantile) ?? 0
            // Answers that begin alike have tokens of the same entropy, which rounding must not tell apart.
            for (index, entropy) in entropies.enumerated() where entropy < threshold - 1e-5 { kept[index] = 0 }
        }
        return Tensor(kept, shape: [kept.count])
    }

    /// What each token counts for having been sampled by something else than the old policy; `nil` for 1.
    private func correction(_ terms: PolicyTerms) throws(TrainingError) -> Tensor? {
        guard let correction = settings.samplingCorrection, let ratio = terms.samplingLogRatio else { return nil }
        let exponent = correction.mode.isOfSequence ? terms.spread(terms.sums(ratio)) : ratio
        let (low, high) = (Float(correction.minimum ?? 0), correction.maximum.map { Float($0) } ?? .infinity)
        let weights = exponent.clamped(to: -80...80).exponential().scalars.map { weight in
            guard correction.mode.drops else { return min(max(weight, low), high) }
            return weight < low || weight > high ? 0 : weight
        }
        return Tensor(weights, shape: [weights.count])
    }

    // MARK: Distance and entropy

    /// The distance from the reference at each token: as the loss has it, and as it is reported.
    private func distance(
        _ active: PackedPolicy, _ terms: PolicyTerms
    ) throws(TrainingError) -> (inLoss: Tensor, reported: Tensor)? {
        guard settings.needsReference else { return nil }
        let reference = try required(active, \.referenceLogProbabilities, "log-probabilities of the reference")
        let x = Tensor(reference, shape: [reference.count]) - terms.logProbability
        let estimate = settings.klEstimator.estimate(x)
        guard settings.klPlacement == .loss else {
            return (Tensor.zeros(x.shape), estimate.detached)
        }
        let weighted = settings.correctsKL ? estimate * terms.ratio : estimate
        return (weighted, weighted.detached)
    }

    /// The entropy bonus in the units of the loss, and a note of the entropies for its weight to follow.
    private func bonus(_ labels: LabelLogProbabilities, _ batch: PolicyBatch, context: StepContext) -> Tensor {
        let (count, totals) = (Double(labels.entropy.count), batch.totals)
        if context.isTraining {
            entropyBonus.add(sum: labels.entropy.total, count: count, isFirst: context.microBatch == 0)
        }
        let mean =
            settings.scope == .step
            ? totals.samples / max(1, totals.tokens) : Double(batch.sampleCount) / max(1, count)
        return labels.entropy.sum().scaled(by: Float(entropyBonus.coefficient * mean))
    }

    // MARK: State

    public var companions: [(name: String, parameter: Parameter)] {
        var list: [(name: String, parameter: Parameter)] = []
        if synchronization != nil, case .model(let model) = reference { list = model.namedParameters }
        if settings.adaptiveEntropy != nil { list.append(("entropy_bonus", entropyBonus.state)) }
        return list
    }

    public func updated(_ policy: LanguageModel, step: Int) {
        entropyBonus.update()
        guard let synchronization, case .model(let model) = reference, step % synchronization.everySteps == 0
        else { return }
        model.blend(towards: policy, by: Float(synchronization.alpha))
    }
}

extension PolicySettings.KLEstimator {
    /// The estimate from x = ln π_ref − ln π.
    func estimate(_ x: Tensor) -> Tensor {
        switch self {
        case .k1: return x.scaled(by: -1)
        case .k2: return x.squared().scaled(by: 0.5)
        case .k3:
            let value = x.clamped(to: -80...80).exponential() - x.scaled(by: 1, plus: 1)
            // Rounding may take a distance near 0 below it; the gradient is right all the same.
            return value + (value.detached.relu() - value.detached)
        }
    }
}
