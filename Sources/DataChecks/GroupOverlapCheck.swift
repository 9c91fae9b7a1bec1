import OrderedCollections
import TextCore

/// Groups that are both trained on and judged by: the same customer, document or conversation.
struct GroupOverlapCheck: DataCheck {
    /// A group of a suite, and whether it is trained on.
    private struct Group {
        var suite: String
        var source: String
        var trainSource: String?
        var trainRows = 0
    }

    private let column: String
    private var groups: [String: [Group]] = [:]
    private var counts: OrderedDictionary<String, (rows: Int, without: Int)> = [:]

    /// `nil` where rows are not grouped.
    init?(_ settings: DataCheckSettings) {
        guard let column = settings.groupColumn else { return nil }
        self.column = column
    }

    mutating func add(_ row: CheckedRow) {
        switch row.side {
        case .suite(let name):
            counts[name, default: (0, 0)].rows += 1
            guard let group = row.group else {
                counts[name]?.without += 1
                return
            }
            if groups[group]?.contains(where: { $0.suite == name }) ?? false { return }
            groups[group, default: []].append(Group(suite: name, source: row.source))
        case .train:
            guard let group = row.group, let found = groups[group] else { return }
            for index in found.indices {
                groups[group]?[index].trainRows += 1
                if found[index].trainSource == nil { groups[group]?[index].trainSource = row.source }
            }
        }
    }

    func findings() -> [Finding] {
        counts.flatMap { suite, count -> [Finding] in
            let shared = groups.flatMap { name, groups in
                groups.filter { $0.suite == suite && $0.trainSource != nil }.map { (name: name, group: $0) }
            }.sorted { ($0.group.source, $0.name) < ($1.group.source, $1.name) }
            var findings: [Finding] = []
            if !shared.isEmpty {
                let rows = shared.reduce(0) { $0 + $1.group.trainRows }
                findings.append(
                    Finding(
                        "overlap.group", .error,
                        "\(grouped(shared.count)) values of '\(column)' are in \(suite) and in \(grouped(rows)) rows to train on",
                        why: "What is special about them is learnt, and \(suite) looks better than the model will be "
                            + "with others",
                        edit: "Split by it: `hone data split FILE --by \(column)`, or take these rows out",
                        count: shared.count,
                        rows: shared.map { name, group in
                            Finding.Row(
                                group.trainSource ?? "", excerpt: "\(column): \(name.clipped(to: 120))",
                                other: group.source)
                        }, figures: ["suite": .string(suite), "train_rows": .integer(rows)]))
            }
            if count.without == count.rows, count.rows > 0 {
                findings.append(
                    Finding(
                        "overlap.group_unknown", .note,
                        "\(suite) has no column '\(column)', so nobody can say whether it shares groups with the rows to train on",
                        why: "data.group_by says that rows of one '\(column)' belong together",
                        edit: "Add the column to \(suite)", count: count.rows, figures: ["suite": .string(suite)]))
            }
            return findings
        }
    }
}
