import Foundation
import LanguageModels
import OrderedCollections
import Synchronization
import TensorCore
import Testing
import TextCore
import Training

/// What a run does about numbers that are not finite.
@Suite struct NonfiniteTests {
    /// A run with checkpoints and anomalies in a folder.
    private struct Result {
        var trainer: Trainer<NextToken>
        var events: [RunEvent]
        var error: TrainingError?

        func step(_ number: Int) -> JSON? {
            events.last { $0.kind == .step && $0["step"]?.int == number }?["metrics"]
        }

        func faults(_ name: String) -> [RunEvent] { events.filter { $0["fault"]?.string == name } }
    }

    private func run(
        _ objective: NextToken, in folder: URL, configure: (inout TrainerConfiguration) -> Void = { _ in }
    ) throws -> Result {
        let trainer = try TinyRun.trainer(
            totalSteps: 9, objective: objective,
            configure: {
                $0.checkpoints = .everySteps(1)
                configure(&$0)
            })
        var events: [RunEvent] = []
        var services = RunServices(
            emit: { events.append($0) },
            checkpoints: try CheckpointStore(folder.appendingPathComponent("checkpoints"), keepLast: 20))
        services.keep = { anomaly in
            let url = folder.appendingPathComponent("step-\(anomaly.step).json")
            try Data(anomaly.json.text().utf8).write(to: url)
            return url
        }
        var failure: TrainingError?
        do { try trainer.run(services, batches: TinyRun.batch) } catch let error as TrainingError { failure = error }
        return Result(trainer: trainer, events: events, error: failure)
    }

    /// Whether every number of every checkpoint is finite.
    private func checkpointsAreFinite(_ folder: URL) throws -> Bool {
        let store = try CheckpointStore(folder.appendingPathComponent("checkpoints"), keepLast: 20)
        #expect(!store.steps.isEmpty)
        return try store.steps.allSatisfy { step in
            let trainer = try TinyRun.trainer(totalSteps: 9)
            try trainer.restore(Checkpoint(store.url(ofStep: step)))
            let tensors =
                trainer.model.namedParameters.map(\.parameter.value) + trainer.optimizer.firstMoments
                + trainer.optimizer.secondMoments
            return tensors.allSatisfy(\.isFinite)
        }
    }

    @Test func `C10 proc.nan_injection: a NaN loss and an infinite gradient change nothing, and are told of`() throws {
        try TinyRun.withFolder { folder in
            let faulty = NextToken(factor: { $0 == 3 ? .nan : 1 }, brokenGradients: [5])
            let result = try run(faulty, in: folder)
            #expect(result.error == nil)
            #expect(result.trainer.state.refused == 2 && result.trainer.state.updates == 7)
            // The numbers stand in the log as they are, each under its own step.
            #expect(result.step(4)?["loss"] == "NaN")
            #expect(["NaN", "Infinity"].contains(result.step(6)?["grad_norm"]?.string))
            #expect(result.step(6)?["loss"]?.double.map { $0.isFinite } == true)
            #expect((1...9).allSatisfy { [4, 6].contains($0) || result.step($0)?["grad_norm"]?.double != nil })
            #expect(try checkpointsAreFinite(folder))
            // Both steps are as if nothing in them had carried loss.
            let without = try TinyRun.withFolder { try run(NextToken(emptySteps: [3, 5]), in: $0) }
            #expect(without.trainer.state.empty == 2 && without.faults("empty").count == 2)
            #expect(TinyRun.bits(result.trainer) == TinyRun.bits(without.trainer))
            try expectDumps(result, in: folder)
        }
    }

    private func expectDumps(_ result: Result, in folder: URL) throws {
        let faults = result.faults("nonfinite")
        #expect(faults.map { $0["step"]?.int } == [4, 6])
        for step in [4, 6] {
            let url = folder.appendingPathComponent("step-\(step).json")
            #expect(faults.contains { $0["path"]?.string == url.path })
            let dump = try JSON(parsing: Data(contentsOf: url))
            #expect(dump["kind"] == "nonfinite" && dump["step"]?.int == step)
            #expect(dump["rows"]?.array?.compactMap(\.string) == TinyRun.rows(step - 1))
            #expect(dump["micro_batches"]?.array?.count == 2)
            let tensors = try #require(dump["tensors"]?.array)
            #expect(tensors.count == result.trainer.optimizer.parameters.count)
            let bad = tensors.count { ($0["gradient"]?["nan"]?.int ?? 0) + ($0["gradient"]?["infinite"]?.int ?? 0) > 0 }
            #expect(bad > 0)
            #expect(tensors.allSatisfy { $0["value"]?["nan"] == 0 && $0["value"]?["infinite"] == 0 })
        }
    }

