import ShardIO

/// The rows of a source that can be read, one after the other: what a source is known by where damage is passed over.
struct SoundRows: RecordSource {
    /// The source, damaged or not.
    let source: any FramedSource

    var path: String { source.path }

    var integrity: String { source.integrity }

    func rows(from position: RowPosition) throws(DataError) -> any RowStream {
        SoundRowStream(rows: try source.rows(from: position), frames: source.frames)
    }
}

private struct SoundRowStream: RowStream {
    var rows: any RowStream
    let frames: FrameTable

    var position: RowPosition { rows.position }

    mutating func next() throws(DataError) -> RawRow? {
        while true {
            let ordinal = rows.position.ordinal
            do throws(DataError) {
                return try rows.next()
            } catch {
                guard ordinal < frames.rowCount else { throw error }
                // With a damaged frame all of its rows are lost.
                let next =
                    error.kind == .damaged ? frames.rows(of: frames.frame(ofRow: ordinal)).upperBound : ordinal + 1
                guard try rows.seek(toRow: next) else { throw error }
            }
        }
    }

    mutating func seek(toRow ordinal: Int) throws(DataError) -> Bool { try rows.seek(toRow: ordinal) }
}
