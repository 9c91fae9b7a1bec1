import TextCore

extension ReportDocument {
    /// The report as Markdown (CommonMark with the tables of GitHub).
    ///
    /// Charts become a line for each curve, with where it begins, its ends and a sketch.
    public var markdown: String {
        var writer = MarkdownWriter()
        writer.add("# " + MarkdownWriter.inline(title))
        if !subtitle.isEmpty { writer.add(MarkdownWriter.inline(subtitle)) }
        for block in blocks { writer.add(block) }
        if !footer.isEmpty { writer.add("---\n\n" + MarkdownWriter.inline(footer)) }
        return writer.text
    }

    /// Blocks as Markdown, without a title.
    public static func markdown(of blocks: [ReportBlock]) -> String {
        var writer = MarkdownWriter()
        for block in blocks { writer.add(block) }
        return writer.text
    }
}

/// Blocks as Markdown, an empty line between any two.
private struct MarkdownWriter {
    private(set) var text = ""

    mutating func add(_ part: String) {
        if !text.isEmpty { text += "\n" }
        text += part + "\n"
    }

    mutating func add(_ block: ReportBlock) {
        switch block {
        case .heading(let title, let level):
            add(String(repeating: "#", count: min(4, max(2, level))) + " " + Self.inline(title))
        case .paragraph(let text): add(Self.opening(Self.inline(text)))
        case .verdict(let tone, let title, let text):
            var lines = ["> **\(tone.mark) \(Self.escaped(InlineText(title).plain))**"]
            if !text.isEmpty { lines += [">", "> " + Self.inline(text)] }
            add(lines.joined(separator: "\n"))
        case .list(let items): add(items.map { "- " + Self.opening(Self.inline($0)) }.joined(separator: "\n"))
        case .table(let table): add(table)
        case .figures(let figures):
            add(
                figures.map { figure in
                    "- \(Self.inline(figure.label)): **\(Self.escaped(InlineText(figure.value).plain))**"
                        + (figure.note.isEmpty ? "" : " (\(Self.inline(figure.note)))")
                }.joined(separator: "\n"))
        case .chart(let chart): add(chart)
        case .intervals(let chart): add(chart)
        case .code(let code, let language): add(Self.fenced(code, language))
        case .details(let summary, let blocks):
            add("<details>\n<summary>\(escapedHTML(InlineText(summary).plain))</summary>")
            for block in blocks { add(block) }
            add("</details>")
        }
    }

    private mutating func add(_ table: ReportTable) {
        func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
        var lines = [line(table.columns.map { Self.cell($0.title) })]
        lines.append(line(table.columns.map { $0.isNumeric ? "---:" : "---" }))
        lines += table.rows.map { line($0.map(Self.cell)) }
        add(lines.joined(separator: "\n"))
        if !table.caption.isEmpty { add(Self.opening(Self.inline(table.caption))) }
    }

    private mutating func add(_ chart: LineChart) {
        let rows = chart.series.compactMap { series -> [String]? in
            let values = series.points.map(\.y).filter(\.isFinite)
            guard let first = values.first, let last = values.last, let low = values.min(), let high = values.max()
            else { return nil }
            return [ReportText.literal(series.name)] + [first, low, high, last].map { ReportText.number($0) }
                + [series.sketch(chart.yScale)]
        }
        let unit = chart.yLabel.isEmpty ? "" : Self.inline(chart.yLabel) + ", "
        add("**\(Self.escaped(InlineText(chart.title).plain))** (\(unit)over \(Self.inline(chart.xLabel)))")
        guard !rows.isEmpty else { return add("Nothing was measured.") }
        add(
            ReportTable(
                [.text("curve"), .number("first"), .number("lowest"), .number("highest"), .number("last"), .text("")],
                rows: rows))
    }

    private mutating func add(_ chart: IntervalChart) {
        add("**\(Self.escaped(InlineText(chart.title).plain))** (\(Self.inline(chart.axis)))")
        let hasThreshold = chart.rows.contains { $0.threshold != nil }
        add(
            ReportTable(
                [.text("")] + chart.series.map { .number($0) } + (hasThreshold ? [.number("threshold")] : []),
                rows: chart.rows.map { row in
                    [row.label] + row.marks.map { $0.map(chart.text) ?? "–" }
                        + (hasThreshold ? [row.threshold.map(chart.text) ?? "–"] : [])
                }))
    }

