import Foundation
public import Training

extension PolicyObjective {
    /// What the numbers of a step mean where they look wrong and are not, or look right and are not; `nil` where
    /// nothing needs to be said.
    ///
    /// - Parameters:
    ///   - report: of the step.
    ///   - batches: its micro-batches.
    public func explanation(of report: StepReport, batches: [PolicyBatch]) -> String? {
        let samples = batches.lazy.flatMap(\.groups).flatMap(\.samples)
        let groups = batches.flatMap(\.groups)
        guard samples.contains(where: \.hasAdvantage) else {
            guard report.gradientNorm == 0 else {
                return "no group had answers of different worth; only the distance from the reference or the entropy "
                    + "moved the weights"
            }
            return "all answers to each prompt were worth the same, so there was nothing to learn: the gradient is 0, "
                + "and that is no fault of the loss. Look at the rewards: \(groups.count) groups, all solved or all "
                + "failed"
        }
        if let distance = report.metrics["sampling/kl_k3"], distance > 1e-3 {
            return String(
                format: "sampling and training disagree on the probabilities of tokens (k3 %.2g; below 1e-6 is "
                    + "usual): temperature, weights or masks differ between the two, and the gradient is biased",
                distance)
        }
        let isOnPolicy = samples.allSatisfy { $0.oldLogProbabilities == nil }
        guard isOnPolicy, abs(report.loss) < 0.05, report.gradientNorm > 0 else { return nil }
        return String(
            format:
                "loss %.2g is near 0 by construction: every ratio is 1 and advantages have mean 0. What is learnt is "
                + "in the gradient (norm %.2g) and shows in the reward", report.loss, report.gradientNorm)
    }
}
