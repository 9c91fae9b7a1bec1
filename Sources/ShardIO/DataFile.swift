import TextCore

/// The file formats that rows are read from.
public enum FileKind: String, Sendable, Hashable, CaseIterable {
    /// One JSON object a line.
    case jsonl
    /// One JSON array of objects.
    case json
    /// Comma-separated values with a header.
    case csv
    /// Tab-separated values with a header.
    case tsv
    /// Plain text.
    case txt

    /// The kind that the end of a path tells; `nil` when it tells none.
    public init?(path: String) {
        let name = path.split(separator: "/").last.map(String.init)?.lowercased() ?? ""
        guard let dot = name.lastIndex(of: ".") else { return nil }
        switch name[name.index(after: dot)...] {
        case "jsonl", "ndjson": self = .jsonl
        case "json": self = .json
        case "csv": self = .csv
        case "tsv": self = .tsv
        case "txt", "md": self = .txt
        default: return nil
        }
    }
}

/// How a data file is read.
public struct DataFileOptions: Sendable {
    /// The file format; `nil` takes it from the path.
    public var kind: FileKind?
    /// What one row of plain text is.
    public var textUnit: TextUnit
    /// The largest record in bytes.
    public var maximumRecordBytes: Int
    /// Bytes that are read at a time.
    public var chunkBytes: Int

    /// - Precondition: the sizes are positive.
    public init(
        kind: FileKind? = nil, textUnit: TextUnit = .line, maximumRecordBytes: Int = 64 << 20,
        chunkBytes: Int = 256 << 10
    ) {
        precondition(maximumRecordBytes > 0 && chunkBytes > 0, "sizes of a data file's options must be positive")
        self.kind = kind
        self.textUnit = textUnit
        self.maximumRecordBytes = maximumRecordBytes
        self.chunkBytes = chunkBytes
    }
}

/// A JSONL, JSON, CSV, TSV or text file.
public struct DataFile: RecordSource {
    public let path: String
    /// The file format.
    public let kind: FileKind
    let file: InputFile
    let framing: any RowFraming
    let options: DataFileOptions
    private let firstRow: RowPosition

    /// Opens a file; of a CSV file the header is read.
    ///
    /// - Throws: `DataError` when the file is missing, no regular file, empty, of no known kind, or has a bad header.
    public init(path: String, options: DataFileOptions = DataFileOptions()) throws(DataError) {
        // The file comes first: "no such file" helps more than "unknown ending".
        file = try InputFile(path: path)
        guard let kind = options.kind ?? FileKind(path: path) else { throw Self.unknownKind(path: path) }
        self.path = path
        self.kind = kind
        self.options = options
        switch kind {
        case .jsonl: (framing, firstRow) = (JSONLines(), .start)
        case .json: (framing, firstRow) = (JSONArray(), .start)
        case .txt: (framing, firstRow) = (PlainText(unit: options.textUnit), .start)
        case .csv, .tsv:
            let delimiter = kind == .csv ? UInt8(ascii: ",") : UInt8(ascii: "\t")
            let csv = try CSV(delimiter: delimiter, file: file, options: options)
            (framing, firstRow) = (csv, csv.start)
        }
    }

    public var integrity: String { "not checksummed" }

    public func rows(from position: RowPosition) throws(DataError) -> any RowStream {
        FileRowStream(source: self, position: clamped(position))
    }

    public func indexed() throws(DataError) -> any IndexedRecordSource { try IndexedDataFile(self) }

    /// A CSV file's rows start behind its header.
    func clamped(_ position: RowPosition) -> RowPosition { position.ordinal == 0 ? firstRow : position }

    func cursor(at position: RowPosition) -> ByteCursor {
        ByteCursor(file: file, position: clamped(position), options: options)
    }

    private static func unknownKind(path: String) -> DataError {
        let compressed = [".zst", ".gz", ".bz2", ".xz"].first { path.hasSuffix($0) }
        return DataError(
            .option, file: path,
            message: compressed.map { "\($0) files are not read directly" } ?? "the ending tells no file format",
            fix: compressed == ".zst"
                ? "Decompress it first: zstd -d '\(path)'."
                : compressed != nil
                    ? "Decompress it first."
                    : "Known endings: " + FileKind.allCases.map { ".\($0.rawValue)" }.joined(separator: ", ") + ".")
    }
}

func emptyError(file: String) -> DataError {
    DataError(
        .empty, file: file, message: "there is no row in the file",
        fix: "There is nothing to train on; check the step that wrote it.")
}

