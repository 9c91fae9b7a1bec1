import OrderedCollections
import TextCore

// The suites before and after, and which answers changed.
extension RunReportWriter {
    /// Figures that say how another figure is to be read.
    private static func isCompanion(_ metric: String) -> Bool {
        metric.hasSuffix("_low") || metric.hasSuffix("_high") || ["base_rate", "stopped"].contains(metric)
            || isSpeed(metric)
    }

    private static func isSpeed(_ metric: String) -> Bool {
        metric.hasPrefix("latency") || metric.contains("per_second") || metric.hasPrefix("cost")
    }

    var suiteSection: [ReportBlock] {
        let measured = suites.filter { $0.after != nil || $0.before != nil || !$0.baselines.isEmpty }
        guard !measured.isEmpty else { return [] }
        var blocks: [ReportBlock] = [.heading("Before and after", level: 2)]
        if let chart = intervals(measured) { blocks.append(chart) }
        if let chart = suiteChart { blocks.append(.chart(chart)) }
        let rows = measured.flatMap(rows)
        if !rows.isEmpty {
            blocks.append(
                .table(
                    ReportTable(
                        [
                            .text("suite"), .text("metric"), .number("before"), .number("after"), .number("difference"),
                            .number("after, 95 % interval"), .number("base rate"), .number("questions"),
                        ], rows: rows,
                        caption: "The base rate is what always giving the most frequent answer would score. "
                            + "Differences without a gate are not tested; small ones may be chance.")))
        }
        let cut = measured.compactMap { suite -> String? in
            guard let stopped = suite.after?.figures["stopped"], stopped < 1 else { return nil }
            return
                "\(ReportText.literal(suite.name)): \(ReportText.percent(1 - stopped)) of the answers ran into the limit "
                + "of their length."
        }
        if !cut.isEmpty { blocks.append(.list(cut)) }
        for suite in measured { blocks += (suite.after?.remarks ?? []).map { .paragraph(ReportText.literal($0)) } }
        blocks += baselines(measured) + speed(measured)
        for suite in measured {
            blocks += [
                breakdown(suite, "labels", suite.after?.classes?["classes"], name: "label", count: "support"),
                breakdown(suite, "fields of JSON", suite.after?.fields, name: "field", count: "expected"),
            ].compactMap(\.self)
        }
        return blocks
    }

    private func rows(_ suite: RunSuite) -> [[String]] {
        guard let result = suite.after ?? suite.before else { return [] }
        return result.figures.keys.filter { metric in
            // The score of a verifier that only says right or wrong is its accuracy again.
            !Self.isCompanion(metric)
                && (metric != "score" || result.figures["accuracy"] != result.figures["score"])
        }.map { metric in
            let words = MetricWords(metric)
            let before = suite.before?.figures[metric]
            let after = suite.after?.figures[metric]
            func shown(_ value: Double?) -> String { value.map(words.text) ?? "–" }
            let bounds = zip(suite.after?.figures[metric + "_low"], suite.after?.figures[metric + "_high"])
            let isLeading = metric == result.figures.keys.first
            return [
                isLeading ? ReportText.literal(suite.name) + (result.isRegression ? " (regression)" : "") : "",
                MetricWords.title(metric), shown(before), isLeading ? "**\(shown(after))**" : shown(after),
                zip(before, after).map { words.difference($0, $1) } ?? "–",
                bounds.map { "\(words.text($0)) to \(words.text($1))" } ?? "",
                isLeading ? shown(result.figures["base_rate"]).replacing("–", with: "") : "",
                isLeading ? ReportText.grouped(result.count) : "",
            ]
        }
    }

    private func intervals(_ suites: [RunSuite]) -> ReportBlock? {
        let rows = suites.compactMap { suite -> IntervalChart.Row? in
            func mark(_ result: RunSuite.Result?) -> IntervalChart.Mark? {
                guard let result, let (metric, value) = result.leading, value.isFinite, MetricWords(metric).isShare
                else { return nil }
                return IntervalChart.Mark(
                    value, lower: result.figures["\(metric)_low"], upper: result.figures["\(metric)_high"])
            }
            let marks = [mark(suite.before), mark(suite.after)]
            return marks.allSatisfy { $0 == nil }
                ? nil
                : IntervalChart.Row(
                    ReportText.literal(suite.name), marks, threshold: suite.after?.figures["base_rate"])
        }
        guard rows.contains(where: { $0.marks.allSatisfy { $0 != nil } }) else { return nil }
        let hasBase = rows.contains { $0.threshold != nil }
        return .intervals(
            IntervalChart(
                title: "Share of questions that are solved, with 95 % intervals",
                axis: hasBase ? "dashed: the base rate" : "share of questions", isPercent: true,
                series: ["before training", "after"], rows: rows))
    }

