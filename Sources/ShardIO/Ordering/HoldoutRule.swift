import TextCore

/// Which rows are kept for validation, decided row by row from their own content.
///
/// A row's side is a function of its group's key alone: the order of the rows, and rows added later, move no row to
/// the other side, and no group lies on both. Without a column to group by, a row is its own group, and equal rows
/// lie on one side.
public struct HoldoutRule: Sendable, Hashable {
    /// The share of groups that is held out, in [0, 1).
    public let fraction: Double
    private let column: ColumnPath?
    private let seed: UInt64

    /// - Parameters:
    ///   - fraction: the share of groups that is held out.
    ///   - groupBy: the column whose value is the group, if any: a name, or a path with dots into objects. A row that
    ///     has no such column is searched under `meta`.
    ///   - seed: decides which groups.
    /// - Precondition: `fraction` is in [0, 1).
    public init(fraction: Double, groupBy: String? = nil, seed: UInt64) {
        precondition(fraction >= 0 && fraction < 1, "val_fraction \(fraction) is not in [0, 1)")
        self.fraction = fraction
        column = groupBy.map(ColumnPath.init)
        self.seed = seed
    }

    /// The column whose value is the group, if any.
    public var groupBy: String? { column?.name }

    /// Whether the row is held out.
    ///
    /// - Throws: `DataError` when the row lacks the column to group by, or its value is null.
    public func holdsOut(_ row: RawRow) throws(DataError) -> Bool {
        Double(try hash(of: row) >> 11) * 0x1p-53 < fraction
    }

    /// Where the group of a row lies among all groups. Two values are one group when their JSON with sorted keys is.
    private func hash(of row: RawRow) throws(DataError) -> UInt64 {
        guard let column else { return stableHash(row.fields.text(.init(sortedKeys: true)).utf8, seed: seed) }
        let place = row.provenance
        guard let value = column.value(in: row.fields) else {
            throw DataError(
                .field, file: place.file, line: place.line, byteOffset: place.byteOffset,
                message: "this row has no column '\(column.name)' to group by",
                fix: column.nearest(in: row.fields).map { "Did you mean '\($0)'?" }
                    ?? "Without it the row's group could lie on both sides.")
        }
        guard value != .null else {
            throw DataError(
                .field, file: place.file, line: place.line, byteOffset: place.byteOffset, jsonPath: "$.\(column.name)",
                message: "a group's key is null",
                fix: "Give the row a group of its own, or choose another column for `group_by`.")
        }
        return stableHash(value.text(.init(sortedKeys: true)).utf8, seed: seed)
    }
}
