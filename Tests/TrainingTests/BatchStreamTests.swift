import Testing
import TextCore
import Training

/// Rows of which row n gives the example n, or none, or two; three passes differ in their order.
private struct NumberStream: ExampleStream {
    let rows: Int
    /// Examples of a row.
    var examples: @Sendable (Int) -> [Int] = { [$0] }
    private(set) var reads = 0
    private var pass = 0
    private var row = 0

    init(rows: Int) { self.rows = rows }

    mutating func next() -> [Int]? {
        guard row < rows else {
            (pass, row) = (pass + 1, 0)
            return nil
        }
        defer { row += 1 }
        reads += 1
        return examples((row * 7 + pass * 3) % rows)
    }

    var position: JSON { ["pass": .integer(pass), "row": .integer(row)] }
    var passes: Double { Double(pass) + Double(row) / Double(rows) }

    mutating func seek(to position: JSON) throws {
        guard let pass = position["pass"]?.int, let row = position["row"]?.int else { throw TrainingError("no place") }
        (self.pass, self.row) = (pass, row)
    }
}

@Suite struct BatchStreamTests {
    private typealias Plan = BatchPlan<Int, [[Int]]>

    private func plan(_ size: Int, window: Int? = nil) -> Plan {
        Plan(
            globalBatchSize: size, limit: .rows(2), length: { $0 + 1 }, name: { "row \($0)" },
            packing: window.map { window in
                PackingPlan(window: window) { examples, _, _ in
                    // Pairs of neighbours, the largest first.
                    stride(from: 0, to: examples.count, by: 2).map {
                        Array(examples[$0..<min(examples.count, $0 + 2)])
                    }.sorted { $0.reduce(0, +) > $1.reduce(0, +) }
                }
            }, collate: { groups, cut in cut.map { Array(groups[$0]) } })
    }

    @Test func `a step takes the next rows, the last of a pass what is left`() throws {
        var stream = BatchStream(NumberStream(rows: 8), plan: plan(3), stepsPerPass: 3)
        let steps = try (0..<4).map { _ in try stream.next() }
        let sizes: [Int] = steps.map { step in step.microBatches.reduce(0) { $0 + $1.count } }
        #expect(sizes == [3, 3, 2, 3])
        let first: [[[Int]]] = [[[0], [7]], [[6]]]
        #expect(steps[0].microBatches == first)
        let thirds: [Double] = [1, 2, 3, 4].map { $0 / 3 }
        #expect(zip(steps, thirds).allSatisfy { abs($0.epoch - $1) < 1e-12 })
        #expect(try BatchStream(NumberStream(rows: 8), plan: plan(3)).stepsOfPasses(2) == [3, 3])
    }

    @Test("stream.packing_carryover", arguments: [nil, 4, 5, 100])
    func goingToAPositionGivesTheStepsThatFollowedIt(_ window: Int?) throws {
        func stream() -> BatchStream<NumberStream, [[Int]]> {
            var rows = NumberStream(rows: 23)
            // A row in five is left out, a row in seven is split.
            rows.examples = { $0 % 5 == 4 ? [] : $0 % 7 == 3 ? [$0, $0] : [$0] }
            return BatchStream(rows, plan: plan(4, window: window))
        }
        var whole = stream()
        var positions = [whole.position]
        var steps: [[[[Int]]]] = []
        for _ in 0..<20 {
            let step = try whole.next()
            steps.append(step.microBatches)
            positions.append(step.position)
        }
        for (index, position) in positions.enumerated() {
            var resumed = stream()
            // Through text, as a checkpoint keeps it.
            try resumed.seek(to: try JSON(parsing: position.text()))
            for step in steps[index...] { #expect(try resumed.next().microBatches == step) }
        }
        // The first pass: every row that is not left out, those that are split twice.
        let expected = (0..<23).flatMap { $0 % 5 == 4 ? [] : $0 % 7 == 3 ? [$0, $0] : [$0] }
        let first = steps.prefix(try stream().stepsOfPasses(1)[0])
        let taken = first.flatMap { step in step.flatMap { batch in batch.flatMap { group in group } } }
        #expect(taken.sorted() == expected.sorted())
    }

    @Test func `data without a usable row end in an error, not in a hang`() {
        var rows = NumberStream(rows: 5)
        rows.examples = { _ in [] }
        var stream = BatchStream(rows, plan: plan(2))
        #expect(throws: TrainingError.self) { try stream.next() }
    }

    @Test func `a stream without end that gives no example ends in an error too`() {
        struct Empty: ExampleStream {
            var rows = 0
            mutating func next() -> [Int]? {
                rows += 1
                return []
            }
            var position: JSON { .integer(rows) }
            var passes: Double { Double(rows) / 10 }
            mutating func seek(to position: JSON) {}
        }
        for window in [nil, 4] {
            var stream = BatchStream(Empty(), plan: plan(2, window: window))
            #expect(throws: TrainingError.self) { try stream.next() }
        }
    }

    @Test func `a position of other data is refused`() throws {
        var stream = BatchStream(NumberStream(rows: 9), plan: plan(2, window: 4))
        for place: JSON in [
            .null, [:], ["rows": ["pass": 0, "row": 0], "taken": -1, "windows": 0, "pass": 0, "steps": 0],
            ["rows": ["pass": 0, "row": 0], "taken": 9, "windows": 0, "pass": 0, "steps": 0],
        ] {
            #expect(throws: TrainingError.self) { try stream.seek(to: place) }
        }
    }
}
