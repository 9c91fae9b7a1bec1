import OrderedCollections
import TextCore

/// Comma- or tab-separated values as RFC 4180 has them, with a header; every value is a string.
///
/// Fields may be quoted and then hold delimiters, doubled quotes and line ends. Lines end in LF or CRLF; lines that
/// are wholly blank are skipped. Nothing is guessed: a row with more or fewer fields than the header is an error.
struct CSV: RowFraming {
    let delimiter: UInt8
    let columns: [String]
    /// Where the first row after the header starts.
    let start: RowPosition

    /// Reads the header.
    ///
    /// - Throws: `DataError` when it is malformed, or names a column twice or not at all.
    init(delimiter: UInt8, file: any ByteSource, options: DataFileOptions) throws(DataError) {
        self.delimiter = delimiter
        var cursor = ByteCursor(file: file, position: .start, options: options)
        try cursor.skipByteOrderMark()
        guard let frame = try Self.frame(&cursor, delimiter: delimiter) else {
            throw emptyError(file: file.path)
        }
        let (line, offset) = (cursor.line, cursor.offset)
        let delimiter = delimiter
        let names = try cursor.withBytes(frame.length) { bytes throws(DataError) -> [String] in
            try Self.fields(of: bytes, delimiter: delimiter, offset: offset, line: line, file: file)
        }
        var seen: Set<String> = []
        for (index, name) in names.enumerated() {
            guard !name.isEmpty else {
                throw DataError(
                    .syntax, file: file.path, line: line, byteOffset: offset,
                    message: "column \(index + 1) of the header has no name", fix: "Name it, or delete the column.")
            }
            guard seen.insert(name).inserted else {
                throw DataError(
                    .syntax, file: file.path, line: line, byteOffset: offset,
                    message: "the header names column '\(name)' twice", fix: "Rename one of the two.")
            }
        }
        cursor.skip(frame.consumed, lines: frame.lines)
        columns = names
        start = RowPosition(ordinal: 0, byteOffset: cursor.offset, line: cursor.line)
    }

    func nextFrame(_ cursor: inout ByteCursor) throws(DataError) -> RowFrame? {
        try Self.frame(&cursor, delimiter: delimiter)
    }

    func decode(_ bytes: UnsafeRawBufferPointer, offset: Int, line: Int, file: any ByteSource) throws(DataError) -> JSON
    {
        let values = try Self.fields(of: bytes, delimiter: delimiter, offset: offset, line: line, file: file)
        guard values.count == columns.count else {
            throw DataError(
                .syntax, file: file.path, line: line, byteOffset: offset,
                message: "this row has \(values.count) fields and the header \(columns.count)",
                fix: "Quote fields that hold the delimiter or a line end, and double the quotes inside them.")
        }
        return .object(OrderedDictionary(uniqueKeysWithValues: zip(columns, values.map { JSON.string($0) })))
    }

    /// Finds the end of a record: the first line end outside quotes.
    private static func frame(_ cursor: inout ByteCursor, delimiter: UInt8) throws(DataError) -> RowFrame? {
        try skipBlankLines(&cursor)
        guard try cursor.byte(at: 0) != nil else { return nil }
        var length = 0
        var lines = 0
        var atFieldStart = true
        var openQuote: (index: Int, lines: Int)?
        while let byte = try next(at: length, openQuote: openQuote, in: &cursor) {
            if openQuote != nil {
                if byte == UInt8(ascii: "\n") { lines += 1 }
                if byte == UInt8(ascii: "\"") {
                    if try cursor.byte(at: length + 1) == UInt8(ascii: "\"") {
                        length += 1
                    } else {
                        openQuote = nil
                    }
                }
            } else if byte == UInt8(ascii: "\n") {
                let end = try withoutCarriageReturn(length, in: &cursor)
                return RowFrame(length: end, consumed: length + 1, lines: lines + 1)
            } else if byte == UInt8(ascii: "\""), atFieldStart {
                openQuote = (length, lines)
            }
            atFieldStart = openQuote == nil && byte == delimiter
            length += 1
        }
        if let openQuote {
            throw neverClosed(openQuote, cursor: cursor, before: "the end of the file, line \(cursor.line + lines)")
        }
        return RowFrame(length: try withoutCarriageReturn(length, in: &cursor), consumed: length, lines: lines)
    }

