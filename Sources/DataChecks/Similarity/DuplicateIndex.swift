import ShardIO

/// A row that says what an earlier one says.
struct Duplicate: Sendable, Hashable {
    /// How alike the two are.
    enum Kind: String, Sendable, Hashable, CaseIterable {
        /// To the letter.
        case equal
        /// But for case, white space and punctuation.
        case normalized
        /// In most of their pieces.
        case near
    }

    /// The later row's number.
    var row: Int
    /// The number of the earlier one, which is kept.
    var of: Int
    var kind: Kind
    /// Jaccard's index of their pieces, [0, 1]; of prompts and answers the lesser.
    var similarity: Double
}

/// Finds the rows that say what an earlier row says, with 128 bytes of memory a row and their texts on the disk.
///
/// Equal rows are found by hashes of what they say. Near ones are found by bands of their sketches and then compared piece
/// by piece, prompts and answers apart, so that no row is called a duplicate that is none.
struct DuplicateIndex {
    private let common: CommonText
    private let spool: RowSpool
    private var places: [Int] = []
    private var rawHashes: [UInt64] = []
    private var promptHashes: [UInt64] = []
    private var rowHashes: [UInt64] = []
    private var sketches = SketchTable()
    private let keepsSketches: Bool

    /// Where the texts of a row are in the spool's list.
    private enum Part { static let source = 0, excerpt = 1, prompt = 2, answer = 3 }

    /// - Parameters:
    ///   - common: what most prompts share.
    ///   - near: whether near duplicates will be asked for.
    /// - Throws: `DataError` where no temporary file can be made.
    init(common: CommonText, near: Bool) throws(DataError) {
        self.common = common
        keepsSketches = near
        spool = try RowSpool()
    }

    /// Rows.
    var count: Int { places.count }

    /// Adds a row; its number is the count before.
    ///
    /// - Throws: `DataError` where the disk is full.
    mutating func add(_ row: CheckedRow) throws(DataError) {
        let answers = [row.answer, row.rejected].compactMap(\.self)
        let prompt = NormalizedText(row.prompt)
        let answer = NormalizedText(answers.joined(separator: "\n"))
        var raw = XXH64()
        for text in [row.system ?? "", row.prompt] + answers {
            raw.update(UInt64(text.utf8.count))
            raw.update(Array(text.utf8))
        }
        rawHashes.append(raw.digest())
        promptHashes.append(prompt.hash)
        rowHashes.append(prompt.hash &* 0x9E37_79B9_7F4A_7C15 ^ answer.hash)
        if keepsSketches {
            let pieces = Shingles.hashes(of: prompt).filter { !common.contains($0) }
            sketches.append(
                TextSketch(
                    (pieces.count >= CommonText.leastOwn ? pieces : Shingles.hashes(of: prompt))
                        // Pieces of answers are others than those of prompts.
                        + Shingles.hashes(of: answer).map { ~$0 }))
        }
        places.append(
            try spool.append([Array(row.source.utf8), Array(row.excerpt.utf8), prompt.bytes, answer.bytes]))
    }

    /// Where a row is, `file:line`, and the start of its text.
    func shown(_ row: Int) throws(DataError) -> (source: String, excerpt: String) {
        let parts = try spool.parts(at: places[row])
        return (
            String(decoding: parts[Part.source], as: UTF8.self), String(decoding: parts[Part.excerpt], as: UTF8.self)
        )
    }

    // MARK: Equal rows

    /// The rows that say what an earlier row says, each with the first that says it, in the order of rows.
    func equalRows() -> [Duplicate] {
        var found: [Duplicate] = []
        forEachRun(of: rowHashes) { run in
            let first = run[0]
            for row in run.dropFirst() {
                // Of several that are equal to the letter the first is named.
                let twin = run.first { $0 < row && rawHashes[$0] == rawHashes[row] }
                found.append(
                    Duplicate(row: row, of: twin ?? first, kind: twin == nil ? .normalized : .equal, similarity: 1))
            }
        }
        return found.sorted { $0.row < $1.row }
    }

    /// Rows with one prompt and several answers: the numbers of the first row of each answer, in the order of rows.
    func conflicts() -> [[Int]] {
        var found: [[Int]] = []
        forEachRun(of: promptHashes) { run in
            var seen: Set<UInt64> = []
            let different = run.filter { seen.insert(rowHashes[$0]).inserted }
            if different.count > 1 { found.append(different) }
        }
        return found.sorted { $0[0] < $1[0] }
    }

    /// How many different answers there are, as far as `limit`.
    func answerCount(upTo limit: Int) -> Int {
        var answers: Set<UInt64> = []
        for (row, prompt) in zip(rowHashes, promptHashes) {
            answers.insert(row ^ prompt &* 0x9E37_79B9_7F4A_7C15)
            if answers.count >= limit { break }
        }
        return answers.count
    }

