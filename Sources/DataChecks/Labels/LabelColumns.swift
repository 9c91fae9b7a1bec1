import OrderedCollections
import TextCore

/// Finds which parts of answers are classes, and numbers the classes.
///
/// A whole answer can be a class, and so can each member of an answer that is a JSON object. What has too many different
/// values, or numbers for values, is none.
struct LabelColumns {
    /// One part of the answers.
    struct Column {
        /// The member's name; `nil` for the whole answer.
        let member: String?
        /// The classes in the order they were first seen, with the rows that each has.
        fileprivate(set) var classes: OrderedDictionary<String, Int> = [:]
        /// Rows that have a value.
        fileprivate(set) var rows = 0
        fileprivate(set) var isClosed = false

        /// What it is called in a sentence.
        var name: String { member.map { "`\($0)` of the answer" } ?? "the answer" }
    }

    /// Parts that are looked at.
    static let limit = 6
    /// Classes that a part has at most.
    static let classLimit = 1000

    private let settings: DataCheckSettings
    private(set) var columns: [Column] = []

    init(_ settings: DataCheckSettings) { self.settings = settings }

    /// The class of a row in each part that it has.
    mutating func labels(of row: CheckedRow) -> [(column: Int, label: Int)] {
        guard row.rejected == nil, let text = settings.label(of: row) ?? row.gold else { return [] }
        if text.utf8.first(where: { $0 != 0x20 && $0 != 0x0A }) == UInt8(ascii: "{"),
            let members = (try? JSON(parsing: text))?.object
        {
            return members.compactMap { name, value in
                switch value {
                case .string(let text): number(text, of: name)
                case .bool(let value): number(value ? "true" : "false", of: name)
                case .integer(let value): number(String(value), of: name)
                default: nil
                }
            }
        }
        return number(text, of: nil).map { [$0] } ?? []
    }

    private mutating func number(_ text: String, of member: String?) -> (column: Int, label: Int)? {
        var column = columns.firstIndex { $0.member == member }
        if column == nil, columns.count < Self.limit {
            columns.append(Column(member: member))
            column = columns.count - 1
        }
        guard let column, !columns[column].isClosed else { return nil }
        columns[column].rows += 1
        // White space at the ends is what `template` tells of.
        let label = text.trimmed
        columns[column].classes[label, default: 0] += 1
        let distinct = columns[column].classes.count
        if label.utf8.count > 200 || distinct > 2 * Self.classLimit
            || distinct > 200 && distinct * 4 > columns[column].rows
        {
            columns[column].isClosed = true
            columns[column].classes = [:]
            return nil
        }
        return columns[column].classes.index(forKey: label).map { (column, $0) }
    }

    /// Whether the values of a part are classes: some, that come up again and again.
    func areClasses(_ column: Int) -> Bool {
        let column = columns[column]
        let count = column.classes.count
        guard !column.isClosed, (2...Self.classLimit).contains(count), column.rows >= 50, column.rows >= 5 * count
        else {
            return false
        }
        let numbers = column.classes.keys.count { Double($0) != nil }
        return count <= 20 || 10 * numbers < 9 * count
    }
}

extension String {
    /// The text without white space at its ends.
    var trimmed: String {
        guard let first = unicodeScalars.first, let last = unicodeScalars.last,
            first.properties.isWhitespace || last.properties.isWhitespace
        else { return self }
        var text = Substring(self)
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
