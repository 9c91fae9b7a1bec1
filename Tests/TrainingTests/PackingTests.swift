import Testing
import Training

@Suite struct PackingTests {
    private func apply(_ packed: [[Packing.Piece]], to rows: [[Int]]) -> [[[Int]]] {
        packed.map { $0.map { Array(rows[$0.row][$0.range]) } }
    }

    @Test func `best fit decreasing places rows as TRL's examples do`() {
        let rows = [[1, 2, 3, 4, 5], [6, 7], [8, 9, 10, 11], [12]]
        let packed = Packing.bestFitDecreasing(lengths: rows.map(\.count), maxLength: 4)
        #expect(apply(packed, to: rows) == [[[1, 2, 3, 4]], [[8, 9, 10, 11]], [[6, 7], [12]]])
        let split = Packing.bestFitDecreasing(lengths: rows.map(\.count), maxLength: 4, overflow: .split)
        #expect(apply(split, to: rows) == [[[1, 2, 3, 4]], [[8, 9, 10, 11]], [[6, 7], [5], [12]]])
    }

    @Test func `rows without tokens are dropped`() {
        let rows = [[1, 2], [], [3, 4, 5], [], [6]]
        let packed = Packing.bestFitDecreasing(lengths: rows.map(\.count), maxLength: 4)
        #expect(apply(packed, to: rows) == [[[3, 4, 5], [6]], [[1, 2]]])
    }

    @Test func `wrapped rows are cut at the length and cross documents`() {
        let rows = [[1, 2, 3], [4, 5, 6, 7], [8]]
        let packed = Packing.wrapped(lengths: rows.map(\.count), maxLength: 3)
        #expect(apply(packed, to: rows).map { Array($0.joined()) } == [[1, 2, 3], [4, 5, 6], [7, 8]])
        #expect(Packing.wrapped(lengths: [0, 0], maxLength: 3).isEmpty)
    }

    /// The definition, tried bin by bin, against the tree that finds the bin at once.
    @Test(arguments: [1, 2, 7, 16, 61])
    func `the place found is the fullest that suffices, the oldest of equals`(maxLength: Int) {
        var state: UInt64 = UInt64(maxLength)
        let lengths = (0..<400).map { _ -> Int in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % (maxLength + 3)
        }
        var bins: [(space: Int, since: Int, rows: [Int])] = []
        var clock = 0
        let order = lengths.indices.filter { lengths[$0] > 0 }.sorted {
            let (first, second) = (min(lengths[$0], maxLength), min(lengths[$1], maxLength))
            return first != second ? first > second : $0 < $1
        }
        for row in order {
            let length = min(lengths[row], maxLength)
            clock += 1
            let fitting = bins.indices.filter { bins[$0].space >= length }
            if let best = fitting.min(by: { (bins[$0].space, bins[$0].since) < (bins[$1].space, bins[$1].since) }) {
                bins[best] = (bins[best].space - length, clock, bins[best].rows + [row])
            } else {
                bins.append((maxLength - length, clock, [row]))
            }
        }
        let packed = Packing.bestFitDecreasing(lengths: lengths, maxLength: maxLength)
        #expect(packed.map { $0.map(\.row) } == bins.map(\.rows))
    }

    @Test func `windows bound how far a row moves`() {
        let packed = Packing.bestFitDecreasing(lengths: [1, 2, 3, 1, 2, 3], maxLength: 3, window: 3)
        #expect(packed.map { $0.map(\.row) } == [[2], [1, 0], [5], [4, 3]])
    }

    @Test func `micro-batches cover the rows in order by rows or by tokens`() {
        let lengths = [5, 1, 9, 2, 2, 2]
        #expect(Packing.microBatches(lengths: lengths, limit: .rows(4)) == [0..<4, 4..<6])
        #expect(Packing.microBatches(lengths: lengths, limit: .tokens(6)) == [0..<2, 2..<3, 3..<6])
        #expect(Packing.microBatches(lengths: [], limit: .rows(4)).isEmpty)
    }
}
