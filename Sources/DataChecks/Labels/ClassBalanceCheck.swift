import Foundation
import OrderedCollections
import TextCore

/// Counts classes: how often each comes up, which have a row or two only, which are spelt in two ways, and which a suite
/// asks for though none is trained on.
struct ClassBalanceCheck: DataCheck {
    private struct Tally {
        var train = 0
        var suites: OrderedDictionary<String, Int> = [:]
        var first: Finding.Row
    }

    private var columns: LabelColumns
    /// By part of the answer and class.
    private var tallies: [[Tally]] = []

    init(_ settings: DataCheckSettings) { columns = LabelColumns(settings) }

    mutating func add(_ row: CheckedRow) {
        for (column, label) in columns.labels(of: row) {
            while tallies.count <= column { tallies.append([]) }
            if label == tallies[column].count {
                tallies[column].append(Tally(first: Finding.Row(row.source, excerpt: Excerpt.of(row.prompt))))
            }
            switch row.side {
            case .train:
                // The row that is shown is one to train on where there is any.
                if tallies[column][label].train == 0 {
                    tallies[column][label].first = Finding.Row(row.source, excerpt: Excerpt.of(row.prompt))
                }
                tallies[column][label].train += 1
            case .suite(let name): tallies[column][label].suites[name, default: 0] += 1
            }
        }
    }

    func findings() -> [Finding] {
        columns.columns.indices.flatMap { index -> [Finding] in
            guard columns.areClasses(index) else { return [] }
            let column = columns.columns[index]
            let classes = zip(column.classes.keys, tallies[index]).map { (name: $0, tally: $1) }
            let trained = classes.filter { $0.tally.train > 0 }
            guard trained.count > 1 else { return [] }
            return Self.spelling(trained, column) + Self.unseen(classes, column) + Self.rare(trained, column)
                + [Self.balance(trained, column)]
        }
    }

    private static func balance(_ classes: [(name: String, tally: Tally)], _ column: LabelColumns.Column) -> Finding {
        let counts = classes.map(\.tally.train)
        let rows = counts.reduce(0, +)
        let most = classes.max { $0.tally.train < $1.tally.train }
        let least = classes.min { $0.tally.train < $1.tally.train }
        let base = Double(most?.tally.train ?? 0) / Double(max(1, rows))
        let entropy = counts.reduce(0.0) { sum, count in
            let share = Double(count) / Double(max(1, rows))
            return share > 0 ? sum - share * log(share) : sum
        }
        let isUneven = base >= 0.8
        return Finding(
            "labels.balance", isUneven ? .warning : .note,
            "\(column.name) has \(grouped(classes.count)) classes; the most frequent, '\(most?.name ?? "")', has "
                + "\(Figure.percent(base)) of the rows, the rarest, '\(least?.name ?? "")', "
                + "\(grouped(least?.tally.train ?? 0)) of \(grouped(rows))",
            why:
                "Always answering '\(most?.name ?? "")' is right in \(Figure.percent(base)) of the rows: a score means "
                + "something only above that",
            edit: isUneven ? "Add rows of the other classes, or judge by macro F1 instead of accuracy" : "",
            count: rows,
            figures: [
                "classes": .integer(classes.count), "base_rate": .number(Figure.rounded(base, 4)),
                "effective_classes": .number(Figure.rounded(exp(entropy), 1)),
                "most": .integer(counts.max() ?? 0), "least": .integer(counts.min() ?? 0),
                "rows_per_class": .object(
                    OrderedDictionary(
                        classes.sorted { ($1.tally.train, $0.name) < ($0.tally.train, $1.name) }.prefix(200)
                            .map { ($0.name, .integer($0.tally.train)) }, uniquingKeysWith: { $1 })),
            ])
    }

