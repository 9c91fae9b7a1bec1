import Foundation
import LanguageModels
import TensorCore
import Testing
import TextCore
import Training

/// What becomes of checkpoints when the machine stops, the disk fails or the disk is full.
@Suite struct CheckpointFaultTests {
    @Test("C1 ckpt.crash_state_enumeration: whatever a crash leaves, the old or the new checkpoint is found whole")
    func crashStates() throws {
        try TinyRun.withFastFolder { folder in
            let run = folder.appendingPathComponent("run")
            try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
            let calls = RecordingCalls()
            let store = try CheckpointStore(run.appendingPathComponent("checkpoints"), keepBest: 1, calls: calls)
            let trainer = try TinyRun.trainer()
            // The number of operations after which each save had returned, and what it saved.
            var saved: [(step: Int, operations: Int, weights: Data)] = []
            for step in 0..<6 {
                _ = try trainer.step(TinyRun.batch(step))
                let url = try store.save(
                    model: trainer.model, optimizer: trainer.optimizer, state: trainer.state, isBest: step % 3 == 1)
                let weights = try Data(contentsOf: url.appendingPathComponent("model.safetensors"))
                saved.append((step + 1, calls.operations.count, weights))
            }
            let states = CrashStates(calls.operations, root: run.path)
            let folders = try CrashFolders(states, in: folder.appendingPathComponent("pool"))
            var (seen, oldFound, newFound) = (Set<CrashStates.Tree>(), 0, 0)
            let place = folder.appendingPathComponent("state")
            for count in 0...calls.operations.count {
                let done = saved.last { $0.operations <= count }
                let next = saved.first { $0.operations > count }
                for state in states.states(after: count) where seen.insert(state).inserted {
                    try folders.make(state, at: place)
                    defer { try? FileManager.default.removeItem(at: place) }
                    let again = try CheckpointStore(place.appendingPathComponent("checkpoints"))
                    let found = again.newestValid()
                    #expect(found != nil || done == nil, "nothing is left after operation \(count)")
                    guard let found else { continue }
                    let expected = saved.first { $0.step == found.state.step }
                    #expect(
                        found.state.step == done?.step || found.state.step == next?.step,
                        "step \(found.state.step) after operation \(count)")
                    let weights = try Data(contentsOf: found.folder.appendingPathComponent("model.safetensors"))
                    #expect(weights == expected?.weights, "the weights of step \(found.state.step) are others")
                    if found.state.step == done?.step { oldFound += 1 } else { newFound += 1 }
                    for name in ["last", "best"] {
                        let link = place.appendingPathComponent(name)
                        guard (try? FileManager.default.destinationOfSymbolicLink(atPath: link.path)) != nil else {
                            continue
                        }
                        #expect((try? Checkpoint(link)) != nil, "\(name) leads nowhere after operation \(count)")
                    }
                    if seen.count % 97 == 0 {
                        // What was found can be gone on from.
                        var state = found.state
                        state.step += 1
                        try again.save(model: trainer.model, optimizer: trainer.optimizer, state: state)
                        #expect(again.newestValid()?.state.step == state.step)
                    }
                }
            }
            print(
                "C1: \(seen.count) crash states of \(calls.operations.count) operations; the checkpoint from before was "
                    + "found in \(oldFound), the one being written in \(newFound)")
            #expect(seen.count > 1500 && oldFound > 100 && newFound > 10)
        }
    }

    @Test("C6 ckpt.fsync_and_rename_faults: a save in which any call fails fails cleanly, or succeeds fully")
    func faults() throws {
        try TinyRun.withFastFolder { folder in
            let trainer = try TinyRun.trainer()
            _ = try trainer.step(TinyRun.batch(0))
            let first = trainer.state
            _ = try trainer.step(TinyRun.batch(1))
            let counted = FailingCalls()
            let place = folder.appendingPathComponent("checkpoints")
            /// Two checkpoints, the second of which is given these calls.
            func save(_ calls: FailingCalls) throws -> (any Error)? {
                for name in DurableNames.names(in: folder) {
                    try FileManager.default.removeItem(at: folder.appendingPathComponent(name))
                }
                let store = try CheckpointStore(place)
                try store.save(model: trainer.model, optimizer: trainer.optimizer, state: first)
                do {
                    let failing = try CheckpointStore(place, calls: calls)
                    try failing.save(
                        model: trainer.model, optimizer: trainer.optimizer, state: trainer.state, isBest: true)
                    return nil
                } catch { return error }
            }
            #expect(try save(counted) == nil)
            let kinds = counted.made
            #expect(Set(kinds).isSuperset(of: [.create, .write, .synchronize, .close, .rename, .link, .makeFolder]))
            var outcomes: [String: Int] = [:]
            for (number, kind) in kinds.enumerated() {
                var faults: [FailingCalls.Fault] = [EIO, ENOSPC, EINTR].map { .error($0) }
                if kind == .write { faults.append(.short) }
                for fault in faults {
                    let error = try save(FailingCalls(fault: { at, _ in at == number ? fault : nil }))
                    let what = "\(fault) at call \(number), \(kind)"
                    let published = kinds[..<number].last { $0 == .rename } != nil
                    if kind == .write, fault == .short || fault == .error(EINTR) { #expect(error == nil, "\(what)") }
                    if [.create, .write, .synchronize].contains(kind), fault == .error(EIO), !published {
                        #expect(error is FileError, "\(what)")
                    }
                    if let error, !(error is FileError) { Issue.record("\(what): \(error) is no FileError") }
                    let again = try CheckpointStore(place)
                    let left = DurableNames.names(in: place).filter { $0.hasPrefix(".tmp-step") }
                    #expect(left.isEmpty, "\(what) leaves \(left)")
                    let found = again.newestValid { Issue.record("\(what): \($0.lastPathComponent) is damaged: \($1)") }
                    let step = found?.state.step
                    #expect(
                        error == nil ? step == 2 : step == 1 || published && step == 2,
                        "\(what) leaves step \(step ?? -1)")
                    outcomes[error == nil ? "succeeded" : "failed cleanly", default: 0] += 1
                    // The next one is written as if nothing had been.
                    try again.save(
                        model: trainer.model, optimizer: trainer.optimizer, state: trainer.state, isBest: true)
                    for name in ["last", "best"] {
                        #expect(try Checkpoint(folder.appendingPathComponent(name)).state.step == 2, "\(what)")
                    }
                }
                // A disk that is full from here on.
                let full = try save(
                    FailingCalls(fault: { at, kind in
                        at >= number && [.create, .write, .makeFolder, .link].contains(kind) ? .error(ENOSPC) : nil
                    }))
                if let full { #expect((full as? FileError)?.isDiskFull == true, "\(full)") }
                #expect(
                    try CheckpointStore(place).newestValid()?.state.step == (full == nil ? 2 : nil)
                        || CheckpointStore(place).newestValid()?.state.step ?? 0 >= 1)
            }
            print("C6: \(kinds.count) calls of a save, each failing in several ways: \(outcomes)")
            #expect(outcomes["succeeded", default: 0] > 0 && outcomes["failed cleanly", default: 0] > 0)
        }
    }

    @Test("C5 ckpt.enospc: two checkpoints that do not fit are told of and older ones stay; the run goes on")
    func diskFullForAWhile() throws {
        try TinyRun.withFastFolder { folder in
            // The disk is full while steps 3 and 4 are saved.
            let step = SharedCount()
            let calls = FailingCalls(fault: { _, kind in
                [3, 4].contains(step.value) && kind == .write ? .error(ENOSPC) : nil
            })
            let store = try CheckpointStore(folder.appendingPathComponent("checkpoints"), calls: calls)
            let trainer = try TinyRun.trainer(configure: { $0.checkpoints = .everySteps(1) })
            var events: [RunEvent] = []
            var between: [[Int]] = []
            let ending = try trainer.run(
                RunServices(
                    emit: { event in
                        events.append(event)
                        guard event.kind == .checkpointFailed else { return }
                        between.append(store.steps)
                        let left = DurableNames.names(in: store.folder).filter { $0.hasPrefix(".tmp") }
                        #expect(left.isEmpty, "\(left)")
                    }, checkpoints: store, beforeCheckpoint: { step.value = trainer.state.step }),
                batches: TinyRun.batch)
            #expect(ending == .completed)
            let failed = events.filter { $0.kind == .checkpointFailed }
            #expect(failed.map { $0["step"]?.int } == [3, 4] && failed.map { $0["failures"]?.int } == [1, 2])
            #expect(failed[0]["message"]?.string?.contains("No space left on device") == true)
            #expect(between == [[1, 2], [1, 2]])
            #expect(events.filter { $0.kind == .checkpoint }.compactMap { $0["step"]?.int } == [1, 2, 5, 6])
            let whole = try TinyRun.trainer()
            try whole.run(batches: TinyRun.batch)
            #expect(TinyRun.bits(trainer) == TinyRun.bits(whole))
            #expect(store.newestValid()?.state.step == 6)
        }
    }

    @Test("C5 ckpt.enospc: the third checkpoint in a row that fails ends the run, and the last whole one stays")
    func diskFull() throws {
        try TinyRun.withFastFolder { folder in
            let step = SharedCount()
            let calls = FailingCalls(free: { step.value >= 3 ? 1000 : $0 })
            let store = try CheckpointStore(folder.appendingPathComponent("checkpoints"), calls: calls)
            let trainer = try TinyRun.trainer(totalSteps: 20, configure: { $0.checkpoints = .everySteps(1) })
            var events: [RunEvent] = []
            let error = #expect(throws: FileError.self) {
                try trainer.run(
                    RunServices(
                        emit: { events.append($0) }, checkpoints: store,
                        beforeCheckpoint: { step.value = trainer.state.step }), batches: TinyRun.batch)
            }
            #expect(error?.isDiskFull == true && error?.message.contains("3 checkpoints in a row") == true)
            #expect(error?.message.contains("are free in") == true)
            #expect(events.filter { $0.kind == .checkpointFailed }.map { $0["step"]?.int } == [3, 4, 5])
            #expect(events.last?.kind == .end && events.last?["reason"] == "failed")
            #expect(store.steps == [1, 2] && store.newestValid()?.state.step == 2)
            // Before a run begins there must be room for all that it keeps.
            let small = FailingCalls(free: { _ in 200_000 })
            let other = try CheckpointStore(folder.appendingPathComponent("others"), calls: small)
            let refusal = #expect(throws: FileError.self) {
                try other.requireSpace(model: trainer.model, optimizer: trainer.optimizer, count: 20)
            }
            #expect(refusal?.message.contains("4 checkpoints of this run, with a margin, take") == true)
            try other.requireSpace(model: trainer.model, optimizer: trainer.optimizer, count: 1)
        }
    }

    @Test(
        "C7 ckpt.rotation_invariants: the newest, the best and the one resumed from stay, and two whole ones at least")
    func rotation() throws {
        let trainer = try TinyRun.trainer()
        _ = try trainer.step(TinyRun.batch(0))
        var saves = 0
        for sequence in 0..<40 {
            try TinyRun.withFastFolder { folder in
                var random = CountedDraws(stream: RandomStream(seed: 77, purpose: "rotation", index: sequence))
                var run = RotationRun(
                    folder: folder, trainer: trainer, keepLast: 1 + random.below(4), keepBest: random.below(3))
                try run.restart()
                for _ in 0..<25 {
                    switch random.below(8) {
                    case 0: try run.restart()
                    case 1: try run.damage(&random)
                    default:
                        try run.save(isBest: random.below(3) == 0)
                        saves += 1
                    }
                }
            }
        }
        print("C7: \(saves) saves in 40 runs")
    }
}

