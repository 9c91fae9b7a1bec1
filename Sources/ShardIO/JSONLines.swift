import TextCore

/// One JSON object a line. Blank lines and a byte order mark are skipped; lines end in LF or CRLF.
struct JSONLines: RowFraming {
    func nextFrame(_ cursor: inout ByteCursor) throws(DataError) -> RowFrame? {
        try cursor.skipByteOrderMark()
        try cursor.skipWhitespace()
        guard try cursor.byte(at: 0) != nil else { return nil }
        if let newline = try cursor.distance(to: UInt8(ascii: "\n")) {
            return RowFrame(length: newline, consumed: newline + 1, lines: 1)
        }
        return RowFrame(length: cursor.bytesToEnd, consumed: cursor.bytesToEnd, lines: 0)
    }

    func decode(_ bytes: UnsafeRawBufferPointer, offset: Int, line: Int, file: any ByteSource) throws(DataError) -> JSON
    {
        try decodeObject(
            bytes, offset: offset, line: line, file: file,
            hint: bytes.first == UInt8(ascii: "[")
                ? "A .jsonl file holds one object a line; name the file .json if it is one array."
                : "A .jsonl file holds one JSON object a line; mend or delete this line.")
    }
}