    /// Baselines with a better figure than the trained model's, in words.
    var betterBaselines: [String] {
        suites.flatMap { suite in
            suite.baselines.compactMap { name, result -> String? in
                guard let (metric, value) = result.leading, let tuned = suite.after?.figures[metric] else { return nil }
                let words = MetricWords(metric)
                guard words.higherIsBetter ? value > tuned : value < tuned else { return nil }
                return "\(ReportText.code(name)) has \(MetricWords.title(metric)) \(words.text(value)) on "
                    + "\(ReportText.code(suite.name)), the trained model \(words.text(tuned))"
            }
        }
    }

    private func baselines(_ suites: [RunSuite]) -> [ReportBlock] {
        let rows = suites.flatMap { suite in
            suite.baselines.map { name, result -> [String] in
                let (metric, value) = result.leading ?? ("", .nan)
                let words = MetricWords(metric)
                let tuned = suite.after?.figures[metric]
                return [
                    ReportText.literal(name), ReportText.literal(suite.name), MetricWords.title(metric),
                    words.text(value),
                    tuned.map(words.text) ?? "–", tuned.map { words.difference(value, $0) } ?? "–",
                ]
            }
        }
        guard !rows.isEmpty else { return [] }
        return [
            .heading("Baselines", level: 3),
            .table(
                ReportTable(
                    [
                        .text("baseline"), .text("suite"), .text("metric"), .number("baseline"), .number("tuned"),
                        .number("difference"),
                    ], rows: rows)),
        ]
    }

    private static func speedTitle(_ metric: String) -> String {
        switch metric {
        case "latency_p50": "median, in ms"
        case "latency_p95": "95 % are within, in ms"
        case "tokens_per_second": "tokens a second"
        default: MetricWords.title(metric)
        }
    }

    private func speed(_ suites: [RunSuite]) -> [ReportBlock] {
        let rows = suites.flatMap { suite in
            (suite.after ?? suite.before)?.figures.keys.filter { Self.isSpeed($0) && $0 != "latency_ms" }.map {
                metric -> [String] in
                func shown(_ result: RunSuite.Result?) -> String {
                    result?.figures[metric].map { ReportText.number($0, digits: 3) } ?? "–"
                }
                return [
                    ReportText.literal(suite.name), Self.speedTitle(metric), shown(suite.before), shown(suite.after),
                ]
            } ?? []
        }
        guard !rows.isEmpty else { return [] }
        return [
            .heading("Latency and cost of a request", level: 3),
            .table(
                ReportTable([.text("suite"), .text("metric"), .number("before"), .number("after")], rows: rows)),
        ]
    }

    /// Precision and recall of the parts of a suite, the worst first; `nil` where there are no two.
    ///
    /// - Parameters:
    ///   - noun: what the parts are: labels, fields.
    ///   - table: objects with the part's name below `name` and how often it is expected below `count`.
    private func breakdown(
        _ suite: RunSuite, _ noun: String, _ table: JSON?, name: String, count: String
    ) -> ReportBlock? {
        let parts = (table?.array ?? []).compactMap { row -> (name: String, count: Double, figures: [Double?])? in
            guard let name = row[name]?.string, let count = row[count]?.measured, count > 0 else { return nil }
            return (name, count, ["precision", "recall", "f1"].map { row[$0]?.measured })
        }
        guard parts.count > 1 else { return nil }
        let worst = parts.sorted { ($0.figures[2] ?? 0, $0.name) < ($1.figures[2] ?? 0, $1.name) }
        let shown = worst.prefix(25)
        let rows = shown.map { part in
            [ReportText.code(part.name), ReportText.number(part.count)]
                + part.figures.map { $0.map { ReportText.percent($0) } ?? "–" }
        }
        let number = shown.count == worst.count ? "\(worst.count)" : "\(shown.count) of \(worst.count)"
        return .details(
            summary: "\(ReportText.literal(suite.name)): \(number) \(noun), the worst first",
            [
                .table(
                    ReportTable(
                        [.text(name), .number("expected"), .number("precision"), .number("recall"), .number("F1")],
                        rows: rows))
            ])
    }

    // MARK: Wins and losses

    private static let changeLimit = 10

