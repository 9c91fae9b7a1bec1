import Testing
import Training

@Suite struct DataHealthTests {
    private func health(_ rows: [(ids: [Int32], trained: [Bool])]) -> DataHealth {
        var health = DataHealth(startToken: 1, stopTokens: [2])
        for (index, row) in rows.enumerated() {
            health.inspect(TrainingExample(ids: row.ids, trained: row.trained, source: "a.jsonl:\(index + 1)"))
        }
        return health
    }

    private static let good: (ids: [Int32], trained: [Bool]) = ([1, 5, 6, 2], [false, false, true, true])

    @Test func `good rows have no problem`() {
        // The second trains a line break after its stop token, as some templates do.
        let health = health([Self.good, ([1, 6, 2, 9], [false, true, true, true])])
        #expect(health.rows == 2 && health.problems().isEmpty)
    }

    @Test func `rows without a trained token are counted, placed and refused above the limit`() {
        let untrained: (ids: [Int32], trained: [Bool]) = ([1, 5, 6], [true, false, false])
        let few = health(Array(repeating: Self.good, count: 30) + [untrained])
        #expect(few.untrained.count == 1 && few.untrained.first == ["a.jsonl:31"])
        #expect(few.problems().map(\.refuses) == [false])
        let many = health([Self.good] + Array(repeating: untrained, count: 5))
        #expect(many.untrained.first == ["a.jsonl:2", "a.jsonl:3", "a.jsonl:4"])
        let problem = many.problems().first
        #expect(problem?.refuses == true)
        #expect(problem?.message.hasPrefix("5 of 6 rows (83.3 %) have no trained token (first: a.jsonl:2") == true)
        #expect(many.problems(DataHealth.Thresholds(untrained: nil)).first?.refuses == false)
    }

    @Test func `rows that do not train their stop token are counted`() {
        let noStop = health([
            ([1, 5, 6], [false, true, true]), ([1, 5, 6, 2], [false, true, true, false]), Self.good,
        ])
        #expect(noStop.missingStop.count == 2)
        let strict = DataHealth.Thresholds(missingStop: 0.5)
        #expect(noStop.problems(strict).map(\.refuses) == [true])
        #expect(noStop.problems().map(\.refuses) == [false])
    }

    @Test func `two start tokens are counted`() {
        let doubled = health([([1, 1, 5, 2], [false, false, true, true]), Self.good])
        #expect(doubled.doubleStart.count == 1)
        #expect(doubled.problems().first?.message.contains("two start tokens") == true)
    }
}
