import OrderedCollections
import TextCore

/// Looks for keys and personal data in the texts of rows.
struct SecretCheck: DataCheck {
    private var found: [SecretKind: (rows: RowCollector, matches: Int)] = [:]

    init(_ settings: DataCheckSettings) {}

    mutating func add(_ row: CheckedRow) {
        var counted: Set<SecretKind> = []
        for text in [row.system, row.prompt, row.answer, row.rejected] {
            guard let text, !text.isEmpty else { continue }
            let matches = SecretScanner.matches(in: text)
            for match in matches {
                found[match.kind, default: (RowCollector(), 0)].matches += 1
                guard counted.insert(match.kind).inserted else { continue }
                found[match.kind]?.rows.add(
                    Finding.Row(row.source, excerpt: Self.excerpt(text, matches, around: match), other: match.kind.name)
                )
            }
        }
    }

    /// The text around a match, masked.
    private static func excerpt(_ text: String, _ matches: [SecretScanner.Match], around match: SecretScanner.Match)
        -> String
    {
        let bytes = Array(text.utf8)
        let before = matches.filter { $0.range.upperBound <= match.range.lowerBound }
        let start = max(before.last?.range.upperBound ?? 0, match.range.lowerBound - 60)
        let after = matches.first { $0.range.lowerBound >= match.range.upperBound }?.range.lowerBound ?? bytes.count
        let end = min(after, match.range.upperBound + 60)
        let shown =
            String(decoding: bytes[start..<match.range.lowerBound], as: UTF8.self)
            + String(decoding: bytes[match.range].prefix(2), as: UTF8.self) + "…"
            + String(decoding: bytes[match.range.upperBound..<end], as: UTF8.self)
        return Excerpt.line(shown)
    }

    func findings() -> [Finding] {
        SecretKind.allCases.compactMap { kind in
            guard let (rows, matches) = found[kind] else { return nil }
            return Finding(
                "secrets." + kind.rawValue, kind.severity,
                "\(grouped(rows.count)) \(rows.count == 1 ? "row holds" : "rows hold") what looks like a \(kind.name)",
                why: kind.why, edit: kind.edit, count: rows.count, rows: rows.rows,
                figures: ["matches": .integer(matches)])
        }
    }
}
