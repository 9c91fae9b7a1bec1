import Foundation
import Statistics

/// Why rows cannot be judged, and what to do.
struct GateSampleError: Error {
    let message: String
}

/// The rows of one metric, checked and paired.
struct GateSample {
    let metric: GateMetric
    let isRelative: Bool
    /// Values and weights in the order of the rows' names.
    private(set) var candidate: [Double] = []
    private(set) var weights: [Double] = []
    private(set) var baseline: [Double] = []
    private(set) var baselineWeights: [Double] = []

    /// Checks and pairs rows.
    ///
    /// - Parameter isRelative: whether the baseline is needed.
    init(_ metric: GateMetric, isRelative: Bool) throws(GateSampleError) {
        self.metric = metric
        self.isRelative = isRelative
        let rows = try Self.sorted(metric.candidate, "the candidate", metric.name)
        candidate = rows.map(\.value)
        weights = rows.map(\.weight)
        guard let others = metric.baseline else {
            guard !isRelative else {
                throw GateSampleError(
                    message:
                        "there is no baseline for \(metric.name); measure one, or state the condition with min or max")
            }
            return
        }
        let partners: [Observation]
        do { partners = try Self.sorted(others, "the baseline", metric.name) } catch {
            // A condition on the candidate's own value shows the baseline's where it has one, and needs none.
            guard isRelative else { return }
            throw error
        }
        if isRelative, rows.map(\.id) != partners.map(\.id) {
            throw Self.unpaired(rows.map(\.id), partners.map(\.id), metric.name)
        }
        baseline = partners.map(\.value)
        baselineWeights = partners.map(\.weight)
        if isRelative, isShare, case .mean = metric.summary, Self.mean(baseline, baselineWeights) <= 0 {
            throw GateSampleError(
                message: "the baseline's \(metric.name) is not above 0, so no share of it can be stated; use min or max"
            )
        }
    }

    private static func sorted(
        _ rows: [Observation], _ whose: String, _ name: String
    ) throws(GateSampleError) -> [Observation] {
        guard !rows.isEmpty else {
            throw GateSampleError(message: "\(whose) has no rows of \(name); evaluate it on the suite")
        }
        if let row = rows.first(where: { !$0.value.isFinite || !$0.weight.isFinite || $0.weight < 0 }) {
            throw GateSampleError(
                message: "\(name) of row \(row.id.prefix(60)) of \(whose) is \(row.value) with weight \(row.weight); "
                    + "find out why before anything is decided on it")
        }
        guard rows.contains(where: { $0.weight > 0 }) else {
            throw GateSampleError(message: "no row of \(name) of \(whose) has a weight above 0")
        }
        // By bytes, which is one order everywhere.
        let sorted = rows.sorted { $0.id.utf8.lexicographicallyPrecedes($1.id.utf8) }
        for (first, second) in zip(sorted, sorted.dropFirst()) where first.id == second.id {
            throw GateSampleError(
                message:
                    "\(whose) has row \(first.id.prefix(60)) of \(name) twice; remove the repetition from the suite")
        }
        return sorted
    }

    private static func unpaired(_ first: [String], _ second: [String], _ name: String) -> GateSampleError {
        let (own, others) = (Set(first), Set(second))
        let missing = first.filter { !others.contains($0) }
        let extra = second.filter { !own.contains($0) }
        let example = (missing.first ?? extra.first).map { ", such as \($0.prefix(60))" } ?? ""
        return GateSampleError(
            message: "\(missing.count) rows of \(name) are the candidate's only and \(extra.count) the baseline's only"
                + "\(example): differences are judged on the same rows; evaluate both on the same suite")
    }

    /// Whether differences are shares of the baseline's value.
    var isShare: Bool { metric.scale == .relative || metric.summary == .exponentialOfMean }

    private static func mean(_ values: [Double], _ weights: [Double]) -> Double {
        var (sum, total) = (0.0, 0.0)
        for (value, weight) in zip(values, weights) {
            sum += value * weight
            total += weight
        }
        return sum / total
    }

    private func value(_ values: [Double], _ weights: [Double]) -> Double {
        switch metric.summary {
        case .mean: Self.mean(values, weights)
        case .exponentialOfMean: exp(Self.mean(values, weights))
        case .quantile(let share): QuantileBootstrap.quantile(values.sorted(), share)
        }
    }

    private var hasPlainWeights: Bool { weights.allSatisfy { $0 == 1 } && baselineWeights.allSatisfy { $0 == 1 } }

    /// Whether every row of both passes or fails.
    private var isBinary: Bool {
        metric.summary == .mean && hasPlainWeights && candidate.allSatisfy { $0 == 0 || $0 == 1 }
            && (!isRelative || baseline.allSatisfy { $0 == 0 || $0 == 1 })
    }

    /// The range of a row, where it is known or values look like scores.
    private var range: ClosedRange<Double>? {
        guard metric.summary == .mean, hasPlainWeights else { return nil }
        if let range = metric.range { return range }
        let isScore = metric.direction == .higherIsBetter && metric.scale == .absolute
        return isScore && (candidate + baseline).allSatisfy { 0...1 ~= $0 } ? 0...1 : nil
    }

