import TextCore

extension ReportDocument {
    /// The report as one HTML page that needs nothing else: no script, no font, no picture from anywhere.
    ///
    /// It follows the reader's choice of light or dark, fits a phone and a desk, and prints. Everything that is not the
    /// page's own is escaped.
    public var html: String {
        var writer = HTMLWriter()
        writer.add(blocks)
        let contents = HTMLWriter.contents(writer.sections)
        let title = escapedHTML(InlineText(title).plain)
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>\(title)</title>
            <style>
            \(HTMLStyle.text)
            </style>
            </head>
            <body>
            <div class="page\(contents.isEmpty ? "" : " with-contents")">
            \(contents)<main>
            <header>
            <h1>\(HTMLWriter.inline(self.title))</h1>
            \(subtitle.isEmpty ? "" : "<p class=\"subtitle\">\(HTMLWriter.inline(subtitle))</p>\n")</header>
            \(writer.text)\(footer.isEmpty ? "" : "<footer>\(HTMLWriter.inline(footer))</footer>\n")</main>
            </div>
            </body>
            </html>

            """
    }
}

/// A text as the content of an element or of an attribute.
func escapedHTML(_ text: String) -> String {
    var result = ""
    for scalar in text.printable.unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

/// Blocks as HTML elements.
private struct HTMLWriter {
    private(set) var text = ""
    /// The headings of level 2, with the names they are linked by.
    private(set) var sections: [(id: String, title: String)] = []
    /// Charts so far, to name their parts by.
    private var charts = 0
    private var depth = 0

    mutating func add(_ blocks: [ReportBlock]) {
        var index = 0
        while index < blocks.count {
            // Charts that follow each other stand side by side where there is room.
            let run = blocks[index...].prefix { $0.isChart }
            if run.count > 1 {
                text += "<div class=\"charts\">\n"
                for block in run { add(block) }
                text += "</div>\n"
                index += run.count
            } else {
                add(blocks[index])
                index += 1
            }
        }
    }

    private mutating func add(_ block: ReportBlock) {
        switch block {
        case .heading(let title, let level): heading(title, min(4, max(2, level)))
        case .paragraph(let paragraph): text += "<p>\(Self.inline(paragraph))</p>\n"
        case .verdict(let tone, let title, let explanation):
            text += "<div class=\"verdict \(tone.rawValue)\" role=\"note\">"
            text += "<span class=\"mark\" aria-hidden=\"true\">\(tone.mark)</span><div>"
            text += "<p class=\"title\">\(Self.inline(title))</p>"
            if !explanation.isEmpty { text += "<p>\(Self.inline(explanation))</p>" }
            text += "</div></div>\n"
        case .list(let items):
            text += "<ul>\n" + items.map { "<li>\(Self.inline($0))</li>\n" }.joined() + "</ul>\n"
        case .table(let table): add(table)
        case .figures(let figures):
            text += "<dl class=\"figures\">\n"
            for figure in figures {
                text += "<div><dt>\(Self.inline(figure.label))</dt><dd>\(Self.inline(figure.value))</dd>"
                if !figure.note.isEmpty { text += "<dd class=\"note\">\(Self.inline(figure.note))</dd>" }
                text += "</div>\n"
            }
            text += "</dl>\n"
        case .chart(let chart):
            charts += 1
            text += chart.figure(id: "chart-\(charts)")
        case .intervals(let chart):
            charts += 1
            text += chart.figure(id: "chart-\(charts)")
        case .code(let code, let language):
            let name = escapedHTML(language)
            text += "<pre tabindex=\"0\"\(name.isEmpty ? "" : " data-language=\"\(name)\"")><code>"
            text += escapedHTML(code) + "</code></pre>\n"
        case .details(let summary, let blocks):
            text += "<details>\n<summary>\(Self.inline(summary))</summary>\n<div class=\"folded\">\n"
            depth += 1
            add(blocks)
            depth -= 1
            text += "</div>\n</details>\n"
        }
    }

    private mutating func heading(_ title: String, _ level: Int) {
        guard level == 2, depth == 0 else {
            text += "<h\(level)>\(Self.inline(title))</h\(level)>\n"
            return
        }
        let plain = InlineText(title).plain
        var id = ""
        for character in plain.lowercased() {
            if character.isASCII, character.isLetter || character.isNumber {
                id.append(character)
            } else if !id.isEmpty, !id.hasSuffix("-") {
                id.append("-")
            }
        }
        id = "section-" + id.prefix(60)
        if sections.contains(where: { $0.id == id }) { id += "-\(sections.count)" }
        sections.append((id, plain))
        text += "<h2 id=\"\(id)\">\(Self.inline(title))</h2>\n"
    }

    /// Names and values without a header stand in as many columns as there is room for.
    private mutating func addFacts(_ table: ReportTable) {
        text += "<dl class=\"facts\">\n"
        for row in table.rows {
            text += "<div><dt>\(Self.inline(row[0]))</dt><dd>\(Self.inline(row[1]))</dd></div>\n"
        }
        text += "</dl>\n"
        if !table.caption.isEmpty { text += "<p class=\"caption\">\(Self.inline(table.caption))</p>\n" }
    }

    private mutating func add(_ table: ReportTable) {
        if table.columns.count == 2, table.columns.allSatisfy(\.title.isEmpty) { return addFacts(table) }
        let name = table.caption.isEmpty ? "Table" : InlineText(table.caption).plain
        let classes = table.columns.indices.map { column -> String in
            if table.columns[column].isNumeric { return "number" }
            let longest = table.rows.map { InlineText($0[column]).plain.count }.max() ?? 0
            return longest > 60 ? "long" : longest > 28 ? "medium" : longest > 20 ? "" : "short"
        }
        func attribute(_ column: Int) -> String { classes[column].isEmpty ? "" : " class=\"\(classes[column])\"" }
        // Long texts side by side are no good on a phone: there the cells of a row stand below each other.
        let isStacked = classes.contains("long") || classes.count { $0 == "medium" } > 1
        let labels = table.columns.map { " data-label=\"\(escapedHTML(InlineText($0.title).plain))\"" }
        text +=
            "<figure class=\"table\(isStacked ? " stacked" : "")\"><div class=\"scroll\" tabindex=\"0\" role=\"region\" "
        text += "aria-label=\"\(escapedHTML(name.clipped(to: 80)))\"><table>\n<thead><tr>"
        for (column, header) in table.columns.enumerated() {
            text += "<th scope=\"col\"\(attribute(column))>\(Self.inline(header.title))</th>"
        }
        text += "</tr></thead>\n<tbody>\n"
        for row in table.rows {
            text += "<tr>"
            for (column, cell) in row.enumerated() {
                text += "<td\(attribute(column))\(isStacked ? labels[column] : "")>\(Self.inline(cell))</td>"
            }
            text += "</tr>\n"
        }
        text += "</tbody>\n</table></div>"
        if !table.caption.isEmpty { text += "<figcaption>\(Self.inline(table.caption))</figcaption>" }
        text += "</figure>\n"
    }

    /// The list of sections, where there are enough to be worth one.
    static func contents(_ sections: [(id: String, title: String)]) -> String {
        guard sections.count >= 3 else { return "" }
        let items = sections.map { "<li><a href=\"#\($0.id)\">\(escapedHTML($0.title))</a></li>" }.joined()
        return "<nav aria-label=\"Contents\"><ol>\(items)</ol></nav>\n"
    }

    static func inline(_ text: String) -> String {
        InlineText(text).pieces.map { piece in
            switch piece {
            case .plain(let text): escapedHTML(text)
            // A word of code is not torn apart; a long one may have to be.
            case .code(let text): "<code\(text.count > 26 ? " class=\"long-code\"" : "")>\(escapedHTML(text))</code>"
            case .strong(let text): "<strong>\(escapedHTML(text))</strong>"
            }
        }.joined()
    }
}

extension ReportBlock {
    fileprivate var isChart: Bool {
        switch self {
        case .chart, .intervals: true
        default: false
        }
    }
}
