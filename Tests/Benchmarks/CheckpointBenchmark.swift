import Foundation
import SFT
import TensorCore
import TextCore
import Training

/// What a checkpoint after every step adds to a run of SFT: the same steps with and without, in turns.
///
/// A checkpoint costs the same whatever a step is, so its share of a step follows from the processor's time of both.
struct CheckpointBenchmark {
    let training: TrainingBenchmark

    private static let steps = 4

    func run(_ repetitions: Int) throws -> Measurement {
        var seconds: [Bool: Timing] = [:]
        var events: [RunEvent] = []
        // In turns, so that what else the machine does meets both alike.
        for saves in [false, true] { seconds[saves] = try Timing(0) { _ = try steps(saves: saves) } }
        for _ in 0..<repetitions {
            for saves in [false, true] { try seconds[saves]?.add { events += try steps(saves: saves) } }
        }
        func perStep(_ times: KeyPath<Timing, [Double]>, _ saves: Bool) -> Double {
            (seconds[saves]?[keyPath: times] ?? []).median / Double(Self.steps)
        }
        var result = Measurement()
        func note(_ name: String, _ value: Double) { result[name] = .number(value.rounded(digits: 3)) }
        note("seconds_per_step", perStep(\.wall, false))
        note("seconds_per_step_with_checkpoint", perStep(\.wall, true))
        note("processor_seconds_per_step", perStep(\.processor, false))
        note("processor_seconds_per_checkpoint", perStep(\.processor, true) - perStep(\.processor, false))
        note("seconds_to_write", events.compactMap { $0["seconds"]?.double }.median)
        note("seconds_held_up", events.compactMap { $0["held_up_seconds"]?.double }.median)
        return result
    }

    /// Some steps; what is told of their checkpoints.
    private func steps(saves: Bool) throws -> [RunEvent] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hone-bench-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = saves ? try CheckpointStore(folder.appending(path: "checkpoints")) : nil
        var events: [RunEvent] = []
        let trainer = training.makeTrainer(steps: Self.steps, checkpoints: saves ? .everySteps(1) : .never)
        let batch = training.makeBatch()
        try trainer.run(
            RunServices(emit: { if $0.kind == .checkpoint { events.append($0) } }, checkpoints: store)
        ) { _ in batch }
        return events
    }
}
