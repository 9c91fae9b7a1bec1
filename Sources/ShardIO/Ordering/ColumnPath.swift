import OrderedCollections
package import TextCore

/// A column of a row, or a member of an object in it: `customer_id`, `source.url`.
///
/// A column with exactly this name comes before a path, and the row itself before its `meta`, which holds the columns
/// that a record's format does not use once the row has been built into a shard.
package struct ColumnPath: Sendable, Hashable {
    /// As the user wrote it.
    package let name: String
    private let keys: [String]

    package init(_ name: String) {
        self.name = name
        keys = name.contains(".") ? name.split(separator: ".", omittingEmptySubsequences: false).map(String.init) : []
    }

    /// The value; `nil` when the row has no such column.
    package func value(in row: JSON) -> JSON? { find(in: row) ?? row["meta"].flatMap(find) }

    private func find(in object: JSON) -> JSON? {
        if let value = object[name] { return value }
        guard !keys.isEmpty else { return nil }
        return keys.reduce(object) { value, key in value?[key] }
    }

    /// The column of a row that the user probably meant.
    package func nearest(in row: JSON) -> String? {
        let own = row.object.map { Array($0.keys) } ?? []
        let further = row["meta"]?.object.map { Array($0.keys) } ?? []
        return nearestName(to: name, among: own + further)
    }
}
