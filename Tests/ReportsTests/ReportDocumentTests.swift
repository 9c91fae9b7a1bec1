import Foundation
import Reports
import Testing

@Suite struct ReportDocumentTests {
    static let document = ReportDocument(
        title: "A run of `quickstart`", subtitle: "Tuned & measured",
        blocks: [
            .verdict(.good, title: "Ship", text: "All **three** conditions hold."),
            .figures([ReportFigure("Accuracy", "89.1 %", note: "87.9 to 90.1 %")]),
            .heading("Suites", level: 2),
            .paragraph("1. A text with a_b, `code|x` and 2 * 3."),
            .list(["# one", "two"]),
            .table(
                ReportTable(
                    [.text("suite"), .number("share")], rows: [["a|b", "0.5"], ["`c|d`", "0.25"]], caption: "Shares.")),
            .chart(
                LineChart(
                    title: "Loss", xLabel: "step", yLabel: "nats a token",
                    series: [.init("train", [.init(1, 4), .init(2, 2), .init(3, 1)])])),
            .code("let a = \"```\"", language: "swift"),
            .details(summary: "More", [.paragraph("Inside.")]),
        ], footer: "Hone")

    @Test func markdownIsWrittenExactly() {
        #expect(
            Self.document.markdown == """
                # A run of `quickstart`

                Tuned &amp; measured

                > **✓ Ship**
                >
                > All **three** conditions hold.

                - Accuracy: **89.1 %** (87.9 to 90.1 %)

                ## Suites

                1\\. A text with a_b, `code|x` and 2 \\* 3.

                - \\# one
                - two

                | suite | share |
                | --- | ---: |
                | a\\|b | 0.5 |
                | `c\\|d` | 0.25 |

                Shares.

                **Loss** (nats a token, over step)

                | curve | first | lowest | highest | last |  |
                | --- | ---: | ---: | ---: | ---: | --- |
                | train | 4 | 1 | 4 | 1 | █▃▁ |

                ````swift
                let a = "```"
                ````

                <details>
                <summary>More</summary>

                Inside.

                </details>

                ---

                Hone

                """)
    }

    @Test func htmlHoldsEveryBlockOnce() throws {
        let html = Self.document.html
        for part in [
            "<h1>A run of <code>quickstart</code></h1>", "<p class=\"subtitle\">Tuned &amp; measured</p>",
            "<div class=\"verdict good\" role=\"note\">", "All <strong>three</strong> conditions hold.",
            "<dt>Accuracy</dt><dd>89.1 %</dd><dd class=\"note\">87.9 to 90.1 %</dd>",
            "<h2 id=\"section-suites\">Suites</h2>", "<code>code|x</code> and 2 * 3.", "<li># one</li>",
            "<th scope=\"col\" class=\"number\">share</th>", "<td class=\"short\">a|b</td>",
            "<td class=\"number\">0.25</td>", "<figcaption>Shares.</figcaption>",
            "<figcaption id=\"chart-1-title\">Loss</figcaption>", "train: 4 at 1, 1 at 3, between 1 and 4.",
            "<pre tabindex=\"0\" data-language=\"swift\"><code>let a = &quot;```&quot;</code></pre>",
            "<summary>More</summary>", "<footer>Hone</footer>",
        ] {
            #expect(html.components(separatedBy: part).count == 2, "\(part)")
        }
    }

    @Test func nothingFromOutsideIsReadAsMarkup() {
        let hostile = "</code><script>alert(1)</script><img src=x onerror=\"a\" class='b'>&amp;\u{202E}\u{1B}[2J"
        var document = ReportDocument(
            title: hostile, subtitle: hostile,
            blocks: [
                .heading(hostile, level: 2), .paragraph(hostile), .verdict(.bad, title: hostile, text: hostile),
                .list([hostile]),
                .table(ReportTable([.text(hostile), .number(hostile)], rows: [[hostile, hostile]], caption: hostile)),
                .figures([ReportFigure(hostile, hostile, note: hostile)]),
                .chart(
                    LineChart(
                        title: hostile, xLabel: hostile, yLabel: hostile,
                        series: [.init(hostile, [.init(0, 1)]), .init("`\(hostile)`", [.init(0, 2)])])),
                .intervals(
                    IntervalChart(
                        title: hostile, axis: hostile, series: [hostile, "b"],
                        rows: [.init(hostile, [.init(1, lower: 0, upper: 2), nil], threshold: 1)])),
                .code(hostile, language: hostile),
                .details(summary: hostile, [.paragraph("`\(hostile)` **\(hostile)**")]),
            ], footer: hostile)
        let html = document.html
        #expect(!html.contains("<script"))
        #expect(!html.contains("<img"))
        #expect(!html.contains("onerror=\""))
        #expect(!html.contains("\u{202E}") && !html.contains("\u{1B}"))
        #expect(html.contains("&lt;script&gt;"))
        document.blocks.removeAll { if case .code = $0 { true } else { false } }
        // Within code Markdown shows everything as it is.
        let outsideCode = document.markdown.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 0 }.map(\.element).joined()
        #expect(!outsideCode.contains("<script") && !outsideCode.contains("<img"))
    }

    @Test func aPageNeedsNothingElse() {
        let html = Self.document.html
        for reference in ["http://", "https://", "src=", "url(", "@import", "<link", "<script", "<iframe"] {
            #expect(!html.contains(reference), "\(reference)")
        }
        #expect(html.contains("default-src 'none'"))
        // Every link leads to a place of the page.
        for part in html.components(separatedBy: "href=\"").dropFirst() { #expect(part.hasPrefix("#")) }
    }

    @Test func marksAreReadOnlyWhereTheyAreClosed() {
        func html(_ text: String) -> String {
            let page = ReportDocument(title: "", blocks: [.paragraph(text)]).html
            return String(page.components(separatedBy: "<p>")[1].components(separatedBy: "</p>")[0])
        }
        #expect(html("2 ** 3 and `open") == "2 ** 3 and `open")
        #expect(html("``a`b`` c") == "<code>a`b</code> c")
        #expect(html(ReportText.code("`x`")) == "<code>`x`</code>")
        for text in ["a*b**c**", "`x` \\` y", "**", "*`*`", "\\*\\", "a\\`"] {
            #expect(html(ReportText.literal(text)) == text)
        }
    }

    @Test func aTextOfOnlyMarksTakesNoLongTime() {
        let text = (0..<20_000).map { _ in "`a ``b **c " }.joined() + "```"
        let clock = ContinuousClock()
        let time = clock.measure { _ = ReportDocument(title: "", blocks: [.paragraph(text)]).html }
        #expect(time < .seconds(5))
    }
}
