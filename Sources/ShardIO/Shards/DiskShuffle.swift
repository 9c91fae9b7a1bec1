/// Puts records into a random order that is a function of their number and a seed, within bounded memory.
///
/// Each record gets a key, a keyed hash of its number, and the order is that of the keys: a uniform shuffle, and the
/// same one however much memory there is. Records that do not fit into memory go to 64 files by the highest bits of
/// their keys; a file that still does not fit is divided once more.
final class DiskShuffle {
    private struct Entry {
        var key: UInt64
        var start: Int
        var count: Int
    }

    private static let bits = 6
    private static let flushBytes = 64 << 10

    private let folder: String
    private let memoryBytes: Int
    private let depth: Int
    private var bytes: [UInt8] = []
    private var entries: [Entry] = []
    private var buckets: [(output: OutputFile, buffer: [UInt8])] = []

    /// - Parameters:
    ///   - folder: where files may be made; they are gone when the shuffle is.
    ///   - memoryBytes: bytes of records that may be in memory.
    init(folder: String, memoryBytes: Int, depth: Int = 0) {
        self.folder = folder
        self.memoryBytes = memoryBytes
        self.depth = depth
    }

    /// The key of a record.
    static func key(ofRecord number: Int, seed: UInt64) -> UInt64 {
        mix64(mix64(seed &+ 0x9E37_79B9_7F4A_7C15) ^ mix64(UInt64(number) &+ 0xD1B5_4A32_D192_ED03))
    }

    func append(key: UInt64, _ record: UnsafeRawBufferPointer) throws(DataError) {
        if buckets.isEmpty {
            entries.append(Entry(key: key, start: bytes.count, count: record.count))
            bytes.append(contentsOf: record)
            // Ten divisions by 64 use the bits of a key up.
            if bytes.count + entries.count * 24 > memoryBytes, depth < 10 { try spill() }
        } else {
            try write(key: key, record)
        }
    }

    /// Gives all records in the order of their keys. Nothing can be appended afterwards.
    func drain(_ body: (UnsafeRawBufferPointer) throws(DataError) -> Void) throws(DataError) {
        guard !buckets.isEmpty else {
            entries.sort { ($0.key, $0.start) < ($1.key, $1.start) }
            for entry in entries {
                try bytes.withRawBytes { bytes throws(DataError) in
                    try body(UnsafeRawBufferPointer(rebasing: bytes[entry.start..<(entry.start + entry.count)]))
                }
            }
            return
        }
        for index in buckets.indices {
            try flush(index)
            try drain(bucket: buckets[index].output, body)
        }
        buckets = []
    }

    private func drain(
        bucket: OutputFile, _ body: (UnsafeRawBufferPointer) throws(DataError) -> Void
    ) throws(DataError) {
        let inner = DiskShuffle(folder: folder, memoryBytes: memoryBytes, depth: depth + 1)
        var offset = 0
        while offset < bucket.size {
            var entry = LittleEndianReader(try bucket.bytes(count: 16, at: offset))
            guard let key = entry.take(UInt64.self), let count = entry.take(UInt64.self).flatMap({ Int(exactly: $0) })
            else { break }
            let record = try bucket.bytes(count: count, at: offset + 16)
            try record.withRawBytes { record throws(DataError) in try inner.append(key: key, record) }
            offset += 16 + count
        }
        try inner.drain(body)
    }

    private func spill() throws(DataError) {
        for index in 0..<(1 << Self.bits) {
            buckets.append((try OutputFile(path: join(folder, "shuffle-\(depth)-\(index)")), []))
        }
        for entry in entries {
            try bytes.withRawBytes { bytes throws(DataError) in
                try write(
                    key: entry.key,
                    UnsafeRawBufferPointer(rebasing: bytes[entry.start..<(entry.start + entry.count)]))
            }
        }
        (bytes, entries) = ([], [])
    }

    private func write(key: UInt64, _ record: UnsafeRawBufferPointer) throws(DataError) {
        let shift = UInt64(64 - Self.bits * (depth + 1))
        let index = Int(key >> shift & UInt64(1 << Self.bits - 1))
        buckets[index].buffer.append(littleEndian: key)
        buckets[index].buffer.append(littleEndian: UInt64(record.count))
        buckets[index].buffer.append(contentsOf: record)
        if buckets[index].buffer.count >= Self.flushBytes { try flush(index) }
    }

    private func flush(_ index: Int) throws(DataError) {
        try buckets[index].output.write(buckets[index].buffer)
        buckets[index].buffer.removeAll(keepingCapacity: true)
    }
}
