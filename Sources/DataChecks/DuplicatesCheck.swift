import OrderedCollections
import ShardIO
import TextCore

/// Rows to train on that repeat others, or contradict them.
struct DuplicatesCheck: DataCheck {
    private let settings: DataCheckSettings
    private var index: DuplicateIndex?
    private var failure: DataError?
    private var rows = 0
    /// Hashes of what suites ask, and how many of their rows ask it again.
    private var asked: [String: (prompts: Set<UInt64>, repeats: [Finding.Row], count: Int)] = [:]

    init(_ settings: DataCheckSettings) {
        self.settings = settings
        do throws(DataError) { index = try DuplicateIndex(common: settings.commonText, near: true) } catch {
            failure = error
        }
    }

    mutating func add(_ row: CheckedRow) {
        switch row.side {
        case .train:
            rows += 1
            guard failure == nil else { return }
            do throws(DataError) { try index?.add(row) } catch { failure = error }
        case .suite(let name):
            let hash = NormalizedText(row.prompt).hash
            guard !asked[name, default: ([], [], 0)].prompts.insert(hash).inserted else { return }
            asked[name]?.count += 1
            if asked[name]?.repeats.count ?? 0 < Finding.rowLimit {
                asked[name]?.repeats.append(Finding.Row(row.source, excerpt: row.excerpt))
            }
        }
    }

    mutating func findings() throws -> [Finding] {
        if let failure { throw failure }
        guard let index else { return [] }
        let equal = index.equalRows()
        let near = try index.nearRows(
            threshold: settings.nearThreshold, without: equal, isStopped: settings.isStopped)
        return try conflicts(index) + equalFinding(equal, index) + nearFinding(near, index) + suiteFindings()
    }

    private func shown(_ duplicates: [Duplicate], _ index: DuplicateIndex) throws -> [Finding.Row] {
        try duplicates.prefix(Finding.rowLimit).map { duplicate in
            let row = try index.shown(duplicate.row)
            return Finding.Row(
                row.source, excerpt: row.excerpt, other: try index.shown(duplicate.of).source,
                score: duplicate.similarity)
        }
    }

    private func equalFinding(_ equal: [Duplicate], _ index: DuplicateIndex) throws -> [Finding] {
        guard !equal.isEmpty else { return [] }
        let exact = equal.count { $0.kind == .equal }
        let isMany = equal.count * 200 >= rows
        return [
            Finding(
                "duplicates.exact", isMany ? .warning : .note,
                "\(grouped(equal.count)) of \(grouped(rows)) rows (\(percent(equal.count, of: rows))) say what an "
                    + "earlier row says, \(grouped(exact)) of them to the letter",
                why: "A row that is there twice counts twice, is learnt by heart sooner, and may lie on both sides of "
                    + "a split",
                edit: "Write `data.dedup: exact`, or run `hone data dedup` on the file", count: equal.count,
                rows: try shown(equal, index),
                figures: ["equal": .integer(exact), "normalized": .integer(equal.count - exact)])
        ]
    }

    private func nearFinding(_ near: [Duplicate], _ index: DuplicateIndex) throws -> [Finding] {
        guard !near.isEmpty else { return [] }
        let isMany = near.count * 20 >= rows
        return [
            Finding(
                "duplicates.near", isMany ? .warning : .note,
                "\(grouped(near.count)) of \(grouped(rows)) rows (\(percent(near.count, of: rows))) say nearly what an "
                    + "earlier row says (\(settings.nearThreshold) and more of their pieces are the same)",
                why: "They teach little that is new, and the set is smaller than it looks",
                edit: "Look at them; then write `data.dedup: near`, or run `hone data dedup --near` on the file",
                count: near.count, rows: try shown(near.sorted { $0.similarity > $1.similarity }, index),
                figures: ["threshold": .number(settings.nearThreshold)])
        ]
    }

    /// Rows that ask the same and answer otherwise.
    private func conflicts(_ index: DuplicateIndex) throws -> [Finding] {
        guard settings.method == .supervised || settings.method == .reward else { return [] }
        let conflicts = index.conflicts()
        guard !conflicts.isEmpty else { return [] }
        // Where a few answers come again and again they are classes, and a question has one.
        let areClasses = index.answerCount(upTo: rows) * 4 <= rows
        var shown: [Finding.Row] = []
        for group in conflicts {
            let first = try index.shown(group[0])
            for row in group.dropFirst() where shown.count < Finding.rowLimit {
                let other = try index.shown(row)
                shown.append(
                    Finding.Row(other.source, excerpt: other.excerpt, other: "\(first.source) \(first.excerpt)"))
            }
        }
        let count = conflicts.reduce(0) { $0 + $1.count - 1 }
        return [
            Finding(
                "duplicates.conflict", areClasses ? .warning : .note,
                "\(grouped(conflicts.count)) prompts have several answers, in \(grouped(count + conflicts.count)) rows",
                why: areClasses
                    ? "One of the answers is wrong, and the model is taught both"
                    : "It is as it should be where answers are samples; else the model is taught what contradicts itself",
                edit: areClasses ? "Keep the right row of each and delete the others" : "", count: count, rows: shown,
                figures: ["prompts": .integer(conflicts.count)])
        ]
    }

    private func suiteFindings() -> [Finding] {
        asked.sorted { $0.key < $1.key }.filter { $0.value.count > 0 }.map { name, suite in
            Finding(
                "duplicates.suite", .note,
                "\(grouped(suite.count)) rows of \(name) ask what an earlier row of it asks",
                why: "They count twice in its figures, which look more certain than they are",
                edit: "Run `hone data dedup` on the file", count: suite.count, rows: suite.repeats,
                figures: ["suite": .string(name)])
        }
    }
}
