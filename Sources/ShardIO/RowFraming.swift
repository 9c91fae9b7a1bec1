import TextCore

/// Where the row under a cursor ends.
struct RowFrame {
    /// Bytes of the row itself.
    var length: Int
    /// Bytes of the row and of what ends it.
    var consumed: Int
    /// Line feeds among the consumed bytes.
    var lines: Int
}

/// A file format: how its bytes fall into rows, and how the bytes of one row become columns.
///
/// The two are apart so that frames are laid without decoding, and a row is decoded without its neighbours.
protocol RowFraming: Sendable {
    /// Moves the cursor to the start of the next row and measures it; `nil` behind the last.
    func nextFrame(_ cursor: inout ByteCursor) throws(DataError) -> RowFrame?

    /// The columns of a row from its bytes, which start at `offset` of the file and on `line`.
    func decode(_ bytes: UnsafeRawBufferPointer, offset: Int, line: Int, file: any ByteSource) throws(DataError) -> JSON
}

extension RowFraming {
    /// Parses the bytes of one row as a JSON object, with errors placed in the file.
    func decodeObject(
        _ bytes: UnsafeRawBufferPointer, offset: Int, line: Int, file: any ByteSource, hint: String
    ) throws(DataError) -> JSON {
        let value: JSON
        do throws(JSONError) {
            value = try JSON(parsing: bytes)
        } catch {
            throw file.error(
                .syntax, offset: offset + error.offset, line: line + error.line - 1,
                message: "broken JSON: \(error.message)", fix: hint)
        }
        guard value.object != nil else {
            throw file.error(
                .syntax, offset: offset, line: line, message: "a row is \(value.kind), not an object", fix: hint)
        }
        return value
    }

    /// The bytes as text.
    func decodeText(_ bytes: UnsafeRawBufferPointer, offset: Int, line: Int, file: any ByteSource) throws(DataError)
        -> String
    {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        let bad = firstInvalidByte(in: bytes)
        let linesBefore = bytes[..<bad].count { $0 == UInt8(ascii: "\n") }
        throw file.error(
            .encoding, offset: offset + bad, line: line + linesBefore, message: "this byte is not valid UTF-8",
            fix: "Save the file as UTF-8: iconv -f latin1 -t utf-8 IN > OUT (if it is Latin-1).")
    }
}

/// The index of the first byte of the first sequence that is not UTF-8.
private func firstInvalidByte(in bytes: UnsafeRawBufferPointer) -> Int {
    // Valid prefixes are closed under concatenation of whole characters, so the text is cut at characters.
    var index = 0
    while index < bytes.count {
        let length: Int
        switch bytes[index] {
        case 0..<0x80: length = 1
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF: length = 3
        case 0xF0...0xF4: length = 4
        default: return index
        }
        let end = index + length
        guard end <= bytes.count, String(validating: bytes[index..<end], as: UTF8.self) != nil else { return index }
        index = end
    }
    return index
}
