import ShardIO

/// The rows of one entry of a recipe's data as records, one after the other.
struct SourceRows {
    let source: any RecordSource
    let decoder: RecordDecoder
    private let filter: RowFilter?
    private let limit: Int

    init(_ settings: DataSource) throws {
        try self.init(
            path: settings.path, format: settings.format, columns: settings.columns, limit: settings.maxSamples,
            filter: try settings.rowFilter)
    }

    init(path: RecipePath, format: String, columns: NameMap, limit: Int?, filter: RowFilter? = nil) throws {
        source = try DataSourceOpener.sequential(path: path.absolute)
        decoder = try RecordDecoder(source: source, format: format, columns: columns.mappings)
        self.limit = limit ?? .max
        self.filter = filter
    }

    /// Calls `body` with each row and its record; rows that are filtered out count towards the limit.
    func forEach(_ body: (RawRow, TrainingRecord) throws -> Void) throws {
        var stream = try source.rows()
        var count = 0
        while count < limit, let row = try stream.next() {
            count += 1
            if let filter, !filter.matches(row) { continue }
            try body(row, try decoder.record(row))
        }
    }
}

extension DataSource {
    /// Which rows are used; `nil` for all.
    var rowFilter: RowFilter? {
        get throws {
            try filter.map { try RowFilter(json: $0.json, place: "data.train[].filter of \(path)") }
        }
    }
}

extension NameMap {
    /// The map as `columns` of a data set.
    var mappings: [ColumnMapping] { names.map { ColumnMapping(field: $0.key, column: $0.value) } }
}
