import Foundation
import LanguageModels
import TensorCore
import Testing
import TextCore
import Training

@Suite struct CheckpointTests {
    /// The run to the end, with a checkpoint after every step.
    private func uninterrupted(in folder: URL, checkpoints: Cadence = .everySteps(1), keepLast: Int = 9) throws
        -> [[UInt32]]
    {
        let trainer = try TinyRun.trainer(configure: { $0.checkpoints = checkpoints })
        let store = try CheckpointStore(folder.appendingPathComponent("checkpoints"), keepLast: keepLast)
        try trainer.run(RunServices(checkpoints: store), batches: TinyRun.batch)
        return TinyRun.bits(trainer)
    }

    @Test(arguments: [1, 2, 3, 5])
    func `a run resumed at any step ends in the same bits as one that was not interrupted`(cut: Int) throws {
        try TinyRun.withFolder { folder in
            let expected = try uninterrupted(in: folder.appendingPathComponent("whole"))
            // Interrupted by a stop request during step cut + 1, between its micro-batches.
            let parent = folder.appendingPathComponent("cut")
            let store = try CheckpointStore(parent.appendingPathComponent("checkpoints"))
            let stop = StopSignal()
            var events: [RunEvent] = []
            let objective = NextToken(factor: { step in
                if step == cut { stop.requestStop(signal: 2) }
                return 1
            })
            let first = try TinyRun.trainer(objective: objective)
            let ending = try first.run(
                RunServices(emit: { events.append($0) }, checkpoints: store, stop: stop), batches: TinyRun.batch)
            #expect(ending == .stopped("interrupted (SIGINT)"))
            #expect(first.state.step == cut)
            #expect(events.suffix(2).map(\.kind) == [.checkpoint, .end])

            let again = try CheckpointStore(parent.appendingPathComponent("checkpoints"))
            let checkpoint = try #require(again.newestValid())
            let second = try TinyRun.trainer(configure: { $0.checkpoints = .never })
            try second.restore(checkpoint)
            #expect(second.state == first.state)
            try second.run(RunServices(checkpoints: again), batches: TinyRun.batch)
            #expect(TinyRun.bits(second) == expected)
            #expect(second.state.tokens == 6 * 26)
        }
    }

    @Test func `resuming from every checkpoint of a run gives the same end`() throws {
        try TinyRun.withFolder { folder in
            let expected = try uninterrupted(in: folder)
            let store = try CheckpointStore(folder.appendingPathComponent("checkpoints"), keepLast: 9)
            #expect(store.steps == [1, 2, 3, 4, 5, 6])
            for step in store.steps {
                let trainer = try TinyRun.trainer()
                try trainer.restore(Checkpoint(store.url(ofStep: step)))
                try trainer.run(batches: TinyRun.batch)
                #expect(TinyRun.bits(trainer) == expected)
            }
        }
    }

    @Test func `an adapter with dropout resumes to the same bits, and its checkpoint is an adapter folder`() throws {
        try TinyRun.withFolder { folder in
            let adapter = AdapterConfiguration(rank: 4, dropout: 0.25, usesMagnitude: true)
            let store = try CheckpointStore(folder.appendingPathComponent("checkpoints"), keepLast: 9)
            let whole = try TinyRun.trainer(adapter: adapter, configure: { $0.checkpoints = .everySteps(1) })
            try whole.run(RunServices(checkpoints: store), batches: TinyRun.batch)
            for step in [1, 4] {
                let trainer = try TinyRun.trainer(adapter: adapter)
                try trainer.restore(Checkpoint(store.url(ofStep: step)))
                try trainer.run(batches: TinyRun.batch)
                #expect(TinyRun.bits(trainer) == TinyRun.bits(whole))
            }
            let loaded = try TinyRun.model()
            try loaded.loadAdapter(from: folder.appendingPathComponent("last"))
            let tokens = TinyRun.batch(0).microBatches[0]
            #expect(loaded.hiddenStates(tokens).scalars == whole.model.hiddenStates(tokens).scalars)

            let other = try TinyRun.trainer(adapter: AdapterConfiguration(rank: 2))
            let before = TinyRun.bits(other)
            #expect(throws: TrainingError.self) { try other.restore(Checkpoint(store.url(ofStep: 1))) }
            #expect(TinyRun.bits(other) == before)
        }
    }

