/// How rows are grouped: into packed rows of a given length, and into the micro-batches of a step.
///
/// All functions see lengths only and give back indices, so they serve any kind of row.
public enum Packing {
    /// A part of a row of the data.
    public struct Piece: Sendable, Hashable {
        /// Index of the row.
        public var row: Int
        /// Which of its tokens.
        public var range: Range<Int>

        /// Some tokens of a row.
        public init(row: Int, range: Range<Int>) {
            self.row = row
            self.range = range
        }
    }

    /// What becomes of a row longer than a packed row.
    public enum Overflow: String, Sendable, CaseIterable {
        /// Its tail is left out.
        case truncate
        /// It is cut into consecutive pieces, each a document of its own.
        case split
    }

    /// Whole rows together, each packed row at most `maxLength` tokens: the longest first, each where the least room
    /// is left that still takes it, the oldest such place first (best fit, decreasing).
    ///
    /// The pieces of a packed row stay separate documents: none attends to another. Rows without tokens are dropped.
    /// Rows are packed in windows of `window`, so that memory and the distance a row moves are bounded.
    ///
    /// - Returns: for each packed row its pieces, in the order in which they were placed.
    public static func bestFitDecreasing(
        lengths: [Int], maxLength: Int, overflow: Overflow = .truncate, window: Int = 1000
    ) -> [[Piece]] {
        precondition(maxLength > 0 && window > 0, "packed rows of \(maxLength) tokens from windows of \(window)")
        return stride(from: 0, to: lengths.count, by: window).flatMap { start in
            let rows = start..<min(lengths.count, start + window)
            return packWindow(pieces(of: rows, lengths: lengths, maxLength: maxLength, overflow: overflow), maxLength)
        }
    }

    private static func pieces(of rows: Range<Int>, lengths: [Int], maxLength: Int, overflow: Overflow) -> [Piece] {
        rows.flatMap { row in
            switch overflow {
            case .truncate:
                return lengths[row] > 0 ? [Piece(row: row, range: 0..<min(lengths[row], maxLength))] : []
            case .split:
                return stride(from: 0, to: lengths[row], by: maxLength).map {
                    Piece(row: row, range: $0..<min(lengths[row], $0 + maxLength))
                }
            }
        }
    }

    private static func packWindow(_ pieces: [Piece], _ maxLength: Int) -> [[Piece]] {
        let sorted = pieces.enumerated().sorted {
            ($1.element.range.count, $0.offset) < ($0.element.range.count, $1.offset)
        }
        var bins: [[Piece]] = []
        var open = OpenBins(maxLength: maxLength)
        for (_, piece) in sorted {
            let bin = open.take(atLeast: piece.range.count)
            if let bin { bins[bin.index].append(piece) } else { bins.append([piece]) }
            let left = (bin?.space ?? maxLength) - piece.range.count
            if left > 0 { open.put(bin?.index ?? bins.count - 1, space: left) }
        }
        return bins
    }

    /// All rows end to end, cut every `maxLength` tokens: a packed row is one document made of pieces of several rows,
    /// and attention crosses their borders. The last may be shorter.
    public static func wrapped(lengths: [Int], maxLength: Int) -> [[Piece]] {
        precondition(maxLength > 0, "packed rows of \(maxLength) tokens")
        var result: [[Piece]] = []
        var room = 0
        for (row, length) in lengths.enumerated() {
            var start = 0
            while start < length {
                if room == 0 {
                    result.append([])
                    room = maxLength
                }
                let end = min(length, start + room)
                result[result.count - 1].append(Piece(row: row, range: start..<end))
                room -= end - start
                start = end
            }
        }
        return result
    }

    /// How much goes into one micro-batch. It changes time and memory, never what is learnt.
    public enum MicroBatchLimit: Sendable, Hashable {
        /// A number of rows.
        case rows(Int)
        /// A number of tokens; a row longer than that is a micro-batch of its own.
        case tokens(Int)
    }

    /// The rows of a step in consecutive micro-batches.
    ///
    /// - Parameters:
    ///   - lengths: tokens of each row of the step.
    ///   - limit: how much goes into one micro-batch.
    /// - Returns: ranges that cover all rows in order.
    public static func microBatches(lengths: [Int], limit: MicroBatchLimit) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var start = 0
        var tokens = 0
        for (row, length) in lengths.enumerated() {
            let full =
                switch limit {
                case .rows(let count): row - start >= max(1, count)
                case .tokens(let count): tokens + length > count && row > start
                }
            if full {
                result.append(start..<row)
                start = row
                tokens = 0
            }
            tokens += length
        }
        if start < lengths.count { result.append(start..<lengths.count) }
        return result
    }
}

/// Packed rows with room left, found by the least room that suffices.
private struct OpenBins {
    private let leafCount: Int
    /// Whether any bin has a space in the node's range: a binary tree over the spaces 0 ..< leafCount.
    private var occupied: [Bool]
    /// For each space the bins that have it, oldest first, from the index in `heads`.
    private var queues: [[Int]]
    private var heads: [Int]

    init(maxLength: Int) {
        var leaves = 1
        while leaves <= maxLength { leaves *= 2 }
        leafCount = leaves
        occupied = Array(repeating: false, count: 2 * leaves)
        queues = Array(repeating: [], count: maxLength + 1)
        heads = Array(repeating: 0, count: maxLength + 1)
    }

    mutating func put(_ bin: Int, space: Int) {
        queues[space].append(bin)
        var node = leafCount + space
        while node >= 1, !occupied[node] {
            occupied[node] = true
            node /= 2
        }
    }

    mutating func take(atLeast space: Int) -> (index: Int, space: Int)? {
        guard let found = firstOccupied(from: space) else { return nil }
        let bin = queues[found][heads[found]]
        heads[found] += 1
        if heads[found] == queues[found].count {
            queues[found] = []
            heads[found] = 0
            var node = leafCount + found
            occupied[node] = false
            while node > 1, !occupied[node ^ 1] {
                node /= 2
                occupied[node] = false
            }
        }
        return (bin, found)
    }

    private func firstOccupied(from space: Int) -> Int? {
        var node = leafCount + space
        if occupied[node] { return space }
        // Up to the first right-hand neighbour that holds something, then down its left edge.
        while node > 1, node & 1 == 1 || !occupied[node ^ 1] { node /= 2 }
        guard node > 1 else { return nil }
        node ^= 1
        while node < leafCount { node = occupied[2 * node] ? 2 * node : 2 * node + 1 }
        return node - leafCount
    }
}
