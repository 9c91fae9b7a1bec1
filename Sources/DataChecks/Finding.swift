public import OrderedCollections
public import TextCore

/// One thing that is wrong with a data set, or worth knowing: what, where, why it matters, and the edit that mends it.
public struct Finding: Sendable, Hashable {
    /// How bad it is.
    public enum Severity: String, Sendable, Hashable, CaseIterable, Comparable {
        /// Worth knowing; nothing needs to be done.
        case note
        /// A run goes on, and its figures may be worse or less true than they look.
        case warning
        /// What is measured would be false, or the run would learn what it must not.
        case error

        /// By how bad it is.
        public static func < (left: Severity, right: Severity) -> Bool {
            switch (left, right) {
            case (.note, .warning), (.note, .error), (.warning, .error): true
            default: false
            }
        }
    }

    /// One row that shows it.
    public struct Row: Sendable, Hashable {
        /// Where it is, `file:line`.
        public var source: String
        /// Its text, shortened to a line.
        public var excerpt: String
        /// The row that it is like, or what it should be instead: `file:line`, a label.
        public var other: String?
        /// How sure this is, or how alike the rows are, [0, 1].
        public var score: Double?

        /// A row that shows a finding.
        public init(_ source: String, excerpt: String, other: String? = nil, score: Double? = nil) {
            self.source = source
            self.excerpt = excerpt
            self.other = other
            self.score = score
        }
    }

    /// The check that found it, in dotted words: `overlap.exact`.
    public var check: String
    /// How bad it is.
    public var severity: Severity
    /// What it is, in one sentence with its numbers.
    public var message: String
    /// Why it matters.
    public var why: String
    /// The edit or command that mends it; empty where nothing needs to be done.
    public var edit: String
    /// Rows that are affected, of which `rows` may show only some.
    public var count: Int
    /// The rows, worst first; at most `rowLimit` of them.
    public var rows: [Row]
    /// Its numbers by name.
    public var figures: OrderedDictionary<String, JSON>

    /// The most rows that a finding keeps.
    public static let rowLimit = 5000

    /// A finding; of more rows than `rowLimit` the first are kept.
    public init(
        _ check: String, _ severity: Severity, _ message: String, why: String, edit: String = "", count: Int,
        rows: [Row] = [], figures: OrderedDictionary<String, JSON> = [:]
    ) {
        self.check = check
        self.severity = severity
        self.message = message
        self.why = why
        self.edit = edit
        self.count = count
        self.rows = Array(rows.prefix(Self.rowLimit))
        self.figures = figures
    }
}