    /// What may have become of a file: cut at every kibibyte, its end zeros, a bit flipped here and there, gone, or that of
    /// another checkpoint.
    private func damages(_ good: Data, of another: Data?) -> [(what: String, data: Data?)] {
        var damages: [(what: String, data: Data?)] = [("gone", nil), ("zeros", Data(count: good.count))]
        for length in stride(from: 0, to: good.count, by: 1024) {
            damages.append(("cut at \(length)", good.prefix(length)))
            damages.append(("zeros from \(length)", good.prefix(length) + Data(count: good.count - length)))
        }
        for bit in stride(from: 3, to: 8 * good.count, by: max(1, 8 * good.count / 16)) {
            var flipped = good
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            damages.append(("bit \(bit) flipped", flipped))
        }
        damages.append(("longer", good + Data([0])))
        if let another { damages.append(("that of step 5", another)) }
        return damages.filter { $0.data != good }
    }

    @Test("C4 ckpt.fallback_to_previous: damage of any file is named, the checkpoint before is taken, the bad one kept")
    func damage() throws {
        try TinyRun.withFastFolder { folder in
            let expected = try uninterrupted(in: folder)
            let place = folder.appendingPathComponent("checkpoints")
            let store = try CheckpointStore(place, keepLast: 9)
            let newest = store.url(ofStep: 6)
            let names = DurableNames.names(in: newest)
            #expect(Set(names).isSuperset(of: ["MANIFEST.json", "model.safetensors", "optimizer.safetensors"]))
            var tried = 0
            for name in names {
                let url = newest.appendingPathComponent(name)
                let good = try Data(contentsOf: url)
                let another = try? Data(contentsOf: store.url(ofStep: 5).appendingPathComponent(name))
                for (damage, data) in damages(good, of: another) {
                    if let data { try data.write(to: url) } else { try FileManager.default.removeItem(at: url) }
                    var reasons: [String] = []
                    let found = store.newestValid { reasons.append("\($0.lastPathComponent): \($1)") }
                    #expect(found?.state.step == 5, "\(damage) \(name)")
                    // With the manifest of another step it is the state that does not fit.
                    #expect(
                        reasons.count == 1 && reasons[0].hasPrefix("step-6: ")
                            && (reasons[0].contains(name) || name == "MANIFEST.json"), "\(damage) \(name): \(reasons)")
                    let aside = try #require(DurableNames.names(in: place).first { $0.hasPrefix(".bad-step-6-") })
                    #expect(reasons[0].hasSuffix("It is kept as \(aside)"))
                    let kept = place.appendingPathComponent(aside)
                    #expect((try? Data(contentsOf: kept.appendingPathComponent(name))) == data)
                    try FileManager.default.moveItem(at: kept, to: newest)
                    try good.write(to: url)
                    tried += 1
                }
            }
            print("C4: \(tried) damaged checkpoints, all found out")
            #expect(store.newestValid()?.state.step == 6)
            // And the run that goes on from the one before ends as it would have.
            try Data().write(to: newest.appendingPathComponent("optimizer.safetensors"))
            let trainer = try TinyRun.trainer(configure: { $0.checkpoints = .everySteps(1) })
            try trainer.restore(#require(store.newestValid()))
            try trainer.run(RunServices(checkpoints: store), batches: TinyRun.batch)
            #expect(TinyRun.bits(trainer) == expected && store.newestValid()?.state.step == 6)
            #expect(DurableNames.names(in: place).contains { $0.hasPrefix(".bad-step-6-") })
        }
    }

    @Test func `rotation keeps the newest, the best and the one resumed from`() throws {
        try TinyRun.withFolder { folder in
            let url = folder.appendingPathComponent("checkpoints")
            let trainer = try TinyRun.trainer()
            let store = try CheckpointStore(url, keepLast: 2, keepBest: 1)
            for step in 0..<5 {
                _ = try trainer.step(TinyRun.batch(step))
                try store.save(
                    model: trainer.model, optimizer: trainer.optimizer, state: trainer.state, isBest: step == 1)
            }
            #expect(store.steps == [2, 4, 5])
            let last = folder.appendingPathComponent("last"), best = folder.appendingPathComponent("best")
            #expect(try Checkpoint(last).state.step == 5)
            #expect(try Checkpoint(best).state.step == 2)
            // A new store goes on knowing the best, and pins what the run is resumed from.
            try FileManager.default.removeItem(at: store.url(ofStep: 5))
            let again = try CheckpointStore(url, keepLast: 2, keepBest: 1)
            #expect(again.newestValid()?.state.step == 4)
            for step in 5..<7 {
                _ = try trainer.step(TinyRun.batch(step))
                try again.save(model: trainer.model, optimizer: trainer.optimizer, state: trainer.state)
            }
            #expect(again.steps == [2, 4, 6, 7])
        }
    }

