/// A report as a list of blocks, which becomes Markdown or one self-contained HTML page.
public struct ReportDocument: Sendable, Hashable {
    /// Its title.
    public var title: String
    /// A line below the title; empty for none.
    public var subtitle: String
    /// What it says.
    public var blocks: [ReportBlock]
    /// A line below everything, such as what made the report; empty for none.
    public var footer: String

    /// A report.
    public init(title: String, subtitle: String = "", blocks: [ReportBlock] = [], footer: String = "") {
        self.title = title
        self.subtitle = subtitle
        self.blocks = blocks
        self.footer = footer
    }
}

/// A part of a report. Texts are plain but for `code` between backticks and **strong** between two asterisks;
/// `ReportText.literal` and `ReportText.code` keep a text from outside from being read so.
public indirect enum ReportBlock: Sendable, Hashable {
    /// A heading of level 2 ... 4.
    case heading(String, level: Int)
    /// A paragraph.
    case paragraph(String)
    /// What it comes to, set apart from the rest.
    case verdict(Tone, title: String, text: String)
    /// Items of a list.
    case list([String])
    /// A table.
    case table(ReportTable)
    /// The few numbers to be seen first.
    case figures([ReportFigure])
    /// Curves.
    case chart(LineChart)
    /// Values with the bounds that they lie within.
    case intervals(IntervalChart)
    /// Text to the letter; `language` may be empty.
    case code(String, language: String)
    /// Blocks that are folded away below a line.
    case details(summary: String, [ReportBlock])

    /// What a verdict means for the reader.
    public enum Tone: String, Sendable, Hashable, CaseIterable {
        case good, bad, unsure, neutral
    }
}
