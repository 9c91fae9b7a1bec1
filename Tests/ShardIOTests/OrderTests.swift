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
