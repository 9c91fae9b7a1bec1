package import TextCore

/// Rows that are in memory, in frames of a fixed number of rows.
package struct InMemorySource: FramedSource {
    package let path: String
    package let frames: FrameTable
    package let identity: String
    package let hasRandomAccess: Bool
    private let contents: [[UInt8]]

    /// - Parameters:
    ///   - path: what messages call the source.
    ///   - rows: the rows: objects.
    ///   - rowsPerFrame: how many rows a frame has; the last may have fewer.
    ///   - hasRandomAccess: whether the source says that it can be read in any order.
    package init(path: String, rows: [JSON], rowsPerFrame: Int, hasRandomAccess: Bool = true) {
        precondition(rowsPerFrame > 0, "\(rowsPerFrame) rows a frame")
        self.path = path
        self.hasRandomAccess = hasRandomAccess
        var content = XXH64()
        var contents: [[UInt8]] = []
        var counts: [Int] = []
        for start in stride(from: 0, to: rows.count, by: rowsPerFrame) {
            let part = rows[start..<min(rows.count, start + rowsPerFrame)]
            let bytes = Array(part.map { $0.text() + "\n" }.joined().utf8)
            content.update(bytes)
            contents.append(bytes)
            counts.append(part.count)
        }
        self.contents = contents
        frames = FrameTable(rowCounts: counts)
        identity = "memory:\(rowsPerFrame):\(content.digest().hexadecimal)"
    }

    package var integrity: String { "in memory" }

    package func rows(from position: RowPosition) throws(DataError) -> any RowStream {
        FramedRowStream(source: self, position: position)
    }

    package func frame(_ index: Int) throws(DataError) -> DecodedFrame {
        let bytes = contents[index]
        var rows: [DecodedFrame.Row] = []
        var start = 0
        for (offset, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") {
            rows.append(
                DecodedFrame.Row(
                    offset: UInt32(start), length: UInt32(offset - start), line: UInt32(rows.count)))
            start = offset + 1
        }
        let path = path
        let first = frames.rows(of: index).lowerBound
        return DecodedFrame(
            text: .array(bytes), rows: rows,
            start: Provenance(file: path, line: first + 1, byteOffset: 0, ordinal: first),
            parse: { bytes, place throws(DataError) -> JSON in
                do throws(JSONError) {
                    return try JSON(parsing: bytes)
                } catch {
                    throw DataError(
                        .syntax, file: path, line: place.line, message: error.message, fix: "Correct the row.")
                }
            }, isJSON: true)
    }
}
