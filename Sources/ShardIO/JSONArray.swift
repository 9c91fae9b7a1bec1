import TextCore

/// A JSON array of objects, read element by element.
struct JSONArray: RowFraming {
    func nextFrame(_ cursor: inout ByteCursor) throws(DataError) -> RowFrame? {
        try cursor.skipByteOrderMark()
        try cursor.skipWhitespace()
        if cursor.ordinal == 0 {
            guard try cursor.byte(at: 0) == UInt8(ascii: "[") else {
                throw cursor.error(
                    .syntax, message: "a .json data file is one array and starts with `[`",
                    fix: "Name the file .jsonl if it holds one object a line.")
            }
            cursor.skip(1, lines: 0)
            try cursor.skipWhitespace()
            if try cursor.byte(at: 0) == UInt8(ascii: "]") { return try end(&cursor) }
        } else {
            switch try cursor.byte(at: 0) {
            case UInt8(ascii: "]"): return try end(&cursor)
            case UInt8(ascii: ","): cursor.skip(1, lines: 0)
            case nil: throw neverEnds(cursor)
            default:
                throw cursor.error(
                    .syntax, message: "`,` or `]` is expected after an element", fix: "Mend the array at this place.")
            }
            try cursor.skipWhitespace()
            if try cursor.byte(at: 0) == UInt8(ascii: "]") {
                throw cursor.error(.syntax, message: "a comma before `]`", fix: "Delete the comma.")
            }
        }
        return try element(&cursor)
    }

    /// Checks that nothing follows the array.
    private func end(_ cursor: inout ByteCursor) throws(DataError) -> RowFrame? {
        cursor.skip(1, lines: 0)
        try cursor.skipWhitespace()
        guard try cursor.byte(at: 0) == nil else {
            throw cursor.error(
                .syntax, message: "text after the end of the array", fix: "Put all rows inside one array.")
        }
        return nil
    }

    /// Measures one value by its brackets and quotes; whether it is JSON is found when it is decoded.
    private func element(_ cursor: inout ByteCursor) throws(DataError) -> RowFrame {
        var depth = 0
        var length = 0
        var lines = 0
        var inString = false
        while let byte = try cursor.byte(at: length) {
            if byte == UInt8(ascii: "\n") { lines += 1 }
            if inString {
                if byte == UInt8(ascii: "\\") { length += 1 }
                if byte == UInt8(ascii: "\"") { inString = false }
            } else {
                switch byte {
                case UInt8(ascii: "\""): inString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: ",") where depth == 0, UInt8(ascii: "]") where depth == 0:
                    return RowFrame(length: length, consumed: length, lines: lines)
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    depth -= 1
                    if depth <= 0 { return RowFrame(length: length + 1, consumed: length + 1, lines: lines) }
                default: break
                }
            }
            length += 1
        }
        throw neverEnds(cursor)
    }

    private func neverEnds(_ cursor: ByteCursor) -> DataError {
        cursor.error(
            .syntax, message: "the file ends inside the array",
            fix: "The last row starts here; the file was probably cut off while it was written.")
    }

    func decode(_ bytes: UnsafeRawBufferPointer, offset: Int, line: Int, file: any ByteSource) throws(DataError) -> JSON
    {
        try decodeObject(
            bytes, offset: offset, line: line, file: file,
            hint: "A .json data file is one array of objects; mend this element.")
    }
}
