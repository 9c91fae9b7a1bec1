import Foundation
import OrderedCollections
import Statistics

extension SuiteResult {
    /// Examples that an interval narrow enough to decide by takes: about ± 7 points around a share of one half.
    public static let suggestedCount = 200

    /// One line for people.
    public var summary: String {
        var parts: [String] = []
        switch kind {
        case .answers, .multipleChoice, .preference:
            guard let accuracy, let interval else { return "\(name): nothing measured" }
            parts.append(
                "\(percent(accuracy)) of \(count) \(kind == .preference ? "pairs" : "right"), 95 % interval "
                    + "\(percent(interval.lower)) to \(percent(interval.upper))")
            if let value = figures["accuracy_norm"] {
                parts.append("\(percent(value)) by the mean a \(kind == .preference ? "token" : "byte")")
            }
            if let baseRate { parts.append("base rate \(percent(baseRate))") }
            if unjudged > 0 { parts.append("\(unjudged) not judged") }
            if let stoppedShare, stoppedShare < 1 {
                parts.append("\(percent(1 - stoppedShare)) ran into the length limit")
            }
            if let valid = figures["valid"] { parts.append("\(percent(valid)) in the format") }
            if let f1 = figures["field_f1"] { parts.append("field F1 \(rounded(f1))") }
            if let wins = figures["win_rate"] { parts.append("wins \(percent(wins)) against the baseline") }
            if let median = figures["latency_p50"], let tail = figures["latency_p95"] {
                parts.append("\(milliseconds(median)) a request, p95 \(milliseconds(tail))")
            }
        case .loss:
            guard let loss else { return "\(name): nothing measured" }
            parts.append("loss \(rounded(loss)) nats a token over \(count) rows")
        case .perplexity:
            guard let perplexity = figures["perplexity"] else { return "\(name): nothing measured" }
            parts.append("perplexity \(rounded(perplexity)) over \(count) rows")
        case .divergence:
            guard let divergence = figures["kl"] else { return "\(name): nothing measured" }
            parts.append("KL to the base \(rounded(divergence)) nats a token over \(count) rows")
        }
        return "\(name): " + parts.joined(separator: ", ")
    }

    /// What to know before one decides by this result; `nil` where there are enough examples.
    public var sizeWarning: String? {
        guard count < Self.suggestedCount, let interval else { return nil }
        return "suite \(name) has \(count) examples, so its \(kind.leadingMetric) is known to within "
            + "\(percent((interval.upper - interval.lower) / 2)) either way; about \(Self.suggestedCount) are suggested"
    }

    private func percent(_ share: Double) -> String { "\((share * 1000).rounded() / 10) %" }
    private func rounded(_ value: Double) -> String { "\((value * 10_000).rounded() / 10_000)" }
    private func milliseconds(_ value: Double) -> String {
        value < 100 ? "\((value * 10).rounded() / 10) ms" : "\(value.rounded()) ms".replacing(".0 ms", with: " ms")
    }
}
