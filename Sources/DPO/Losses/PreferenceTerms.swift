public import TensorCore

/// What a loss may know of a micro-batch of B pairs. All tensors are [B] in nats; those of the policy are tracked.
public struct PreferenceTerms {
    /// ln π of the chosen and of the rejected answers: sums over their tokens, weighted by LD-DPO where it is on.
    public let policy: Pair
    /// The same under the reference; `nil` where there is none.
    public let reference: Pair?
    /// Tokens of each answer, at least 1.
    public let counts: Pair
    /// ln π − ln π_ref; without a reference ln π.
    public let ratios: Pair
    /// What the divergence makes of the ratios.
    public let scores: Pair

    /// A number for the chosen and one for the rejected answer of each pair, [B] each.
    public struct Pair {
        /// Of the chosen answers.
        public var chosen: Tensor
        /// Of the rejected answers.
        public var rejected: Tensor

        /// Numbers of B chosen and B rejected answers.
        ///
        /// - Precondition: both have the shape [B].
        public init(chosen: Tensor, rejected: Tensor) {
            precondition(
                chosen.shape == rejected.shape && chosen.shape.count == 1,
                "shapes \(chosen.shape) and \(rejected.shape) are no pairs")
            self.chosen = chosen
            self.rejected = rejected
        }

        /// Chosen minus rejected.
        public var difference: Tensor { chosen - rejected }

        /// Both changed in the same way.
        public func map(_ body: (Tensor) -> Tensor) -> Pair { Pair(chosen: body(chosen), rejected: body(rejected)) }

        /// Number by number divided by another pair.
        public static func / (a: Pair, b: Pair) -> Pair {
            Pair(chosen: a.chosen / b.chosen, rejected: a.rejected / b.rejected)
        }
    }

    /// The terms of B pairs.
    ///
    /// - Parameters:
    ///   - policy: ln π of the answers.
    ///   - reference: ln π_ref of the answers; not tracked; `nil` for none.
    ///   - counts: tokens of each answer.
    ///   - settings: give the divergence.
    public init(policy: Pair, reference: Pair?, counts: Pair, settings: LossSettings) {
        self.policy = policy
        self.reference = reference
        self.counts = counts.map { $0.clamped(to: 1...Float.greatestFiniteMagnitude) }
        ratios =
            reference.map {
                Pair(chosen: policy.chosen - $0.chosen, rejected: policy.rejected - $0.rejected)
            } ?? policy
        scores = ratios.map { settings.divergence.score($0, alpha: settings.divergenceAlpha) }
    }

    /// Δ: by how much the chosen answer's score is above the other's.
    public var scoreDifference: Tensor { scores.difference }

    /// Mean ln π of a token of each answer.
    public var meanPolicy: Pair { policy / counts }
}

extension Tensor {
    /// −(1 − ε) ln σ(x) − ε ln σ(−x): logistic loss for labels that are wrong with probability ε.
    func smoothedLogistic(_ smoothing: Double) -> Tensor {
        guard smoothing != 0 else { return logSigmoid().scaled(by: -1) }
        return logSigmoid().scaled(by: Float(smoothing - 1))
            - scaled(by: -1).logSigmoid().scaled(by: Float(smoothing))
    }

    /// ln(1 − eˣ) for x < 0, exact to the last digits for x near 0 and far below.
    ///
    /// With t = tanh(x / 2), 1 − eˣ is −2t / (1 − t), which subtracts no near-equal numbers. x above −10⁻⁶ counts as
    /// −10⁻⁶: an answer of probability 1 has infinite odds.
    func logOneMinusExponential() -> Tensor {
        let half = clamped(to: -Float.greatestFiniteMagnitude...(-1e-6)).scaled(by: 0.5).tanh()
        return half.scaled(by: -2).logarithm() - half.scaled(by: -1, plus: 1).logarithm()
    }

    /// eˣ with x at most 40, so that float32 still holds the square, which some losses take; no gradient flows above.
    func cappedExponential() -> Tensor { clamped(to: -Float.greatestFiniteMagnitude...40).exponential() }
}
