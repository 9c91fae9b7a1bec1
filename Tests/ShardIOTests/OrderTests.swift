import ShardIO
import Testing
import TextCore

@Suite struct MixingTests {
    /// The first outputs of SplitMix64 from state 1234567, as published with many of its implementations.
    @Test func agreesWithSplitMix64() {
        let outputs = (1...3).map { mix64(1_234_567 &+ $0 &* 0x9E37_79B9_7F4A_7C15) }
        #expect(outputs == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
    }

    @Test func aHashIsTheSameInEveryProcess() {
        #expect(stableHash("".utf8) == 0xAEBE_53F8_5CDC_3C4C)
        #expect(stableHash("customer-1".utf8, seed: 7) == 0x3799_853D_1FE3_51E1)
    }
}

@Suite struct OrderTests {
    /// Computed by a separate script from the definition in `Order`.
    @Test func hasTheGoldenOrder() {
        #expect((0..<10).map { Order(count: 10, seed: 42, epoch: 0)[$0] } == [3, 6, 7, 4, 0, 8, 1, 5, 2, 9])
        #expect((0..<10).map { Order(count: 10, seed: 42, epoch: 1)[$0] } == [7, 9, 6, 0, 5, 3, 2, 1, 4, 8])
        #expect((0..<6).map { Order(count: 1000, seed: 42, epoch: 0)[$0] } == [334, 428, 814, 156, 227, 207])
    }

    @Test(arguments: [1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 1000, 4097, 100_000])
    func givesEachNumberOnce(count: Int) {
        let order = Order(count: count, seed: 3, epoch: 2)
        var seen = [Bool](repeating: false, count: count)
        for index in 0..<count { seen[order[index]] = true }
        #expect(seen.allSatisfy { $0 })
    }

    @Test func seedsEpochsAndSourcesGiveOtherOrders() {
        let count = 500
        func order(_ seed: UInt64, _ epoch: Int, _ source: UInt64) -> [Int] {
            let order = Order(count: count, seed: seed, epoch: epoch, source: source)
            return (0..<count).map { order[$0] }
        }
        let orders = [order(1, 0, 0), order(2, 0, 0), order(1, 1, 0), order(1, 0, 1)]
        for first in 0..<4 {
            for second in 0..<first {
                // Two random orders agree at one place on average.
                #expect(zip(orders[first], orders[second]).count { $0 == $1 } < 10)
            }
        }
    }

    @Test func everyNumberComesFirstAboutAsOften() {
        var counts = [Int](repeating: 0, count: 10)
        for seed in 0..<10_000 { counts[Order(count: 10, seed: UInt64(seed), epoch: 0)[0]] += 1 }
        // 10,000 draws of probability 1/10 have a standard deviation of 30; five of them are 150.
        for count in counts { #expect(abs(count - 1000) < 150) }
    }
}

@Suite struct SplitTests {
    private func source(_ rows: [(String, Int)], _ body: (any IndexedRecordSource) throws -> Void) throws {
        let text = rows.map { "{\"group\":\"\($0.0)\",\"n\":\($0.1)}\n" }.joined()
        try withFile("x.jsonl", text) { try body(DataFile(path: $0).indexed()) }
    }

    private let rows = (0..<2000).map { ("g\($0 % 400)", $0) }

    private func numbers(_ indices: [Int], _ source: any IndexedRecordSource) throws -> Set<Int> {
        Set(try indices.compactMap { try source.row(at: $0).fields["n"]?.int })
    }

    @Test func noGroupStraddlesAndTheOrderDoesNotMatter() throws {
        let rule = HoldoutRule(fraction: 0.2, groupBy: "group", seed: 1)
        var held: Set<Int> = []
        try source(rows) { source in
            let split = try source.split(by: rule)
            #expect(split.train.count + split.validation.count == 2000)
            held = try numbers(split.validation, source)
            // 400 groups of probability 0.2 have a standard deviation of 8 groups, 40 rows; four of them are 160.
            #expect(abs(held.count - 400) < 160)
            let groups = Set(held.map { $0 % 400 })
            #expect(held.count == groups.count * 5)
        }
        try source(rows.reversed() + [("new", 9999)]) { source in
            let split = try source.split(by: rule)
            #expect(try numbers(split.validation, source).subtracting([9999]) == held)
        }
        try source(rows) { source in
            let other = try source.split(by: HoldoutRule(fraction: 0.2, groupBy: "group", seed: 2))
            #expect(try numbers(other.validation, source) != held)
        }
    }

    @Test func aSmallDataSetStillHoldsAGroupOut() throws {
        try source([("a", 0), ("a", 1), ("b", 2)]) { source in
            let split = try source.split(by: HoldoutRule(fraction: 0.000001, groupBy: "group", seed: 1))
            #expect(split.validation == [0, 1] || split.validation == [2])
        }
        try source([("a", 0), ("a", 1)]) { source in
            let error = #expect(throws: DataError.self) {
                try source.split(by: HoldoutRule(fraction: 0.5, groupBy: "group", seed: 1))
            }
            #expect(error?.message == "val_fraction 0.5 leaves no row to train on")
        }
    }

    @Test func equalRowsLieOnOneSide() throws {
        try source((0..<300).map { _ in ("same", 1) } + (0..<300).map { ("g", $0) }) { source in
            let split = try source.split(by: HoldoutRule(fraction: 0.3, seed: 1))
            let held = Set(split.validation.filter { $0 < 300 })
            #expect(held.isEmpty || held.count == 300)
            #expect(split.validation.contains { $0 >= 300 })
        }
    }

    @Test func aMissingGroupNamesTheNearestColumn() throws {
        try source([("a", 0)]) { source in
            let error = #expect(throws: DataError.self) {
                try source.split(by: HoldoutRule(fraction: 0.5, groupBy: "groop", seed: 1))
            }
            #expect(
                error?.description
                    == "\(source.path):1: this row has no column 'groop' to group by (byte 0). Did you mean 'group'?")
        }
    }
}
