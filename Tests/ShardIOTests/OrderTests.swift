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

@Suite struct FeistelPermutationTests {
    /// Computed by a separate script from the definition in `FeistelPermutation`.
    @Test func hasTheGoldenOrder() {
        func first(_ places: Int, of count: Int, epoch: Int = 0) -> [Int] {
            let permutation = FeistelPermutation(count: count, seed: 42, epoch: epoch)
            return (0..<places).map { permutation[$0] }
        }
        #expect(first(10, of: 10) == [3, 6, 7, 4, 0, 8, 1, 5, 2, 9])
        #expect(first(10, of: 10, epoch: 1) == [7, 9, 6, 0, 5, 3, 2, 1, 4, 8])
        #expect(first(6, of: 1000) == [334, 428, 814, 156, 227, 207])
    }

    @Test(arguments: [1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 1000, 4097, 100_000])
    func givesEachNumberOnce(count: Int) {
        let order = FeistelPermutation(count: count, seed: 3, epoch: 2)
        var seen = [Bool](repeating: false, count: count)
        for index in 0..<count { seen[order[index]] = true }
        #expect(seen.allSatisfy { $0 })
    }

    @Test func seedsEpochsAndSourcesGiveOtherOrders() {
        let count = 500
        func order(_ seed: UInt64, _ epoch: Int, _ source: UInt64) -> [Int] {
            let order = FeistelPermutation(count: count, seed: seed, epoch: epoch, source: source)
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
        for seed in 0..<10_000 { counts[FeistelPermutation(count: 10, seed: UInt64(seed), epoch: 0)[0]] += 1 }
        // 10,000 draws of probability 1/10 have a standard deviation of 30; five of them are 150.
        for count in counts { #expect(abs(count - 1000) < 150) }
    }
}

@Suite struct HoldoutRuleTests {
    private func row(_ fields: JSON) -> RawRow {
        RawRow(fields: fields, provenance: Provenance(file: "x.jsonl", line: 1, byteOffset: 0, ordinal: 0))
    }

    private func held(_ rows: [JSON], _ rule: HoldoutRule) throws -> [JSON] {
        try rows.filter { try rule.holdsOut(row($0)) }
    }

    private let rows = (0..<2000).map { ["group": .string("g\($0 % 400)"), "n": .integer($0)] as JSON }

    @Test func noGroupStraddlesAndTheOrderDoesNotMatter() throws {
        let rule = HoldoutRule(fraction: 0.2, groupBy: "group", seed: 1)
        let held = try held(rows, rule)
        // 400 groups of probability 0.2 have a standard deviation of 8 groups, 40 rows; four of them are 160.
        #expect(abs(held.count - 400) < 160)
        #expect(held.count == Set(held.compactMap { $0["group"]?.string }).count * 5)
        #expect(try Set(self.held(rows.reversed(), rule)) == Set(held))
        #expect(try Set(self.held(rows, HoldoutRule(fraction: 0.2, groupBy: "group", seed: 2))) != Set(held))
        #expect(try self.held(rows, HoldoutRule(fraction: 0, groupBy: "group", seed: 1)).isEmpty)
    }

    @Test func equalRowsLieOnOneSide() throws {
        let rule = HoldoutRule(fraction: 0.3, seed: 1)
        #expect(try [0, 300].contains(held((0..<300).map { _ in ["group": "same", "n": 1] }, rule).count))
        #expect(try !held(rows, rule).isEmpty)
        #expect(try rule.holdsOut(row(["a": 1, "b": 2])) == rule.holdsOut(row(["b": 2, "a": 1])))
    }

    @Test func theGroupMayBeNestedInMetaAndOfAnyKind() throws {
        for value: JSON in ["a", 7, true, [["role": "user", "content": "hi"]], ["x": 1, "y": [2]]] {
            for seed in UInt64(0)..<8 {
                let sides = try [
                    (["id": value], "id"), (["meta": ["id": value]], "id"), (["meta": ["id": value]], "meta.id"),
                    (["a": ["id": value]], "a.id"), (["meta": ["a": ["id": value]]], "a.id"),
                    (["a.id": value, "a": ["id": "other"]], "a.id"),
                ].map { (fields: JSON, column: String) in
                    try HoldoutRule(fraction: 0.5, groupBy: column, seed: seed).holdsOut(row(fields))
                }
                #expect(Set(sides).count == 1)
            }
        }
        // Objects whose keys stand in another order are one group.
        let rule = HoldoutRule(fraction: 0.5, groupBy: "id", seed: 3)
        let ordered = try (0..<50).map { try rule.holdsOut(row(["id": ["a": .integer($0), "b": 1]])) }
        #expect(try ordered == (0..<50).map { try rule.holdsOut(row(["id": ["b": 1, "a": .integer($0)]])) })
        #expect(Set(ordered).count == 2)
    }

    @Test func aMissingGroupNamesTheNearestColumn() throws {
        let rule = HoldoutRule(fraction: 0.5, groupBy: "groop", seed: 1)
        var error = #expect(throws: DataError.self) { try rule.holdsOut(row(["group": "a"])) }
        #expect(
            error?.description
                == "x.jsonl:1: this row has no column 'groop' to group by (byte 0). Did you mean 'group'?")
        error = #expect(throws: DataError.self) { try rule.holdsOut(row(["meta": ["group": "a"]])) }
        #expect(error?.fix == "Did you mean 'group'?")
        error = #expect(throws: DataError.self) { try rule.holdsOut(row(["groop": .null])) }
        #expect(error?.description.contains("a group's key is null at $.groop") == true)
    }
}
