import Foundation
import OrderedCollections
import TextCore

extension SuiteResult {
    /// The values of a metric row by row, such that their weighted mean is the metric; `nil` where it has none.
    ///
    /// Figures that are no means of rows are told by values whose mean they are all the same, so that differences of
    /// means can be judged by drawing rows: perplexity by its first-order expansion around the mean loss, macro F1 by
    /// what leaving each row out changes (the jackknife's pseudo-values; Efron and Stein, 1981).
    ///
    /// - Parameter metric: a name of `figures`.
    /// - Returns: a value for each row; rows on which the verifier had no verdict have no score.
    public func observations(of metric: String) -> [RowObservation]? {
        switch kind {
        case .loss, .divergence: rows.observations(of: metric)
        case .perplexity: metric == "perplexity" ? perplexityObservations : rows.observations(of: metric)
        case .multipleChoice, .preference:
            observed { outcome in outcome.values[metric].map { ($0.value, $0.weight) } }
        case .answers:
            switch metric {
            case "accuracy": observed { ($0.passed ? 1 : 0, 1) }
            case "score": observed { outcome in outcome.score.map { ($0, 1) } }
            case "win_rate": figures[metric] == nil ? nil : observed { outcome in outcome.score.map { ($0, 1) } }
            case "stopped": observed { ($0.stopped ? 1 : 0, 1) }
            case "macro_f1": macroF1Observations
            // Quantiles are drawn from the requests themselves.
            case "latency_p50", "latency_p95": observed { $0.values["latency_ms"].map { ($0.value, 1) } }
            default: observed { outcome in outcome.values[metric].map { ($0.value, $0.weight) } }
            }
        }
    }

    private func observed(_ value: (Outcome) -> (Double, Double)?) -> [RowObservation]? {
        let found = outcomes.compactMap { outcome in value(outcome).map { (outcome.id, $0.0, $0.1) } }
        return found.isEmpty ? nil : found
    }

    private var perplexityObservations: [RowObservation]? {
        guard let mean = rows.mean(of: "loss") else { return nil }
        return rows.observations(of: "loss")?.map { ($0.id, exp(mean) * (1 + $0.value - mean), $0.weight) }
    }

    /// Leaving a row out changes the F1 of the two labels it has to do with.
    private var macroF1Observations: [RowObservation]? {
        guard !outcomes.isEmpty, outcomes.allSatisfy({ $0.label != nil }) else { return nil }
        let table = ClassTable(outcomes.map { ($0.label ?? "", $0.extracted) })
        let rows = Dictionary(table.rows.map { ($0.label, $0) }, uniquingKeysWith: { first, _ in first })
        let present = table.rows.count { $0.support > 0 }
        let total = table.macroF1 * Double(present)
        let n = Double(outcomes.count)
        let values = outcomes.map { outcome -> Double in
            let touched = Set([outcome.label, outcome.extracted].compactMap(\.self))
            var (sum, count) = (total, present)
            for label in touched {
                guard var row = rows[label] else { continue }
                if row.support > 0 { (sum, count) = (sum - row.f1, count - 1) }
                if label == outcome.label { row.support -= 1 }
                if label == outcome.extracted { row.predicted -= 1 }
                if outcome.label == outcome.extracted { row.correct -= 1 }
                if row.support > 0 { (sum, count) = (sum + row.f1, count + 1) }
            }
            return n * table.macroF1 - (n - 1) * (count > 0 ? sum / Double(count) : 0)
        }
        let shift = table.macroF1 - values.reduce(0, +) / n
        return zip(outcomes, values).map { ($0.id, $1 + shift, 1) }
    }
}