    @Test
    func `C10 proc.nan_injection: the third refused step in a row ends the run, and the first where that is asked`()
        throws
    {
        for (limit, steps) in [(3, 6), (1, 4)] {
            try TinyRun.withFolder { folder in
                let result = try run(NextToken(factor: { $0 >= 3 ? .nan : 1 }), in: folder) {
                    $0.refusedStepLimit = limit
                }
                #expect(result.error?.message.contains("not finite, so the run has diverged") == true)
                #expect(result.trainer.state.step == steps)
                #expect(result.events.last?.kind == .end && result.events.last?["reason"] == "failed")
                #expect(try checkpointsAreFinite(folder))
            }
        }
    }

    @Test func `C10 proc.nan_injection: weights that are not finite are never saved`() throws {
        try TinyRun.withFolder { folder in
            let trainer = try TinyRun.trainer(configure: { $0.checkpoints = .everySteps(1) })
            let store = try CheckpointStore(folder, keepLast: 9)
            let parameter = trainer.optimizer.parameters[1]
            let error = #expect(throws: TrainingError.self) {
                try trainer.run(RunServices(checkpoints: store)) { step in
                    // What an update with a far too high rate would leave behind.
                    if step == 2 {
                        parameter.parameter.value = Tensor(repeating: .infinity, shape: parameter.parameter.value.shape)
                    }
                    return TinyRun.batch(step)
                }
            }
            #expect(error?.message.contains(parameter.name) == true, "\(error?.message ?? "")")
            #expect(store.steps == [1, 2])
        }
    }

    @Test func `with several steps a line, a refused step spoils none of the others' means`() throws {
        try TinyRun.withFolder { folder in
            let each = try run(NextToken(factor: { $0 == 4 ? .nan : 1 }), in: folder)
            let some = try TinyRun.withFolder { folder in
                try run(NextToken(factor: { $0 == 4 ? .nan : 1 }), in: folder) {
                    $0.logEverySteps = 3
                    $0.checkpoints = .never
                }
            }
            #expect(some.events.filter { $0.kind == .step }.map { $0["step"]?.int } == [3, 4, 5, 6, 9])
            #expect(some.step(5)?["loss"] == "NaN")
            #expect(some.step(4)?["loss"] == each.step(4)?["loss"] && some.step(6)?["loss"] == each.step(6)?["loss"])
        }
    }
}