    @Test func `the best model is saved when it is measured, even between checkpoints`() throws {
        try TinyRun.withFolder { folder in
            let store = try CheckpointStore(folder.appendingPathComponent("checkpoints"))
            let trainer = try TinyRun.trainer(configure: {
                $0.evaluations = .everySteps(1)
                $0.watched = WatchedMetric("suites.tickets.accuracy")
            })
            let values = [0.1, 0.2, 0.9, 0.3, 0.3, 0.3, 0.3]
            try trainer.run(
                RunServices(
                    checkpoints: store,
                    evaluate: { [EvaluationReport(suite: "tickets", metrics: [("accuracy", values[$0.step])])] }),
                batches: TinyRun.batch)
            #expect(store.steps == [2, 6])
            #expect(try Checkpoint(folder.appendingPathComponent("best")).state.step == 2)
        }
    }

    @Test func `a run goes on while its weights are written, and saves what they were`() throws {
        try TinyRun.withFolder { folder in
            let expected = try uninterrupted(in: folder.appendingPathComponent("whole"))
            let parent = folder.appendingPathComponent("slow")
            // Every file takes its time, so that the next step is computed meanwhile.
            let calls = FailingCalls(fault: { _, kind in
                if kind == .create { usleep(20_000) }
                return nil
            })
            let store = try CheckpointStore(parent.appendingPathComponent("checkpoints"), keepLast: 9, calls: calls)
            let trainer = try TinyRun.trainer(configure: { $0.checkpoints = .everySteps(1) })
            var events: [RunEvent] = []
            try trainer.run(RunServices(emit: { events.append($0) }, checkpoints: store), batches: TinyRun.batch)
            #expect(TinyRun.bits(trainer) == expected)
            // A step is told of when the checkpoint before it is on the disk.
            let order = events.filter { [.step, .checkpoint].contains($0.kind) }.map {
                "\($0.kind) \($0["step"]?.int ?? 0)"
            }
            #expect(order == (1...6).flatMap { ["step \($0)", "checkpoint \($0)"] })
            for step in 1...6 {
                for name in ["model.safetensors", "optimizer.safetensors", "state.json"] {
                    let files = try ["whole", "slow"].map {
                        try Data(contentsOf: folder.appendingPathComponent("\($0)/checkpoints/step-\(step)/\(name)"))
                    }
                    #expect(files[0] == files[1], "\(name) of step \(step)")
                }
            }
        }
    }

    @Test func `remains of a writer that died are removed and never taken for a checkpoint`() throws {
        try TinyRun.withFolder { folder in
            _ = try uninterrupted(in: folder)
            let url = folder.appendingPathComponent("checkpoints")
            let remains = url.appendingPathComponent(".tmp-step-7-1")
            try FileManager.default.copyItem(at: url.appendingPathComponent("step-6"), to: remains)
            let store = try CheckpointStore(url)
            #expect(store.newestValid()?.state.step == 6)
            #expect(!FileManager.default.fileExists(atPath: remains.path))
        }
    }

    @Test func `a checkpoint of another run is refused before anything changes`() throws {
        try TinyRun.withFolder { folder in
            _ = try uninterrupted(in: folder)
            let store = try CheckpointStore(folder.appendingPathComponent("checkpoints"), keepLast: 9)
            let checkpoint = try #require(store.newestValid())
            let other = try TinyRun.trainer(seed: 7)
            let before = TinyRun.bits(other)
            let error = #expect(throws: TrainingError.self) { try other.restore(checkpoint) }
            #expect(error?.message.contains("seed") == true)
            #expect(TinyRun.bits(other) == before)
        }
    }

    @Test func `differences of fingerprints are listed by path`() throws {
        try TinyRun.withFolder { folder in
            let trainer = try TinyRun.trainer()
            _ = try trainer.step(TinyRun.batch(0))
            let store = try CheckpointStore(
                folder.appendingPathComponent("checkpoints"), fingerprint: ["model": "a", "data": ["rows": 3]])
            let url = try store.save(model: trainer.model, optimizer: trainer.optimizer, state: trainer.state)
            let checkpoint = try Checkpoint(url)
            #expect(checkpoint.differences(from: ["model": "a", "data": ["rows": 3]]).isEmpty)
            #expect(
                checkpoint.differences(from: ["model": "a", "data": ["rows": 4], "code": "1"]) == [
                    "data.rows: was 3, is 4", "code: was null, is \"1\"",
                ])
        }
    }
}
