public import TensorCore

/// How far the policy may go from the reference: the f of an f-divergence (Wang et al., "Beyond reverse KL", 2023).
///
/// A loss sees f′(π / π_ref) instead of the log-ratio. All are 0 where policy and reference agree.
public enum Divergence: String, Sendable, CaseIterable {
    /// Plain DPO: ln t.
    case reverseKL = "reverse_kl"
    /// 1 − 1 / t.
    case forwardKL = "forward_kl"
    /// ln(2t / (1 + t)).
    case jensenShannon = "js_divergence"
    /// (t^(α − 1) − 1) / (α − 1), which for α = 1 is ln t.
    case alpha = "alpha_divergence"

    /// f′(eʳ) of log-ratios r.
    ///
    /// - Parameters:
    ///   - ratio: r = ln π − ln π_ref, of any shape.
    ///   - alpha: α; read by `alpha` alone.
    /// - Returns: as many scores; an exponent above 40 counts as 40, where no gradient flows.
    public func score(_ ratio: Tensor, alpha: Double) -> Tensor {
        switch self {
        case .reverseKL: return ratio
        case .forwardKL: return ratio.scaled(by: -1).cappedExponential().scaled(by: -1, plus: 1)
        case .jensenShannon: return ratio.logSigmoid().scaled(by: 1, plus: 0.693_147_18)
        case .alpha:
            let power = alpha - 1
            if abs(power) < 1e-6 { return ratio }
            return ratio.scaled(by: Float(power)).cappedExponential().scaled(
                by: Float(1 / power), plus: Float(-1 / power))
        }
    }
}
