import TextCore

/// What one row of a `.txt` file is.
public enum TextUnit: String, Sendable, Hashable, CaseIterable {
    /// A line that is not blank.
    case line
    /// Lines up to a blank one.
    case paragraph
    /// The whole file.
    case document
}

/// Plain text: rows with the one column `text`.
struct PlainText: RowFraming {
    let unit: TextUnit

    func nextFrame(_ cursor: inout ByteCursor) throws(DataError) -> RowFrame? {
        try cursor.skipByteOrderMark()
        if unit == .document { return try document(&cursor) }
        try skipBlankLines(&cursor)
        guard try cursor.byte(at: 0) != nil else { return nil }
        var length = 0
        var consumed = 0
        var lines = 0
        while true {
            if let newline = try cursor.distance(to: UInt8(ascii: "\n"), from: consumed) {
                length = newline
                consumed = newline + 1
                lines += 1
            } else {
                length = cursor.bytesToEnd
                consumed = length
            }
            if length > 0, try cursor.byte(at: length - 1) == UInt8(ascii: "\r") { length -= 1 }
            if unit == .paragraph, try cursor.byte(at: consumed) != nil, try !isBlankLine(&cursor, from: consumed) {
                continue
            }
            return RowFrame(length: length, consumed: consumed, lines: lines)
        }
    }

    private func document(_ cursor: inout ByteCursor) throws(DataError) -> RowFrame? {
        guard cursor.ordinal == 0, try cursor.byte(at: 0) != nil else { return nil }
        var lines = 0
        var index = 0
        while let newline = try cursor.distance(to: UInt8(ascii: "\n"), from: index) {
            lines += 1
            index = newline + 1
        }
        return RowFrame(length: cursor.bytesToEnd, consumed: cursor.bytesToEnd, lines: lines)
    }

    /// Whether only spaces stand between `start` and the end of its line.
    private func isBlankLine(_ cursor: inout ByteCursor, from start: Int) throws(DataError) -> Bool {
        var index = start
        while let byte = try cursor.byte(at: index), byte != UInt8(ascii: "\n") {
            guard byte.isJSONWhitespace else { return false }
            index += 1
        }
        return true
    }

    /// Skips blank lines but not the indent of the line after them.
    private func skipBlankLines(_ cursor: inout ByteCursor) throws(DataError) {
        while try cursor.byte(at: 0) != nil, try isBlankLine(&cursor, from: 0) {
            if let newline = try cursor.distance(to: UInt8(ascii: "\n")) {
                cursor.skip(newline + 1, lines: 1)
            } else {
                cursor.skip(cursor.bytesToEnd, lines: 0)
            }
        }
    }

    func decode(_ bytes: UnsafeRawBufferPointer, offset: Int, line: Int, file: any ByteSource) throws(DataError) -> JSON
    {
        ["text": .string(try decodeText(bytes, offset: offset, line: line, file: file))]
    }
}
