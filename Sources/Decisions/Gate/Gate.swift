import Foundation
import Statistics

/// Decides from rows of metrics whether a model may be shipped.
///
/// A condition passes when its p-value, the largest that the methods for its kind of metric give, is within the level
/// the correction leaves it; equally, when the bound of its metric clears the threshold. It fails when the opposite bound
/// shows that it cannot hold. All must pass to ship, so noise alone ships with a chance of at most 1 - confidence.
public struct Gate: Sendable {
    /// What must hold.
    public var conditions: [GateCondition]
    /// The confidence of every claim, in (0.5, 1).
    public var confidence: Double
    /// How the levels of several conditions hang together.
    public var correction: GateVerdict.Correction
    /// How often rows are drawn for a bootstrap.
    public var resamples: Int
    /// What the draws are keyed by.
    public var seed: UInt64

    /// A gate.
    ///
    /// - Precondition: `confidence` is in (0.5, 1), and there is a resample.
    public init(
        conditions: [GateCondition], confidence: Double = 0.95, correction: GateVerdict.Correction = .holm,
        seed: UInt64 = 0, resamples: Int = 10_000
    ) {
        precondition(confidence > 0.5 && confidence < 1, "a confidence of \(confidence)")
        precondition(resamples > 0, "\(resamples) resamples")
        self.conditions = conditions
        self.confidence = confidence
        self.correction = correction
        self.resamples = resamples
        self.seed = seed
    }

    /// Judges the conditions.
    ///
    /// The order of rows and of metrics makes no difference. Checks that fail without being asked for by a condition
    /// count too.
    ///
    /// - Parameters:
    ///   - metrics: the metrics that conditions name.
    ///   - checks: the checks that were made.
    public func verdict(metrics: [GateMetric], checks: [GateCheckResult] = []) -> GateVerdict {
        var judged = conditions.map { judge($0, metrics, checks) }
        let asked = Set(conditions.map(\.kind))
        for check in checks where !check.passed && !asked.contains(.check(check.name)) {
            let condition = GateCondition(kind: .check(check.name))
            judged.append(
                JudgedCondition(result: GateConditionResult(condition: condition, status: .failed, note: check.detail)))
        }
        decide(&judged)
        let results = judged.map(\.result)
        return GateVerdict(
            outcome: outcome(results), conditions: results, confidence: confidence, correction: correction)
    }

    private func outcome(_ results: [GateConditionResult]) -> GateVerdict.Outcome {
        if results.contains(where: { $0.status == .failed }) { return .dontShip }
        let undecided = results.filter { $0.status == .undecided }
        guard undecided.isEmpty, !results.isEmpty else {
            let numbers = undecided.map(\.moreExamples)
            let isKnown = !numbers.isEmpty && numbers.allSatisfy { $0 != nil }
            return .notEnoughData(moreExamples: isKnown ? numbers.compactMap(\.self).max() : nil)
        }
        return .ship
    }

    private func judge(
        _ condition: GateCondition, _ metrics: [GateMetric], _ checks: [GateCheckResult]
    ) -> JudgedCondition {
        func failed(_ note: String) -> JudgedCondition {
            JudgedCondition(result: GateConditionResult(condition: condition, status: .failed, note: note))
        }
        if case .check(let name) = condition.kind {
            guard
                let check = checks.first(where: { $0.name == name && !$0.passed })
                    ?? checks.first(where: { $0.name == name })
            else { return failed("the check \(name) was not made; run it, or take it out of the gate") }
            var result = GateConditionResult(
                condition: condition, status: check.passed ? .passed : .failed, note: check.detail)
            result.method = "check"
            return JudgedCondition(result: result)
        }
        guard let metric = metrics.first(where: { $0.name == condition.metric }) else {
            let known = metrics.map(\.name).sorted().joined(separator: ", ")
            return failed(
                "there is no metric \(condition.metric); "
                    + (known.isEmpty ? "no metric was measured" : "there are \(known)"))
        }
        guard condition.kind.threshold?.isFinite == true, let claim = condition.kind.claim(metric.direction) else {
            return failed("the condition's number is no finite number; write one")
        }
        do {
            let sample = try GateSample(metric, isRelative: condition.kind.isRelative)
            return sample.judged(condition, claim, resamples: resamples, seed: seed)
        } catch {
            return failed(error.message)
        }
    }

