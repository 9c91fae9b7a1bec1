public import LanguageModels
public import TensorCore
public import Training

/// A reward model from preferences: the probability that one answer is preferred is σ of the difference of the rewards
/// (Bradley and Terry, 1952). An answer's reward is what the reward head says after its last token.
public struct RewardObjective: Objective, Sendable {
    /// Factor of (r_c + r_r)², which keeps rewards around 0 (Eisenstein et al., "Helping or herding?", 2023); 0 or more.
    public let centering: Double

    /// - Parameter centering: factor of the sum of the rewards of a pair, squared.
    /// - Throws: `TrainingError` for a factor below 0.
    public init(centering: Double = 0) throws(TrainingError) {
        guard centering >= 0, centering.isFinite else {
            throw TrainingError("center_coef is \(centering); it must be 0 or more")
        }
        self.centering = centering
    }

    /// −ln σ(r_c − r_r − margin) + c (r_c + r_r)², summed over the pairs of a micro-batch.
    ///
    /// - Throws: `TrainingError` when the model has no reward head.
    public func loss(_ batch: PreferenceBatch, model: LanguageModel, context: StepContext) throws -> LossSum {
        guard model.hasRewardHead else {
            throw TrainingError("the model has no reward head; attach one before it is trained on preferences")
        }
        let hidden = model.hiddenStates(batch.answers.tokens, options: context.forwardOptions)
        let rewards = model.rewards(hidden: embedding(hidden, batch.answers.lastPositions))
        let pairs = batch.examples.count
        let (chosen, rejected) = (rewards.slice(0..<pairs), rewards.slice(pairs..<2 * pairs))
        var loss = costs(chosen: chosen, rejected: rejected, margins: batch.examples.map { $0.margin ?? 0 })
        let weights = batch.examples.map(\.weight)
        if weights.contains(where: { $0 != 1 }) {
            loss = loss * Tensor(weights.map { Float($0) }, shape: [pairs])
        }
        var result = LossSum(
            sum: loss.sum(), weight: weights.reduce(0, +),
            metrics: metrics(chosen.scalars, rejected.scalars, isTraining: context.isTraining))
        if !context.isTraining {
            let points = zip(chosen.scalars, rejected.scalars).map { $0 > $1 ? 1 : $0 == $1 ? 0.5 : 0 }
            result.rows = [
                RowFigures("loss", sums: loss.scalars.map { Double($0) }, weights: weights),
                RowFigures("preference_accuracy", sums: points, weights: points.map { _ in 1 }),
            ]
        }
        return result
    }

    /// −ln σ(r_c − r_r − margin) + c (r_c + r_r)² of each of B pairs.
    ///
    /// - Parameters:
    ///   - chosen: rewards of the preferred answers, [B].
    ///   - rejected: rewards of the others, [B].
    ///   - margins: by how much the one is preferred, B of them.
    /// - Returns: [B].
    public func costs(chosen: Tensor, rejected: Tensor, margins: [Double]) -> Tensor {
        var lead = chosen - rejected
        if margins.contains(where: { $0 != 0 }) {
            lead = lead - Tensor(margins.map { Float($0) }, shape: [margins.count])
        }
        let loss = lead.logSigmoid().scaled(by: -1)
        return centering == 0 ? loss : loss + (chosen + rejected).squared().scaled(by: Float(centering))
    }

    private func metrics(_ chosen: [Float], _ rejected: [Float], isTraining: Bool) -> MetricSums {
        var metrics = MetricSums()
        let all = chosen + rejected
        let pairs = Double(chosen.count)
        metrics.lower("min_reward", to: Double(all.min() ?? 0))
        metrics.add("mean_reward", sum: all.reduce(0) { $0 + Double($1) }, weight: 2 * pairs)
        metrics.raise("max_reward", to: Double(all.max() ?? 0))
        let wins = zip(chosen, rejected).count { $0 > $1 }
        metrics.add("accuracy", sum: Double(wins), weight: pairs)
        metrics.add("margin", sum: zip(chosen, rejected).reduce(0) { $0 + Double($1.0 - $1.1) }, weight: pairs)
        if !isTraining {
            // Of two answers that are rated alike, a coin picks the better one half of the time.
            let ties = zip(chosen, rejected).count { $0 == $1 }
            metrics.add("preference_accuracy", sum: Double(wins) + Double(ties) / 2, weight: pairs)
        }
        return metrics
    }
}
