/// A setting that some losses read. The raw value is its key in a recipe.
public enum PolicyOption: String, Sendable, Hashable, CaseIterable {
    case epsilon
    case epsilonHigh = "epsilon_high"
    case delta
    case dualClip = "dual_clip"
    case sapoPositive = "sapo_temperature_pos"
    case sapoNegative = "sapo_temperature_neg"
    case vespoPositiveK = "vespo_k_pos"
    case vespoPositiveLambda = "vespo_lambda_pos"
    case vespoNegativeK = "vespo_k_neg"
    case vespoNegativeLambda = "vespo_lambda_neg"
    // Read by all losses; here so that what is wrong with them can be pointed at.
    case loss
    case aggregation
    case importanceLevel = "importance_sampling_level"
    case beta
    case klEstimator = "kl_estimator"
    case klPlacement = "kl_in"
    case correctsKL = "use_bias_correction_kl"
    case topEntropyQuantile = "top_entropy_quantile"
    case entropyCoefficient = "entropy_coef"
    case offPolicyThreshold = "off_policy_mask_threshold"
    case samplingCorrection = "sampling_correction"
    case temperature
    case maximumCompletionLength = "max_completion_length"
}

/// What is wrong with a setting.
public struct PolicyProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// Which.
    public var option: PolicyOption
    /// What is wrong and what to write instead.
    public var message: String

    /// - Parameters:
    ///   - option: which setting is wrong.
    ///   - message: what is wrong and what to write instead.
    public init(_ option: PolicyOption, _ message: String) {
        self.option = option
        self.message = message
    }

    public var description: String { message }
}

extension PolicySettings {
    /// Everything that is wrong with the settings, all at once; empty when they can be trained with.
    ///
    /// - Parameters:
    ///   - registry: the losses there are.
    ///   - given: settings that a user has written, even where they are the defaults: one that the loss does not read
    ///     is wrong.
    public func problems(
        in registry: PolicyLossRegistry = .standard, given: Set<PolicyOption> = []
    ) -> [PolicyProblem] {
        guard let found = registry[loss] else {
            let near = registry.nearest(to: loss).map { "; did you mean \($0)?" } ?? ""
            return [
                PolicyProblem(
                    .loss, "there is no loss '\(loss)'\(near) There are " + registry.names.joined(separator: ", "))
            ]
        }
        return unread(given.union(changed), by: found, in: registry) + levelProblems(found) + found.check(self)
            + rangeProblems + klProblems
    }

    /// Settings of single losses that are not at their defaults.
    private var changed: Set<PolicyOption> {
        let plain = PolicySettings()
        var options: Set<PolicyOption> = []
        if epsilon != plain.epsilon { options.insert(.epsilon) }
        if epsilonHigh != nil { options.insert(.epsilonHigh) }
        if delta != nil { options.insert(.delta) }
        if dualClip != nil { options.insert(.dualClip) }
        if sapoPositive != plain.sapoPositive { options.insert(.sapoPositive) }
        if sapoNegative != plain.sapoNegative { options.insert(.sapoNegative) }
        if vespoPositiveK != plain.vespoPositiveK { options.insert(.vespoPositiveK) }
        if vespoPositiveLambda != plain.vespoPositiveLambda { options.insert(.vespoPositiveLambda) }
        if vespoNegativeK != plain.vespoNegativeK { options.insert(.vespoNegativeK) }
        if vespoNegativeLambda != plain.vespoNegativeLambda { options.insert(.vespoNegativeLambda) }
        return options
    }

    private func unread(
        _ given: Set<PolicyOption>, by loss: PolicyLoss, in registry: PolicyLossRegistry
    ) -> [PolicyProblem] {
        let ofLosses = Set(registry.losses.flatMap(\.options))
        return PolicyOption.allCases.filter { given.contains($0) && ofLosses.contains($0) }.compactMap { option in
            guard !loss.options.contains(option) else { return nil }
            let readers = registry.losses.filter { $0.options.contains(option) }.map(\.name)
            return PolicyProblem(
                option,
                "\(option.rawValue) has no effect on \(loss.name); leave it out, or use a loss that reads it: "
                    + readers.joined(separator: ", "))
        }
    }

