import DataChecks
import OrderedCollections
import Reports
import Testing
import TextCore

/// The report of a data check.
@Suite struct DataCheckReportTests {
    private let report = DataCheckReport(
        findings: [
            Finding("b.note", .note, "a note", why: "so", count: 1),
            Finding(
                "a.error", .error, "an error", why: "because", edit: "mend it", count: 30,
                rows: (0..<30).map { Finding.Row("f:\($0)", excerpt: "text \($0)", other: "g:\($0)", score: 0.75) },
                figures: ["suite": "s"]),
        ], rowCounts: ["s": 10, "train": 2000], checks: ["a", "b"], leftOut: ["c": "it takes long"], seconds: 1.5,
        peak: 123)

    @Test func `it is read back as it was written, the worst first`() throws {
        #expect(report.findings.map(\.check) == ["a.error", "b.note"])
        let text = report.json.text(.pretty)
        #expect(try DataCheckReport(json: JSON(parsing: text)) == report)
        #expect(report.summary == "1 error, 1 note in 10 of s, 2,000 of train rows")
    }

    @Test func `what is no report is refused with the member that is wrong`() throws {
        func message(_ change: (inout JSON) -> Void) -> String {
            var json = report.json
            change(&json)
            do { _ = try DataCheckReport(json: json) } catch { return "\(error)" }
            return "accepted"
        }
        func set(_ name: String, _ value: JSON) -> String {
            message { json in
                guard case .object(var members) = json else { return }
                members[name] = value
                json = .object(members)
            }
        }
        #expect(set("findings", 3).contains("'findings' is an integer where a list belongs"))
        #expect(set("rows", ["train": -1]).contains("'rows.train'"))
        #expect(set("seconds", "1").contains("'seconds' is a string"))
        #expect(set("findings", [["check": "x"]]).contains("findings[0]: 'severity' is missing"))
        #expect(message { $0 = .null }.contains("missing"))
    }

    @Test func `its blocks show the verdict, the counts, and the first rows of each finding`() {
        let blocks = report.blocks
        guard case .verdict(let tone, _, let text) = blocks.first else { return #expect(Bool(false), "no verdict") }
        #expect(tone == .bad && text.contains("1 error"))
        let details = blocks.compactMap { block -> ReportTable? in
            guard case .details(_, let inner) = block, case .table(let table)? = inner.first else { return nil }
            return table
        }
        #expect(details.first?.rows.count == 20 && details.first?.caption.contains("20 of 30") == true)
    }
}
