public import LanguageModels
public import TensorCore
public import Training

/// Preference optimisation: the chosen answers of pairs shall become more likely than the rejected ones.
///
/// The loss of a step is Σ_k w_k · (mean over its pairs of loss k) and the means over tokens that some losses add.
/// One forward pass of the policy serves both answers of all pairs of a micro-batch.
public struct PreferenceObjective: Objective {
    /// Over what cross-entropy is a mean.
    public enum TokenMean: Sendable, Hashable {
        /// Over the tokens of the whole step: the same loss however the step is cut.
        case step
        /// Over those of each micro-batch, these then averaged, as TRL has it.
        case microBatch
    }

    /// Which losses and their settings.
    public let settings: LossSettings
    /// What the policy is compared with.
    public let reference: ReferencePolicy
    /// How the reference follows the policy; `nil` for not at all.
    public let synchronization: ReferenceSynchronization?
    /// Over what cross-entropy is a mean.
    public let tokenMean: TokenMean
    /// The losses with their factors.
    let losses: [(loss: PreferenceLoss, weight: Double)]

    /// - Parameters:
    ///   - settings: which losses, and their settings.
    ///   - registry: where the losses are looked up.
    ///   - reference: what the policy is compared with; not read by losses without a reference.
    ///   - synchronization: how a reference model follows the policy.
    ///   - tokenMean: over what cross-entropy is a mean.
    /// - Throws: `TrainingError` with everything that is wrong with the settings.
    public init(
        settings: LossSettings = LossSettings(), registry: PreferenceLossRegistry = .standard,
        reference: ReferencePolicy, synchronization: ReferenceSynchronization? = nil, tokenMean: TokenMean = .step
    ) throws(TrainingError) {
        self.settings = settings
        self.synchronization = synchronization
        self.tokenMean = tokenMean
        losses = settings.losses.compactMap { weighted in registry[weighted.name].map { ($0, weighted.weight) } }
        let needsReference = losses.contains { $0.loss.needsReference }
        // sft in a mixture has no use for one, but alone it is reported as if it were DPO.
        self.reference = needsReference || losses.allSatisfy { $0.loss.perPair == nil } ? reference : .none
        var problems = settings.problems(in: registry).map(\.message) + (synchronization?.problems ?? [])
        if needsReference, case .none = reference {
            let names = losses.filter(\.loss.needsReference).map(\.loss.name).joined(separator: " and ")
            problems.append("\(names) compares with a reference, and there is none; use one, or cpo, simpo or orpo")
        }
        if synchronization != nil {
            guard case .model = self.reference else {
                throw TrainingError(
                    "only a reference that is a model of its own can follow the policy; use one, or leave it fixed")
            }
        }
        guard problems.isEmpty else { throw TrainingError(problems.joined(separator: "\n")) }
    }

    /// The loss of a micro-batch: its share of the step's sum, its pairs, and the metrics of TRL.
    ///
    /// - Throws: `TrainingError` when the reference cannot give what is asked.
    public func loss(_ batch: PreferenceBatch, model: LanguageModel, context: StepContext) throws -> LossSum {
        let reference = try referenceTerms(batch, model: model)
        let labels = batch.answers.labelLogProbabilities(
            model, options: context.forwardOptions, includesPrompts: rowFactor != 0)
        let logProbability = labels.logProbability
        let terms = PreferenceTerms(
            policy: pairSums(logProbability, batch), reference: reference,
            counts: batch.tokenCounts, settings: settings)
        let parts = pairLoss(terms, labels, batch) + tokenLoss(logProbability, batch)
        let weight = batch.examples.reduce(0) { $0 + $1.weight }
        let sum = parts.reduce(Tensor(0)) { $0 + $1.values.sum().scaled(by: $1.factor) }
        var (metrics, rows) = metrics(terms, labels, batch, isTraining: context.isTraining)
        if !context.isTraining { rows.insert(losses(parts, batch), at: 0) }
        return LossSum(sum: sum, weight: weight, metrics: metrics, rows: rows)
    }

