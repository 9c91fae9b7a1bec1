import Foundation
import SFT
import TensorCore
import TextCore
import Training

/// What a checkpoint after every step adds to a run of SFT: the same steps with and without, in turns.
struct CheckpointBenchmark {
    /// A micro-batch of it.
    let training: TrainingBenchmark
    /// Micro-batches of a step, one measurement for each count.
    var microBatches = [1, 8]

    private static let steps = 4

    func run(_ repetitions: Int) throws -> Measurement {
        var result = Measurement()
        for count in microBatches {
            var seconds: [Bool: Timing] = [:]
            var events: [RunEvent] = []
            // In turns, so that what else the machine does meets both alike.
            for saves in [false, true] { seconds[saves] = try Timing(0) { _ = try steps(count, saves: saves) } }
            for _ in 0..<repetitions {
                for saves in [false, true] { try seconds[saves]?.add { events += try steps(count, saves: saves) } }
            }
            let name = "\(count * training.rows * training.length)_tokens"
            func perStep(_ values: [Double]?) -> Double { (values ?? []).median / Double(Self.steps) }
            func median(_ field: String) -> JSON {
                .number(events.compactMap { $0[field]?.double }.median.rounded(digits: 3))
            }
            let wall = [false, true].map { perStep(seconds[$0]?.wall) }
            let processor = [false, true].map { perStep(seconds[$0]?.processor) }
            result["\(name)_seconds_per_step"] = .number(wall[0].rounded(digits: 4))
            result["\(name)_cost_share"] = .number((wall[1] / wall[0] - 1).rounded(digits: 3))
            result["\(name)_processor_cost_share"] = .number((processor[1] / processor[0] - 1).rounded(digits: 3))
            result["\(name)_seconds_to_write"] = median("seconds")
            result["\(name)_seconds_held_up"] = median("held_up_seconds")
        }
        return result
    }

    /// Some steps; what is told of their checkpoints.
    private func steps(_ microBatches: Int, saves: Bool) throws -> [RunEvent] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hone-bench-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = saves ? try CheckpointStore(folder.appending(path: "checkpoints")) : nil
        var events: [RunEvent] = []
        let trainer = training.makeTrainer(steps: Self.steps, checkpoints: saves ? .everySteps(1) : .never)
        var batch = training.makeBatch()
        batch.microBatches = (0..<microBatches).flatMap { _ in batch.microBatches }
        try trainer.run(
            RunServices(emit: { if $0.kind == .checkpoint { events.append($0) } }, checkpoints: store)
        ) { _ in batch }
        return events
    }
}
