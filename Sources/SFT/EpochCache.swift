import Synchronization
import Training

/// The order of the epoch in use, made once an epoch instead of once a step.
final class EpochCache: Sendable {
    private let stored = Mutex<(epoch: Int, rows: [Int])?>(nil)

    func rows(of epoch: Int, in order: DataOrder) -> [Int] {
        stored.withLock { stored in
            if let stored, stored.epoch == epoch { return stored.rows }
            let rows = order.rows(ofEpoch: epoch)
            stored = (epoch, rows)
            return rows
        }
    }
}