/// What a run does about a loss or a gradient that is far above those before it.
@Suite struct SpikeTests {
    /// A run of 40 steps whose loss is sixty times as large in some.
    private func run(
        spikes: Set<Int>, empty: Set<Int> = [], skip: Int = 3, every: Int = 5, in folder: URL, resume: Bool = false,
        action: SpikePolicy.Action = .rollback, stopAfter: Int? = nil, scale: Float = 1
    ) throws -> (trainer: Trainer<NextToken>, events: [RunEvent], kept: [Anomaly]) {
        let trainer = try TinyRun.trainer(
            totalSteps: 40,
            objective: NextToken(factor: { scale * (spikes.contains($0 + 1) ? 60 : 1) }, emptySteps: empty),
            configure: {
                $0.checkpoints = .everySteps(every)
                $0.spikes = SpikePolicy(action: action, skippedSteps: skip)
            })
        let store = try CheckpointStore(folder, keepLast: 30)
        if resume { try trainer.restore(#require(store.newestValid())) }
        var (events, kept): ([RunEvent], [Anomaly]) = ([], [])
        let stop = StopSignal()
        var services = RunServices(
            emit: {
                events.append($0)
                if $0.kind == .step, let stopAfter, $0["step"]?.int == stopAfter { stop.requestStop() }
            }, checkpoints: store, stop: stop)
        services.seek = { _ in }
        services.keep = {
            kept.append($0)
            return folder
        }
        try trainer.run(services, batches: TinyRun.batch)
        return (trainer, events, kept)
    }

    private func faults(_ events: [RunEvent], _ name: String) -> [RunEvent] {
        events.filter { $0["fault"]?.string == name }
    }

    @Test func `C11 proc.spike_rollback: the run goes back, leaves the steps out and ends as if they had not been`()
        throws
    {
        try TinyRun.withFolder { folder in
            let result = try run(spikes: [24], in: folder)
            let back = try #require(faults(result.events, "rollback").first)
            #expect(back["step"]?.int == 20 && back["from"]?.int == 24)
            #expect(result.kept.map(\.step) == [24] && result.kept[0].kind == .spike)
            #expect(result.kept[0].rows == TinyRun.rows(23))
            let skip = try #require(result.trainer.state.skips.first)
            #expect(result.trainer.state.skips.count == 1)
            #expect(skip.first == 22 && skip.last == 24 && skip.checkpoint == 20)
            #expect(skip.rows == (21...23).flatMap(TinyRun.rows))
            #expect(faults(result.events, "skipped").map { $0["step"]?.int } == [22, 23, 24])
            #expect(result.trainer.state.step == 40 && result.trainer.state.updates == 37)
            // As a run in which these steps teach nothing: the same weights, to the bit.
            let other = try TinyRun.withFolder { folder in try run(spikes: [], empty: [21, 22, 23], in: folder) }
            #expect(TinyRun.bits(other.trainer) == TinyRun.bits(result.trainer))
            #expect(faults(other.events, "rollback").isEmpty)
            // What was left out is part of every later checkpoint.
            let store = try CheckpointStore(folder, keepLast: 30)
            #expect(try Checkpoint(store.url(ofStep: 25)).state.skips == [skip])
        }
    }

    @Test func `C11 proc.spike_rollback: a run goes back twice, and then says so and goes on`() throws {
        try TinyRun.withFolder { folder in
            let result = try run(spikes: [20, 28, 36], skip: 1, in: folder)
            #expect(faults(result.events, "rollback").map { $0["from"]?.int } == [20, 28])
            #expect(result.trainer.state.skips.map(\.last) == [20, 28])
            #expect(
                faults(result.events, "spike").contains { $0["message"]?.string?.contains("gone back 2 times") == true }
            )
            #expect(result.trainer.state.updates == 38)
        }
    }

    @Test func `C11 proc.spike_rollback: checkpoints of steps that are no longer the run's are set aside`() throws {
        try TinyRun.withFolder { folder in
            let checkpoints = folder.appendingPathComponent("checkpoints")
            let result = try run(spikes: [24], every: 1, in: checkpoints)
            #expect(faults(result.events, "rollback").first?["step"]?.int == 21)
            let names = try FileManager.default.contentsOfDirectory(atPath: checkpoints.path)
            #expect(names.contains("rolled-back-step-22") && names.contains("rolled-back-step-23"))
            let store = try CheckpointStore(checkpoints, keepLast: 99)
            #expect(try Checkpoint(store.url(ofStep: 23)).state.updates == 21)
            // `last` and `best` never point to one of them.
            let last = folder.appendingPathComponent("last").path
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: last) == "checkpoints/step-40")
        }
    }

    @Test func `C11 proc.spike_rollback: a run that is cut before or after it goes back ends with the same bits`()
        throws
    {
        let whole = try TinyRun.withFolder { TinyRun.bits(try run(spikes: [24], in: $0).trainer) }
        for cut in [16, 23, 32] {
            try TinyRun.withFolder { folder in
                _ = try run(spikes: [24], in: folder, stopAfter: cut)
                let rest = try run(spikes: [24], in: folder, resume: true)
                #expect(TinyRun.bits(rest.trainer) == whole, "cut after step \(cut)")
            }
        }
    }

    @Test func `a spike is only told of by default, and once however long it lasts`() throws {
        try TinyRun.withFolder { folder in
            let result = try run(spikes: [24, 25, 26], in: folder, action: .warn)
            #expect(faults(result.events, "spike").map { $0["step"]?.int } == [24])
            #expect(result.trainer.state.updates == 40 && result.trainer.state.skips.isEmpty)
            let calm = try TinyRun.withFolder { try run(spikes: [], in: $0, action: .warn) }
            #expect(faults(calm.events, "spike").isEmpty)
        }
    }

    @Test func `a loss of next to nothing is no spike, however much smaller the others are`() throws {
        try TinyRun.withFolder { folder in
            let result = try run(spikes: [24], in: folder, action: .warn, scale: 1e-4)
            #expect(faults(result.events, "spike").isEmpty)
        }
    }
}

