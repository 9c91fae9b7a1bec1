import LanguageModels
import TensorCore
import Training

extension PolicyObjective {
    /// The metrics of tokens that are trained on.
    func addMetrics(
        _ active: PackedPolicy, _ terms: PolicyTerms, _ labels: LabelLogProbabilities, _ correction: Tensor?,
        to metrics: inout MetricSums
    ) {
        metrics.add("entropy", sum: labels.entropy.total, weight: Double(labels.entropy.count))
        for metric in lossOfTokens.metrics(terms, settings) { add(metric, to: &metrics) }
        addSamplingMetrics(active, trained: terms.old.scalars, to: &metrics)
        guard let correction else { return }
        var weights = correction.scalars
        if settings.samplingCorrection?.mode.isOfSequence == true {
            weights = terms.answers.map { weights[$0.lowerBound] }
        }
        let name = "sampling/importance_sampling_ratio/"
        metrics.add(
            name + "mean", sum: weights.reduce(0) { $0 + Double($1) }, weight: Double(weights.count))
        add(PolicyMetric(name + "min", .smallest(Double(weights.min() ?? 1))), to: &metrics)
        add(PolicyMetric(name + "max", .largest(Double(weights.max() ?? 1))), to: &metrics)
    }

    /// The metrics of tokens that are not: what is sampled is measured all the same.
    func addIdleMetrics(_ idle: PackedPolicy, _ model: LanguageModel, to metrics: inout MetricSums) {
        let count = Double(idle.owners.count)
        guard settings.measuresIdle else {
            guard idle.samples.allSatisfy({ $0.entropies != nil }) else { return }
            let entropies = idle.values(\.entropies) { _ in 0 }
            metrics.add("entropy", sum: entropies.reduce(0) { $0 + Double($1) }, weight: count)
            return
        }
        // A copy shares the weights, but not that gradients are being taken of them.
        let labels = idle.answers.labelLogProbabilities(model.frozenCopy(), temperature: settings.temperature)
        metrics.add("entropy", sum: labels.entropy.total, weight: count)
        let current = labels.logProbability.scalars
        let old = idle.values(\.oldLogProbabilities) { current[$0] }
        let terms = PolicyTerms(
            logProbability: labels.logProbability, old: Tensor(old, shape: [old.count]),
            advantages: .zeros([old.count]), answerAdvantages: idle.samples.map { _ in 0 },
            answers: idle.answers.ranges, level: importanceLevel)
        for metric in lossOfTokens.metrics(terms, settings) { add(metric, to: &metrics) }
        addSamplingMetrics(idle, trained: old, to: &metrics)
    }

    /// How far the trainer's log-probabilities are from those of the sampling.
    private func addSamplingMetrics(_ packed: PackedPolicy, trained: [Float], to metrics: inout MetricSums) {
        guard packed.samples.allSatisfy({ $0.samplingLogProbabilities != nil }) else { return }
        let sampled = packed.values(\.samplingLogProbabilities) { _ in 0 }
        let differences = zip(sampled, trained).map { Double($0) - Double($1) }
        let count = Double(differences.count)
        let sizes = differences.map(abs)
        let x = Tensor(zip(trained, sampled).map { $0 - $1 }, shape: [differences.count])
        metrics.add("sampling/kl", sum: differences.reduce(0, +), weight: count)
        metrics.add("sampling/kl_k3", sum: PolicySettings.KLEstimator.k3.estimate(x).total, weight: count)
        metrics.add("sampling/sampling_logp_difference/mean", sum: sizes.reduce(0, +), weight: count)
        add(PolicyMetric("sampling/sampling_logp_difference/max", .largest(sizes.max() ?? 0)), to: &metrics)
    }

    /// TRL averages the extremes of micro-batches.
    private func add(_ metric: PolicyMetric, to metrics: inout MetricSums) {
        switch metric.kind {
        case .mean(let sum, let weight): metrics.add(metric.name, sum: sum, weight: weight)
        case .smallest(let value), .largest(let value):
            if settings.scope == .microBatch {
                metrics.add(metric.name, sum: value, weight: 1)
            } else if case .smallest = metric.kind {
                metrics.lower(metric.name, to: value)
            } else {
                metrics.raise(metric.name, to: value)
            }
        }
    }
}
