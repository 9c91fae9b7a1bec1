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

    /// The kind that the end of a path tells, before a last `.zst`; `nil` when it tells none.
    public init?(path: String) {
        var name = path.split(separator: "/").last.map(String.init)?.lowercased() ?? ""
        if name.hasSuffix(".zst") { name.removeLast(4) }
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
    /// Whether a folder of shards is read that has no manifest, and so may lack shards.
    public var partial: Bool
    /// Bytes that one compressed byte may become, on the average of a compressed file from its start.
    ///
    /// Text becomes a tenth or a hundredth of itself. What grows a thousand times was made to fill a disk or a memory.
    public var maximumExpansion = 2000

    /// - Precondition: the sizes are positive.
    public init(
        kind: FileKind? = nil, textUnit: TextUnit = .line, maximumRecordBytes: Int = 64 << 20,
        chunkBytes: Int = 256 << 10, partial: Bool = false
    ) {
        precondition(maximumRecordBytes > 0 && chunkBytes > 0, "sizes of a data file's options must be positive")
        self.kind = kind
        self.textUnit = textUnit
        self.maximumRecordBytes = maximumRecordBytes
        self.chunkBytes = chunkBytes
        self.partial = partial
    }
}

/// A JSONL, JSON, CSV, TSV or text file, which may be compressed with zstd (`.jsonl.zst`).
///
/// It is read from the start to the end; `framed()` finds its frames for reading in another order.
public struct DataFile: RecordSource {
    public let path: String
    /// The file format.
    public let kind: FileKind
    let file: any ByteSource
    let framing: any RowFraming
    let options: DataFileOptions
    /// The file once more, when it is compressed.
    let compressed: CompressedInput?
    private let firstRow: RowPosition

    /// Opens a file; of a CSV file the header is read.
    ///
    /// - Throws: `DataError` when the file is missing, no regular file, empty, of no known kind, or has a bad header.
    public init(path: String, options: DataFileOptions = DataFileOptions()) throws(DataError) {
        // The file comes first: "no such file" helps more than "unknown ending".
        let input = try InputFile(path: path)
        guard let kind = options.kind ?? FileKind(path: path) else { throw Self.unknownKind(path: path) }
        self.path = path
        self.kind = kind
        self.options = options
        compressed =
            path.lowercased().hasSuffix(".zst")
            ? try CompressedInput(input, maximumExpansion: options.maximumExpansion) : nil
        file = compressed ?? input
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

    public var integrity: String { compressed?.integrity ?? "not checksummed" }

    public func rows(from position: RowPosition) throws(DataError) -> any RowStream {
        FileRowStream(source: self, position: clamped(position))
    }

    /// The same rows in frames, after one pass over the file that finds where they lie.
    ///
    /// - Throws: `DataError` when the file cannot be read, is damaged, not well framed, or has no row.
    public func framed() throws(DataError) -> any FramedSource { try FramedDataFile(self) }

    /// A CSV file's rows start behind its header.
    func clamped(_ position: RowPosition) -> RowPosition { position.ordinal == 0 ? firstRow : position }

    func cursor(at position: RowPosition, ahead: [UInt8] = []) -> ByteCursor {
        ByteCursor(file: file, position: clamped(position), options: options, ahead: ahead)
    }

    private static func unknownKind(path: String) -> DataError {
        let compressed = [".gz", ".bz2", ".xz"].first { path.hasSuffix($0) }
        return DataError(
            .option, file: path,
            message: compressed.map { "\($0) files are not read directly" } ?? "the ending tells no file format",
            fix: compressed != nil
                ? "Decompress it first, or compress it with zstd instead."
                : "Known endings: " + FileKind.allCases.map { ".\($0.rawValue)" }.joined(separator: ", ")
                    + ", each with .zst behind it if it is compressed.")
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