    private static func rare(_ classes: [(name: String, tally: Tally)], _ column: LabelColumns.Column) -> [Finding] {
        let single = classes.filter { $0.tally.train == 1 }
        let few = classes.filter { (2...9).contains($0.tally.train) }
        var findings: [Finding] = []
        if !single.isEmpty {
            findings.append(
                Finding(
                    "labels.single", .warning,
                    "\(grouped(single.count)) classes of \(column.name) have one row to train on",
                    why: "From one example a class is not learnt, and it may be a misspelt label",
                    edit: "Add rows of these classes, or give them the label that was meant", count: single.count,
                    rows: single.map { row($0.tally.first, label: $0.name) }))
        }
        if !few.isEmpty {
            findings.append(
                Finding(
                    "labels.rare", .note, "\(grouped(few.count)) classes of \(column.name) have two to nine rows",
                    why: "Their answers will be the least certain ones, and a suite hardly measures them",
                    edit: "Add rows of these classes", count: few.count,
                    rows: few.sorted { $0.tally.train < $1.tally.train }
                        .map { row($0.tally.first, label: "\($0.name): \($0.tally.train) rows") }))
        }
        return findings
    }

    private static func row(_ row: Finding.Row, label: String) -> Finding.Row {
        var row = row
        row.other = label
        return row
    }

    /// Classes whose names differ in case, spaces or marks only, or by a slip of the keyboard.
    private static func spelling(_ classes: [(name: String, tally: Tally)], _ column: LabelColumns.Column) -> [Finding]
    {
        var rows: [Finding.Row] = []
        var affected = 0
        let keys = classes.map { SpellingKey($0.name) }
        for (index, item) in classes.enumerated() {
            let better = classes.indices.filter { other in
                let (count, own) = (classes[other].tally.train, item.tally.train)
                guard other != index, count > own || count == own && other < index else { return false }
                return keys[other].text == keys[index].text
                    || own <= max(3, count / 50) && keys[other].isSlip(of: keys[index])
            }.max { classes[$0].tally.train < classes[$1].tally.train }
            guard let better else { continue }
            affected += item.tally.train
            var shown = row(item.tally.first, label: classes[better].name)
            shown.excerpt = "'\(item.name)' in \(counted(item.tally.train, "row")): " + shown.excerpt
            rows.append(shown)
        }
        guard !rows.isEmpty else { return [] }
        return [
            Finding(
                "labels.spelling", .warning,
                "\(counted(rows.count, "class")) of \(column.name) differ from a more frequent one in spelling only",
                why: "The model learns two names for one thing, and a verifier counts one of them as wrong",
                edit: "Write the label that is shown beside each in these rows", count: affected, rows: rows)
        ]
    }

    /// Classes that a suite has and no row to train on.
    private static func unseen(_ classes: [(name: String, tally: Tally)], _ column: LabelColumns.Column) -> [Finding] {
        let missing = classes.filter { $0.tally.train == 0 && !$0.tally.suites.isEmpty }
        guard !missing.isEmpty else { return [] }
        let rows = missing.reduce(0) { $0 + $1.tally.suites.values.reduce(0, +) }
        return [
            Finding(
                "labels.unseen", .warning,
                "\(counted(missing.count, "class")) of \(column.name) stand in a suite but in no row to train on",
                why: "A model cannot answer a name that it has never seen: these \(counted(rows, "row")) are lost",
                edit: "Add rows of these classes to the training data, or correct the suite's labels", count: rows,
                rows: missing.map { row($0.tally.first, label: $0.name) })
        ]
    }
}

/// A class's name as far as it is read aloud.
private struct SpellingKey {
    /// Letters and digits in lower case.
    let text: String
    private let digits: String
    private let count: Int

    init(_ name: String) {
        // `c` and `c++` are two things: of short names every mark counts.
        let folded = name.lowercased()
        let kept = folded.filter { $0.isLetter || $0.isNumber }
        text = kept.count >= 3 ? kept : folded
        digits = text.filter(\.isNumber)
        count = text.count
    }

    /// Whether two differ by one letter; digits are no slips.
    func isSlip(of other: SpellingKey) -> Bool {
        count >= 6 && other.count >= 6 && abs(count - other.count) <= 1 && digits == other.digits
            && editDistance(Array(text.utf8), Array(other.text.utf8)) == 1
    }
}

/// `1 row`, `12 rows`, `3 classes`.
func counted(_ count: Int, _ noun: String) -> String {
    "\(grouped(count)) \(noun)\(count == 1 ? "" : noun.hasSuffix("s") ? "es" : "s")"
}
