/// What is wrong with settings of losses.
public struct LossProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// Which setting is wrong; `nil` for β and for the list of losses.
    public var option: LossOption?
    /// What is wrong and what to write instead.
    public var message: String

    /// - Parameters:
    ///   - option: which setting is wrong.
    ///   - message: what is wrong and what to write instead.
    public init(_ option: LossOption?, _ message: String) {
        self.option = option
        self.message = message
    }

    public var description: String { message }
}

/// Which losses over pairs are summed, and their settings.
public struct LossSettings: Sendable, Hashable {
    /// A loss and its factor.
    public struct Weighted: Sendable, Hashable {
        /// The loss's name.
        public var name: String
        /// Its factor in the sum.
        public var weight: Double

        public init(_ name: String, weight: Double = 1) {
            self.name = name
            self.weight = weight
        }
    }

    /// The losses, at least one.
    public var losses: [Weighted]
    /// β: how strongly log-ratios count, above 0.
    public var beta = 0.1
    /// ε: the share of labels taken to be wrong.
    public var labelSmoothing = 0.0
    /// What the losses see of a log-ratio.
    public var divergence = Divergence.reverseKL
    /// α of the α-divergence.
    public var divergenceAlpha = 0.5
    /// τ of DiscoPOP.
    public var temperature = 0.05
    /// γ of SimPO: the lead in units of the loss's logit.
    public var gamma = 0.5
    /// α of AlphaPO; 0 for none.
    public var alphaPO = 0.0
    /// α of LD-DPO (Liu et al., 2024), in [0, 1]: how much the tokens count by which an answer is longer than the
    /// other; `nil` for as much as the others.
    public var lengthDiscount: Double?
    /// WPO (Zhou et al., 2024): a pair weighs as much as the policy would have been likely to write it.
    public var weighting = false
    /// The factor of cross-entropy over the chosen answers; `nil` for what the losses say (CPO has 1).
    public var sftWeight: Double?

    /// Settings of one or several losses, all others at their defaults.
    public init(_ losses: [Weighted] = [Weighted("sigmoid")]) { self.losses = losses }

    /// Settings of one loss.
    public init(_ name: String) { self.init([Weighted(name)]) }

    /// Settings that are not at their defaults.
    var changed: Set<LossOption> {
        let plain = LossSettings(losses)
        var options: Set<LossOption> = []
        if labelSmoothing != plain.labelSmoothing { options.insert(.labelSmoothing) }
        if divergence != plain.divergence { options.insert(.divergence) }
        if divergenceAlpha != plain.divergenceAlpha { options.insert(.divergenceAlpha) }
        if temperature != plain.temperature { options.insert(.temperature) }
        if gamma != plain.gamma { options.insert(.gamma) }
        if alphaPO != plain.alphaPO { options.insert(.alphaPO) }
        if lengthDiscount != nil { options.insert(.lengthDiscount) }
        if weighting { options.insert(.weighting) }
        if sftWeight != nil { options.insert(.sftWeight) }
        return options
    }

    /// Everything that is wrong with the settings, all at once; empty when they can be trained with.
    ///
    /// - Parameters:
    ///   - registry: the losses there are.
    ///   - given: settings that a user has written, even where they are the defaults: one that no loss reads is wrong.
    public func problems(
        in registry: PreferenceLossRegistry = .standard, given: Set<LossOption> = []
    ) -> [LossProblem] {
        var problems = listProblems(registry)
        if !(beta > 0 && beta.isFinite) {
            problems.append(LossProblem(nil, "beta is \(beta); it must be above 0"))
        }
        let used = losses.compactMap { registry[$0.name] }
        guard used.count == losses.count, !used.isEmpty else { return problems }
        problems += unread(given.union(changed), by: used, in: registry)
        for loss in used { problems += loss.check(self) }
        return problems + rangeProblems + combinationProblems(used)
    }

    private func listProblems(_ registry: PreferenceLossRegistry) -> [LossProblem] {
        guard !losses.isEmpty else { return [LossProblem(nil, "there is no loss; write one, such as sigmoid")] }
        var problems: [LossProblem] = []
        for (index, loss) in losses.enumerated() {
            if registry[loss.name] == nil {
                let near = registry.nearest(to: loss.name).map { "; did you mean \($0)?" } ?? ""
                problems.append(
                    LossProblem(
                        nil,
                        "there is no loss '\(loss.name)'\(near) There are "
                            + registry.names.joined(separator: ", ")))
            }
            if losses[..<index].contains(where: { $0.name == loss.name }) {
                problems.append(LossProblem(nil, "the loss \(loss.name) is listed twice; give it one weight"))
            }
            if !(loss.weight > 0 && loss.weight.isFinite) {
                problems.append(
                    LossProblem(
                        nil, "the weight of \(loss.name) is \(loss.weight); it must be above 0, or the loss left out"))
            }
        }
        return problems
    }

    private func unread(
        _ given: Set<LossOption>, by used: [PreferenceLoss], in registry: PreferenceLossRegistry
    ) -> [LossProblem] {
        LossOption.allCases.filter(given.contains).compactMap { option in
            if option == .divergenceAlpha, divergence != .alpha {
                return LossProblem(
                    option,
                    "f_alpha is read by f_divergence: alpha_divergence alone, and it is "
                        + "\(divergence.rawValue); leave it out")
            }
            guard !used.contains(where: { $0.options.contains(option) }) else { return nil }
            let readers = registry.losses.filter { $0.options.contains(option) }.map(\.name)
            return LossProblem(
                option,
                "\(option.rawValue) has no effect on \(used.map(\.name).joined(separator: " and ")); leave it "
                    + "out, or use a loss that reads it: \(readers.joined(separator: ", "))")
        }
    }

    private var rangeProblems: [LossProblem] {
        var problems: [LossProblem] = []
        if let lengthDiscount, !(0...1).contains(lengthDiscount) {
            problems.append(
                LossProblem(.lengthDiscount, "ld_alpha is \(lengthDiscount); it is a share in 0 to 1 (1 for plain DPO)")
            )
        }
        if let sftWeight, !(sftWeight >= 0 && sftWeight.isFinite) {
            problems.append(LossProblem(.sftWeight, "sft_weight is \(sftWeight); it must be 0 or more"))
        }
        if !divergenceAlpha.isFinite { problems.append(LossProblem(.divergenceAlpha, "f_alpha must be a number")) }
        return problems
    }

    private func combinationProblems(_ used: [PreferenceLoss]) -> [LossProblem] {
        var problems: [LossProblem] = []
        for loss in used where !loss.divergences.contains(divergence) {
            problems.append(
                LossProblem(
                    .divergence,
                    "\(loss.name) knows no \(divergence.rawValue): it is defined on the log-ratios "
                        + "themselves; leave f_divergence out, or use sigmoid"))
        }
        for loss in used where weighting && !loss.options.contains(.weighting) {
            let reason =
                loss.dependsOnMicroBatch
                ? "it compares ranks, and a weight belongs to a pair" : "it is no loss over pairs alone"
            problems.append(LossProblem(.weighting, "wpo cannot weigh \(loss.name): \(reason)"))
        }
        let kinds = Set(used.filter { $0.perPair != nil }.map(\.needsReference))
        if kinds.count > 1 {
            problems.append(
                LossProblem(
                    nil,
                    "losses with and without a reference cannot be mixed, as they mean different rewards: "
                        + used.map(\.name).joined(separator: ", ")))
        }
        return problems
    }
}
