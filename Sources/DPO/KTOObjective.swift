import Foundation
public import LanguageModels
import Synchronization
public import TensorCore
public import Training

/// How single answers with verdicts are trained on.
public struct KTOSettings: Sendable, Hashable {
    /// What is summed over the rows.
    public enum Loss: String, Sendable, CaseIterable {
        /// KTO (Ethayarajh et al., "KTO", 2024): σ of the reward against the divergence from the reference.
        case kto
        /// APO-zero for single answers (D'Oosterlinck et al., 2024): the same against 0.
        case apoZeroUnpaired = "apo_zero_unpaired"
    }

    /// What is summed.
    public var loss = Loss.kto
    /// β: how strongly log-ratios count, above 0.
    public var beta = 0.1
    /// The factor of desirable rows.
    public var desirableWeight = 1.0
    /// The factor of the others.
    public var undesirableWeight = 1.0

    /// Plain KTO.
    public init() {}

    /// What each of B rows costs.
    ///
    /// - Parameters:
    ///   - ratios: ln π − ln π_ref of the answers, [B].
    ///   - isDesirable: the verdicts, B of them.
    ///   - divergence: z, at least 0; not read by `apoZeroUnpaired`.
    /// - Returns: w_d · (1 − σ(β(r − z))) of a desirable and w_u · (1 − σ(β(z − r))) of another row, [B].
    public func costs(_ ratios: Tensor, isDesirable: [Bool], divergence: Double) -> Tensor {
        let shift = loss == .kto ? -beta * divergence : 0
        let signs = isDesirable.map { Float($0 ? -1 : 1) }
        let factors = isDesirable.map { Float($0 ? desirableWeight : undesirableWeight) }
        return (ratios.scaled(by: Float(beta), plus: Float(shift)) * Tensor(signs, shape: ratios.shape)).sigmoid()
            * Tensor(factors, shape: ratios.shape)
    }

    /// What is wrong with the settings, as plain sentences.
    ///
    /// - Parameter rowsPerStep: rows of an optimiser step, if known.
    public func problems(rowsPerStep: Int? = nil) -> [String] {
        var problems: [String] = []
        if !(beta > 0 && beta.isFinite) { problems.append("beta is \(beta); it must be above 0") }
        for (name, weight) in [("desirable_weight", desirableWeight), ("undesirable_weight", undesirableWeight)]
        where !(weight >= 0 && weight.isFinite) {
            problems.append("\(name) is \(weight); it must be 0 or more")
        }
        if desirableWeight == 0, undesirableWeight == 0 {
            problems.append("desirable_weight and undesirable_weight are both 0, so nothing would be learnt")
        }
        if loss == .kto, let rowsPerStep, rowsPerStep < 2 {
            problems.append(
                "kto estimates its divergence from answers to other prompts of the step, so a step needs at least 2 "
                    + "rows; raise the batch size, or use apo_zero_unpaired")
        }
        return problems
    }

    /// What to say about the balance of verdicts: desirable and undesirable rows should count about alike, the
    /// desirable ones at most a third more. `nil` when they do.
    public func imbalance(desirable: Int, undesirable: Int) -> String? {
        guard desirable > 0, undesirable > 0 else {
            return "all \(desirable + undesirable) rows have the same label, so kto cannot tell what is wanted"
        }
        let ratio = desirableWeight * Double(desirable) / (undesirableWeight * Double(undesirable))
        guard !(ratio >= 0.99 && ratio <= 1.34) else { return nil }
        let advice = undesirableWeight * Double(undesirable) / Double(desirable)
        return "\(desirable) desirable and \(undesirable) undesirable rows count \(rounded(ratio)) to 1 with these "
            + "weights; kto is meant for 1 to 1.33. Write desirable_weight: \(rounded(advice)) to \(rounded(advice * 4 / 3))"
    }

    private func rounded(_ value: Double) -> String { String(format: "%.2f", value) }
}

/// Training on single answers, each with a verdict (KTO).
///
/// With r = ln π − ln π_ref of an answer and z the divergence from the reference, a desirable row costs
/// w_d · (1 − σ(β(r − z))) and another w_u · (1 − σ(β(z − r))); the loss is the mean over rows. z is
/// max(0, mean of r over prompts with an answer to another prompt), taken before the first micro-batch of a step, or of
/// each micro-batch where the batches are made so (`UnpairedBatch.EstimateScope`), and never differentiated.
public struct KTOObjective: Objective {
    /// Loss, β and weights.
    public let settings: KTOSettings
    /// What the policy is compared with.
    public let reference: ReferencePolicy

