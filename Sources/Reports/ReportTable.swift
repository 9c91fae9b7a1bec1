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

/// A number to be seen first, with what it is.
public struct ReportFigure: Sendable, Hashable {
    /// What it is.
    public var label: String
    /// The number with its unit.
    public var value: String
    /// A line that puts it in proportion; empty for none.
    public var note: String

    /// A number to be seen first.
    public init(_ label: String, _ value: String, note: String = "") {
        self.label = label
        self.value = value
        self.note = note
    }
}
