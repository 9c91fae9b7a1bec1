import OrderedCollections
public import ShardIO
import TextCore

/// A file of rows that is written in the format that other rows came in, to the letter.
public struct RowFile {
    private let file: OutputFile
    private let kind: FileKind
    private var rows = 0
    private var buffer: [UInt8] = []

    /// - Parameters:
    ///   - path: its place; it appears there once it is complete.
    ///   - source: the source whose rows it will hold. Of shards it becomes JSON lines.
    /// - Throws: `DataError` where the path's ending is that of another format, or the file cannot be written.
    public init(path: String, like source: any FramedSource) throws {
        kind = Self.kind(of: source)
        guard FileKind(path: path) == kind, !path.hasSuffix(".zst") else {
            throw DataError(
                .option, file: path,
                message: "the rows of \(source.path) are written as they came, which is \(kind.rawValue)",
                fix: "Name a file that ends in .\(kind.rawValue).")
        }
        file = try OutputFile(path: path)
        switch kind {
        case .json: buffer = Array("[".utf8)
        case .csv, .tsv:
            let columns = try source.frame(0).row(0).fields.object?.keys ?? []
            let delimiter = kind == .csv ? "," : "\t"
            buffer = Array(columns.map { Self.quoted($0, delimiter) }.joined(separator: delimiter).utf8) + [0x0A]
        case .jsonl, .txt: break
        }
    }

    /// The format of a source's rows; of shards they are JSON lines.
    public static func kind(of source: any FramedSource) -> FileKind {
        source is ShardedDataset || source is ShardFile ? .jsonl : FileKind(path: source.path) ?? .jsonl
    }

    private static func quoted(_ name: String, _ delimiter: String) -> String {
        let isPlain = !name.contains { $0 == "\"" || $0.isNewline || String($0) == delimiter }
        return isPlain ? name : "\"\(name.replacing("\"", with: "\"\""))\""
    }

    /// Appends a row as it was read.
    ///
    /// - Throws: `DataError` where the disk is full.
    public mutating func append(_ frame: DecodedFrame, _ row: Int) throws {
        if kind == .json { buffer += Array((rows == 0 ? "\n" : ",\n").utf8) }
        frame.withBytes(of: row) { buffer.append(contentsOf: $0) }
        if kind != .json { buffer.append(0x0A) }
        rows += 1
        if buffer.count >= 1 << 20 { try flush() }
    }

    private mutating func flush() throws {
        try file.write(buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Gives the file its name.
    ///
    /// - Throws: `DataError` where the disk is full.
    /// - Returns: How many rows it holds.
    public mutating func finish() throws -> Int {
        if kind == .json { buffer += Array("\n]\n".utf8) }
        try flush()
        try file.commit()
        return rows
    }

    /// Writes a text that appears under its name once it is complete.
    ///
    /// - Throws: `DataError` where it cannot be written.
    public static func write(_ text: String, to path: String) throws {
        let file = try OutputFile(path: path)
        try file.write(Array(text.utf8))
        try file.commit()
    }

    /// Makes a folder and those above it.
    ///
    /// - Throws: `DataError` where it cannot be made.
    public static func makeFolder(_ path: String) throws { try OutputFile.makeFolder(path) }
}
