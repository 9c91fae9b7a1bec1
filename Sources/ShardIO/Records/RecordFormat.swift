import TextCore

/// What the columns of a row mean, by name.
///
/// A new format is a file with its `RecordFormat` and one row in `all`.
public struct RecordFormat: Sendable {
    /// The name that a recipe uses.
    public let name: String
    /// What its rows look like, in one line.
    public let summary: String
    /// The columns it reads, for hints.
    public let fields: [String]
    /// The columns that hold a text or a list of messages with roles, which can be read straight from a row's bytes.
    let typedColumns: TypedColumnNames?
    /// The columns by which a row is seen to be of this format; `nil` when it is not.
    let recognise: @Sendable (RowFields) -> [String]?
    /// The record that a row holds.
    let decode: @Sendable (inout RowFields) throws(DataError) -> TrainingRecord

    init(
        name: String, summary: String, fields: [String], typedColumns: [String] = [],
        recognise: @escaping @Sendable (RowFields) -> [String]?,
        decode: @escaping @Sendable (inout RowFields) throws(DataError) -> TrainingRecord
    ) {
        self.name = name
        self.summary = summary
        self.fields = fields
        self.typedColumns = typedColumns.isEmpty ? nil : TypedColumnNames(typedColumns)
        self.recognise = recognise
        self.decode = decode
    }

    /// The formats that there are.
    public static let all: [RecordFormat] = [
        .messages, .shareGPT, .promptCompletion, .turns, .alpaca, .text,
        .preference, .openAIPreference, .transcript, .shareGPTPreference, .unpaired, .prompt,
    ]

    /// The format with this name, if there is one.
    public static func named(_ name: String) -> RecordFormat? { all.first { $0.name == name } }
}

/// A column of the file that stands for a field of the format: `columns: {field: column}`.
public struct ColumnMapping: Sendable, Hashable {
    /// The field's name in the format, such as `prompt`.
    public var field: String
    /// The column's name in the file, such as `question`.
    public var column: String

    public init(field: String, column: String) {
        self.field = field
        self.column = column
    }
}

/// What was decided about a source's format, to be said aloud.
public struct FormatDecision: Sendable, Hashable {
    /// The format's name.
    public var format: String
    /// One sentence for the user: which format, and why.
    public var sentence: String
}

/// Rows of one source → records.
public struct RecordDecoder: Sendable {
    /// The format of the rows.
    public let format: RecordFormat
    /// The columns that have another name in the file.
    public let columns: [ColumnMapping]
    /// How the format was found.
    public let decision: FormatDecision

    /// How many rows are looked at when the format is not named.
    public static let rowsLookedAt = 64

    /// Decides the format of a source: the named one, or the only one that fits the first rows.
    ///
    /// With `columns`, the fields named there decide if they are enough. Every row that is looked at must fit the same
    /// format, and only that one; nothing is preferred in silence.
    ///
    /// - Parameters:
    ///   - name: a format's name, or `auto`.
    ///   - columns: fields that have another name in the file.
    /// - Throws: `DataError` when the name is unknown, a mapped column is missing, or the rows fit no format, several,
    ///   or different ones.
    public init(source: any RecordSource, format name: String = "auto", columns: [ColumnMapping] = [])
        throws(DataError)
    {
        self.columns = columns
        try Self.check(columns, path: source.path)
        if name != "auto" {
            guard let named = RecordFormat.named(name) else {
                let names = RecordFormat.all.map(\.name)
                throw DataError(
                    .option, file: source.path, message: "there is no data format '\(name)'",
                    fix: (nearestName(to: name, among: names).map { "Did you mean '\($0)'? " } ?? "")
                        + "Formats: auto, \(names.joined(separator: ", ")).")
            }
            format = named
            decision = FormatDecision(
                format: name, sentence: "\(source.path): format '\(name)', as the recipe says.")
            return
        }
        let found = try Self.recognise(source: source, columns: columns)
        format = found.format
        decision = FormatDecision(
            format: found.format.name,
            sentence: "\(source.path): format '\(found.format.name)', found by \(quotedList(found.keys)) in the first "
                + "\(found.rows == 1 ? "row" : "\(found.rows) rows"); set `format` to read them otherwise.")
    }

    /// The record that a row holds.
    ///
    /// - Throws: `DataError` with the row's line and the path inside it, when a field is missing or of a wrong type.
    public func record(_ row: RawRow) throws(DataError) -> TrainingRecord {
        var fields = RowFields(row)
        try fields.rename(columns)
        return try format.decode(&fields)
    }

