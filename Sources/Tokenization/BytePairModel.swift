internal import TextCore

/// Byte-pair encoding of one piece of text: merges neighbours in the order in which training found them.
struct BytePairModel: Sendable {
    struct Options: Sendable {
        var unknownToken: String?
        var fusesUnknown = false
        var byteFallback = false
        var ignoresMerges = false
        var continuingSubwordPrefix: String?
        var endOfWordSuffix: String?
    }

    let vocabulary: Vocabulary
    let options: Options
    private let unknownID: Int32?
    /// Rank of each pair that merges.
    private let ranks: PairTable
    /// The piece that the merge of each rank makes.
    private let results: [Int32]
    /// The piece of each byte in a byte-level vocabulary, -1 where it has none.
    private let byteLevelIDs: [Int32]
    /// The pieces `<0x00>` to `<0xFF>`, -1 where there is none.
    private let byteFallbackIDs: [Int32]

    /// - Parameter merges: left and right piece of each merge, by rank.
    /// - Throws: `TokenizationError` for a merge of pieces, or into a piece, that the vocabulary has not.
    init(
        vocabulary: Vocabulary, merges: [(left: [UInt8], right: [UInt8])], options: Options, unknownID: Int?,
        location: String
    ) throws(TokenizationError) {
        self.vocabulary = vocabulary
        self.options = options
        self.unknownID = unknownID.map { Int32($0) }
        let prefix = Array((options.continuingSubwordPrefix ?? "").utf8)
        var ranks = PairTable(capacity: merges.count)
        var results: [Int32] = []
        results.reserveCapacity(merges.count)
        for (rank, merge) in merges.enumerated() {
            let tail = merge.right.starts(with: prefix) ? merge.right.dropFirst(prefix.count) : merge.right[...]
            let whole = merge.left + tail
            var ids: [Int32] = []
            for piece in [merge.left, merge.right, whole] {
                guard let id = vocabulary.id(of: piece) else {
                    throw TokenizationError(
                        "the merge of \(quoted(merge.left)) and \(quoted(merge.right)) needs the piece "
                            + "\(quoted(piece)), which the vocabulary has not; the file is damaged, get it anew",
                        at: "\(location)[\(rank)]")
                }
                ids.append(Int32(id))
            }
            ranks.set(PairTable.key(ids[0], ids[1]), to: UInt32(rank))
            results.append(ids[2])
        }
        self.ranks = ranks
        self.results = results
        byteLevelIDs = ByteLevelAlphabet.encoded.map { Int32(vocabulary.id(of: $0) ?? -1) }
        byteFallbackIDs = (0..<256).map { Int32(vocabulary.id(of: Array(byteFallbackPiece(UInt8($0)).utf8)) ?? -1) }
    }

    /// Appends the tokens of one piece to `scratch.ids` and their lengths in bytes of the piece to `scratch.lengths`.
    ///
    /// - Parameter isByteLevel: the vocabulary writes each byte of the piece with its stand-in.
    func encode(_ piece: UnsafeBufferPointer<UInt8>, isByteLevel: Bool, into scratch: Scratch) {
        scratch.begin()
        if options.ignoresMerges, let id = wholeID(of: piece, isByteLevel: isByteLevel) {
            scratch.append(id, length: piece.count)
            return
        }
        if isByteLevel, options.continuingSubwordPrefix == nil, options.endOfWordSuffix == nil, !options.byteFallback {
            splitBytes(piece, into: scratch)
        } else if isByteLevel {
            splitStandIns(piece, into: scratch)
        } else {
            splitScalars(piece, into: scratch)
        }
        if scratch.ids.count > 1 { merge(scratch) }
    }

    private func wholeID(of piece: UnsafeBufferPointer<UInt8>, isByteLevel: Bool) -> Int32? {
        let id = isByteLevel ? vocabulary.id(of: ByteLevelAlphabet.encode(piece)) : vocabulary.id(of: piece)
        return id.map { Int32($0) }
    }

    // MARK: First symbols

    private func splitBytes(_ piece: UnsafeBufferPointer<UInt8>, into scratch: Scratch) {
        for byte in piece { scratch.add(byteLevelIDs[Int(byte)], length: 1, unknown: unknownID, options: options) }
        scratch.endUnknown()
    }

    /// The uncommon mixtures of byte level with prefixes or byte fallback, by way of the stand-ins' text.
    private func splitStandIns(_ piece: UnsafeBufferPointer<UInt8>, into scratch: Scratch) {
        for (index, byte) in piece.enumerated() {
            split(
                ByteLevelAlphabet.encoded[Int(byte)], length: 1, isFirst: index == 0, isLast: index == piece.count - 1,
                into: scratch)
        }
        scratch.endUnknown()
    }

    private func splitScalars(_ piece: UnsafeBufferPointer<UInt8>, into scratch: Scratch) {
        let isPlain = options.continuingSubwordPrefix == nil && options.endOfWordSuffix == nil
        var position = 0
        while position < piece.count {
            let width = decodeScalar(piece, at: position).width
            let symbol = UnsafeBufferPointer(rebasing: piece[position..<position + width])
            if isPlain, let id = vocabulary.id(of: symbol) {
                scratch.add(Int32(id), length: width, unknown: unknownID, options: options)
            } else {
                split(
                    Array(symbol), length: width, isFirst: position == 0, isLast: position + width == piece.count,
                    into: scratch)
            }
            position += width
        }
        scratch.endUnknown()
    }

