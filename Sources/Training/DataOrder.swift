import TensorCore
public import TextCore

/// Which rows each optimiser step takes: a pure function of the step, so nothing has to be stored to resume.
///
/// Every epoch takes every row once, in file order or in an order of its own. The last step of an epoch takes what is
/// left, however little.
public struct DataOrder: Sendable {
    /// Rows of an epoch.
    public let rowCount: Int
    /// Rows of an optimiser step.
    public let globalBatchSize: Int
    private let permutation: @Sendable (_ epoch: Int) -> [Int]

    /// - Parameters:
    ///   - rowCount: rows of an epoch.
    ///   - globalBatchSize: rows of an optimiser step.
    ///   - permutation: from an epoch (from 0) the order of its rows: every index below `rowCount` once.
    public init(
        rowCount: Int, globalBatchSize: Int, permutation: @escaping @Sendable (_ epoch: Int) -> [Int]
    ) {
        precondition(rowCount > 0 && globalBatchSize > 0, "\(rowCount) rows in batches of \(globalBatchSize)")
        self.rowCount = rowCount
        self.globalBatchSize = globalBatchSize
        self.permutation = permutation
    }

    /// Rows in file order in every epoch.
    public static func sequential(rowCount: Int, globalBatchSize: Int) -> DataOrder {
        DataOrder(rowCount: rowCount, globalBatchSize: globalBatchSize) { _ in Array(0..<rowCount) }
    }

    /// Rows in an order that is a function of the seed and the epoch.
    public static func shuffled(rowCount: Int, globalBatchSize: Int, seed: UInt64) -> DataOrder {
        DataOrder(rowCount: rowCount, globalBatchSize: globalBatchSize) { epoch in
            shuffle(rowCount, stream: RandomStream(seed: seed, purpose: "data order", step: epoch))
        }
    }

    /// The shuffle of Fisher and Yates in Durstenfeld's form (1964).
    private static func shuffle(_ count: Int, stream: RandomStream) -> [Int] {
        var order = Array(0..<count)
        for index in stride(from: count - 1, to: 0, by: -1) {
            // 32 random bits scaled to the range: for n rows, off by less than n / 2³² from uniform.
            let other = Int((UInt64(stream.word(index)) * UInt64(index + 1)) >> 32)
            order.swapAt(index, other)
        }
        return order
    }

    /// Optimiser steps of an epoch.
    public var stepsPerEpoch: Int { (rowCount + globalBatchSize - 1) / globalBatchSize }

    /// The epoch (from 0) that step `step` (from 0) belongs to.
    public func epoch(ofStep step: Int) -> Int { step / stepsPerEpoch }

    /// Epochs done once step `step` (from 0) is over.
    public func epochsDone(afterStep step: Int) -> Double { Double(step + 1) / Double(stepsPerEpoch) }

    /// The order of the rows of an epoch (from 0).
    public func rows(ofEpoch epoch: Int) -> [Int] { permutation(epoch) }

    /// Where in an epoch's order step `step` (from 0) takes its rows.
    public func positions(ofStep step: Int) -> Range<Int> {
        let start = step % stepsPerEpoch * globalBatchSize
        return start..<min(rowCount, start + globalBatchSize)
    }

    /// The position in the data after step `step` (from 0), as a checkpoint records it.
    public func position(afterStep step: Int) -> JSON {
        let next = step + 1
        return [
            "epoch": .integer(epoch(ofStep: next)), "row": .integer(positions(ofStep: next).lowerBound),
            "rows": .integer(rowCount),
        ]
    }
}
