import TensorCore
import Training

extension PreferenceObjective {
    /// TRL's metrics as sums and weights: over pairs, or over the tokens of the answers. Where nothing is trained, also
    /// which pairs are judged rightly.
    func metrics(
        _ terms: PreferenceTerms, _ labels: LabelLogProbabilities, _ batch: PreferenceBatch, isTraining: Bool
    ) -> (sums: MetricSums, rows: [RowFigures]) {
        var metrics = MetricSums()
        addTokenMetrics(labels, batch, to: &metrics)
        let (rewards, logProbabilities) = reported(terms)
        let pairs = Double(batch.count)
        func add(_ name: String, _ values: [Float]) {
            metrics.add(name, sum: values.reduce(0) { $0 + Double($1) }, weight: pairs)
        }
        let (chosen, rejected) = (rewards.chosen.scalars, rewards.rejected.scalars)
        add("rewards/chosen", chosen)
        add("rewards/rejected", rejected)
        let preferences = preferences(rewards, logProbabilities)
        add("rewards/accuracies", preferences.map { $0 > 0 ? 1 : 0 })
        add("rewards/margins", zip(chosen, rejected).map { $0 - $1 })
        add("logps/chosen", logProbabilities.chosen.scalars)
        add("logps/rejected", logProbabilities.rejected.scalars)
        for loss in losses {
            for (name, values) in loss.loss.metrics(terms, settings) { add(name, values.scalars) }
        }
        guard !isTraining else { return (metrics, []) }
        // Of two answers that are rated alike, a coin picks the better one half of the time.
        add("preference_accuracy", preferences.map { Float($0 + 1) / 2 })
        let rows = RowFigures(
            "preference_accuracy", sums: preferences.map { Double($0 + 1) / 2 }, weights: preferences.map { _ in 1 })
        return (metrics, [rows])
    }

    /// For each pair 1 where the chosen answer has the higher reward, −1 where the rejected one has, 0 where they are
    /// the same.
    ///
    /// A policy that is still the reference has rewards of 0 that the rounding of long sums makes a little more or
    /// less: rewards closer than that are the same.
    private func preferences(
        _ rewards: PreferenceTerms.Pair, _ logProbabilities: PreferenceTerms.Pair
    ) -> [Int] {
        let size = zip(logProbabilities.chosen.scalars, logProbabilities.rejected.scalars).map { abs($0) + abs($1) }
        let margins = zip(rewards.chosen.scalars, rewards.rejected.scalars).map { $0 - $1 }
        return zip(margins, size).map { margin, size in
            let rounding = needsReference ? Float(settings.beta) * size * 0x1p-19 : 0
            return margin > rounding ? 1 : margin < -rounding ? -1 : 0
        }
    }

    private func addTokenMetrics(
        _ labels: LabelLogProbabilities, _ batch: PreferenceBatch, to metrics: inout MetricSums
    ) {
        let answerTokens = batch.answers.labels.count
        let chosenTokens = batch.chosenRanges.reduce(0) { $0 + $1.count }
        let (all, chosen, rejected) = (0..<answerTokens, 0..<chosenTokens, chosenTokens..<answerTokens)
        func add(_ name: String, _ values: Tensor, _ range: Range<Int>) {
            metrics.add(name, sum: values.total(over: [range]), weight: Double(range.count))
        }
        add("entropy", labels.entropy, all)
        add("logits/chosen", labels.meanLogit, chosen)
        add("logits/rejected", labels.meanLogit, rejected)
        add("mean_token_accuracy", labels.isTop1, chosen)
        guard answerFactor != 0 || rowFactor != 0 else { return }
        let ranges = Array(batch.chosenRanges) + (rowFactor != 0 ? batch.promptRanges : [])
        metrics.add(
            "nll_loss", sum: -labels.logProbability.total(over: ranges),
            weight: Double(ranges.reduce(0) { $0 + $1.count }))
    }

    /// Rewards and log-probabilities as they are reported, [B] each, not tracked: β times the log-ratio, or where there
    /// is no reference β times what the loss takes for it.
    private func reported(
        _ terms: PreferenceTerms
    ) -> (rewards: PreferenceTerms.Pair, logProbabilities: PreferenceTerms.Pair) {
        let beta = Float(settings.beta)
        let policy = terms.policy.map(\.detached)
        guard terms.reference == nil else { return (terms.ratios.map { $0.detached.scaled(by: beta) }, policy) }
        let loss = (losses.first { $0.loss.perPair != nil } ?? losses.first)?.loss
        guard loss?.implicitReward == .mean else { return (policy.map { $0.scaled(by: beta) }, policy) }
        let mean = terms.meanPolicy.map(\.detached)
        return (mean.map { PreferenceLoss.alphaReward($0, alpha: settings.alphaPO).scaled(by: beta) }, mean)
    }
}