    /// What each pair of a micro-batch costs.
    private func losses(_ parts: [(values: Tensor, factor: Float)], _ batch: PreferenceBatch) -> RowFigures {
        var sums = [Double](repeating: 0, count: batch.count)
        for (values, factor) in parts {
            for (index, value) in values.scalars.enumerated() { sums[index] += Double(value) * Double(factor) }
        }
        return RowFigures("loss", sums: sums, weights: batch.examples.map(\.weight))
    }

    // MARK: Sums

    /// ln π of both answers of each pair, the tokens by which one is longer than the other weighted by LD-DPO.
    private func pairSums(_ logProbability: Tensor, _ batch: PreferenceBatch) -> PreferenceTerms.Pair {
        var values = logProbability
        if let discount = settings.lengthDiscount, discount != 1 {
            var factors = [Float](repeating: 1, count: logProbability.count)
            for (chosen, rejected) in zip(batch.chosenRanges, batch.rejectedRanges) {
                let shared = min(chosen.count, rejected.count)
                for range in [chosen, rejected] {
                    for index in range.dropFirst(shared) { factors[index] = Float(discount) }
                }
            }
            values = values * Tensor(factors, shape: [factors.count])
        }
        return .init(chosen: values.sums(over: batch.chosenRanges), rejected: values.sums(over: batch.rejectedRanges))
    }

    /// The losses of the pairs, [B] each, and the factor of each.
    private func pairLoss(
        _ terms: PreferenceTerms, _ labels: LabelLogProbabilities, _ batch: PreferenceBatch
    ) -> [(values: Tensor, factor: Float)] {
        let importance = settings.weighting ? importance(labels, batch) : nil
        let weights = batch.examples.map(\.weight)
        let mean = weights.reduce(0, +) / Double(weights.count)
        let isWeighted = weights.contains { $0 != 1 }
        return losses.compactMap { loss, factor in
            guard var values = loss.perPair?(terms, settings) else { return nil }
            if let importance { values = values * importance }
            if loss.dependsOnMicroBatch {
                // The k-th number is of a rank and not of a pair, so all have the mean of the weights.
                return (values, Float(factor * mean))
            }
            if isWeighted { values = values * Tensor(weights.map { Float($0) }, shape: [weights.count]) }
            return (values, Float(factor))
        }
    }

    /// The weights of WPO, [B]: for each answer e to the mean over its tokens of ln p − ln Σ p², and of a pair the
    /// product (Zhou et al., "WPO", 2024, equation 2). Not tracked.
    private func importance(_ labels: LabelLogProbabilities, _ batch: PreferenceBatch) -> Tensor {
        let aligned = labels.logProbability.detached - labels.logSquareSum
        let counts = batch.tokenCounts
        let chosen = aligned.sums(over: batch.chosenRanges) / counts.chosen
        let rejected = aligned.sums(over: batch.rejectedRanges) / counts.rejected
        return (chosen + rejected).exponential()
    }

    // MARK: Cross-entropy

    /// The factor of cross-entropy over the chosen answers.
    var answerFactor: Double {
        let listed = losses.reduce(0) { $0 + ($1.loss.tokenTerm == .answers ? $1.weight : 0) }
        return listed + (settings.sftWeight ?? losses.reduce(0) { $0 + $1.loss.defaultSFTWeight * $1.weight })
    }

    /// The factor of cross-entropy over the prompts and the chosen answers.
    var rowFactor: Double { losses.reduce(0) { $0 + ($1.loss.tokenTerm == .rows ? $1.weight : 0) } }

