import Foundation
import Statistics

/// What rows say of a number: p-values of claims, and bounds.
protocol GateEvidence: Sendable {
    /// The chance to see what was seen, or more, if the number is at most `threshold`.
    func pValue(above threshold: Double) -> Double
    /// The chance to see what was seen, or less, if the number is at least `threshold`.
    func pValue(below threshold: Double) -> Double
    /// What the number surpasses with confidence 1 - `level`.
    func lowerBound(level: Double) -> Double
    /// What the number stays below with confidence 1 - `level`.
    func upperBound(level: Double) -> Double
}

extension GateEvidence {
    func pValue(_ claim: GateClaim) -> Double {
        claim.isAbove ? pValue(above: claim.threshold) : pValue(below: claim.threshold)
    }
}

extension PairedBootstrap: GateEvidence {}
extension PairedShares: GateEvidence {}
extension QuantileBootstrap: GateEvidence {}

/// The exact test of paired outcomes, which has a say at a threshold of 0 only.
struct ExactOutcomes: GateEvidence {
    let test: McNemar

    func pValue(above threshold: Double) -> Double { threshold == 0 ? test.gainExact : 0 }
    func pValue(below threshold: Double) -> Double { threshold == 0 ? test.lossExact : 0 }
    func lowerBound(level: Double) -> Double { .infinity }
    func upperBound(level: Double) -> Double { -.infinity }
}

/// The exact test of one share.
struct ExactShare: GateEvidence {
    let passed, rows: Int

    func pValue(above threshold: Double) -> Double {
        threshold < 0 ? 0 : threshold >= 1 ? 1 : BinomialDistribution.atLeast(passed, trials: rows, share: threshold)
    }
    func pValue(below threshold: Double) -> Double {
        threshold > 1 ? 0 : threshold <= 0 ? 1 : BinomialDistribution.atMost(passed, trials: rows, share: threshold)
    }
    func lowerBound(level: Double) -> Double {
        BinomialDistribution.lowerBound(successes: passed, trials: rows, level: level)
    }
    func upperBound(level: Double) -> Double {
        BinomialDistribution.upperBound(successes: passed, trials: rows, level: level)
    }
}

/// The exact test of one quantile by the ranks around it, whatever the distribution.
struct ExactQuantile: GateEvidence {
    /// Rising values.
    let values: [Double]
    let share: Double

    func pValue(above threshold: Double) -> Double {
        BinomialDistribution.atLeast(values.count { $0 > threshold }, trials: values.count, share: 1 - share)
    }
    func pValue(below threshold: Double) -> Double {
        BinomialDistribution.atLeast(values.count { $0 <= threshold }, trials: values.count, share: share)
    }
    func lowerBound(level: Double) -> Double { values.last { pValue(above: $0.nextDown) <= level } ?? -.infinity }
    func upperBound(level: Double) -> Double { values.first { pValue(below: $0) <= level } ?? .infinity }
}

/// Evidence of the logarithm of a number, or of 1 + a change.
struct ExponentialEvidence: GateEvidence {
    let logarithm: any GateEvidence
    let isChange: Bool

    private func log(_ value: Double) -> Double {
        let value = isChange ? 1 + value : value
        return value > 0 ? Foundation.log(value) : -.infinity
    }
    private func exponential(_ value: Double) -> Double { isChange ? expm1(value) : exp(value) }

    func pValue(above threshold: Double) -> Double {
        log(threshold).isFinite ? logarithm.pValue(above: log(threshold)) : 0
    }
    func pValue(below threshold: Double) -> Double {
        log(threshold).isFinite ? logarithm.pValue(below: log(threshold)) : 1
    }
    func lowerBound(level: Double) -> Double { exponential(logarithm.lowerBound(level: level)) }
    func upperBound(level: Double) -> Double { exponential(logarithm.upperBound(level: level)) }
}

/// The mean of values of a known range, for rows of which hardly any speaks against a claim: one more row is assumed
/// that is as bad for the claim as a row can be.
///
/// What has not been seen in n rows may still be in one of n, and neither a bootstrap nor an estimated error knows.
/// Gaffke's bound for means of bounded values ("Three test statistics for a nonparametric one-sided hypothesis on the
/// mean of a nonnegative variable", 2005) adds the same row.
struct PessimistEvidence: GateEvidence {
    /// Rows against a claim from which on nothing is added.
    private static let enough = 5

    let differences: [Double]
    let range: ClosedRange<Double>
    /// The bootstrap of the rows and one more.
    let low, high: PairedBootstrap

    init(_ differences: [Double], range: ClosedRange<Double>, resamples: Int, seed: UInt64) {
        self.differences = differences
        self.range = range
        low = PairedBootstrap(
            values: differences + [range.lowerBound], isStudentized: false, resamples: resamples, seed: seed)
        high = PairedBootstrap(
            values: differences + [range.upperBound], isStudentized: false, resamples: resamples, seed: seed)
    }

    func pValue(above threshold: Double) -> Double {
        threshold < range.lowerBound || differences.count(where: { $0 < threshold }) >= Self.enough
            ? 0 : low.pValue(above: threshold)
    }
    func pValue(below threshold: Double) -> Double {
        threshold > range.upperBound || differences.count(where: { $0 > threshold }) >= Self.enough
            ? 0 : high.pValue(below: threshold)
    }
    func lowerBound(level: Double) -> Double {
        let bound = max(range.lowerBound, low.lowerBound(level: level))
        return differences.count(where: { $0 < bound }) >= Self.enough ? .infinity : bound
    }
    func upperBound(level: Double) -> Double {
        let bound = min(range.upperBound, high.upperBound(level: level))
        return differences.count(where: { $0 > bound }) >= Self.enough ? -.infinity : bound
    }
}

/// Several kinds of evidence, of which the most careful decides.
struct CarefulEvidence: GateEvidence {
    let parts: [any GateEvidence]

    func pValue(above threshold: Double) -> Double { parts.map { $0.pValue(above: threshold) }.max() ?? 1 }
    func pValue(below threshold: Double) -> Double { parts.map { $0.pValue(below: threshold) }.max() ?? 1 }
    func lowerBound(level: Double) -> Double { parts.map { $0.lowerBound(level: level) }.min() ?? -.infinity }
    func upperBound(level: Double) -> Double { parts.map { $0.upperBound(level: level) }.max() ?? .infinity }
}