    private static func withoutCarriageReturn(_ length: Int, in cursor: inout ByteCursor) throws(DataError) -> Int {
        if length > 0, try cursor.byte(at: length - 1) == UInt8(ascii: "\r") { length - 1 } else { length }
    }

    /// The byte at `index`; a record that grows over the limit inside quotes is blamed on its quote.
    private static func next(
        at index: Int, openQuote: (index: Int, lines: Int)?, in cursor: inout ByteCursor
    ) throws(DataError) -> UInt8? {
        do throws(DataError) {
            return try cursor.byte(at: index)
        } catch {
            guard error.kind == .limit, let openQuote else { throw error }
            throw neverClosed(openQuote, cursor: cursor, before: "the limit of a record")
        }
    }

    private static func neverClosed(
        _ quote: (index: Int, lines: Int), cursor: ByteCursor, before end: String
    ) -> DataError {
        cursor.error(
            .syntax, at: quote.index, lines: quote.lines, message: "this quote is never closed before \(end)",
            fix: "Close it, or double it (\"\") if it belongs to the text.")
    }

    private static func skipBlankLines(_ cursor: inout ByteCursor) throws(DataError) {
        while let byte = try cursor.byte(at: 0) {
            if byte == UInt8(ascii: "\n") {
                cursor.skip(1, lines: 1)
            } else if byte == UInt8(ascii: "\r"), try cursor.byte(at: 1) == UInt8(ascii: "\n") {
                cursor.skip(2, lines: 1)
            } else {
                return
            }
        }
    }

    /// Splits the bytes of one record into fields.
    private static func fields(
        of bytes: UnsafeRawBufferPointer, delimiter: UInt8, offset: Int, line: Int, file: any ByteSource
    ) throws(DataError) -> [String] {
        var parser = CSVRecordParser(bytes: bytes, delimiter: delimiter, offset: offset, line: line, file: file)
        return try parser.parse()
    }
}

/// Splits the bytes of one record, whose quotes are known to be closed.
private struct CSVRecordParser {
    let bytes: UnsafeRawBufferPointer
    let delimiter: UInt8
    let offset: Int
    let line: Int
    let file: any ByteSource
    var index = 0

    mutating func parse() throws(DataError) -> [String] {
        var fields: [String] = []
        while true {
            fields.append(index < bytes.count && bytes[index] == UInt8(ascii: "\"") ? try quoted() : try unquoted())
            guard index < bytes.count else { return fields }
            guard bytes[index] == delimiter else {
                throw error(
                    at: index, message: "text after a closing quote",
                    fix: "Double a quote that belongs to the text (\"\").")
            }
            index += 1
        }
    }

    private mutating func unquoted() throws(DataError) -> String {
        let start = index
        while index < bytes.count, bytes[index] != delimiter {
            if bytes[index] == UInt8(ascii: "\"") {
                throw error(
                    at: index, message: "a quote inside a field that does not start with one",
                    fix: "Quote the whole field and double the quotes inside it (\"\").")
            }
            if bytes[index] == UInt8(ascii: "\r") {
                throw error(
                    at: index, message: "a carriage return without a line feed",
                    fix: "Save the file with LF or CRLF line ends, or quote the field.")
            }
            index += 1
        }
        return try text(UnsafeRawBufferPointer(rebasing: bytes[start..<index]), from: start)
    }

    private mutating func quoted() throws(DataError) -> String {
        let start = index
        index += 1
        var content: [UInt8] = []
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\"") {
                index += 1
                guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { break }
            }
            content.append(bytes[index])
            index += 1
        }
        if let text = String(validating: content, as: UTF8.self) { return text }
        return try text(UnsafeRawBufferPointer(rebasing: bytes[start..<index]), from: start)
    }

    private func text(_ field: UnsafeRawBufferPointer, from start: Int) throws(DataError) -> String {
        if let text = String(validating: field, as: UTF8.self) { return text }
        return try PlainText(unit: .line).decodeText(
            field, offset: offset + start, line: line + lines(before: start), file: file)
    }

    private func lines(before index: Int) -> Int { bytes[..<index].count { $0 == UInt8(ascii: "\n") } }

    private func error(at index: Int, message: String, fix: String) -> DataError {
        file.error(.syntax, offset: offset + index, line: line + lines(before: index), message: message, fix: fix)
    }
}
