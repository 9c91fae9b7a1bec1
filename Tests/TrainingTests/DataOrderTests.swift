import Testing
import TextCore
import Training

@Suite struct DataOrderTests {
    @Test func `an epoch takes every row once and its last step is short`() {
        let order = DataOrder.shuffled(rowCount: 10, globalBatchSize: 4, seed: 3)
        #expect(order.stepsPerEpoch == 3)
        let rows = order.rows(ofEpoch: 1)
        let taken = (3..<6).flatMap { rows[order.positions(ofStep: $0)] }
        #expect(taken.sorted() == Array(0..<10))
        #expect(order.positions(ofStep: 5).count == 2)
        #expect(order.epoch(ofStep: 5) == 1)
        #expect(order.epochsDone(afterStep: 0) == 1.0 / 3)
    }

    @Test func `the order is a function of seed and epoch alone`() {
        let first = DataOrder.shuffled(rowCount: 100, globalBatchSize: 4, seed: 3)
        let again = DataOrder.shuffled(rowCount: 100, globalBatchSize: 32, seed: 3)
        let other = DataOrder.shuffled(rowCount: 100, globalBatchSize: 4, seed: 4)
        #expect(first.rows(ofEpoch: 2) == again.rows(ofEpoch: 2))
        #expect(first.rows(ofEpoch: 2) != first.rows(ofEpoch: 1))
        #expect(first.rows(ofEpoch: 2) != other.rows(ofEpoch: 2))
        #expect(DataOrder.sequential(rowCount: 4, globalBatchSize: 3).rows(ofEpoch: 5) == [0, 1, 2, 3])
    }

    @Test func `shuffles are spread evenly over the places`() {
        // Row 0 over 3,000 epochs of six rows: each place 500 times, give or take five deviations of a binomial.
        let order = DataOrder.shuffled(rowCount: 6, globalBatchSize: 6, seed: 1)
        var counts = [Int](repeating: 0, count: 6)
        for epoch in 0..<3000 { counts[order.rows(ofEpoch: epoch).firstIndex(of: 0) ?? 0] += 1 }
        for count in counts { #expect(abs(count - 500) < 103) }
    }

    @Test func `the recorded position is where the next step begins`() {
        let order = DataOrder.sequential(rowCount: 10, globalBatchSize: 4)
        #expect(order.position(afterStep: 1)["row"] == 8)
        #expect(order.position(afterStep: 2)["row"] == 0)
        #expect(order.position(afterStep: 2)["epoch"] == 1)
    }
}
