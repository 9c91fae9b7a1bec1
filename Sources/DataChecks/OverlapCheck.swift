import OrderedCollections
import TextCore

/// Rows that a model is judged by and that are among those it is trained on.
struct OverlapCheck: DataCheck {
    /// How bad it is, the worst first.
    fileprivate enum Tier: Int, CaseIterable {
        case exact, contained, near, similar

        init(_ match: OverlapMatch) {
            self =
                switch match.kind {
                case .exact: .exact
                case .contained: .contained
                case .near: match.score >= OverlapMatch.nearSimilarity ? .near : .similar
                }
        }

        var severity: Finding.Severity { self == .exact ? .error : self == .similar ? .note : .warning }

        /// What the rows of a suite do, and why it matters.
        func words(_ suite: String) -> (what: String, why: String) {
            switch self {
            case .exact:
                (
                    "are among the rows to train on, in",
                    "The model has seen these questions, so \(suite) measures memory and not skill"
                )
            case .contained:
                (
                    "are contained word by word in rows to train on, in",
                    "The model has read them, with what stands around them"
                )
            case .near:
                (
                    "are nearly the same as rows to train on, as",
                    "They are copies that were reworded, or the domain repeats itself; of copies the model knows the "
                        + "answers"
                )
            case .similar:
                (
                    "are similar to rows to train on, to",
                    "Most such pairs are alike by chance; a copy of which much was reworded may be among them"
                )
            }
        }
    }

    /// What was found of a suite.
    fileprivate struct Suite {
        var rows = 0
        /// For each of its rows the worst that was found, and 4 for nothing.
        var worst: [UInt8] = []
        /// For each tier how many rows to train on have it as their worst, and the most alike of them.
        var trainRows = Array(repeating: 0, count: Tier.allCases.count)
        var shown: [[Finding.Row]] = Array(repeating: [], count: Tier.allCases.count)
    }

    private var index: EvaluationIndex
    private var items: [(suite: String, number: Int, source: String, excerpt: String)] = []
    private var suites: OrderedDictionary<String, Suite> = [:]

    init(_ settings: DataCheckSettings) { index = EvaluationIndex(common: settings.commonText) }

    mutating func add(_ row: CheckedRow) {
        switch row.side {
        case .suite(let name):
            index.add(row.prompt)
            items.append((name, suites[name]?.rows ?? 0, row.source, row.prompt.excerpt))
            suites[name, default: Suite()].rows += 1
            suites[name]?.worst.append(UInt8(Tier.allCases.count))
        case .train:
            var seen: Set<String> = []
            // The worst match comes first.
            for match in index.matches(prompt: row.prompt, texts: row.texts) {
                let item = items[match.item]
                suites[item.suite]?.note(row, match, item, isWorst: seen.insert(item.suite).inserted)
            }
        }
    }

    func findings() -> [Finding] {
        suites.flatMap { name, suite in
            Tier.allCases.compactMap { tier -> Finding? in
                let (trainRows, rows) = (suite.trainRows[tier.rawValue], suite.worst.count { $0 == tier.rawValue })
                guard trainRows > 0 || rows > 0 else { return nil }
                let (what, why) = tier.words(name)
                return Finding(
                    "overlap.\(tier)", tier.severity,
                    "\(grouped(rows)) of \(grouped(suite.rows)) rows of \(name) (\(percent(rows, of: suite.rows))) \(what) "
                        + "\(grouped(trainRows))",
                    why: why,
                    edit: tier == .similar
                        ? ""
                        : "Write `data.decontaminate: [suites]`, or run `hone data dedup` with `--against` the file of \(name)",
                    count: trainRows, rows: suite.shown[tier.rawValue].mostAlike,
                    figures: [
                        "suite": .string(name), "rows": .integer(rows), "of": .integer(suite.rows),
                        "train_rows": .integer(trainRows),
                    ])
            }
        }
    }
}

extension OverlapCheck.Suite {
    /// - Parameter isWorst: whether it is the worst match of the row to train on in this suite.
    fileprivate mutating func note(
        _ row: CheckedRow, _ match: OverlapMatch, _ item: (suite: String, number: Int, source: String, excerpt: String),
        isWorst: Bool
    ) {
        let tier = OverlapCheck.Tier(match)
        worst[item.number] = min(worst[item.number], UInt8(tier.rawValue))
        guard isWorst else { return }
        trainRows[tier.rawValue] += 1
        let excerpt = row.prompt.excerpt
        shown[tier.rawValue].append(
            Finding.Row(
                row.source, excerpt: tier == .exact ? excerpt : "\(excerpt) ~ \(item.excerpt)", other: item.source,
                score: match.score))
        if shown[tier.rawValue].count >= 2 * Finding.rowLimit {
            shown[tier.rawValue] = shown[tier.rawValue].mostAlike
        }
    }
}

extension [Finding.Row] {
    /// As many as a finding shows, the most alike first.
    fileprivate var mostAlike: [Finding.Row] {
        let order = indices.sorted { (-(self[$0].score ?? 0), $0) < (-(self[$1].score ?? 0), $1) }
        return order.prefix(Finding.rowLimit).map { self[$0] }
    }
}

extension CheckedRow {
    /// All that it says.
    var texts: [String] { [prompt, answer, rejected, system].compactMap(\.self).filter { !$0.isEmpty } }

    /// The start of its text on one line.
    var excerpt: String { (answer.map { "\(prompt) → \($0)" } ?? prompt).excerpt }
}

extension String {
    /// The start of the text on one line.
    var excerpt: String { String(clipped(to: 160).map { $0.isNewline || $0 == "\t" ? " " : $0 }) }
}
