public import LanguageModels
import TensorCore
public import Training

extension PolicyObjective {
    /// Adds to sampled answers what must be known of them before the first step on them: what the policy says of their
    /// tokens now, and what the reference says. Nothing is trained.
    ///
    /// - Parameters:
    ///   - groups: with their advantages, so that those without a signal need no computation; all are computed while
    ///     none has one.
    ///   - model: the policy as it is.
    ///   - isReused: whether more than one step is made with these answers, so that the policy as it is now must be
    ///     remembered.
    ///   - limit: how much is computed at once.
    /// - Throws: `TrainingError` when there is no reference, the policy has no adapter that could be off, or samples that
    ///   should carry values of the reference do not.
    public func complete(
        _ groups: inout [PolicyGroup], model: LanguageModel, isReused: Bool = false,
        limit: Packing.MicroBatchLimit = .tokens(8192)
    ) throws(TrainingError) {
        let inAdvantage = settings.needsReference && settings.klPlacement == .advantage
        let needsOld = isReused || settings.samplingCorrection != nil || inAdvantage
        let needsEntropy = settings.topEntropyQuantile < 1 && settings.scope == .step
        if needsOld || needsEntropy {
            let skipsIdle =
                !inAdvantage && !needsEntropy && groups.contains { $0.samples.contains(where: \.hasAdvantage) }
            try fill(&groups, limit, skipsIdle: skipsIdle) { packed in
                let labels = packed.answers.labelLogProbabilities(model, temperature: self.settings.temperature)
                return [
                    needsOld ? (\.oldLogProbabilities, labels.logProbability.scalars) : nil,
                    needsEntropy ? (\.entropies, labels.entropy.scalars) : nil,
                ].compactMap { $0 }
            }
        }
        guard settings.needsReference else { return }
        if let (source, options) = try referenceModel(model) {
            try fill(&groups, limit, skipsIdle: false) { packed in
                let labels = packed.answers.labelLogProbabilities(
                    source, options: options, temperature: self.settings.temperature)
                return [(\.referenceLogProbabilities, labels.logProbability.scalars)]
            }
        }
        if inAdvantage { try addDistanceToAdvantages(&groups) }
    }

    private func referenceModel(
        _ model: LanguageModel
    ) throws(TrainingError) -> (model: LanguageModel, options: ForwardOptions)? {
        var options = ForwardOptions()
        switch reference {
        case .none: throw TrainingError("there is no reference that could be asked")
        case .cached: return nil
        case .model(let other): return (other, options)
        case .adapterOff:
            guard model.adapter != nil else {
                throw TrainingError("the model has no adapter, so without it the reference would be the policy itself")
            }
            options.adapterEnabled = false
            return (model, options)
        }
    }

    /// Values of the labels put where their samples keep them; what is not a label gets 0.
    private func fill(
        _ groups: inout [PolicyGroup], _ limit: Packing.MicroBatchLimit, skipsIdle: Bool,
        _ compute: (PackedPolicy) -> [(WritableKeyPath<PolicySample, [Float]?>, [Float])]
    ) throws(TrainingError) {
        var chosen = groups.indices.filter { !skipsIdle || settings.trains(groups[$0]) }[...]
        while !chosen.isEmpty {
            // Whole groups: without a gradient they take a fraction of what training on them takes.
            let lengths = chosen.map { index in
                groups[index].samples.reduce(groups[index].prompt.count) { $0 + $1.completion.count }
            }
            let range = Packing.microBatches(lengths: lengths, limit: limit).first ?? 0..<lengths.count
            let part = Array(chosen.prefix(range.count))
            chosen = chosen.dropFirst(range.count)
            guard let packed = PackedPolicy(part.map { groups[$0] }, settings: settings) else { continue }
            let lists = compute(packed)
            for (order, place) in packed.places.enumerated() {
                let (range, group) = (packed.answers.ranges[order], part[place.group])
                for (list, values) in lists {
                    let count = groups[group].samples[place.answer].completion.count
                    var all = [Float](repeating: 0, count: count)
                    for label in range { all[packed.indices[label]] = values[label] }
                    groups[group].samples[place.answer][keyPath: list] = all
                }
            }
        }
    }

    /// −β (k1 − its mean over all trained tokens) at each trained token.
    private func addDistanceToAdvantages(_ groups: inout [PolicyGroup]) throws(TrainingError) {
        var (sum, count) = (0.0, 0.0)
        for sample in groups.lazy.flatMap(\.samples) {
            guard let old = sample.oldLogProbabilities, let reference = sample.referenceLogProbabilities else {
                continue
            }
            for token in settings.trainedTokens(of: sample) {
                sum += Double(old[token] - reference[token])
                count += 1
            }
        }
        let mean = count > 0 ? sum / count : 0
        for (group, index) in groups.indices.flatMap({ group in groups[group].samples.indices.map { (group, $0) } }) {
            let sample = groups[group].samples[index]
            guard let old = sample.oldLogProbabilities, let reference = sample.referenceLogProbabilities else {
                continue
            }
            var added = sample.tokenAdvantages ?? Array(repeating: 0, count: sample.completion.count)
            for token in settings.trainedTokens(of: sample) {
                added[token] -= Float(settings.beta * (Double(old[token] - reference[token]) - mean))
            }
            groups[group].samples[index].tokenAdvantages = added
        }
    }
}
