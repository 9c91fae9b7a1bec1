import ShardIO
import Testing
import TextCore

@Suite struct StreamOrderTests {
    private func table(_ counts: [Int], path: String = "a") -> SampleOrder.Source {
        SampleOrder.Source(path: path, identity: path, frames: FrameTable(rowCounts: counts))
    }

    private func ordinals(_ order: SampleOrder, epochs: Int = 1) throws -> [[Int]] {
        try order.walk(epochs: epochs).steps.split { $0.address == nil }.map { $0.compactMap(\.address?.ordinal) }
    }

    /// Computed by a separate script from the definitions in `FeistelPermutation` and `SampleWindow`.
    @Test func hasTheGoldenOrder() throws {
        func order(window: Int) throws -> SampleOrder {
            try SampleOrder(
                sources: [table([3, 2, 4, 1, 3])], settings: .init(shuffleSeed: 7, windowFrames: window))
        }
        #expect(
            try ordinals(order(window: 2), epochs: 2) == [
                [5, 10, 12, 11, 6, 8, 7, 9, 3, 4, 0, 2, 1], [0, 11, 1, 2, 12, 10, 3, 6, 5, 7, 8, 4, 9],
            ])
        #expect(try ordinals(order(window: 64)) == [[12, 7, 6, 9, 10, 3, 2, 4, 1, 5, 8, 0, 11]])
    }

    @Test func fileOrderIsTheOrderOfTheFiles() throws {
        let sources = [table([3, 0, 2]), table([1], path: "b"), table([2, 2], path: "c")]
        let order = try SampleOrder(sources: sources, settings: .init(windowFrames: 2))
        let steps = try order.walk(epochs: 2).steps
        #expect(steps.count == 22)
        #expect(
            steps.prefix(10).compactMap(\.address).map { "\($0.source):\($0.frame):\($0.row):\($0.ordinal)" } == [
                "0:0:0:0", "0:0:1:1", "0:0:2:2", "0:2:0:3", "0:2:1:4", "1:0:0:0", "2:0:0:0", "2:0:1:1", "2:1:0:2",
                "2:1:1:3",
            ])
        #expect(steps[10] == .endOfEpoch(0) && steps[21] == .endOfEpoch(1))
        #expect(steps[11...20].allSatisfy { $0.address?.epoch == 1 })
    }

    @Test func maxSamplesTakesTheFirstRows() throws {
        for seed in [nil, UInt64(5)] {
            var source = table([4, 4, 4, 4])
            for limit in 1...17 {
                source.maxSamples = limit
                let order = try SampleOrder(
                    sources: [source, table([3], path: "b")], settings: .init(shuffleSeed: seed, windowFrames: 2))
                let addresses = try order.walk(epochs: 1).steps.compactMap(\.address)
                #expect(order.rowCount == min(limit, 16) + 3)
                #expect(
                    addresses.filter { $0.source == 0 }.map(\.ordinal).sorted() == Array(0..<min(limit, 16)))
                #expect(addresses.allSatisfy { $0.source == 1 || $0.frame * 4 + $0.row == $0.ordinal })
            }
        }
    }

    @Test func emptySourcesAndBadSettingsAreRefused() throws {
        func message(_ change: (inout SampleOrder.Source) -> Void) -> String? {
            var source = table([3])
            change(&source)
            let settings = SampleOrder.Settings(mix: .weighted(.stop))
            return #expect(throws: DataError.self) {
                try SampleOrder(sources: [table([1]), source], settings: settings)
            }?.message
        }
        #expect(message { $0.frames = FrameTable(rowCounts: [0]) } == "there is no row in it")
        #expect(message { $0.maxSamples = 0 } == "max_samples is 0")
        #expect(message { $0.weight = 0 } == "the weight 0.0 is not positive")
        #expect(message { $0.weight = .nan } == "the weight nan is not positive")
        #expect(message { $0.weight = .infinity } == "the weight inf is not positive")
        #expect(message { $0.frames = FrameTable(rowCounts: [1, 1 << 40]) } == "frame 1 has 1099511627776 rows")
        #expect(throws: DataError.self) { try SampleOrder(sources: []) }
    }

    /// The thresholds hold for data sorted by label, where a row's number is its label.
    @Test("stream.shuffle_quality", arguments: [UInt64(1), 2, 3])
    func shuffleQuality(seed: UInt64) throws {
        let (frames, rows, window) = (40_000, 8, 64)
        let order = try SampleOrder(
            sources: [table([Int](repeating: rows, count: frames))],
            settings: .init(shuffleSeed: seed, windowFrames: window))
        var samples = try order.samples()
        var epochs: [[Int]] = []
        for _ in 0..<2 {
            var ordinals: [Int] = []
            while case .sample(let sample) = try samples.next({ .take($0.ordinal, id: "") }) {
                ordinals.append(sample.element)
            }
            epochs.append(ordinals)
        }
        for ordinals in epochs {
            let count = frames * rows
            #expect(ordinals.sorted() == Array(0..<count))
            let together = zip(ordinals, ordinals.dropFirst()).count { $0 / rows == $1 / rows }
            #expect(Double(together) / Double(count - 1) <= 1.2 / Double(window))
            // Both are permutations of the same numbers, so Spearman's ρ needs no ranking.
            let mean = Double(count - 1) / 2
            let (covariance, variance) = ordinals.enumerated().reduce((0.0, 0.0)) { sums, pair in
                let (place, number) = (Double(pair.offset) - mean, Double(pair.element) - mean)
                return (sums.0 + place * number, sums.1 + place * place)
            }
            // With 40,000 frames ρ has a standard deviation of 0.005.
            #expect(abs(covariance / variance) < 0.02)
        }
        #expect(zip(epochs[0], epochs[1]).count { $0 == $1 } < 20)
        let other = try SampleOrder(
            sources: order.sources, settings: .init(shuffleSeed: seed + 100, windowFrames: window))
        #expect(zip(try ordinals(other)[0], epochs[0]).count { $0 == $1 } < 20)
    }

    /// All 120 orders of five rows in two frames, and each about as often.
    @Test func aSourceOfOneWindowIsShuffledUniformly() throws {
        var counts: [[Int]: Int] = [:]
        let order = try SampleOrder(sources: [table([3, 2])], settings: .init(shuffleSeed: 11))
        for ordinals in try ordinals(order, epochs: 24_000) { counts[ordinals, default: 0] += 1 }
        #expect(counts.count == 120)
        // Pearson's statistic with 119 degrees of freedom has the mean 119 and a standard deviation of 15.4.
        let statistic = counts.values.reduce(0.0) { $0 + Double(($1 - 200) * ($1 - 200)) / 200 }
        #expect(statistic < 119 + 5 * 15.4)
    }

    /// Shuffled sources that are laid end to end are one: a window holds rows of all.
    @Test func aShuffledConcatenationMixesItsSources() throws {
        let order = try SampleOrder(
            sources: [table([Int](repeating: 5, count: 30)), table([Int](repeating: 5, count: 30), path: "b")],
            settings: .init(shuffleSeed: 2, windowFrames: 16))
        let addresses = try order.walk(epochs: 1).steps.compactMap(\.address)
        #expect(Set(addresses).count == 300)
        let first = addresses.prefix(80).count { $0.source == 0 }
        // 16 of 60 frames, drawn without replacement: 40 rows of each with a standard deviation of 8.6.
        #expect((10...70).contains(first))
    }

    private static let weights: [[Double]] = [
        [0.4, 0.3, 0.2, 0.1], [1, 1, 1, 1], [0.97, 0.01, 0.01, 0.01], [1, 2, 3, 1.0 / 3], [5, 5, 1, 1],
        [0.5, 0.25, 0.125, 0.125], [1e-3, 1, 1, 1], [0.499, 0.499, 0.001, 0.001],
    ]

    @Test("stream.mix_prefix_exact", arguments: weights)
    func mixPrefixExact(weights: [Double]) throws {
        let counts = [700, 301, 222, 150]
        let sources = counts.enumerated().map { namedSource($1, perFrame: 20, path: "s\($0)") }
        let shares = weights.map { $0 / weights.reduce(0, +) }
        for exhausted in SampleOrder.Exhausted.allCases {
            let order = try order(sources, window: 4, mix: .weighted(exhausted), weights: weights)
            let steps = try order.walk(steps: 20_000).steps
            #expect(order.hasEpochs == (exhausted != .repeat))
            // Counted anew from each start of an epoch, and where sources leave from there.
            var given = [Int](repeating: 0, count: 4)
            var total = 0
            var left: Set<Int> = []
            var ofEpoch = given
            for step in steps {
                guard let address = step.address else {
                    switch exhausted {
                    case .repeat: Issue.record("a mixture that repeats has no end")
                    case .stop: #expect(zip(ofEpoch, counts).contains { $0 == $1 })
                    case .drop: #expect(ofEpoch == counts)
                    }
                    (given, total, left, ofEpoch) = ([0, 0, 0, 0], 0, [], [0, 0, 0, 0])
                    continue
                }
                if exhausted == .drop {
                    // A source has left once it has given everything and the schedule asks it again; its leaving is
                    // seen as the first sample that breaks the present shares.
                    let due = shares.enumerated().filter { !left.contains($0.offset) }
                    let sum = due.reduce(0) { $0 + $1.element }
                    var next = given
                    next[address.source] += 1
                    let isWithin = due.allSatisfy {
                        abs(Double(next[$0.offset]) - Double(total + 1) * $0.element / sum) < 1 + 1e-6
                    }
                    if !isWithin {
                        let gone = (0..<4).filter { ofEpoch[$0] == counts[$0] && !left.contains($0) }
                        guard !gone.isEmpty else {
                            Issue.record("sample \(total) of \(given) comes from \(address.source)")
                            return
                        }
                        left.formUnion(gone)
                        (given, total) = ([0, 0, 0, 0], 0)
                    }
                }
                given[address.source] += 1
                ofEpoch[address.source] += 1
                total += 1
                guard exhausted != .drop else { continue }
                for (count, share) in zip(given, shares)
                where abs(Double(count) - Double(total) * share) >= 1 + 1e-6 {
                    Issue.record("after \(total) samples \(given) for shares \(shares), \(exhausted)")
                    return
                }
            }
            // Whatever the mixture, each source gives its own rows in its own epochs.
            for source in 0..<4 {
                let own = steps.compactMap(\.address).filter { $0.source == source }
                var start = 0
                while start < own.count {
                    let epoch = own[start].epoch
                    let part = own[start...].prefix { $0.epoch == epoch }
                    #expect(Set(part.map(\.ordinal)).count == part.count)
                    if exhausted != .stop, start + part.count < own.count { #expect(part.count == counts[source]) }
                    start += part.count
                }
            }
        }
    }

    @Test func aFilteredSourceKeepsItsShare() throws {
        let sources = [namedSource(1000, perFrame: 20, path: "a"), namedSource(1000, perFrame: 20, path: "b")]
        let order = try order(sources, mix: .weighted(.repeat), weights: [1, 1])
        let stream = try SampleStream<Int>(sources: sources, order: order) { frame, row, address in
            if address.source == 0, address.ordinal % 10 != 0 { return .skip }
            return try takeNamed(frame, row, address)
        }
        let given = try stream.steps(500).compactMap(\.address)
        #expect(given.count { $0.source == 0 } == 250)
        #expect(stream.position.consumed == 500)
        let none = try SampleStream<Int>(sources: sources, order: order) { frame, row, address in
            address.source == 0 ? .skip : try takeNamed(frame, row, address)
        }
        let error = #expect(throws: DataError.self) { try none.steps(3000) }
        #expect(error?.description.hasPrefix("a: not one of its 1000 rows can be used") == true)
    }
}
