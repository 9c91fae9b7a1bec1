import Foundation
import TextCore

/// A composite together with what one row expects: its children bound, and their verdicts made one.
struct BoundComposite: Sendable {
    /// What a child said.
    private enum Part {
        case score(Score)
        case abstained(String)
    }

    private let composite: Composite
    private let children: [BoundVerifier]
    private var configuration: Composite.Configuration { composite.configuration }

    /// - Throws: `VerifierFailure` of kind `item` when the reference has not what a child takes.
    init(_ composite: Composite, reference: JSON) throws(VerifierFailure) {
        self.composite = composite
        var bound: [BoundVerifier] = []
        for child in composite.children {
            var part = reference
            if let target = child.target {
                guard let member = reference[target] else {
                    throw VerifierFailure(
                        .item, "'\(child.name)' takes the member '\(target)' of the reference, and there is none")
                }
                part = member
            }
            do throws(VerifierFailure) {
                bound.append(try child.verifier.bound(to: part))
            } catch {
                throw VerifierFailure(error.kind, "'\(child.name)': \(error.message)")
            }
        }
        children = bound
    }

    /// As a verifier that only computes where all children do.
    var verifier: BoundVerifier {
        if children.allSatisfy(\.isImmediate) {
            return BoundVerifier(name: Composite.name, range: composite.range, probes: probes) {
                (rollout: Rollout) throws(VerifierFailure) -> Verdict in
                var parts: [Part] = []
                for (index, child) in children.enumerated() {
                    do throws(VerifierFailure) {
                        if try add(try child.verify(rollout), index, to: &parts) { break }
                    } catch {
                        throw failure(error, of: index)
                    }
                }
                return try verdict(parts)
            }
        }
        return BoundVerifier(name: Composite.name, range: composite.range, probes: probes) {
            (rollout: Rollout, context: VerificationContext) async throws(VerifierFailure) -> Verdict in
            var parts: [Part] = []
            for (index, child) in children.enumerated() {
                do throws(VerifierFailure) {
                    if try add(try await child.verify(rollout, in: context), index, to: &parts) { break }
                } catch {
                    throw failure(error, of: index)
                }
            }
            return try verdict(parts)
        }
    }

    private func failure(_ failure: VerifierFailure, of index: Int) -> VerifierFailure {
        VerifierFailure(failure.kind, option: failure.option, "'\(composite.children[index].name)': \(failure.message)")
    }

    /// Whether nothing more need be asked: a gate is closed, or the whole abstains anyhow.
    private func add(_ verdict: Verdict, _ index: Int, to parts: inout [Part]) throws(VerifierFailure) -> Bool {
        switch verdict {
        case .abstain(let reason):
            parts.append(.abstained(reason))
            return configuration.onAbstain == .abstain
        case .score(let score):
            guard score.value.isFinite else {
                throw VerifierFailure(.invalidValue, "the value is \(score.value)")
            }
            parts.append(.score(score))
            return configuration.combine == .gate && isClosed(score, index)
        }
    }

    private func isClosed(_ score: Score, _ index: Int) -> Bool {
        index < children.count - 1 && score.value < composite.children[index].threshold
    }

    // MARK: Making one of several

    private func verdict(_ parts: [Part]) throws(VerifierFailure) -> Verdict {
        var scores: [(index: Int, score: Score)] = []
        var reasons: [String] = []
        for (index, part) in parts.enumerated() {
            switch part {
            case .score(let score): scores.append((index, score))
            case .abstained(let reason):
                reasons.append("'\(composite.children[index].name)' abstains: \(reason)")
                if configuration.onAbstain == .zero { scores.append((index, Score(0, passed: false))) }
            }
        }
        if !reasons.isEmpty, configuration.onAbstain == .abstain || reasons.count == children.count {
            return .abstain(reason: reasons.joined(separator: "; "))
        }
        let value = try value(scores)
        // Rounding must not carry a mean out of the range of what it is the mean of.
        let clipped = min(max(value, composite.range.lowerBound), composite.range.upperBound)
        var named: [String: Double] = [:]
        for (index, score) in scores { named[composite.children[index].name] = score.value }
        let notes = scores.compactMap { index, score in
            score.note.map { "\(composite.children[index].name): \($0)" }
        }
        return .score(
            Score(
                clipped, passed: passed(clipped, scores), parts: named, extracted: scores.last?.score.extracted,
                note: notes + reasons == [] ? nil : (notes + reasons).joined(separator: "; ")))
    }

    private func passed(_ value: Double, _ scores: [(index: Int, score: Score)]) -> Bool? {
        if let threshold = configuration.passAt { return value >= threshold }
        switch configuration.combine {
        case .formula: return nil
        case .gate:
            guard scores.count == children.count, let last = scores.last else { return false }
            return scores.contains { isClosed($0.score, $0.index) } ? false : last.score.passed
        case .sum, .product, .min, .lexicographic:
            let all = scores.map(\.score.passed)
            if all.contains(false) { return false }
            return all.contains(nil) ? nil : true
        }
    }

    private func value(_ scores: [(index: Int, score: Score)]) throws(VerifierFailure) -> Double {
        let weights = scores.map { composite.children[$0.index].weight }
        let values = scores.map(\.score.value)
        switch configuration.combine {
        case .sum:
            let sum = zip(weights, values).reduce(0) { $0 + $1.0 * $1.1 }
            return configuration.normalized ? sum / weights.reduce(0, +) : sum
        case .product: return zip(weights, values).reduce(1) { $0 * pow($1.1, $1.0) }
        case .min: return values.min() ?? 0
        case .gate:
            let isOpen = scores.count == children.count && !scores.contains { isClosed($0.score, $0.index) }
            return isOpen ? scores.last?.score.value ?? configuration.otherwise : configuration.otherwise
        case .lexicographic:
            let steps = Double(configuration.levels - 1)
            let number = values.reduce(0.0) { $0 * Double(configuration.levels) + ($1 * steps).rounded() }
            return number / (pow(Double(configuration.levels), Double(values.count)) - 1)
        case .formula:
            var named: [String: Double] = [:]
            for (index, score) in scores { named[composite.children[index].name] = score.value }
            guard let formula = composite.formula else { preconditionFailure("a composite of no formula") }
            do throws(FormulaError) {
                return try formula.value(named)
            } catch {
                throw VerifierFailure(.invalidValue, "the formula has no value: \(error.message)")
            }
        }
    }

    // MARK: Probes

    /// What must not pass one child must not pass the whole; what must pass all of them must pass it.
    private var probes: [VerifierProbe] {
        guard configuration.passAt == nil, configuration.combine != .formula else { return [] }
        var probes: [VerifierProbe] = []
        for (child, bound) in zip(composite.children, children) {
            for probe in bound.probes {
                if probes.contains(where: { $0.answer == probe.answer }) { continue }
                let isGold = children.allSatisfy { other in
                    other.probes.contains { $0.answer == probe.answer && $0.passes }
                }
                guard isGold || !probe.passes else { continue }
                probes.append(VerifierProbe("\(child.name): \(probe.name)", answer: probe.answer, passes: isGold))
            }
        }
        return probes
    }
}
