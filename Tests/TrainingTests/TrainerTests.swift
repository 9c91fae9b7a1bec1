import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import Testing
import TextCore
import Training

@Suite struct TrainerTests {
    @Test func `the loss falls, and every step is logged under TRL's names`() throws {
        var events: [RunEvent] = []
        let trainer = try TinyRun.trainer(totalSteps: 30)
        let ending = try trainer.run(RunServices(emit: { events.append($0) })) { _ in TinyRun.batch(0) }
        #expect(ending == .completed)
        #expect(events.first?.kind == .start && events.last?.kind == .end)
        let steps = events.filter { $0.kind == .step }
        #expect(steps.map { $0["step"]?.int } == (1...30).map { $0 })
        let names = ["loss", "grad_norm", "learning_rate", "entropy", "num_tokens", "epoch"]
        #expect(steps[0]["metrics"]?.object.map { Array($0.keys) } == names)
        #expect(steps[0]["metrics"]?["learning_rate"]?.double == 0)
        #expect(steps[2]["metrics"]?["num_tokens"]?.int == 78)
        let losses = steps.compactMap { $0["metrics"]?["loss"]?.double }
        #expect(losses[0] == losses[1], "the first step of a warm-up has rate 0")
        #expect((losses.last ?? 9) < losses[0] / 2)
    }

    @Test func `several steps an event give the mean loss and lose no step`() throws {
        var (each, pairs): ([RunEvent], [RunEvent]) = ([], [])
        try TinyRun.trainer().run(RunServices(emit: { each.append($0) }), batches: TinyRun.batch)
        try TinyRun.trainer(configure: { $0.logEverySteps = 4 })
            .run(RunServices(emit: { pairs.append($0) }), batches: TinyRun.batch)
        let losses = each.filter { $0.kind == .step }.compactMap { $0["metrics"]?["loss"]?.double }
        let logged = pairs.filter { $0.kind == .step }
        #expect(logged.map { $0["step"]?.int } == [4, 6])
        #expect(logged[0]["metrics"]?["loss"]?.double == losses[..<4].reduce(0, +) / 4)
        #expect(logged[1]["metrics"]?["loss"]?.double == losses[4...].reduce(0, +) / 2)
    }

    @Test func `the gradient norm is that before clipping, and clipping bounds the step`() throws {
        func norm(limit: Double?) throws -> (norm: Double?, bits: [[UInt32]]) {
            let trainer = try TinyRun.trainer(totalSteps: 2, configure: { $0.maxGradientNorm = limit })
            guard case .updated(let report) = try trainer.step(TinyRun.batch(0)) else { return (nil, []) }
            return (report.gradientNorm, trainer.optimizer.firstMoments.map { $0.scalars.map(\.bitPattern) })
        }
        let (free, clipped, loose) = (try norm(limit: nil), try norm(limit: 0.1), try norm(limit: 1e9))
        #expect(free.norm == clipped.norm)
        #expect(free.bits != clipped.bits)
        #expect(free.bits == loose.bits)
        let moments = try TinyRun.trainer(totalSteps: 2, configure: { $0.maxGradientNorm = 0.1 })
        _ = try moments.step(TinyRun.batch(0))
        // After one step the first moment is (1 − β₁) times the clipped gradient, here of norm 0.1 · 0.1.
        let total = moments.optimizer.firstMoments.reduce(0) { $0 + $1.sumOfSquares }.squareRoot()
        #expect(abs(total - 0.01) < 1e-6)
    }

    @Test(arguments: [Float.nan, .infinity])
    func `a step that is not finite is refused and changes nothing`(factor: Float) throws {
        var events: [RunEvent] = []
        let objective = NextToken(factor: { $0 == 2 || $0 == 3 ? factor : 1 })
        let trainer = try TinyRun.trainer(objective: objective)
        _ = try trainer.step(TinyRun.batch(0))
        _ = try trainer.step(TinyRun.batch(1))
        let before = TinyRun.bits(trainer)
        guard case .refused(let step) = try trainer.step(TinyRun.batch(2)) else {
            Issue.record("the step was not refused")
            return
        }
        #expect(step.message.contains("step 3 was refused"))
        #expect(TinyRun.bits(trainer) == before)
        #expect(trainer.state.step == 3 && trainer.state.updates == 2 && trainer.state.refusedInARow == 1)
        try trainer.run(RunServices(emit: { events.append($0) }), batches: TinyRun.batch)
        #expect(events.filter { $0.kind == .warning }.count == 1)
        #expect(trainer.state.refused == 2 && trainer.state.refusedInARow == 0 && trainer.state.updates == 4)
    }

