public import LanguageModels
package import TensorCore
public import Training

/// Supervised fine-tuning: the model learns to predict the trained tokens of each row.
public struct SFTObjective: Objective, Sendable {
    /// What is summed over the trained tokens.
    public enum Loss: String, Sendable, CaseIterable {
        /// −ln p: cross-entropy.
        case nll
        /// −sg(p) · ln p, where sg passes no gradient: tokens that the model thinks unlikely weigh less
        /// (Wu et al., "On the generalization of SFT", 2025).
        case dft
    }

    /// What is summed over the trained tokens.
    public var loss: Loss
    /// α of NEFTune (Jain et al., 2023): noise on the embeddings while training, uniform in ± α / √(L · D) for a
    /// document of L tokens and width D. `nil` for none.
    ///
    /// Where rows are padded, L is the padded length; here nothing is, so L is the document's own.
    public var neftuneAlpha: Double?

    /// - Parameters:
    ///   - loss: what is summed over the trained tokens.
    ///   - neftuneAlpha: strength of noise on the embeddings; `nil` for none.
    public init(loss: Loss = .nll, neftuneAlpha: Double? = nil) {
        self.loss = loss
        self.neftuneAlpha = neftuneAlpha
    }

    /// Continued pretraining: cross-entropy over rows of which every token is trained (`TrainingExample(ids:)`).
    public static let pretraining = SFTObjective()

    /// The loss of a micro-batch: its sum over the trained tokens, their number, and the sums of `entropy` (nats) and
    /// `mean_token_accuracy` over them.
    public func loss(_ batch: TokenBatch, model: LanguageModel, context: StepContext) throws -> LossSum {
        guard !batch.positions.isEmpty else {
            let nothing = [Double](repeating: 0, count: batch.tokens.lengths.count)
            let rows = context.isTraining ? [] : [RowFigures("loss", sums: nothing, weights: nothing)]
            return LossSum(sum: Tensor(0), weight: 0, rows: rows)
        }
        var options = context.forwardOptions
        if let neftuneAlpha, neftuneAlpha > 0, context.isTraining {
            options.embeddingNoise = Self.noise(
                alpha: neftuneAlpha, batch: batch, width: model.outputEmbedding.value.columns, context: context)
        }
        let hidden = model.hiddenStates(batch.tokens, options: options)
        let labels = model.labelLogProbabilities(
            hidden: embedding(hidden, batch.positions), labels: batch.labels, expectsUniformGradient: loss == .nll)
        let logProbability = labels.logProbability
        let perToken =
            switch loss {
            case .nll: logProbability
            case .dft: logProbability * logProbability.detached.exponential()
            }
        let count = Double(batch.positions.count)
        var metrics = MetricSums()
        metrics.add("entropy", sum: labels.entropy.detached.total, weight: count)
        metrics.add("mean_token_accuracy", sum: labels.isTop1.detached.total, weight: count)
        var result = LossSum(sum: perToken.sum().scaled(by: -1), weight: count, metrics: metrics)
        if !context.isTraining { result.rows = [Self.losses(perToken, batch)] }
        return result
    }

    /// What the documents of a micro-batch lose, each over its own trained tokens.
    private static func losses(_ perToken: Tensor, _ batch: TokenBatch) -> RowFigures {
        let values = perToken.scalars
        var (sums, weights, next, end) = ([Double](), [Double](), 0, 0)
        for length in batch.tokens.lengths {
            end += length
            let first = next
            while next < batch.positions.count, batch.positions[next] < end { next += 1 }
            sums.append(-values[first..<next].reduce(0) { $0 + Double($1) })
            weights.append(Double(next - first))
        }
        return RowFigures("loss", sums: sums, weights: weights)
    }

    /// Noise for the embeddings of a micro-batch, [T, D].
    ///
    /// A function of the seed, the step and the document's number in the step.
    package static func noise(alpha: Double, batch: TokenBatch, width: Int, context: StepContext) -> Tensor {
        let parts = batch.tokens.lengths.enumerated().map { index, length in
            let magnitude = Float(alpha / (Double(length) * Double(width)).squareRoot())
            return Tensor.uniform(
                [length, width], from: -magnitude, to: magnitude,
                stream: context.stream("neftune", index: batch.firstDocument + index))
        }
        return .concatenated(parts)
    }
}
