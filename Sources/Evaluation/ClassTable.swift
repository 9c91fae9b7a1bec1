public import TextCore

/// How well each label was told from the others.
public struct ClassTable: Sendable, Hashable {
    /// One label's counts.
    public struct Row: Sendable, Hashable {
        /// The label.
        public var label: String
        /// Items whose right answer it is.
        public var support = 0
        /// Items for which it was answered.
        public var predicted = 0
        /// Items for which it was answered and right.
        public var correct = 0

        /// Share of its items that were found; `nil` without items.
        public var recall: Double? { support == 0 ? nil : Double(correct) / Double(support) }
        /// Share of its answers that were right; `nil` if it was never answered.
        public var precision: Double? { predicted == 0 ? nil : Double(correct) / Double(predicted) }
        /// The harmonic mean of precision and recall; 0 where either is 0 or missing.
        public var f1: Double {
            support + predicted == 0 ? 0 : 2 * Double(correct) / Double(support + predicted)
        }
    }

    /// A row for each label that was expected or answered, in the order of the labels' bytes.
    public private(set) var rows: [Row]
    /// Items without an answer that could be read as a label.
    public private(set) var unanswered = 0

    /// Counts answers.
    ///
    /// - Parameter outcomes: for each item its right label and the label read from the answer, `nil` for none.
    public init(_ outcomes: [(expected: String, answered: String?)]) {
        var table: [String: Row] = [:]
        for (expected, answered) in outcomes {
            table[expected, default: Row(label: expected)].support += 1
            guard let answered else {
                unanswered += 1
                continue
            }
            table[answered, default: Row(label: answered)].predicted += 1
            if answered == expected { table[answered]?.correct += 1 }
        }
        rows = table.values.sorted { $0.label.utf8.lexicographicallyPrecedes($1.label.utf8) }
    }

    /// A table that was written as JSON; `nil` when it is none.
    init?(json: JSON) {
        guard let classes = json["classes"]?.array, let unanswered = json["unanswered"]?.int, unanswered >= 0 else {
            return nil
        }
        rows = []
        for row in classes {
            guard let label = row["label"]?.string, let support = row["support"]?.int,
                let predicted = row["predicted"]?.int, let correct = row["correct"]?.int,
                correct >= 0, correct <= support, correct <= predicted, support < 1 << 32, predicted < 1 << 32
            else { return nil }
            rows.append(Row(label: label, support: support, predicted: predicted, correct: correct))
        }
        self.unanswered = unanswered
    }

    /// The mean of F1 over the labels that have items.
    public var macroF1: Double {
        let present = rows.filter { $0.support > 0 }
        return present.isEmpty ? 0 : present.reduce(0) { $0 + $1.f1 } / Double(present.count)
    }

    /// Share of the most frequent label: what always answering it would score.
    public var baseRate: Double {
        let total = rows.reduce(0) { $0 + $1.support }
        return total == 0 ? 0 : Double(rows.map(\.support).max() ?? 0) / Double(total)
    }

    /// The table for scripts.
    public var json: JSON {
        [
            "macro_f1": .number(macroF1), "base_rate": .number(baseRate), "unanswered": .integer(unanswered),
            "classes": .array(
                rows.map { row in
                    [
                        "label": .string(row.label), "support": .integer(row.support),
                        "predicted": .integer(row.predicted), "correct": .integer(row.correct),
                        "precision": row.precision.map { .number($0) } ?? .null,
                        "recall": row.recall.map { .number($0) } ?? .null, "f1": .number(row.f1),
                    ]
                }),
        ]
    }
}
