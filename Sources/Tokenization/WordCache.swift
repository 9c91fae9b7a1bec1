internal import Synchronization

/// Remembers how pieces were encoded: natural text repeats its words.
final class WordCache {
    let scratch = BytePairModel.Scratch()
    private var entries: [Entry]
    private var keys: [UInt8] = []
    private var ids: [Int32] = []
    private var lengths: [Int32] = []

    private struct Entry {
        var hash = 0
        var keyStart: Int32 = 0
        /// -1 for a free entry.
        var keyCount: Int32 = -1
        var tokenStart: Int32 = 0
        var tokenCount: Int32 = 0
    }

    private static let slotCount = 1 << 15
    private static let longestKey = 64
    private static let largestStorage = 4 << 20

    init() { entries = Array(repeating: Entry(), count: Self.slotCount) }

    /// Calls `body` with the tokens of `piece` and their lengths, encoding it where it is not remembered.
    func tokens(
        of piece: UnsafeBufferPointer<UInt8>, isByteLevel: Bool, model: BytePairModel,
        body: (ArraySlice<Int32>, ArraySlice<Int32>) -> Void
    ) {
        guard piece.count <= Self.longestKey else {
            model.encode(piece, isByteLevel: isByteLevel, into: scratch)
            return body(scratch.ids[...], scratch.lengths[...])
        }
        var hasher = Hasher()
        hasher.combine(isByteLevel)
        hasher.combine(bytes: UnsafeRawBufferPointer(piece))
        let hash = hasher.finalize()
        let slot = hash & (Self.slotCount - 1)
        if !holds(piece, hash: hash, at: slot) {
            model.encode(piece, isByteLevel: isByteLevel, into: scratch)
            store(piece, hash: hash, at: slot)
        }
        let entry = entries[slot]
        let range = Int(entry.tokenStart)..<Int(entry.tokenStart + entry.tokenCount)
        body(ids[range], lengths[range])
    }

    private func holds(_ piece: UnsafeBufferPointer<UInt8>, hash: Int, at slot: Int) -> Bool {
        let entry = entries[slot]
        guard entry.hash == hash, Int(entry.keyCount) == piece.count else { return false }
        for offset in 0..<piece.count where keys[Int(entry.keyStart) + offset] != piece[offset] { return false }
        return true
    }

    private func store(_ piece: UnsafeBufferPointer<UInt8>, hash: Int, at slot: Int) {
        if keys.count > Self.largestStorage || ids.count > Self.largestStorage {
            entries = Array(repeating: Entry(), count: Self.slotCount)
            keys.removeAll(keepingCapacity: true)
            ids.removeAll(keepingCapacity: true)
            lengths.removeAll(keepingCapacity: true)
        }
        entries[slot] = Entry(
            hash: hash, keyStart: Int32(keys.count), keyCount: Int32(piece.count), tokenStart: Int32(ids.count),
            tokenCount: Int32(scratch.ids.count))
        keys += piece
        ids += scratch.ids
        lengths += scratch.lengths
    }
}

/// The caches that encoding threads borrow, so that no two share one and none waits.
final class WordCachePool: Sendable {
    private let idle = Mutex<[Box]>([])

    /// A cache is used by one borrower at a time, which the pool guarantees.
    private struct Box: @unchecked Sendable {
        let cache: WordCache
    }

    func borrow<Result>(_ body: (WordCache) -> Result) -> Result {
        let box = idle.withLock { $0.popLast() } ?? Box(cache: WordCache())
        defer { idle.withLock { if $0.count < 64 { $0.append(box) } } }
        return body(box.cache)
    }
}