    // MARK: Texts

    /// A text with its marks, everything else in it escaped.
    static func inline(_ text: String) -> String {
        InlineText(text.replacing("\n", with: " ")).pieces.map { piece in
            switch piece {
            case .plain(let text): escaped(text)
            case .strong(let text): "**\(escaped(text))**"
            case .code(let text): ReportText.code(text)
            }
        }.joined()
    }

    /// A text with a backslash before whatever Markdown would take for its own.
    static func escaped(_ text: String) -> String {
        var result = ""
        let scalars = Array(text.unicodeScalars)
        for (index, scalar) in scalars.enumerated() {
            switch scalar {
            case "\\", "*", "`", "[", "]", "|", "~": result += "\\"
            case "_":
                // Within a word it stands for itself.
                let isWithin = [index - 1, index + 1].allSatisfy {
                    scalars.indices.contains($0) && scalars[$0].properties.isAlphabetic
                }
                if !isWithin { result += "\\" }
            case "<":
                result += "&lt;"
                continue
            case "&":
                result += "&amp;"
                continue
            case "\n":
                result += " "
                continue
            default: break
            }
            result.unicodeScalars.append(scalar)
        }
        return result
    }

    /// A line whose beginning is not taken for a heading, a list or a quotation.
    private static func opening(_ line: String) -> String {
        guard let first = line.unicodeScalars.first else { return line }
        if ["#", "-", "+", ">", "="].contains(first) { return "\\" + line }
        let digits = line.prefix { $0.isASCII && $0.isNumber }
        let rest = line.dropFirst(digits.count)
        if !digits.isEmpty, let mark = rest.first, mark == "." || mark == ")", rest.dropFirst().first == " " {
            return digits + "\\" + rest
        }
        return line
    }

    private static func cell(_ text: String) -> String {
        // A bar divides cells even within code.
        InlineText(text.replacing("\n", with: " ")).pieces.map { piece in
            switch piece {
            case .plain(let text): escaped(text)
            case .strong(let text): "**\(escaped(text))**"
            case .code(let text): ReportText.code(text).replacing("|", with: "\\|")
            }
        }.joined()
    }

    private static func fenced(_ code: String, _ language: String) -> String {
        var fence = "```"
        while code.contains(fence) { fence += "`" }
        let name = language.filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
        return "\(fence)\(name)\n\(code.printable)\(code.hasSuffix("\n") ? "" : "\n")\(fence)"
    }
}

extension ReportBlock.Tone {
    /// What stands for it where there is no colour.
    var mark: String {
        switch self {
        case .good: "✓"
        case .bad: "✗"
        case .unsure: "?"
        case .neutral: "→"
        }
    }
}

extension LineChart.Series {
    /// The curve in up to 24 characters.
    fileprivate func sketch(_ scale: LineChart.Scale) -> String {
        let values = points.map(\.y).filter { ChartAxis.isUsable($0, scale) }
        guard values.count >= 3 else { return "" }
        let axis = ChartAxis(values, scale: scale, endsAtTicks: false)
        let low = values.compactMap(axis.place).min() ?? 0
        let high = values.compactMap(axis.place).max() ?? 1
        let bars = Array("▁▂▃▄▅▆▇█")
        let width = min(24, values.count)
        return String(
            (0..<width).map { column in
                let part = values[column * values.count / width..<(column + 1) * values.count / width]
                let mean = part.compactMap(axis.place).reduce(0, +) / Double(max(1, part.count))
                let share = high > low ? (mean - low) / (high - low) : 0.5
                return bars[min(7, max(0, Int(share * 7.999)))]
            })
    }
}

extension IntervalChart {
    func text(_ value: Double) -> String {
        isPercent ? ReportText.percent(value) : ReportText.number(value)
    }

    func text(_ mark: Mark) -> String {
        mark.lower == mark.value && mark.upper == mark.value
            ? text(mark.value) : "\(text(mark.value)) (\(text(mark.lower)) to \(text(mark.upper)))"
    }
}