    /// - Parameters:
    ///   - settings: loss, β and weights.
    ///   - reference: the policy without its adapter, or a model.
    /// - Throws: `TrainingError` with everything that is wrong with the settings.
    public init(settings: KTOSettings = KTOSettings(), reference: ReferencePolicy) throws(TrainingError) {
        var problems = settings.problems()
        switch reference {
        case .none: problems.append("kto compares with a reference, and there is none")
        case .cached:
            problems.append(
                "kto asks the reference about answers to other prompts, which change with the batch, so its answers "
                    + "cannot be computed beforehand")
        case .adapterOff, .model: break
        }
        guard problems.isEmpty else { throw TrainingError(problems.joined(separator: "\n")) }
        self.settings = settings
        self.reference = reference
    }

    /// The loss of a micro-batch: its sum over rows, their number, and the metrics of TRL.
    ///
    /// - Throws: `TrainingError` when the policy has no adapter that could be off.
    public func loss(_ batch: UnpairedBatch, model: LanguageModel, context: StepContext) throws -> LossSum {
        let divergence = settings.loss == .kto ? try divergence(batch, model: model) : 0
        let reference = try referenceLogProbabilities(batch.answers, model: model)
        let labels = batch.answers.labelLogProbabilities(model, options: context.forwardOptions)
        let policy = labels.logProbability.sums(over: batch.answers.ranges)
        let ratios = policy - reference
        let costs = settings.costs(ratios, isDesirable: batch.examples.map(\.isDesirable), divergence: divergence)
        let count = batch.examples.count
        let weights = Tensor(batch.examples.map { Float($0.weight) }, shape: [count])
        let rewards = ratios.detached.scaled(by: Float(settings.beta)).scalars
        var metrics = metrics(batch, labels, rewards: rewards, policy: policy.scalars)
        metrics.add("kl", sum: divergence * Double(count), weight: Double(count))
        let weighted = costs * weights
        var result = LossSum(
            sum: weighted.sum(), weight: batch.examples.reduce(0) { $0 + $1.weight }, metrics: metrics)
        if !context.isTraining {
            result.rows = [
                RowFigures("loss", sums: weighted.scalars.map { Double($0) }, weights: batch.examples.map(\.weight))
            ]
        }
        return result
    }

    /// z: taken with the first micro-batch of a step and kept for the others.
    private func divergence(_ batch: UnpairedBatch, model: LanguageModel) throws(TrainingError) -> Double {
        let known = batch.step.estimate.withLock { $0 }
        if let known, !batch.isFirst { return known }
        // A copy shares the weights and is not tracked, so that no graph is kept for a number.
        let policy = model.frozenCopy()
        var (sum, count) = (0.0, 0)
        for part in batch.step.mismatched {
            let ratios =
                part.answerLogProbabilities(policy) - (try referenceLogProbabilities(part, model: policy))
            sum += ratios.total
            count += ratios.count
        }
        let estimate = count > 0 ? max(0, sum / Double(count)) : 0
        batch.step.estimate.withLock { $0 = estimate }
        return estimate
    }

    private func referenceLogProbabilities(
        _ answers: PackedAnswers, model: LanguageModel
    ) throws(TrainingError) -> Tensor {
        guard case .model(let other) = reference else {
            guard model.adapter != nil else {
                throw TrainingError("the model has no adapter, so without it the reference would be the policy itself")
            }
            var options = ForwardOptions()
            options.adapterEnabled = false
            return answers.answerLogProbabilities(model, options: options).detached
        }
        return answers.answerLogProbabilities(other).detached
    }

    private func metrics(
        _ batch: UnpairedBatch, _ labels: LabelLogProbabilities, rewards: [Float], policy: [Float]
    ) -> MetricSums {
        var metrics = MetricSums()
        metrics.add("entropy", sum: labels.entropy.detached.total, weight: Double(batch.answers.labels.count))
        let rows = batch.examples.indices
        var margin = 0.0
        for (name, isDesirable) in [("chosen", true), ("rejected", false)] {
            let members = rows.filter { batch.examples[$0].isDesirable == isDesirable }
            let ranges = members.map { batch.answers.ranges[$0] }
            let reward = members.reduce(0) { $0 + Double(rewards[$1]) }
            let count = Double(members.count)
            metrics.add("rewards/" + name, sum: reward, weight: count)
            metrics.add("logps/" + name, sum: members.reduce(0) { $0 + Double(policy[$1]) }, weight: count)
            metrics.add(
                "logits/" + name, sum: labels.meanLogit.total(over: ranges),
                weight: Double(ranges.reduce(0) { $0 + $1.count }))
            let all = Double(isDesirable ? batch.step.desirableCount : batch.step.undesirableCount)
            margin += (isDesirable ? 1 : -1) * (all > 0 ? reward / all : 0)
        }
        // The difference of two means over the step, in shares that add up to it.
        if batch.step.desirableCount > 0, batch.step.undesirableCount > 0 {
            let all = Double(batch.step.desirableCount + batch.step.undesirableCount)
            metrics.add("rewards/margins", sum: margin, weight: Double(rows.count) / all)
        }
        return metrics
    }
}
