/// A report as a list of blocks, which becomes Markdown or one self-contained HTML page.
public struct ReportDocument: Sendable, Hashable {
    /// Its title.
    public var title: String
    /// A line below the title; empty for none.
    public var subtitle: String
    /// What it says.
    public var blocks: [ReportBlock]

    /// A report.
    public init(title: String, subtitle: String = "", blocks: [ReportBlock] = []) {
        self.title = title
        self.subtitle = subtitle
        self.blocks = blocks
    }
}

/// A part of a report. Texts are plain but for `code` between backticks and **strong** between two asterisks.
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
    /// Curves.
    case chart(LineChart)
    /// Text to the letter; `language` may be empty.
    case code(String, language: String)
    /// Blocks that are folded away below a line.
    case details(summary: String, [ReportBlock])

    /// What a verdict means for the reader.
    public enum Tone: String, Sendable, Hashable, CaseIterable {
        case good, bad, unsure, neutral
    }
}

/// A table of texts.
public struct ReportTable: Sendable, Hashable {
    /// A column.
    public struct Column: Sendable, Hashable {
        /// Its title.
        public var title: String
        /// Whether its texts end at the right, as numbers do.
        public var isNumeric: Bool

        /// A column of text.
        public static func text(_ title: String) -> Column { Column(title: title, isNumeric: false) }
        /// A column of numbers.
        public static func number(_ title: String) -> Column { Column(title: title, isNumeric: true) }

        /// A column.
        public init(title: String, isNumeric: Bool) {
            self.title = title
            self.isNumeric = isNumeric
        }
    }

    /// What is below it; empty for nothing.
    public var caption: String
    /// Its columns.
    public var columns: [Column]
    /// Its rows, each with a text a column.
    public var rows: [[String]]

    /// A table.
    ///
    /// - Precondition: every row has a text for each column.
    public init(_ columns: [Column], rows: [[String]], caption: String = "") {
        precondition(rows.allSatisfy { $0.count == columns.count }, "a row of a table has another number of columns")
        self.caption = caption
        self.columns = columns
        self.rows = rows
    }
}

/// Curves over one axis.
public struct LineChart: Sendable, Hashable {
    /// One curve.
    public struct Series: Sendable, Hashable {
        /// What it is called.
        public var name: String
        /// Its points, by rising x. Values that are no finite numbers are gaps.
        public var points: [Point]

        /// A curve.
        public init(_ name: String, _ points: [Point]) {
            self.name = name
            self.points = points
        }
    }

    /// One point.
    public struct Point: Sendable, Hashable {
        /// Its place.
        public var x, y: Double

        /// A point.
        public init(_ x: Double, _ y: Double) {
            self.x = x
            self.y = y
        }
    }

    /// Its title.
    public var title: String
    /// What the axes show, with units.
    public var xLabel, yLabel: String
    /// Its curves.
    public var series: [Series]

    /// Curves over one axis.
    public init(title: String, xLabel: String, yLabel: String, series: [Series]) {
        self.title = title
        self.xLabel = xLabel
        self.yLabel = yLabel
        self.series = series
    }
}