    private func levelProblems(_ loss: PolicyLoss) -> [PolicyProblem] {
        guard let importanceLevel, !loss.levels.contains(importanceLevel) else { return [] }
        let known = loss.levels.map(\.rawValue).joined(separator: " or ")
        return [
            PolicyProblem(
                .importanceLevel,
                "\(loss.name) takes no ratio over the \(importanceLevel.rawValue); "
                    + (known.isEmpty ? "leave importance_sampling_level out" : "write \(known)"))
        ]
    }

    private var rangeProblems: [PolicyProblem] {
        var problems: [PolicyProblem] = []
        func require(_ isRight: Bool, _ option: PolicyOption, _ message: String) {
            if !isRight { problems.append(PolicyProblem(option, message)) }
        }
        require(epsilon > 0 && epsilon < 1, .epsilon, "epsilon is \(epsilon); it must be above 0 and below 1")
        require(
            epsilonHigh.map { $0 > 0 && $0.isFinite } ?? true, .epsilonHigh,
            "epsilon_high is \(upperEpsilon); it must be above 0")
        require(
            delta.map { $0 > 1 + upperEpsilon && $0.isFinite } ?? true, .delta,
            "delta is \(delta ?? 0); it must be above 1 + epsilon_high, which is \(1 + upperEpsilon), or it would "
                + "bound what is bounded already")
        require(
            dualClip.map { $0 > 1 && $0.isFinite } ?? true, .dualClip,
            "dual_clip is \(dualClip ?? 0); it must be above 1 (3 is usual)")
        require(beta >= 0 && beta.isFinite, .beta, "beta is \(beta); it must be 0 or more")
        require(
            topEntropyQuantile >= 0 && topEntropyQuantile <= 1, .topEntropyQuantile,
            "top_entropy_quantile is \(topEntropyQuantile); it is the part of the tokens to train on, in 0 to 1")
        require(entropyCoefficient.isFinite, .entropyCoefficient, "entropy_coef must be a number")
        require(
            adaptiveEntropy.map { $0.minimum <= $0.maximum && $0.delta >= 0 && $0.target.isFinite } ?? true,
            .entropyCoefficient,
            "an adaptive entropy_coef needs a minimum that is not above its maximum, and a delta of 0 or more")
        require(
            offPolicyThreshold.map { $0 >= 0 && $0.isFinite } ?? true, .offPolicyThreshold,
            "off_policy_mask_threshold is \(offPolicyThreshold ?? 0); it must be 0 or more nats")
        require(
            temperature > 0 && temperature.isFinite, .temperature,
            "temperature is \(temperature); answers that are trained on are drawn at a temperature above 0")
        require(
            maximumCompletionLength > 0, .maximumCompletionLength,
            "max_completion_length is \(maximumCompletionLength); it must be at least 1")
        require(
            samplingCorrection.map { ($0.minimum ?? 0) >= 0 && ($0.minimum ?? 0) <= ($0.maximum ?? .infinity) } ?? true,
            .samplingCorrection, "the bounds of the correction must not be negative, and the lower not above the upper")
        return problems
    }

    private var klProblems: [PolicyProblem] {
        guard beta > 0 else { return [] }
        if klPlacement == .loss, klEstimator == .k1, !correctsKL {
            return [
                PolicyProblem(
                    .klEstimator,
                    "the gradient of k1 in the loss is 0 on average, so the policy would drift as if beta were 0; "
                        + "write k3, or use_bias_correction_kl: true, or kl_in: advantage")
            ]
        }
        if klPlacement == .advantage, klEstimator != .k1 {
            return [
                PolicyProblem(.klEstimator, "in the advantage the distance is estimated by k1; write kl_estimator: k1")
            ]
        }
        return []
    }
}