    /// The condition with what these rows say of it.
    func judged(_ condition: GateCondition, _ claim: GateClaim, resamples: Int, seed: UInt64) -> JudgedCondition {
        var result = GateConditionResult(condition: condition, status: .undecided)
        result.rows = candidate.count
        result.candidate = value(candidate, weights)
        if !baseline.isEmpty {
            let before = value(baseline, baselineWeights)
            result.baseline = before
            result.difference = result.candidate.map { isShare ? $0 / before - 1 : $0 - before }
            result.isShare = isShare
        }
        // Keyed by the metric, so that a condition is judged alike whatever stands beside it.
        let seed = metric.name.utf8.reduce(seed ^ 0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        var judged = JudgedCondition(result: result, claim: claim)
        let parts = isRelative ? differences(&judged, resamples, seed) : values(&judged, resamples, seed)
        let evidence = CarefulEvidence(parts: parts)
        judged.evidence = evidence
        judged.pValue = evidence.pValue(claim)
        judged.opposite = evidence.pValue(GateClaim(isAbove: !claim.isAbove, threshold: claim.threshold))
        if metric.isBinary, !isBinary { judged.result.note = "not every value is 0 or 1, so it is judged as a mean" }
        return judged
    }

    /// Evidence of the candidate's own value.
    private func values(_ judged: inout JudgedCondition, _ resamples: Int, _ seed: UInt64) -> [any GateEvidence] {
        if case .quantile(let share) = metric.summary {
            judged.result.method = "exact bounds by rank"
            let sorted = candidate.sorted()
            judged.scaled = { claim, factor in
                let rows = Double(sorted.count) * factor
                let hits =
                    Double(sorted.count { claim.isAbove ? $0 > claim.threshold : $0 <= claim.threshold }) * factor
                return BinomialDistribution.atLeast(
                    Int(hits), trials: Int(rows), share: claim.isAbove ? 1 - share : share)
            }
            return [ExactQuantile(values: sorted, share: share)]
        }
        if isBinary {
            judged.result.method = "exact binomial bound"
            let (passed, rows) = (candidate.count { $0 == 1 }, candidate.count)
            judged.scaled = { claim, factor in
                ExactShare(passed: Int(Double(passed) * factor), rows: Int(Double(rows) * factor)).pValue(claim)
            }
            return [ExactShare(passed: passed, rows: rows)]
        }
        judged.result.method = "bootstrap"
        let bootstrap = PairedBootstrap(
            values: candidate, weights: hasPlainWeights ? nil : weights, resamples: resamples, seed: seed)
        if metric.summary == .exponentialOfMean {
            return [ExponentialEvidence(logarithm: bootstrap, isChange: false)]
        }
        guard let range else { return [bootstrap] }
        return [bootstrap, PessimistEvidence(candidate, range: range, resamples: resamples, seed: seed)]
    }

    /// Evidence of the difference to the baseline.
    private func differences(
        _ judged: inout JudgedCondition, _ resamples: Int, _ seed: UInt64
    ) -> [any GateEvidence] {
        judged.result.method = "paired bootstrap"
        if case .quantile(let share) = metric.summary {
            let bootstrap = QuantileBootstrap(
                candidate: candidate, baseline: baseline, share: share, isShare: isShare, resamples: resamples,
                seed: seed)
            if !bootstrap.isJudged {
                judged.result.note = "a quantile of \(share) needs \(bootstrap.rowsNeeded) rows to be compared"
            }
            return [bootstrap]
        }
        let isPlain = hasPlainWeights
        let contrast: PairedBootstrap.Contrast =
            isShare && metric.summary == .mean ? .relativeChange : .difference
        let bootstrap = PairedBootstrap(
            candidate: candidate, baseline: baseline, weights: isPlain ? nil : weights,
            baselineWeights: isPlain || weights == baselineWeights ? nil : baselineWeights, contrast: contrast,
            isStudentized: !(isBinary && contrast == .difference), resamples: resamples, seed: seed)
        if metric.summary == .exponentialOfMean { return [ExponentialEvidence(logarithm: bootstrap, isChange: true)] }
        guard contrast == .difference else { return [bootstrap] }
        if isBinary {
            judged.result.method = "paired bootstrap, score bound and exact test of pairs"
            let pairs = zip(candidate, baseline)
            let (gains, losses) = (pairs.count { $0 > $1 }, pairs.count { $0 < $1 })
            let rows = candidate.count
            judged.scaled = { claim, factor in
                let (more, fewer) = (Int(Double(gains) * factor), Int(Double(losses) * factor))
                return Self.evidence(
                    pairs: max(Int(Double(rows) * factor), more + fewer), gains: more, losses: fewer
                ).pValue(claim)
            }
            return [bootstrap, Self.evidence(pairs: rows, gains: gains, losses: losses)]
        }
        guard let range else { return [bootstrap] }
        let width = range.upperBound - range.lowerBound
        return [
            bootstrap,
            PessimistEvidence(
                zip(candidate, baseline).map { $0 - $1 }, range: -width...width, resamples: resamples, seed: seed),
        ]
    }

    private static func evidence(pairs: Int, gains: Int, losses: Int) -> CarefulEvidence {
        CarefulEvidence(parts: [
            PairedShares(pairs: pairs, gains: gains, losses: losses),
            ExactOutcomes(test: McNemar(gains: gains, losses: losses)),
        ])
    }
}