    @Test func `three refused steps in a row end the run`() throws {
        var events: [RunEvent] = []
        let trainer = try TinyRun.trainer(objective: NextToken(factor: { $0 >= 1 ? .nan : 1 }))
        let error = #expect(throws: TrainingError.self) {
            try trainer.run(RunServices(emit: { events.append($0) }), batches: TinyRun.batch)
        }
        #expect(error?.message.contains("3 steps in a row") == true)
        #expect(trainer.state.step == 4)
        #expect(events.last?.kind == .end && events.last?["reason"]?.string == "failed")
    }

    @Test func `one, two and four threads give the same bits`() throws {
        let threads = Parallel.threads
        defer { Parallel.setThreads(threads) }
        let runs = try [1, 2, 4].map { count in
            Parallel.setThreads(count)
            let trainer = try TinyRun.trainer()
            try trainer.run(batches: TinyRun.batch)
            return TinyRun.bits(trainer)
        }
        #expect(runs[0] == runs[1] && runs[0] == runs[2])
    }

    @Test func `gradient checkpointing gives the same bits`() throws {
        let runs = try [false, true].map { checkpointing in
            let trainer = try TinyRun.trainer(configure: { $0.gradientCheckpointing = checkpointing })
            try trainer.run(batches: TinyRun.batch)
            return TinyRun.bits(trainer)
        }
        #expect(runs[0] == runs[1])
    }

    @Test func `early stopping ends the run when the watched metric no longer improves`() throws {
        var events: [RunEvent] = []
        let trainer = try TinyRun.trainer(configure: {
            $0.evaluations = .everySteps(1)
            $0.watched = WatchedMetric("eval.loss", patience: 2)
        })
        let values = [3.0, 2, 2.5, 2.5, 1, 1, 1]
        let ending = try trainer.run(
            RunServices(
                emit: { events.append($0) },
                evaluate: { state in [EvaluationReport(metrics: [("loss", values[state.step])])] }),
            batches: TinyRun.batch)
        #expect(trainer.state.step == 3)
        #expect(trainer.state.best == TrainingState.Best(metric: "eval.loss", value: 2, step: 1))
        #expect(ending.reason.contains("eval.loss has not improved on 2.0 of step 1"))
        #expect(events.filter { $0.kind == .eval }.map { $0["step"]?.int } == [0, 1, 2, 3])
    }

    @Test func `a watched metric that is not measured is an error that lists the measured ones`() throws {
        let trainer = try TinyRun.trainer(configure: { $0.watched = WatchedMetric("suites.a.score") })
        let error = #expect(throws: TrainingError.self) {
            try trainer.run(
                RunServices(evaluate: { _ in [EvaluationReport(suite: "b", metrics: [("score", 1)])] }),
                batches: TinyRun.batch)
        }
        #expect(error?.message.contains("suites.b.score") == true)
    }

    @Test func `cadences count steps or shares of an epoch`() {
        func due(_ cadence: Cadence, _ stepsPerEpoch: Int) -> [Int] {
            (1...10).filter { cadence.isDue(after: $0, stepsPerEpoch: stepsPerEpoch) }
        }
        #expect(due(.never, 5).isEmpty)
        #expect(due(.everySteps(3), 5) == [3, 6, 9])
        #expect(due(.perEpoch(1), 5) == [5, 10])
        #expect(due(.perEpoch(2), 5) == [3, 5, 8, 10])
    }

    @Test func `metrics of micro-batches are pooled, or averaged as TRL logs them`() throws {
        func entropy(_ averaging: MetricAveraging) throws -> Double? {
            let trainer = try TinyRun.trainer(configure: { $0.metricAveraging = averaging })
            guard case .updated(let report) = try trainer.step(TinyRun.batch(0)) else { return nil }
            return report.metrics["entropy"]
        }
        let parts = try TinyRun.batch(0).microBatches.map { batch in
            try NextToken().loss(batch, model: TinyRun.model(), context: StepContext(seed: 0)).metrics["entropy"] ?? 0
        }
        let mean = (parts[0] + parts[1]) / 2
        #expect(try entropy(.microBatches) == mean)
        // 9 tokens are predicted in the first micro-batch, 13 in the second.
        let pooled = try #require(try entropy(.pooled))
        #expect(abs(pooled - (9 * parts[0] + 13 * parts[1]) / 22) < 1e-12)
    }
}
