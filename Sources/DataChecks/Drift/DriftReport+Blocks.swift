public import Reports
import Statistics
import TextCore

extension DriftReport {
    /// The report's parts.
    public var blocks: [ReportBlock] {
        let reasons = reasons
        var blocks: [ReportBlock] = [
            .verdict(advice.tone, title: advice.title, text: summary),
            .list(reasons.why),
        ]
        if !reasons.steps.isEmpty { blocks += [.heading("What to do", level: 2), .list(reasons.steps)] }
        blocks += [.heading("Tests", level: 2), .paragraph(sizes), testTable]
        if !classes.isEmpty { blocks += [.heading("Classes", level: 2), classTable] }
        if !telling.isEmpty || !newWords.isEmpty { blocks += wordBlocks }
        if !moved.isEmpty {
            blocks += [
                .heading("Rows that moved most", level: 2),
                .paragraph(
                    "Rows of production that look the least like those trained on, to a classifier that has not seen them."
                ),
                Self.rowTable(moved, score: "looks new", other: "class"),
            ]
        }
        if let coverage { blocks += Self.coverageBlocks(coverage) }
        return blocks
    }

    private var sizes: String {
        var text = "\(grouped(counts.train)) rows were trained on, \(grouped(counts.production)) are of production"
        if counts.sampledTrain < counts.train || counts.sampledProduction < counts.production {
            text +=
                " (of which \(grouped(counts.sampledTrain)) and \(grouped(counts.sampledProduction)), drawn by a key, were looked at)"
        }
        return text + ". The tests together raise a false alarm in at most \(Figure.percent(level)) of the cases; "
            + "p-values are corrected for their number (Holm). A difference counts from the floor on: of many rows even "
            + "one that matters to nobody is certain."
    }

    private var testTable: ReportBlock {
        .table(
            ReportTable(
                [
                    .text("Of"), .text("Found"), .number("Difference"), .number("Floor"), .number("p"), .text("Drift"),
                ],
                rows: tests.map { test in
                    [
                        test.subject.words, test.sentence, "\(Figure.rounded(test.effect, 4))", "\(test.floor)",
                        Self.text(test.adjusted),
                        test.isDrift(level: level) ? "yes" : test.isCertain(level: level) ? "too small" : "no",
                    ]
                }))
    }

    private static func text(_ pValue: Double) -> String {
        pValue < 0.0001 ? "< 0.0001" : "\(Figure.rounded(pValue, 4))"
    }

    private var classTable: ReportBlock {
        .table(
            ReportTable(
                [.text("Class"), .number("Before"), .number("Now")],
                rows: classes.map { [$0.name, Figure.percent($0.train), Figure.percent($0.production)] },
                caption: "The classes whose shares changed the most."))
    }

    private var wordBlocks: [ReportBlock] {
        var blocks: [ReportBlock] = [.heading("Words", level: 2)]
        if !newWords.isEmpty {
            let words = newWords.map { "`\($0.word)` (\($0.count))" }
            blocks.append(.paragraph("New words that come up more than once: " + words.joined(separator: ", ") + "."))
        }
        if !telling.isEmpty {
            blocks.append(
                .table(
                    ReportTable(
                        [.text("Word"), .number("Before"), .number("Now"), .text("")],
                        rows: telling.map {
                            ["`\($0.word)`", grouped($0.train), grouped($0.production), $0.isMore ? "more" : "less"]
                        },
                        caption: "Words that tell old from new rows the most, with how often they came up.")))
        }
        return blocks
    }

    private static func rowTable(_ rows: [Finding.Row], score: String, other: String) -> ReportBlock {
        let hasOther = rows.contains { $0.other != nil }
        let columns: [ReportTable.Column] =
            [.text("Row"), .text("Text")] + (hasOther ? [.text(other)] : []) + [.number(score)]
        return .table(
            ReportTable(
                columns,
                rows: rows.map { row in
                    [row.source, row.excerpt] + (hasOther ? [row.other ?? ""] : [])
                        + [row.score.map { "\($0)" } ?? ""]
                }))
    }

    private static func coverageBlocks(_ coverage: SuiteCoverage) -> [ReportBlock] {
        var blocks: [ReportBlock] = [
            .heading("What the suite covers", level: 2),
            .paragraph(
                "No row of the suite (\(grouped(coverage.suiteRows))) is like **\(Figure.percent(coverage.uncovered))** of "
                    + "production's rows (95 % sure: \(Figure.percent(coverage.interval.lower)) to "
                    + "\(Figure.percent(coverage.interval.upper))); about \(Figure.percent(SuiteCoverage.usual)) would be so "
                    + "if nothing had changed. Alike are two rows whose similarity is at least "
                    + "\(Figure.rounded(coverage.threshold, 2)), as it is for nine of ten rows of the suite among themselves."
            ),
        ]
        guard !coverage.clusters.isEmpty else { return blocks }
        blocks.append(
            .table(
                ReportTable(
                    [.number("Rows"), .text("For example"), .text("Text")],
                    rows: coverage.clusters.map { [grouped($0.count), $0.example.source, $0.example.excerpt] },
                    caption: "Uncovered rows in groups, the largest first.")))
        blocks.append(
            .details(
                summary: "The rows that the suite is the least like",
                [rowTable(coverage.worst, score: "similarity", other: "nearest row of the suite")]))
        return blocks
    }
}

extension DriftReport.Advice {
    fileprivate var tone: ReportBlock.Tone {
        switch self {
        case .keep: .good
        case .watch: .neutral
        case .refreshSuite: .unsure
        case .retrain: .bad
        }
    }

    fileprivate var title: String {
        switch self {
        case .keep: "Keep the model"
        case .watch: "Keep the model and look again"
        case .refreshSuite: "Refresh the suite"
        case .retrain: "Retrain"
        }
    }
}
