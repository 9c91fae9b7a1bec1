public import TextCore

/// How well each field of JSON was found.
public struct FieldTable: Sendable, Hashable {
    /// One field's counts, in leaves.
    public struct Row: Sendable, Hashable {
        /// The field's path, such as `items[].price`.
        public var path: String
        /// Leaves of it that match, by likeness.
        public var matched = 0.0
        /// Leaves of it in answers.
        public var answered = 0.0
        /// Leaves of it that are expected.
        public var expected = 0.0

        /// Share of the answers' leaves that are right; `nil` without any.
        public var precision: Double? { answered > 0 ? matched / answered : nil }
        /// Share of the expected leaves that were found; `nil` without any.
        public var recall: Double? { expected > 0 ? matched / expected : nil }
        /// The harmonic mean of both; 1 when nothing is expected or answered.
        public var f1: Double { answered + expected > 0 ? 2 * matched / (answered + expected) : 1 }

        /// Counts of a field.
        public init(path: String, matched: Double = 0, answered: Double = 0, expected: Double = 0) {
            self.path = path
            self.matched = matched
            self.answered = answered
            self.expected = expected
        }
    }

    /// A row for each field, in the order of the paths' bytes.
    public private(set) var rows: [Row]

    /// Adds up the fields of many answers.
    public init(_ answers: some Sequence<[Row]>) {
        var table: [String: Row] = [:]
        for row in answers.joined() {
            table[row.path, default: Row(path: row.path)].matched += row.matched
            table[row.path]?.answered += row.answered
            table[row.path]?.expected += row.expected
        }
        rows = table.values.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    }

    /// All fields as one.
    var total: Row {
        rows.reduce(into: Row(path: "")) { sum, row in
            sum.matched += row.matched
            sum.answered += row.answered
            sum.expected += row.expected
        }
    }

    /// The F1 of all leaves together.
    public var microF1: Double { total.f1 }

    /// The mean of the fields' F1; 1 without a field.
    public var macroF1: Double { rows.isEmpty ? 1 : rows.reduce(0) { $0 + $1.f1 } / Double(rows.count) }

    /// The table for scripts.
    public var json: JSON {
        .array(
            rows.map { row in
                [
                    "field": .string(row.path), "matched": .number(row.matched), "answered": .number(row.answered),
                    "expected": .number(row.expected), "precision": row.precision.map { .number($0) } ?? .null,
                    "recall": row.recall.map { .number($0) } ?? .null, "f1": .number(row.f1),
                ]
            })
    }

    /// A table that was written as JSON; `nil` when it is none.
    init?(json: JSON) {
        guard let entries = json.array else { return nil }
        var rows: [Row] = []
        for entry in entries {
            guard let path = entry["field"]?.string, let matched = entry["matched"]?.double,
                let answered = entry["answered"]?.double, let expected = entry["expected"]?.double
            else { return nil }
            guard [matched, answered, expected].allSatisfy({ $0.isFinite && $0 >= 0 }) else { return nil }
            rows.append(Row(path: path, matched: matched, answered: answered, expected: expected))
        }
        self.rows = rows
    }
}
