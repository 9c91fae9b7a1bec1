import OrderedCollections
import TextCore

/// Which rows are kept for validation, decided row by row from their own content.
///
/// A row's side is a function of its group's key alone: the order of the rows, and rows added later, move no row to
/// the other side, and no group lies on both. Without a column to group by, a row is its own group, and equal rows
/// lie on one side.
public struct HoldoutRule: Sendable, Hashable {
    /// The share of groups that is held out, in [0, 1).
    public let fraction: Double
    /// The column whose value is the group, if any.
    public let groupBy: String?
    private let seed: UInt64

    /// - Precondition: `fraction` is in [0, 1).
    public init(fraction: Double, groupBy: String? = nil, seed: UInt64) {
        precondition(fraction >= 0 && fraction < 1, "val_fraction \(fraction) is not in [0, 1)")
        self.fraction = fraction
        self.groupBy = groupBy
        self.seed = seed
    }

    /// Whether the row is held out.
    ///
    /// - Throws: `DataError` when the row lacks the column to group by, or its value is no string, number or boolean.
    public func holdsOut(_ row: RawRow) throws(DataError) -> Bool { isBelowFraction(try hash(of: row)) }

    private func isBelowFraction(_ hash: UInt64) -> Bool { Double(hash >> 11) * 0x1p-53 < fraction }

    /// Where the group of a row lies among all groups.
    fileprivate func hash(of row: RawRow) throws(DataError) -> UInt64 {
        guard let groupBy else { return stableHash(row.fields.text(.init(sortedKeys: true)).utf8, seed: seed) }
        let place = row.provenance
        guard let value = row.fields[groupBy] else {
            let near = nearestName(to: groupBy, among: row.fields.object?.keys.map { $0 } ?? [])
            throw DataError(
                .field, file: place.file, line: place.line, byteOffset: place.byteOffset,
                message: "this row has no column '\(groupBy)' to group by",
                fix: near.map { "Did you mean '\($0)'?" } ?? "Without it the row's group could lie on both sides.")
        }
        switch value {
        case .string, .integer, .number, .bool: return stableHash(value.text().utf8, seed: seed)
        case .null, .array, .object:
            throw DataError(
                .field, file: place.file, line: place.line, byteOffset: place.byteOffset, jsonPath: "$.\(groupBy)",
                message: "a group's key must be a string, a number or a boolean, and is \(value.kind)",
                fix: "Choose another column for `group_by`.")
        }
    }
}

/// The rows of a source on the two sides of a split, in the source's order.
public struct Split: Sendable, Hashable {
    /// Numbers of the rows to train on.
    public var train: [Int] = []
    /// Numbers of the rows to validate on.
    public var validation: [Int] = []
}