/// The rows of a file one after the other.
struct FileRowStream: RowStream {
    private let source: DataFile
    private var cursor: ByteCursor

    init(source: DataFile, position: RowPosition) {
        self.source = source
        cursor = source.cursor(at: position)
    }

    var position: RowPosition { cursor.position }

    mutating func next() throws(DataError) -> RawRow? {
        guard let frame = try source.framing.nextFrame(&cursor) else {
            guard cursor.ordinal > 0 else { throw emptyError(file: source.path) }
            return nil
        }
        let (offset, line) = (cursor.offset, cursor.line)
        let (framing, file) = (source.framing, source.file)
        let fields = try cursor.withBytes(frame.length) { bytes throws(DataError) -> JSON in
            try framing.decode(bytes, offset: offset, line: line, file: file)
        }
        let provenance = Provenance(file: source.path, line: line, byteOffset: offset, ordinal: cursor.ordinal)
        cursor.finishRow(frame)
        return RawRow(fields: fields, provenance: provenance)
    }

    mutating func seek(toRow ordinal: Int) throws(DataError) -> Bool {
        if ordinal < cursor.ordinal { cursor = source.cursor(at: .start) }
        while cursor.ordinal < ordinal {
            guard let frame = try source.framing.nextFrame(&cursor) else { return false }
            cursor.finishRow(frame)
        }
        var ahead = cursor
        return try source.framing.nextFrame(&ahead) != nil
    }
}

/// A file with the place of each row in memory: 16 bytes a row.
struct IndexedDataFile: IndexedRecordSource {
    private struct Entry {
        var offset: UInt64
        var length: UInt32
        /// Saturates after four thousand million lines; it is only used in messages.
        var line: UInt32
    }

    private let source: DataFile
    private let entries: [Entry]

    init(_ source: DataFile) throws(DataError) {
        var cursor = source.cursor(at: .start)
        var entries: [Entry] = []
        while let frame = try source.framing.nextFrame(&cursor) {
            guard let length = UInt32(exactly: frame.length) else {
                throw cursor.error(
                    .limit, message: "the record that starts here is longer than 4 GiB", fix: "Split the record.")
            }
            entries.append(
                Entry(offset: UInt64(cursor.offset), length: length, line: UInt32(clamping: cursor.line)))
            cursor.finishRow(frame)
        }
        guard !entries.isEmpty else { throw emptyError(file: source.path) }
        self.source = source
        self.entries = entries
    }

    var path: String { source.path }
    var integrity: String { source.integrity }
    var count: Int { entries.count }

    func rows(from position: RowPosition) throws(DataError) -> any RowStream { try source.rows(from: position) }
    func indexed() throws(DataError) -> any IndexedRecordSource { self }

    func position(ofRow index: Int) -> RowPosition {
        // The elements of a JSON array have a comma before them, which belongs to the place between two rows.
        guard index > 0 else { return source.clamped(.start) }
        let previous = entries[index - 1]
        if source.kind == .json {
            let end = Int(previous.offset) + Int(previous.length)
            return RowPosition(ordinal: index, byteOffset: end, line: endLine(of: previous))
        }
        let entry = entries[index]
        return RowPosition(ordinal: index, byteOffset: Int(entry.offset), line: Int(entry.line))
    }

    private func endLine(of entry: Entry) -> Int {
        var bytes: [UInt8] = []
        try? source.file.read(count: Int(entry.length), at: Int(entry.offset), into: &bytes)
        return Int(entry.line) + bytes.count { $0 == UInt8(ascii: "\n") }
    }

    func row(at index: Int) throws(DataError) -> RawRow {
        precondition(entries.indices.contains(index), "row \(index) of a file with \(count) rows")
        let entry = entries[index]
        let (offset, line) = (Int(entry.offset), Int(entry.line))
        var bytes: [UInt8] = []
        try source.file.read(count: Int(entry.length), at: offset, into: &bytes)
        guard bytes.count == Int(entry.length) else {
            throw DataError(
                .unreadable, file: path, line: line, byteOffset: offset,
                message: "the file has become shorter while it was read", fix: "Start again once it is complete.")
        }
        let fields = try bytes.withUnsafeBufferPointer { buffer throws(DataError) -> JSON in
            try source.framing.decode(UnsafeRawBufferPointer(buffer), offset: offset, line: line, file: source.file)
        }
        return RawRow(
            fields: fields, provenance: Provenance(file: path, line: line, byteOffset: offset, ordinal: index))
    }
}