    private func split(_ symbol: [UInt8], length: Int, isFirst: Bool, isLast: Bool, into scratch: Scratch) {
        var text = symbol
        if !isFirst, let prefix = options.continuingSubwordPrefix { text = Array(prefix.utf8) + text }
        if isLast, let suffix = options.endOfWordSuffix { text += Array(suffix.utf8) }
        if let id = vocabulary.id(of: text) {
            scratch.add(Int32(id), length: length, unknown: unknownID, options: options)
            return
        }
        let fallback = text.map { byteFallbackIDs[Int($0)] }
        guard options.byteFallback, !fallback.contains(-1) else {
            scratch.add(-1, length: length, unknown: unknownID, options: options)
            return
        }
        for (index, id) in fallback.enumerated() {
            // Bytes of a prefix or suffix beyond the text have no length.
            scratch.add(id, length: index < length ? 1 : 0, unknown: unknownID, options: options)
        }
    }

    // MARK: Merging

    /// Merges the pair of lowest rank, the leftmost of equals, until none merges. `n log n` in the symbols.
    private func merge(_ scratch: Scratch) {
        scratch.link()
        for position in 0..<scratch.ids.count - 1 { offer(position, in: scratch) }
        while let candidate = scratch.heap.popFirst() {
            let position = Int(candidate & 0xFFFF_FFFF)
            let right = Int(scratch.nexts[position])
            guard scratch.ids[position] >= 0, right < scratch.ids.count,
                let rank = ranks[PairTable.key(scratch.ids[position], scratch.ids[right])],
                results[Int(rank)] == results[Int(candidate >> 32)]
            else { continue }
            scratch.join(position, with: right, as: results[Int(rank)])
            if position > 0 { offer(Int(scratch.previous[position]), in: scratch) }
            offer(position, in: scratch)
        }
        scratch.removeJoined()
    }

    @inline(__always)
    private func offer(_ position: Int, in scratch: Scratch) {
        let right = Int(scratch.nexts[position])
        guard right < scratch.ids.count,
            let rank = ranks[PairTable.key(scratch.ids[position], scratch.ids[right])]
        else { return }
        scratch.heap.insert(UInt64(rank) << 32 | UInt64(position))
    }
}

extension BytePairModel {
    /// The working memory of one thread's encoding.
    final class Scratch {
        fileprivate(set) var ids: [Int32] = []
        fileprivate(set) var lengths: [Int32] = []
        fileprivate var previous: [Int32] = []
        fileprivate var nexts: [Int32] = []
        fileprivate var heap = MinimumHeap<UInt64>()
        /// Length of the scalars without a piece since the last symbol, when they fuse.
        private var unknown: (id: Int32, length: Int)?
        private var dropped = 0

        fileprivate func begin() {
            ids.removeAll(keepingCapacity: true)
            lengths.removeAll(keepingCapacity: true)
            (unknown, dropped) = (nil, 0)
        }

        fileprivate func append(_ id: Int32, length: Int) {
            ids.append(id)
            lengths.append(Int32(length + dropped))
            dropped = 0
        }

        /// Adds a symbol, or where `id` is -1 the unknown token; a text without a piece is dropped where there is none,
        /// as the reference does, and its length counted to a neighbour.
        @inline(__always)
        fileprivate func add(_ id: Int32, length: Int, unknown unknownID: Int32?, options: Options) {
            if id >= 0 {
                if unknown != nil { endUnknown() }
                append(id, length: length)
            } else if let unknownID {
                if let waiting = unknown, options.fusesUnknown {
                    unknown = (waiting.id, waiting.length + length)
                } else {
                    endUnknown()
                    unknown = (unknownID, length)
                }
            } else if let last = lengths.indices.last {
                lengths[last] += Int32(length)
            } else {
                dropped += length
            }
        }

        fileprivate func endUnknown() {
            guard let waiting = unknown else { return }
            append(waiting.id, length: waiting.length)
            unknown = nil
        }

        fileprivate func link() {
            heap.removeAll()
            previous.removeAll(keepingCapacity: true)
            nexts.removeAll(keepingCapacity: true)
            for position in 0..<Int32(ids.count) {
                previous.append(position - 1)
                nexts.append(position + 1)
            }
        }

        fileprivate func join(_ left: Int, with right: Int, as id: Int32) {
            ids[left] = id
            lengths[left] += lengths[right]
            ids[right] = -1
            nexts[left] = nexts[right]
            let following = Int(nexts[right])
            if following < ids.count { previous[following] = Int32(left) }
        }

        fileprivate func removeJoined() {
            var kept = 0
            for position in ids.indices where ids[position] >= 0 {
                ids[kept] = ids[position]
                lengths[kept] = lengths[position]
                kept += 1
            }
            ids.removeSubrange(kept...)
            lengths.removeSubrange(kept...)
        }
    }
}

/// The vocabulary's name of a byte that has no piece of its own: `<0x0A>`.
func byteFallbackPiece(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return "<0x\(digits.count == 1 ? "0" : "")\(digits)>"
}

/// Bytes as readable text in quotes, cut when long.
func quoted(_ bytes: some Collection<UInt8>) -> String {
    let text = String(decoding: bytes.prefix(60), as: UTF8.self)
    return JSON.string(bytes.count > 60 ? text + "…" : text).text()
}
