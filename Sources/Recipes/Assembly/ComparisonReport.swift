import Evaluation
import Foundation
import OrderedCollections
import Reports
import TextCore

/// Two models side by side: every metric with its interval, and the rows on which they differ.
struct ComparisonReport {
    let first, second: ComparedModel
    let suites: [SuiteComparison]
    /// Suites that only one of the two has, and what could not be read.
    let remarks: [String]

    /// - Throws: `CommandFailure` when the two have no suite in common, or results that cannot be compared.
    init(_ first: ComparedModel, _ second: ComparedModel, only names: [String] = [], seed: UInt64 = 0) throws {
        (self.first, self.second) = (first, second)
        var remarks = (first.problems + second.problems).map { "\($0); it is left out" }
        var suites: [SuiteComparison] = []
        let wanted = first.results.filter { names.isEmpty || names.contains($0.name) }
        for result in wanted {
            guard let other = second.results.first(where: { $0.name == result.name }) else {
                remarks.append("suite \(result.name) is not among the results of \(second.name)")
                continue
            }
            do throws(EvaluationError) { suites.append(try SuiteComparison(result, other, seed: seed)) } catch {
                throw CommandFailure(message: "\(error)", status: .data)
            }
        }
        for result in second.results where !first.results.contains(where: { $0.name == result.name }) {
            remarks.append("suite \(result.name) is not among the results of \(first.name)")
        }
        guard !suites.isEmpty else {
            throw CommandFailure(
                message: "\(first.name) and \(second.name) have no suite in common"
                    + (names.isEmpty ? "" : " among \(names.joined(separator: ", ")))")
                    + "; judge both by one recipe with --recipe", status: .data)
        }
        self.suites = suites
        self.remarks = remarks
    }

    /// Everything for scripts.
    var json: JSON {
        [
            "first": .string(first.name), "second": .string(second.name), "suites": .array(suites.map { $0.json() }),
            "remarks": .array(remarks.map { .string($0) }),
        ]
    }

    // MARK: Words

    /// Lines for a terminal.
    func lines(rows: Int) -> [String] {
        var lines: [String] = []
        for suite in suites {
            lines.append(suite.sentence ?? "\(suite.name): nothing in common")
            for metric in suite.metrics where metric.name != suite.leadingMetric { lines.append("  " + line(metric)) }
            lines.append(
                "  \(suite.wins.count) won, \(suite.losses.count) lost"
                    + (suite.unpaired == (0, 0)
                        ? "" : "; only in one: \(suite.unpaired.first) and \(suite.unpaired.second) rows"))
            for (word, list) in [("won", suite.wins), ("lost", suite.losses)] {
                for row in list.prefix(rows) { lines.append("    \(word)  \(sentence(row))") }
            }
        }
        return lines + remarks.map { "! \($0)" }
    }

    private func line(_ metric: SuiteComparison.Metric) -> String {
        let cells = cells(metric)
        return "\(cells[0])  \(cells[1]) to \(cells[2]), \(cells[3])"
            + (cells[4].isEmpty ? "" : " (95 % interval \(cells[4]))") + (cells[5].isEmpty ? "" : ", p \(cells[5])")
    }

    private func sentence(_ row: SuiteComparison.Difference) -> String {
        guard !(row.expected.isEmpty && row.first.isEmpty && row.second.isEmpty) else {
            return "\(row.source): \(shown(row.firstValue)) to \(shown(row.secondValue))"
        }
        func text(_ text: String) -> String { JSON.string(text.clipped(to: 80)).text() }
        return "\(row.source): \(text(row.first)) and \(text(row.second)), expected \(text(row.expected))"
    }

    // MARK: Report

    /// The comparison as a page, with at most `rows` rows of each list.
    func document(rows: Int) -> ReportDocument {
        var blocks: [ReportBlock] = []
        for suite in suites {
            blocks.append(.heading(ReportText.literal(suite.name), level: 2))
            if let sentence = suite.sentence {
                let leading = suite.metrics.first { $0.name == suite.leadingMetric }
                let tone: ReportBlock.Tone =
                    switch leading?.verdict {
                    case .better?: .good
                    case .worse?: .bad
                    case .undecided?, nil: .unsure
                    }
                blocks.append(
                    .verdict(tone, title: leading?.verdict.rawValue ?? "undecided", text: ReportText.literal(sentence)))
            }
            blocks.append(
                .table(
                    ReportTable(
                        [
                            .text("Metric"), .number("First"), .number("Second"), .number("Difference"),
                            .number("95 % interval"), .number("p"), .number("Rows"),
                        ], rows: suite.metrics.map { cells($0) + [$0.pairs == 0 ? "" : "\($0.pairs)"] },
                        caption:
                            "Intervals by the paired bootstrap, widened for what is right or wrong to the score interval; p by McNemar's exact test where rows are right or "
                            + "wrong, else by the bootstrap. Latency is of few requests and has no interval here.")))
            blocks.append(.paragraph("\(suite.wins.count) rows won, \(suite.losses.count) lost."))
            for (title, list) in [("Won", suite.wins), ("Lost", suite.losses)] where !list.isEmpty {
                blocks.append(
                    .details(
                        summary: "\(title): \(min(rows, list.count)) of \(list.count)",
                        [.table(table(Array(list.prefix(rows))))]))
            }
        }
        if !remarks.isEmpty { blocks.append(.list(remarks.map(ReportText.literal))) }
        return ReportDocument(
            title: ReportText.literal("\(second.name) compared with \(first.name)"),
            subtitle: "Differences are the second less the first, on the rows that both have", blocks: blocks)
    }

    private func table(_ rows: [SuiteComparison.Difference]) -> ReportTable {
        let hasText = rows.contains { !($0.expected.isEmpty && $0.first.isEmpty && $0.second.isEmpty) }
        guard hasText else {
            return ReportTable(
                [.text("Row"), .number("First"), .number("Second")],
                rows: rows.map { [ReportText.literal($0.source), shown($0.firstValue), shown($0.secondValue)] })
        }
        return ReportTable(
            [.text("Row"), .text("Question"), .text("Expected"), .text("First"), .text("Second")],
            rows: rows.map { row in
                [row.source, row.question, row.expected, row.first, row.second].map {
                    ReportText.literal($0.clipped(to: 300))
                }
            })
    }

    /// Name, both values, difference, interval and p of a metric.
    private func cells(_ metric: SuiteComparison.Metric) -> [String] {
        let isMilliseconds = metric.name.hasPrefix("latency")
        func value(_ number: Double) -> String { shown(number) + (isMilliseconds ? " ms" : "") }
        func change(_ number: Double) -> String {
            guard number.isFinite else { return "-" }
            let sign = number >= 0 ? "+" : ""
            return metric.traits.isRelative
                ? "\(sign)\((number * 1000).rounded() / 10) %" : sign + shown(number)
        }
        let name = isMilliseconds ? metric.name.replacing("_ms", with: "") : metric.name
        var interval = ""
        if let lower = metric.lower, let upper = metric.upper { interval = "\(change(lower)) to \(change(upper))" }
        let p = metric.pValue.map { $0 < 0.0001 ? "< 0.0001" : String(format: "%.4f", $0) } ?? ""
        return [name, value(metric.first), value(metric.second), change(metric.difference), interval, p]
    }

    private func shown(_ number: Double) -> String {
        guard number.isFinite else { return "-" }
        return abs(number) >= 100 ? String(format: "%.1f", number) : String(format: "%.4f", number)
    }
}
