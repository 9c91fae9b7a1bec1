import OrderedCollections
public import TextCore

/// Which rows of a source are used, by the values of their columns.
///
/// It is a mapping of columns to conditions, all of which must hold:
///
/// ```yaml
/// filter:
///   lang: de                          # equal
///   source: [chat, mail]              # one of
///   score: {min: 0.5, max: 1}         # a number between, ends included
///   meta.reviewed_by: {exists: true}  # there, and not null
///   title: {matches: "(?i)invoice", not: Invoice}
/// ```
///
/// A column is a name, or a path with dots into objects; a row that has no such column is searched under `meta`. A row
/// without the column at all does not match, but for `exists: false`. A text that reads as a number, or as `true` or
/// `false`, is equal to that number or boolean too, because a CSV file holds nothing but text.
public struct RowFilter: Sendable {
    /// What one column must be.
    fileprivate struct Condition: Sendable {
        let column: ColumnPath
        var oneOf: [JSON]?
        var noneOf: [JSON] = []
        var minimum: Double?
        var maximum: Double?
        var pattern: LinearRegex?
        var exists: Bool?
    }

    private var conditions: [Condition] = []

    /// A filter that every row passes.
    public init() {}

    /// - Parameters:
    ///   - json: the mapping, or null for none.
    ///   - place: where the mapping stands, for messages: a recipe's path and field.
    /// - Throws: `DataError` that names the column and the key that is wrong.
    public init(json: JSON, place: String) throws(DataError) {
        if json.isNull { return }
        guard let members = json.object else {
            throw DataError(
                .option, file: place, message: "a filter is \(json.kind), not a mapping",
                fix: "Write columns and their conditions: {lang: de, score: {min: 0.5}}.")
        }
        for (column, value) in members {
            guard !column.isEmpty else {
                throw DataError(.option, file: place, message: "a filter names no column", fix: "Write a column.")
            }
            conditions.append(try FilterReader(place: place, column: column).condition(value))
        }
    }

    /// Whether every row passes, so that none has to be parsed for it.
    public var isEmpty: Bool { conditions.isEmpty }

    /// Whether a row passes.
    public func matches(_ row: RawRow) -> Bool { conditions.allSatisfy { $0.matches(row.fields) } }

    /// The columns of the filter that a row lacks, each with the column of the row that was probably meant: what to
    /// print when no row passes.
    public func missingColumns(in row: RawRow) -> [(column: String, nearest: String?)] {
        conditions.map(\.column).filter { $0.value(in: row.fields) == nil }
            .map { ($0.name, $0.nearest(in: row.fields)) }
    }
}

extension RowFilter.Condition {
    fileprivate func matches(_ row: JSON) -> Bool {
        guard let value = column.value(in: row) else { return exists == false }
        if let exists, exists == value.isNull { return false }
        if let oneOf, !oneOf.contains(where: { $0.isEqual(toColumn: value) }) { return false }
        if noneOf.contains(where: { $0.isEqual(toColumn: value) }) { return false }
        if minimum != nil || maximum != nil {
            guard let number = value.columnNumber else { return false }
            if let minimum, !(number >= minimum) { return false }
            if let maximum, !(number <= maximum) { return false }
        }
        guard let pattern else { return true }
        return value.string.map { pattern.matches(anywhereIn: $0) } ?? false
    }
}

extension JSON {
    /// The number, when this is one or a text that reads as one.
    fileprivate var columnNumber: Double? { double ?? string.flatMap { Double($0) } }

    /// Whether this scalar of a filter is the value of a column.
    fileprivate func isEqual(toColumn value: JSON) -> Bool {
        switch (self, value) {
        case (.integer(let own), .integer(let other)): own == other
        case (.integer, _), (.number, _): value.columnNumber.map { $0 == double } ?? false
        case (.bool(let own), .string(let text)): text.lowercased() == String(own)
        default: self == value
        }
    }

    fileprivate var isScalar: Bool {
        switch self {
        case .array, .object: false
        default: true
        }
    }
}

/// Reads the condition of one column.
private struct FilterReader {
    static let keys = ["min", "max", "not", "matches", "exists"]

    let place: String
    let column: String

    private func error(_ message: String, fix: String) -> DataError {
        DataError(.option, file: place, message: "the filter of '\(column)' \(message)", fix: fix)
    }

    func condition(_ value: JSON) throws(DataError) -> RowFilter.Condition {
        var condition = RowFilter.Condition(column: ColumnPath(column))
        guard let members = value.object else {
            condition.oneOf = try scalars(value, key: nil)
            return condition
        }
        guard !members.isEmpty else {
            throw error("has no condition", fix: "Write one of \(Self.keys.joined(separator: ", ")), or a value.")
        }
        for (key, value) in members {
            switch key {
            case "min": condition.minimum = try number(value, key: key)
            case "max": condition.maximum = try number(value, key: key)
            case "not": condition.noneOf = try scalars(value, key: key)
            case "matches": condition.pattern = try pattern(value)
            case "exists":
                guard let exists = value.bool else {
                    throw error("has 'exists' that is \(value.kind)", fix: "Write true or false.")
                }
                condition.exists = exists
            default:
                let near = nearestName(to: key, among: Self.keys)
                throw error(
                    "has the unknown condition '\(key)'",
                    fix: near.map { "Did you mean '\($0)'?" }
                        ?? "Known are \(Self.keys.joined(separator: ", ")); for a member of the column write "
                        + "'\(column).\(key)' as the column.")
            }
        }
        if let minimum = condition.minimum, let maximum = condition.maximum, minimum > maximum {
            throw error("has a 'min' above its 'max'", fix: "No row could pass; swap them.")
        }
        return condition
    }

    private func number(_ value: JSON, key: String) throws(DataError) -> Double {
        guard let number = value.double, number.isFinite else {
            throw error("has '\(key)' that is \(value.kind)", fix: "Write a number.")
        }
        return number
    }

    private func scalars(_ value: JSON, key: String?) throws(DataError) -> [JSON] {
        let values = value.array ?? [value]
        let whose = key.map { "has '\($0)' with" } ?? "has"
        guard !values.isEmpty else {
            throw error("\(whose) an empty list", fix: "Write at least one value.")
        }
        if let bad = values.first(where: { !$0.isScalar }) {
            throw error("\(whose) \(bad.kind) as a value", fix: "Write strings, numbers, booleans or null.")
        }
        return values
    }

    private func pattern(_ value: JSON) throws(DataError) -> LinearRegex {
        guard let text = value.string else {
            throw error("has 'matches' that is \(value.kind)", fix: "Write a regular expression in quotes.")
        }
        do throws(RegexError) {
            return try LinearRegex(text)
        } catch {
            throw self.error(
                "has a bad regular expression: \(error)",
                fix: "Matching takes linear time, so back-references and lookbehind are not available.")
        }
    }
}
