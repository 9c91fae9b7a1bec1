import OrderedCollections
public import Reports
import TextCore

extension DataCheckReport {
    /// How many rows of a finding a report shows.
    private static let shownRows = 20

    /// The report's part of a page: what it comes to, a table of rows, and each finding with its first rows.
    public var blocks: [ReportBlock] {
        let (tone, title): (ReportBlock.Tone, String) =
            switch worst {
            case .error?: (.bad, "The data are not fit to train on as they are")
            case .warning?: (.unsure, "The data can be trained on, with reservations")
            case .note?, nil: (.good, "Nothing stands against these data")
            }
        var blocks: [ReportBlock] = [.verdict(tone, title: title, text: summary + ".")]
        blocks.append(
            .table(
                ReportTable(
                    [.text("rows of"), .number("count")], rows: rowCounts.map { [$0.key, grouped($0.value)] })))
        for finding in findings { blocks += finding.blocks(showing: Self.shownRows) }
        if !leftOut.isEmpty {
            blocks.append(.paragraph("Not checked:"))
            blocks.append(.list(leftOut.map { "`\($0.key)`: \($0.value)" }))
        }
        return blocks
    }
}

extension Finding {
    fileprivate func blocks(showing limit: Int) -> [ReportBlock] {
        var blocks: [ReportBlock] = [
            .heading("\(severity.rawValue.prefix(1).uppercased() + severity.rawValue.dropFirst()): \(check)", level: 3),
            .paragraph("**\(message.escapedForReport)**"), .paragraph(why.escapedForReport + "."),
        ]
        if !edit.isEmpty { blocks.append(.paragraph("What to do: \(edit).")) }
        guard !rows.isEmpty else { return blocks }
        let hasOther = rows.contains { $0.other != nil }
        let hasScore = rows.contains { $0.score != nil }
        var columns: [ReportTable.Column] = [.text("row"), .text("text")]
        if hasOther { columns.append(.text("beside")) }
        if hasScore { columns.append(.number("score")) }
        let table = ReportTable(
            columns,
            rows: rows.prefix(limit).map { row in
                var cells = [row.source, row.excerpt]
                if hasOther { cells.append(row.other ?? "") }
                if hasScore { cells.append(row.score.map { "\(($0 * 100).rounded() / 100)" } ?? "") }
                return cells
            }, caption: count > limit ? "The first \(min(limit, rows.count)) of \(grouped(count))." : "")
        blocks.append(
            rows.count > 5 ? .details(summary: "\(grouped(count)) rows", [.table(table)]) : .table(table))
        return blocks
    }
}

extension String {
    /// The text without the two asterisks that would make it strong.
    fileprivate var escapedForReport: String { replacing("**", with: "* *") }
}