    var changeSection: [ReportBlock] {
        var blocks: [ReportBlock] = []
        for suite in suites {
            if let changes = suite.changes, changes.paired > 0 {
                let (wins, losses) = (changes.wins, changes.losses)
                blocks.append(.heading(ReportText.literal(suite.name), level: 3))
                blocks.append(
                    .paragraph(
                        wins.isEmpty && losses.isEmpty
                            ? "Of \(ReportText.grouped(changes.paired)) questions none became right or wrong."
                            : "**\(ReportText.grouped(wins.count))** of \(ReportText.grouped(changes.paired)) questions are "
                                + "newly right, **\(ReportText.grouped(losses.count))** newly wrong."))
                if !losses.isEmpty { blocks.append(table("Newly wrong", losses)) }
                if !wins.isEmpty {
                    blocks.append(
                        .details(summary: "Newly right (\(ReportText.grouped(wins.count)))", [table("", wins)]))
                }
            } else if let after = suite.after {
                let wrong = after.answers.filter { !$0.passed }
                guard !wrong.isEmpty else { continue }
                blocks.append(.heading(ReportText.literal(suite.name), level: 3))
                blocks.append(
                    .paragraph(
                        "Nothing was measured before training, so there is nothing to compare with. Of "
                            + "\(ReportText.grouped(after.answers.count)) questions \(ReportText.grouped(wrong.count)) are "
                            + "answered wrongly:"))
                blocks.append(.details(summary: "The first of them", [wrongTable(wrong)]))
            }
        }
        blocks = blocks.isEmpty ? [] : [.heading("Wins and losses", level: 2)] + blocks
        return blocks + sampleBlocks
    }

    private func table(_ title: String, _ pairs: [(before: RunSuite.Answer, after: RunSuite.Answer)]) -> ReportBlock {
        let shown = pairs.prefix(Self.changeLimit)
        // What is right says nothing that is not expected, unless it is worded otherwise.
        let hasQuestion = shown.contains { $0.after.question != nil }
        let hasBefore = shown.contains { $0.before.answer != $0.before.expected }
        let hasAfter = shown.contains { $0.after.answer != $0.after.expected }
        func chosen<Part>(_ place: Part, _ question: Part, _ expected: Part, _ before: Part, _ after: Part) -> [Part] {
            [place] + (hasQuestion ? [question] : []) + [expected] + (hasBefore ? [before] : [])
                + (hasAfter ? [after] : [])
        }
        var caption = title
        if pairs.count > shown.count {
            caption += "\(title.isEmpty ? "The" : ", the") first \(shown.count) of \(ReportText.grouped(pairs.count))"
        }
        return .table(
            ReportTable(
                chosen(.text("row"), .text("question"), .text("expected"), .text("before"), .text("after")),
                rows: shown.map { before, after in
                    chosen(
                        Self.place(after.source), Self.excerpt(after.question ?? ""), Self.excerpt(after.expected),
                        Self.excerpt(before.answer), Self.excerpt(after.answer))
                }, caption: caption.isEmpty ? "" : caption + "."))
    }

    private func wrongTable(_ answers: [RunSuite.Answer]) -> ReportBlock {
        .table(
            ReportTable(
                [.text("row"), .text("expected"), .text("answered"), .text("note")],
                rows: answers.prefix(Self.changeLimit).map { answer in
                    [
                        Self.place(answer.source), Self.excerpt(answer.expected), Self.excerpt(answer.answer),
                        ReportText.literal((answer.note ?? "").clipped(to: 120)),
                    ]
                }, caption: "The first \(min(Self.changeLimit, answers.count)) of \(ReportText.grouped(answers.count))."
            ))
    }

    private var sampleBlocks: [ReportBlock] {
        guard !events.samples.isEmpty else { return [] }
        let rows = events.samples.map { sample in
            [
                sample["step"]?.int.map(ReportText.grouped) ?? "", Self.excerpt(sample["prompt"]?.string ?? ""),
                Self.excerpt(sample["completion"]?.string ?? ""), Self.excerpt(sample["expected"]?.string ?? ""),
            ]
        }
        return [
            .details(
                summary: "Answers written while training",
                [
                    .table(
                        ReportTable(
                            [.number("step"), .text("question"), .text("answer"), .text("expected")], rows: rows))
                ])
        ]
    }

    /// `file.jsonl:14` of a whole path.
    static func place(_ source: String) -> String {
        ReportText.code(source.split(separator: "/").last.map(String.init) ?? source)
    }

    static func excerpt(_ text: String) -> String {
        text.isEmpty ? "(empty)" : ReportText.code(text.clipped(to: 240))
    }
}

/// Both, where both are there.
private func zip(_ first: Double?, _ second: Double?) -> (Double, Double)? {
    guard let first, let second else { return nil }
    return (first, second)
}
