import DataChecks
import Foundation
import ShardIO
import TestSupport
import TextCore

/// What checks find in rows.
func findings(
    _ rows: [CheckedRow], only names: String..., settings: DataCheckSettings = DataCheckSettings()
) throws -> [Finding] {
    let (checks, _) = try DataCheckCatalog.choice(only: names, rows: rows.count, quick: false)
    var checker = DataChecker(checks, settings)
    try checker.add(rows)
    return try checker.report().findings
}

extension [Finding] {
    /// The finding of a check, or of a check's part: `labels.spelling`.
    subscript(check: String) -> Finding? { first { $0.check == check } }
}

/// Rows to train on with a prompt and an answer each.
func answered(_ pairs: [(prompt: String, answer: String)]) -> [CheckedRow] {
    pairs.enumerated().map {
        CheckedRow(
            side: .train, source: "rows.jsonl:\($0 + 1)", ordinal: $0, prompt: $1.prompt, answer: $1.answer)
    }
}

/// The rows of a shared file; `nil` where it is absent.
func sharedRows(_ path: String, _ row: (RawRow) -> CheckedRow) throws -> [CheckedRow]? {
    guard let url = try SharedFolder.url(path) else { return nil }
    var rows: [CheckedRow] = []
    var stream = try DataSourceOpener.sequential(path: url.path).rows()
    while let raw = try stream.next() { rows.append(row(raw)) }
    return rows
}

extension RawRow {
    /// The line that it begins on.
    var line: Int { provenance.line }

    /// The text of a column; empty where there is none.
    func text(_ column: String) -> String { fields[column]?.string ?? "" }
}