    /// Calls `body` with the rising numbers of rows that have one hash, where there are several.
    private func forEachRun(of hashes: [UInt64], _ body: (ArraySlice<Int>) -> Void) {
        var order = Array(hashes.indices)
        order.sort { (hashes[$0], $0) < (hashes[$1], $1) }
        var start = 0
        while start < order.count {
            var end = start + 1
            while end < order.count, hashes[order[end]] == hashes[order[start]] { end += 1 }
            if end - start > 1 { body(ArraySlice(Array(order[start..<end]))) }
            start = end
        }
    }

    // MARK: Near rows

    /// Rows of one band whose sketches a row's is compared with at the most: the last ones that are unlike each other.
    /// Without a limit, rows that all begin alike would be compared each with each.
    private static let leaderLimit = 512

    /// The rows that say nearly what an earlier row says that is kept, in the order of rows.
    ///
    /// - Parameters:
    ///   - threshold: Jaccard's index of their pieces at the least, (0, 1].
    ///   - equal: rows that are left out already.
    ///   - isStopped: asked on the way.
    /// - Throws: `DataError` where texts cannot be read back; `CancellationError` when a stop is requested.
    func nearRows(
        threshold: Double, without equal: [Duplicate], isStopped: () -> Bool = { false }
    ) throws -> [Duplicate] {
        precondition(keepsSketches, "near duplicates of an index without sketches")
        var isOut = [Bool](repeating: false, count: count)
        for duplicate in equal { isOut[duplicate.row] = true }
        let rows = isOut.indices.filter { !isOut[$0] }
        let edges = try alikeRows(rows, threshold: threshold, isStopped)
        // A row goes where the one it is like is kept; where that one has gone, the row must be like what stands for it.
        var standsFor: [Int: Int] = [:]
        var found: [Duplicate] = []
        for row in rows {
            guard let edge = edges[row] else { continue }
            if let kept = standsFor[edge.row] {
                let similarity = try similarity(row, kept)
                guard similarity >= threshold else { continue }
                standsFor[row] = kept
                found.append(Duplicate(row: row, of: kept, kind: .near, similarity: similarity))
            } else {
                standsFor[row] = edge.row
                found.append(Duplicate(row: row, of: edge.row, kind: .near, similarity: edge.similarity))
            }
        }
        return found
    }

    /// For rows an earlier row that each is like.
    private func alikeRows(
        _ rows: [Int], threshold: Double, _ isStopped: () -> Bool
    ) throws -> [Int: (row: Int, similarity: Double)] {
        let bands = SketchBands(threshold: threshold)
        let leastAgreement = SketchBands.leastAgreement(threshold: threshold)
        var edges: [Int: (row: Int, similarity: Double)] = [:]
        // For each row the last one that it was found to be unlike.
        var unlike = [Int32](repeating: -1, count: count)
        var keys: [UInt64] = []
        for band in 0..<bands.count {
            if isStopped() { throw CancellationError() }
            keys.removeAll(keepingCapacity: true)
            for row in rows { keys.append(UInt64(sketches.key(row, band: band, bands)) << 32 | UInt64(row)) }
            keys.sort()
            var start = 0
            while start < keys.count {
                var end = start + 1
                while end < keys.count, keys[end] >> 32 == keys[start] >> 32 { end += 1 }
                defer { start = end }
                guard end - start > 1 else { continue }
                var leaders: [Int] = []
                var next = 0
                for key in keys[start..<end] {
                    let row = Int(key & 0xFFFF_FFFF)
                    // Only the most alike of the sketches is worth the texts.
                    var best = (leader: -1, agreement: leastAgreement - 1)
                    for leader in leaders {
                        let agreement = sketches.agreement(row, leader, atLeast: best.agreement + 1)
                        if agreement > best.agreement { best = (leader, agreement) }
                    }
                    var isAlike = best.leader >= 0 && edges[row]?.row == best.leader
                    if best.leader >= 0, edges[row] == nil, unlike[row] != Int32(clamping: best.leader) {
                        let similarity = try similarity(row, best.leader)
                        isAlike = similarity >= threshold
                        if isAlike {
                            edges[row] = (best.leader, similarity)
                        } else {
                            unlike[row] = Int32(clamping: best.leader)
                        }
                    }
                    guard !isAlike else { continue }
                    if leaders.count < Self.leaderLimit { leaders.append(row) } else { leaders[next] = row }
                    next = (next + 1) % Self.leaderLimit
                }
                if isStopped() { throw CancellationError() }
            }
        }
        return edges
    }

    /// How alike two rows are: prompts and answers apart, the lesser of the two.
    private func similarity(_ left: Int, _ right: Int) throws(DataError) -> Double {
        let (one, other) = (try spool.parts(at: places[left]), try spool.parts(at: places[right]))
        func shingles(_ parts: [[UInt8]], _ part: Int, _ common: CommonText) -> Shingles {
            Shingles(NormalizedText(normalized: parts[part]), without: common)
        }
        let answers = shingles(one, Part.answer, CommonText()).similarity(
            to: shingles(other, Part.answer, CommonText()))
        return min(answers, shingles(one, Part.prompt, common).similarity(to: shingles(other, Part.prompt, common)))
    }
}