/// A run that only saves, with what must hold after each save.
private struct RotationRun {
    let folder: URL
    let trainer: Trainer<NextToken>
    let keepLast: Int
    let keepBest: Int
    private var store: CheckpointStore?
    private var step = 0
    private var best: Int?
    private var resumedFrom: Int?
    private var damaged = 0

    init(folder: URL, trainer: Trainer<NextToken>, keepLast: Int, keepBest: Int) {
        self.folder = folder
        self.trainer = trainer
        self.keepLast = keepLast
        self.keepBest = keepBest
    }

    private var place: URL { folder.appendingPathComponent("checkpoints") }

    private func url(_ step: Int) -> URL { place.appendingPathComponent("step-\(step)") }

    private var whole: [Int] {
        DurableNames.names(in: place).compactMap { Int($0.dropFirst(5)) }
            .filter { (try? Checkpoint(url($0))) != nil }.sorted()
    }

    /// Begins to write anew, from the newest whole checkpoint.
    mutating func restart() throws {
        let before = whole
        let store = try CheckpointStore(place, keepLast: keepLast, keepBest: keepBest)
        let found = store.newestValid()
        #expect(found?.state.step == before.last)
        resumedFrom = found?.state.step
        step = found?.state.step ?? 0
        if let best, !before.contains(best) { self.best = nil }
        self.store = store
    }