/// Requests from outside, hangs and full disks.
@Suite struct RunSurroundingsTests {
    @Test func `a checkpoint that is asked for is written after the step, and the run goes on`() throws {
        try TinyRun.withFolder { folder in
            let trainer = try TinyRun.trainer()
            let stop = StopSignal()
            let store = try CheckpointStore(folder, keepLast: 9)
            try trainer.run(RunServices(checkpoints: store, stop: stop)) { step in
                if step == 2 { stop.requestSave() }
                return TinyRun.batch(step)
            }
            #expect(store.steps == [3, 6])
        }
    }

    @Test func `a run that hangs is told of with what it is doing and the stack of every thread`() throws {
        try TinyRun.withFolder { folder in
            let told = Told()
            let stop = StopSignal()
            var services = RunServices(stop: stop)
            services.watchdog = Watchdog(
                Watchdog.Settings(patience: 0.3, factor: 1, interval: 0.02), stop: stop, folder: folder
            ) { event in told.events.withLock { $0.append(event) } }
            try TinyRun.trainer().run(services) { step in
                // Until it was noticed: a machine that is busy may take its time.
                let deadline = ContinuousClock.now + .seconds(60)
                while step == 3, told.hangs(in: "making the batches of step 4").isEmpty, ContinuousClock.now < deadline
                {
                    Thread.sleep(forTimeInterval: 0.05)
                }
                if step == 3 { Thread.sleep(forTimeInterval: 0.5) }
                return TinyRun.batch(step)
            }
            let hang = try #require(told.hangs(in: "making the batches of step 4").first)
            #expect(hang["message"]?.string?.contains("no sign of life") == true)
            let file = try #require(hang["path"]?.string)
            let stacks = try String(contentsOfFile: file, encoding: .utf8)
            #expect(stacks.contains("making the batches of step 4") && stacks.contains("thread "))
            #expect(stacks.contains("(+0x"), "\(stacks.prefix(2000))")
        }
    }

    private final class Told: Sendable {
        let events = Mutex<[RunEvent]>([])

        func hangs(in phase: String) -> [RunEvent] {
            events.withLock { $0.filter { $0["phase"]?.string == phase && $0["path"] != nil } }
        }
    }

    @Test func `a full disk delays the log and loses nothing of it, not even half a line`() throws {
        try TinyRun.withFolder { folder in
            let url = folder.appendingPathComponent("events.jsonl")
            let disk = Disk()
            let log = try EventLog(url, onFailure: { error in disk.state.withLock { $0.failures.append(error) } }) {
                disk.write($0, $1)
            }
            log.append(RunEvent(.start))
            disk.state.withLock { $0.room = 30 }
            for step in 1...5 { log.append(RunEvent(.step, ["step": .integer(step)])) }
            // Only whole lines are in the file, whatever was cut off.
            #expect(try EventLog.read(url).events.count == 1 && EventLog.read(url).skippedLines == 0)
            #expect(log.finish() == 5)
            disk.state.withLock { $0.room = .max }
            log.append(RunEvent(.end))
            #expect(log.finish() == 0)
            let (events, skipped) = try EventLog.read(url)
            #expect(events.map(\.kind) == [.start] + Array(repeating: .step, count: 5) + [.end] && skipped == 0)
            #expect(events.compactMap { $0["step"]?.int } == [1, 2, 3, 4, 5])
            #expect(disk.state.withLock { $0.failures.map(\.isDiskFull) } == [true], "it is told of once")
        }
    }

    /// A disk with only so much room left.
    private final class Disk: Sendable {
        struct State {
            var room = Int.max
            var failures: [FileError] = []
        }

        let state = Mutex(State())

        func write(_ file: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
            let count = state.withLock { min($0.room, bytes.count) }
            guard count > 0 else {
                errno = ENOSPC
                return -1
            }
            let written = Foundation.write(file, bytes.baseAddress, count)
            state.withLock { if $0.room != .max { $0.room -= max(0, written) } }
            return written
        }
    }
}