    /// The record that a row of a frame holds.
    ///
    /// - Precondition: `row` is in `0 ..< frame.count`.
    /// - Throws: `DataError` when the row is malformed, or a field is missing or of a wrong type.
    public func record(_ frame: DecodedFrame, _ row: Int) throws(DataError) -> TrainingRecord {
        if frame.isJSON {
            let provenance = frame.provenance(of: row)
            let typed = frame.withBytes(of: row) { bytes in typedRecord(bytes, provenance: provenance) }
            if let typed { return typed }
        }
        return try record(try frame.row(row))
    }

    /// The record that the JSON text of a row holds, read without a tree of the row; `nil` of a row that is unusual or
    /// wrong, or whose columns have other names, which `record(_:)` then reads or refuses.
    package func typedRecord(_ bytes: UnsafeRawBufferPointer, provenance: Provenance) -> TrainingRecord? {
        guard columns.isEmpty, let typed = format.typedColumns,
            var fields = RowFields(typed, bytes, provenance: provenance)
        else { return nil }
        return try? format.decode(&fields)
    }

    /// Refuses a field's name that looks like a slip of a known one, and a field mapped twice.
    private static func check(_ columns: [ColumnMapping], path: String) throws(DataError) {
        let known = Array(Set(RecordFormat.all.flatMap(\.fields) + ["id", "weight"])).sorted()
        var seen: Set<String> = []
        for mapping in columns {
            guard seen.insert(mapping.field).inserted else {
                throw DataError(
                    .option, file: path, message: "columns: '\(mapping.field)' is mapped twice",
                    fix: "Delete one of the two.")
            }
            if !known.contains(mapping.field), let near = nearestName(to: mapping.field, among: known) {
                throw DataError(
                    .option, file: path, message: "columns: no format has a field '\(mapping.field)'",
                    fix: "Did you mean '\(near)'? The mapping is {field: column}.")
            }
        }
    }

    private typealias Recognition = (format: RecordFormat, keys: [String], rows: Int)

    private static func recognise(source: any RecordSource, columns: [ColumnMapping]) throws(DataError) -> Recognition {
        var stream = try source.rows()
        var found: (format: RecordFormat, keys: [String], line: Int)?
        var rows = 0
        while rows < rowsLookedAt, let row = try stream.next() {
            let (format, keys) = try recognise(row, columns: columns)
            if let found, found.format.name != format.name {
                throw DataError(
                    .option, file: source.path, line: row.provenance.line, byteOffset: row.provenance.byteOffset,
                    message:
                        "this row looks like format '\(format.name)', and line \(found.line) like '\(found.format.name)'",
                    fix: "Set `format`, or put the rows of each format in a file of their own.")
            }
            if found == nil { found = (format, keys, row.provenance.line) }
            rows += 1
        }
        guard let found else { throw emptyError(file: source.path) }
        return (found.format, found.keys, rows)
    }

    private static func recognise(_ row: RawRow, columns: [ColumnMapping]) throws(DataError)
        -> (format: RecordFormat, keys: [String])
    {
        var fields = RowFields(row)
        try fields.rename(columns)
        var mapped = fields
        mapped.keep(only: columns.map(\.field))
        for candidate in columns.isEmpty ? [fields] : [mapped, fields] {
            let fitting = RecordFormat.all.compactMap { format in format.recognise(candidate).map { (format, $0) } }
            if fitting.count == 1 { return fitting[0] }
            if fitting.count > 1 {
                throw fields.error(
                    .option,
                    message: "this row fits several formats: "
                        + fitting.map { "'\($0.0.name)' by \(quotedList($0.1))" }.joined(separator: ", "),
                    fix: "Set `format` to the one you mean.")
            }
        }
        let keys = fields.keys
        throw fields.error(
            .option, message: "no format fits columns \(quotedList(keys))",
            fix:
                "Say what they are, such as `columns: {prompt: \((keys.first ?? "question").clipped(to: 60)), completion: "
                + "\((keys.dropFirst().first ?? "answer").clipped(to: 60))}`, or set `format` to one of: "
                + RecordFormat.all.map(\.name).joined(separator: ", ") + ".")
    }
}

/// At most eight, and the beginnings of long ones.
private func quotedList(_ names: [String]) -> String {
    names.prefix(8).map { "'\($0.clipped(to: 60))'" }.joined(separator: ", ")
        + (names.count > 8 ? " and \(names.count - 8) more" : "")
}
