import OrderedCollections
package import TextCore

/// The columns of a row while a format takes them: what is not taken ends in `meta`.
///
/// Keys whose value is `null` are gone, at every depth: columnar writers add them where another row has the key.
package struct RowFields {
    /// The columns that were read without a tree; they are not among the others.
    var typed: TypedColumns?
    private var remaining: OrderedDictionary<String, JSON>
    package let provenance: Provenance
    /// The fields that `columns` named.
    private(set) var mapped: Set<String> = []

    package init(_ row: RawRow) {
        remaining = row.fields.withoutNulls.object ?? [:]
        provenance = row.provenance
    }

    /// The columns of a row of which texts and messages were read without a tree.
    init(_ typed: TypedColumns, others: OrderedDictionary<String, JSON>, provenance: Provenance) {
        self.typed = typed
        remaining = others
        self.provenance = provenance
    }

    /// The columns not taken yet.
    package var keys: [String] { Array(remaining.keys) }

    package subscript(key: String) -> JSON? { typed?[key]?.json ?? remaining[key] }

    /// Gives each mapped column its field's name. A column that already has that name gives way to the mapped one.
    ///
    /// - Throws: `DataError` when a mapped column is missing.
    package mutating func rename(_ columns: [ColumnMapping]) throws(DataError) {
        var renamed = OrderedDictionary<String, JSON>()
        for mapping in columns {
            guard let value = remaining[mapping.column] else {
                let near = nearestName(to: mapping.column, among: keys)
                throw error(
                    .field, message: "column '\(mapping.column)', mapped to '\(mapping.field)', is not in this row",
                    fix: near.map { "Did you mean '\($0)'?" } ?? "Its columns are: \(keys.joined(separator: ", ")).")
            }
            renamed[mapping.field] = value
        }
        mapped = Set(columns.map(\.field))
        let used = Set(columns.map(\.column))
        for (key, value) in remaining where renamed[key] == nil && !used.contains(key) { renamed[key] = value }
        remaining = renamed
    }

    /// Forgets the columns that are not named.
    package mutating func keep(only names: [String]) { remaining = remaining.filter { names.contains($0.key) } }

    /// Takes a column that must be there.
    package mutating func take(_ key: String) throws(DataError) -> JSON {
        if let value = takeIfPresent(key) { return value }
        let near = nearestName(to: key, among: keys)
        throw error(
            .field, message: "this row has no '\(key)'",
            fix: near.map { "Did you mean '\($0)'? Map it with `columns: {\(key): \($0)}`." }
                ?? "Its columns are: \(keys.joined(separator: ", ")).")
    }

    /// Takes a column that may be missing.
    package mutating func takeIfPresent(_ key: String) -> JSON? {
        typed?.take(key)?.json ?? remaining.removeValue(forKey: key)
    }

    /// Takes a column that may be missing and is never a typed one, such as `id`.
    mutating func takeUntyped(_ key: String) -> JSON? {
        remaining.isEmpty ? nil : remaining.removeValue(forKey: key)
    }

    /// Whether the row has a column.
    func has(_ key: String) -> Bool { typed?[key] != nil || remaining[key] != nil }

    /// Takes a text that must be there.
    package mutating func takeString(_ key: String) throws(DataError) -> String {
        let value = try take(key)
        guard let text = value.string else { throw wrongType(value, expected: "a string", at: "$.\(key)") }
        return text
    }

    /// Takes what every format knows (`id`, `weight`) and keeps the rest.
    package mutating func takeInfo() throws(DataError) -> RecordInfo {
        var info = RecordInfo(provenance: provenance)
        switch takeUntyped("id") {
        case nil: break
        case .string(let text): info.id = text
        case .integer(let number): info.id = String(number)
        case let other?: throw wrongType(other, expected: "a string or an integer", at: "$.id")
        }
        if let weight = takeUntyped("weight") {
            guard let number = number(weight), number >= 0 else {
                throw error(
                    .field, at: "$.weight",
                    message: "a row's weight is a number of at least 0, and is \(weight.text())",
                    fix: "Write how much the row counts, such as 1 or 0.5.")
            }
            info.weight = number
        }
        info.meta = takeMeta()
        return info
    }

    /// What is left. A lone column `meta` that holds an object is what an earlier reading left, and is not wrapped again.
    private mutating func takeMeta() -> JSON {
        if remaining.count == 1, case .object(let meta)? = remaining["meta"] { return .object(meta) }
        return .object(remaining)
    }

    /// Gives back what a format did not use of a column that it took.
    mutating func putBack(_ key: String, _ value: JSON) { remaining[key] = value }

    /// The finite number that a value is; CSV has no numbers, only texts that look like one.
    func number(_ value: JSON) -> Double? {
        let number = value.double ?? value.string.flatMap { Double($0) }
        guard let number, number.isFinite else { return nil }
        return number
    }

    package func wrongType(_ value: JSON, expected: String, at path: String) -> DataError {
        error(
            .field, at: path, message: "\(expected) is expected and \(value.kind) found",
            fix: "Mend the row, or map another column with `columns`.")
    }

    package func error(_ kind: DataError.Kind, at path: String? = nil, message: String, fix: String) -> DataError {
        DataError(
            kind, file: provenance.file, line: provenance.line, byteOffset: provenance.byteOffset, jsonPath: path,
            message: message, fix: fix)
    }
}

extension JSON {
    /// Whether a key at any depth has the value `null`.
    private var hasNullMember: Bool {
        switch self {
        case .object(let members): members.values.contains { $0.isNull || $0.hasNullMember }
        case .array(let elements): elements.contains { $0.hasNullMember }
        default: false
        }
    }

    /// This value without the keys whose value is `null`, at every depth; elements of arrays stay.
    package var withoutNulls: JSON { hasNullMember ? strippedOfNulls : self }

    private var strippedOfNulls: JSON {
        switch self {
        case .object(let members):
            var kept = OrderedDictionary<String, JSON>()
            for (key, value) in members where !value.isNull { kept[key] = value.strippedOfNulls }
            return .object(kept)
        case .array(let elements): return .array(elements.map(\.strippedOfNulls))
        default: return self
        }
    }
}