    /// Cross-entropy summed over the tokens of each pair, [B] each, with its factor into units of pairs: the sum divided
    /// by the step's pairs is the micro-batch's share of the mean over tokens.
    private func tokenLoss(
        _ logProbability: Tensor, _ batch: PreferenceBatch
    ) -> [(values: Tensor, factor: Float)] {
        let (answerFactor, rowFactor) = (answerFactor, rowFactor)
        guard answerFactor != 0 || rowFactor != 0 else { return [] }
        let totals = tokenMean == .step ? batch.totals : PreferenceBatch.StepTotals(batch.examples)
        let weights = Tensor(batch.examples.map { Float($0.weight) }, shape: [batch.count])
        let answers = logProbability.sums(over: batch.chosenRanges)
        var parts: [(values: Tensor, factor: Float)] = []
        if answerFactor != 0, totals.answerTokens > 0 {
            let scale = -answerFactor * totals.pairs / totals.answerTokens
            parts.append((answers * weights, Float(scale)))
        }
        if rowFactor != 0, totals.rowTokens > 0 {
            let scale = -rowFactor * totals.pairs / totals.rowTokens
            let rows = answers + logProbability.sums(over: batch.promptRanges)
            parts.append((rows * weights, Float(scale)))
        }
        return parts
    }

    /// Whether the losses compare with a reference.
    public var needsReference: Bool { if case .none = reference { false } else { true } }

    // MARK: Reference

    private func referenceTerms(
        _ batch: PreferenceBatch, model: LanguageModel
    ) throws(TrainingError) -> PreferenceTerms.Pair? {
        if case .none = reference { return nil }
        let values = try referenceLogProbabilities(batch, model: model)
        return .init(
            chosen: Tensor(values.map(\.chosen), shape: [batch.count]),
            rejected: Tensor(values.map(\.rejected), shape: [batch.count]))
    }

    /// What the reference says of each pair, for use now or to be kept in `PreferenceExample.reference`.
    ///
    /// It depends on the reference's weights, the tokens of the pair and `settings.lengthDiscount`, and on nothing else.
    ///
    /// - Parameters:
    ///   - batch: the pairs.
    ///   - model: the policy, which without its adapter may be the reference.
    /// - Throws: `TrainingError` when there is no reference, the policy has no adapter that could be off, or a pair
    ///   carries no values.
    public func referenceLogProbabilities(
        _ batch: PreferenceBatch, model: LanguageModel
    ) throws(TrainingError) -> [ReferenceLogProbabilities] {
        var options = ForwardOptions()
        let source: LanguageModel
        switch reference {
        case .none: throw TrainingError("there is no reference that could be asked")
        case .cached:
            var values: [ReferenceLogProbabilities] = []
            for example in batch.examples {
                guard let value = example.reference else {
                    throw TrainingError(
                        "\(example.source) has no log-probabilities of the reference; compute them first")
                }
                values.append(value)
            }
            return values
        case .adapterOff:
            guard model.adapter != nil else {
                throw TrainingError("the model has no adapter, so without it the reference would be the policy itself")
            }
            options.adapterEnabled = false
            source = model
        case .model(let other): source = other
        }
        let labels = batch.answers.labelLogProbabilities(source, options: options)
        let sums = pairSums(labels.logProbability.detached, batch)
        return zip(sums.chosen.scalars, sums.rejected.scalars).map {
            ReferenceLogProbabilities(chosen: $0, rejected: $1)
        }
    }

    /// Lets the reference follow the policy where that is due.
    public func updated(_ policy: LanguageModel, step: Int) {
        guard let synchronization, case .model(let model) = reference, step % synchronization.everySteps == 0
        else { return }
        model.blend(towards: policy, by: Float(synchronization.alpha))
    }

    /// The weights of a reference that follows the policy, which a checkpoint must hold; empty where the reference
    /// never changes.
    public var companions: [(name: String, parameter: Parameter)] {
        guard synchronization != nil, case .model(let model) = reference else { return [] }
        return model.namedParameters
    }
}

extension PreferenceBatch {
    /// Tokens of each answer, [B] each.
    var tokenCounts: PreferenceTerms.Pair {
        func counts(_ ids: (PreferenceExample) -> [Int32]) -> Tensor {
            Tensor(examples.map { Float(ids($0).count) }, shape: [count])
        }
        return .init(chosen: counts(\.chosen), rejected: counts(\.rejected))
    }

    /// Labels of the prompts, which come after those of the answers.
    var promptRanges: [Range<Int>] {
        let start = answers.labels.count
        return answers.promptRanges.map { $0.lowerBound + start..<$0.upperBound + start }
    }
}