    mutating func save(isBest: Bool) throws {
        let before = whole
        step += 1
        var state = trainer.state
        state.step = step
        try store?.save(model: trainer.model, optimizer: trainer.optimizer, state: state, isBest: isBest)
        if isBest { best = step }
        let after = whole
        #expect(after.last == step, "the newest is gone")
        #expect(after.count >= min(2, before.count + 1), "\(before) became \(after)")
        if keepBest > 0, let best, before.contains(best) || best == step {
            #expect(after.contains(best), "the best, \(best), is gone")
            #expect(try Checkpoint(folder.appendingPathComponent("best")).state.step == best)
        }
        if let resumedFrom, before.contains(resumedFrom) { #expect(after.contains(resumedFrom)) }
        let kept = max(2, keepLast) + keepBest + (resumedFrom == nil ? 0 : 1)
        #expect(after.count <= kept, "\(after.count) are kept, not \(kept)")
        let names = DurableNames.names(in: place)
        #expect(names.count { $0.hasPrefix(".tmp") } == 0)
        // What is damaged is nobody's to remove.
        #expect(names.count - after.count == damaged)
        #expect(try Checkpoint(folder.appendingPathComponent("last")).state.step == step)
    }

    /// Cuts or removes a file of a checkpoint.
    mutating func damage(_ random: inout CountedDraws) throws {
        guard let victim = whole.dropLast().isEmpty ? nil : whole[random.below(whole.count)] else { return }
        let names = DurableNames.names(in: url(victim))
        let file = url(victim).appendingPathComponent(names[random.below(names.count)])
        if random.below(2) == 0 {
            try FileManager.default.removeItem(at: file)
        } else {
            let data = try Data(contentsOf: file)
            try data.prefix(data.count / 2).write(to: file)
        }
        damaged += 1
        // A run goes on writing after the newest step, so it would write this one again.
        if victim == step { try restart() }
    }
}

/// Numbers drawn one after the other.
struct CountedDraws {
    let stream: RandomStream
    private var drawn = 0

    init(stream: RandomStream) { self.stream = stream }

    mutating func below(_ bound: Int) -> Int {
        drawn += 1
        return Int(stream.word(drawn)) % bound
    }
}

/// Names in a folder.
enum DurableNames {
    static func names(in folder: URL) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
    }
}