    /// Passes, fails or leaves open what has p-values.
    private func decide(_ judged: inout [JudgedCondition]) {
        let level = 1 - confidence
        let open = judged.indices.filter { judged[$0].evidence != nil }
        let passing = open.map { judged[$0].pValue }
        let failing = open.map { judged[$0].opposite }
        let levels: [Double]
        let adjusted: (pass: [Double], fail: [Double])
        switch correction {
        case .holm:
            levels = Holm.levels(passing, level: level)
            adjusted = (Holm.adjusted(passing), Holm.adjusted(failing))
        case .none:
            levels = open.map { _ in level }
            adjusted = (passing, failing)
        }
        for (place, index) in open.enumerated() {
            // A rounding error of a multiplication must not undo what a bound shows.
            let passes = adjusted.pass[place] <= level * (1 + 1e-12)
            let fails = adjusted.fail[place] <= level * (1 + 1e-12)
            judged[index].settle(passes ? .passed : fails ? .failed : .undecided, level: levels[place])
        }
    }
}

/// A condition with the evidence for and against it.
struct JudgedCondition {
    var result: GateConditionResult
    var claim = GateClaim(isAbove: true, threshold: 0)
    var evidence: (any GateEvidence)?
    /// The chance of what was seen if the condition does not hold, and if it does.
    var pValue = 1.0
    var opposite = 1.0
    /// The p-value of a claim if `factor` times as many rows showed the same; `nil` where only the normal limit tells.
    var scaled: ((_ claim: GateClaim, _ factor: Double) -> Double)?

    /// Sets what was decided, with bounds that agree with it.
    mutating func settle(_ status: GateConditionResult.Status, level: Double) {
        guard let evidence else { return }
        result.status = status
        result.level = level
        result.pValue = pValue
        var (lower, upper) = (evidence.lowerBound(level: level), evidence.upperBound(level: level))
        // A test without bounds of its own, McNemar's, may have kept the condition from passing.
        if status != .passed, claim.isAbove { lower = min(lower, claim.threshold) }
        if status != .passed, !claim.isAbove { upper = max(upper, claim.threshold) }
        if status != .failed, claim.isAbove { upper = max(upper, claim.threshold) }
        if status != .failed, !claim.isAbove { lower = min(lower, claim.threshold) }
        result.lower = lower.isFinite ? lower : nil
        result.upper = upper.isFinite ? upper : nil
        guard status == .undecided else {
            if status == .failed, result.note.isEmpty { result.note = "the rows show that it does not hold" }
            return
        }
        result.moreExamples = moreExamples(level: level)
        if let more = result.moreExamples {
            result.note =
                "not shown yet; about \(more) more examples would \(pValue < opposite ? "show it" : "rule it out") "
                + "if what was seen held" + (result.note.isEmpty ? "" : "; " + result.note)
        } else if result.note.isEmpty {
            result.note = "what was seen lies at the threshold, so no number of examples like these would decide"
        }
    }

    /// How many rows beyond those there are bring the p-value of what is likelier within `level`.
    private func moreExamples(level: Double) -> Int? {
        let rows = Double(result.rows)
        let isPassing = pValue < opposite
        let target = isPassing ? claim : GateClaim(isAbove: !claim.isAbove, threshold: claim.threshold)
        let limit = 1e7 / max(1, rows)
        if let scaled {
            // Rows needed fall off with the factor, with small steps back where counts are rounded.
            var factor = 1.0
            while factor < limit, scaled(target, factor) > level { factor *= 1.03 }
            guard factor < limit else { return nil }
            return max(1, Int(exactly: (rows * (factor - 1)).rounded(.up)) ?? 1)
        }
        let deviations = NormalDistribution.deviations(upperTail: min(pValue, opposite))
        guard deviations > 0.05 else { return nil }
        let factor = pow(NormalDistribution.deviations(upperTail: level) / deviations, 2)
        guard factor < limit else { return nil }
        return max(1, Int(exactly: (rows * (factor - 1)).rounded(.up)) ?? 1)
    }
}
