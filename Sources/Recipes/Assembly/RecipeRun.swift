import DataChecks
import Decisions
import Evaluation
import Foundation
import LanguageModels
import OrderedCollections
import ShardIO
import TensorCore
import TextCore
import Tokenization
import Training
import Verifiers

/// What a run leaves to be said.
struct RunSummary {
    var ending: RunEnding
    var folder: URL
    var before: [SuiteResult]
    var after: [SuiteResult]
    var held: HeldFigures
    /// What became of the suites that guard what the model could do before.
    var forgetting: [SuiteComparison] = []
    /// What else answered the suites.
    var baselines: [(name: String, result: SuiteResult)] = []
    /// What the recipe's gate says; `nil` without one, or when the run was stopped.
    var verdict: GateVerdict?
    var steps: Int
    var seconds: Double
}

/// A run of a recipe: everything assembled, trained, judged and written to the run folder.
struct RecipeRun<Trained: Method> {
    let loaded: LoadedRecipe
    let text: ModelText
    let method: Trained
    var data: TrainingData<Trained>
    let suites: [Suite]
    let terminal: Terminal
    let stop: StopSignal
    let policy: RunFolder.Policy
    /// Whether a run goes on although its data are no longer those that it began with.
    let acceptsDataChange: Bool
    private let fingerprint: Fingerprint
    /// Where the run goes on; `nil` for one that begins.
    private let resumption: Resumption?

    /// Compares what a run goes on from with what it is now, then reads rows and suites; no weights yet.
    ///
    /// - Parameters:
    ///   - policy: what to do with a run that the folder already holds.
    ///   - acceptsDataChange: whether a run goes on although its data are no longer those that it began with.
    /// - Throws: `RecipeError` with everything that is wrong with the rows, and errors of single rows; `CommandFailure`
    ///   when the run to go on with is another one.
    init(
        _ loaded: LoadedRecipe, method: Trained, text: ModelText, policy: RunFolder.Policy, acceptsDataChange: Bool,
        registry: Registry, terminal: Terminal, stop: StopSignal
    ) throws {
        self.loaded = loaded
        self.method = method
        self.text = text
        self.policy = policy
        self.terminal = terminal
        self.stop = stop
        self.acceptsDataChange = acceptsDataChange
        let target = loaded.recipe.outputFolder.url
        try Self.usingFolder { try RunFolder.check(target, policy: policy) }
        if loaded.recipe.data.onCorrupt == .quarantine {
            // Rows are read before the run begins, and what cannot be read is listed at once.
            try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
            if policy != .resume { try? FileManager.default.removeItem(at: loaded.recipe.quarantineLog) }
        }
        let sources = try RowReader<Trained>.open(loaded.recipe)
        let leftOut = try LeftOutRows(loaded.recipe, sources: sources, stop: stop)
        let fingerprint = try Fingerprint(loaded, text: text, sources: sources, leftOut: leftOut)
        self.fingerprint = fingerprint
        resumption =
            policy == .resume
            ? try Self.usingFolder {
                try Resumption(
                    loaded, fingerprint, acceptsDataChange: acceptsDataChange, terminal: terminal,
                    makeStore: { try Self.checkpoints(in: $0, loaded, text, fingerprint) })
            } : nil
        let reader = try RowReader(
            loaded.recipe, method: method, sources: sources, leftOut: leftOut,
            quarantineLog: loaded.recipe.quarantineLog)
        data = try TrainingData(reader, text: text, stop: stop)
        let problems = data.problems(loaded, context: text.contextLength)
        if !problems.isEmpty { throw RecipeError(problems) }
        let rewards = RewardAssembly(loaded, registry: registry.verifiers)
        suites = try loaded.recipe.evaluation.suites.map {
            try SuiteData.suite($0, text: text, trainOn: loaded.recipe.trainOn, rewards: rewards)
        }
        try checkWatchedMetric()
    }

    private var recipe: Recipe { loaded.recipe }

    /// Refuses to watch a metric that nothing will measure.
    private func checkWatchedMetric() throws {
        guard let metric = recipe.evaluation.earlyStopping?.metric else { return }
        let known = (data.held.isEmpty ? [] : ["eval.loss"]) + suites.map { "suites.\($0.name).\($0.leadingMetric)" }
        let prefixes = (data.held.isEmpty ? [] : ["eval."]) + suites.map { "suites.\($0.name)." }
        guard !prefixes.contains(where: { metric.hasPrefix($0) }) else { return }
        throw loaded.problem(
            at: "evaluation.early_stopping.metric", "nothing measures '\(metric)'",
            why: "The run would never stop early, and no checkpoint would be the best",
            fix: nearestName(to: metric, among: known).map { "Write `\($0)`" }
                ?? (known.isEmpty
                    ? "Add a suite, or rows to hold out" : "Write one of \(known.joined(separator: ", "))"))
    }

    /// Trains from the start or from a checkpoint.
    mutating func run() throws -> RunSummary {
        let start = ContinuousClock.now
        let checked = resumption?.checkpoint == nil ? try checkData() : nil
        // Before anything large is read: a run that does not fit is refused at once.
        let planned = try data.stream(acceptsDataChange: acceptsDataChange, stop: stop)
        let planner = try MemoryPlanner(
            loaded, method: method, text: text, rows: planned, holdsOut: !data.held.isEmpty)
        let (choice, memory) = try planner.settle()
        let model = try ModelAssembly.model(loaded, text: text)
        try method.check(data.rows.examples + data.held, for: model)
        // Before a checkpoint's weights take its place.
        let base = divergenceBase(model)
        let preparation = Preparation(
            loaded: loaded, text: text, fingerprint: fingerprint, terminal: terminal, stop: stop,
            isStreaming: recipe.data.streaming, folder: recipe.outputFolder.url,
            isResuming: resumption?.checkpoint != nil)
        let objective = try method.objective(
            for: model, rows: &data.rows.examples, held: &data.held, preparation: preparation)
        let rows =
            recipe.data.streaming
            ? planned : try data.stream(acceptsDataChange: acceptsDataChange, stop: stop)
        let limit = choice.limit
        var stream = BatchStream(rows, plan: method.plan(recipe, limit: limit))
        let configuration = try configuration(stream, checkpointing: choice.checkpointing)
        stream.stepsPerPass = configuration.stepsPerEpoch
        var batches = try method.steps(
            stream, model: model, objective: objective, limit: limit, preparation: preparation)
        let trainer = Trainer(
            model: model, objective: objective, settings: recipe.train.adamW, configuration: configuration)

        let rehearsed = try rehearse(trainer, rows, memory, choice)
        // Whatever could fail before the first step has been done: the folder is touched by runs that begin only.
        let folder =
            try resumption?.folder ?? Self.usingFolder { try RunFolder(recipe.outputFolder.url, policy: policy) }
        let checkpoints = try resumption?.store ?? Self.checkpoints(in: folder, loaded, text, fingerprint)
        try checkpoints.requireSpace(
            model: model, optimizer: trainer.optimizer, companions: objective.companions,
            count: configuration.checkpointCount)
        let log = try EventLog(folder.events) { [terminal] error in
            terminal.warn("\(error). The run goes on, and what cannot be logged now is logged later")
        }
        let progress = Progress(.automatic(quiet: terminal.quiet || terminal.json))
        if let checkpoint = resumption?.checkpoint {
            try trainer.restore(checkpoint, acceptsOtherSchedule: resumption?.changes.isEmpty == false)
            // A checkpoint of before the first step has no place yet.
            if !trainer.state.position.isNull { try batches.seek(to: trainer.state.position) }
        }
        if resumption?.checkpoint == nil || resumption?.changes.isEmpty == false { try describe(in: folder) }
        try batches.begin()
        banner(model, configuration, memory, choice)

        let judge = Judge(
            method, objective: objective, held: data.held, suites: suites, model: model, text: text,
            seed: UInt64(recipe.seed), folder: folder, stop: stop, settings: recipe.evaluation, base: base,
            baselines: recipe.evaluation.baselines.isEmpty
                ? nil
                : BaselineAssembly(
                    loaded: loaded, text: text, rewards: RewardAssembly(loaded), stop: stop,
                    note: { [terminal] in terminal.note($0) }), warn: { [terminal] in terminal.warn($0) })
        if resumption?.checkpoint != nil { judge.recall() }
        let emit: (RunEvent) throws -> Void = { event in
            log.append(event)
            progress.show(event)
        }
        for change in resumption?.changes ?? [] {
            try emit(.warning("going on with other settings than before: \(change)", step: trainer.state.step))
        }
        for line in data.report.remarks(recipe.sequence) { try emit(.warning(line)) }
        if let checked { try folder.write(checked.json.text(.pretty) + "\n", to: RunFolder.dataCheck) }
        if let tier = method.sandbox, tier < .a {
            try emit(
                .warning(
                    "what the model writes is run in a sandbox of tier \(tier.rawValue), not A; "
                        + "`hone doctor --sandbox` says what that means and what is missing"))
        }
        let samplesEvery = recipe.logging.samplesEvery
        let atStart = recipe.evaluation.atStart
        let gate = recipe.gate.map { _ in RunGate(loaded, folder: folder.url, terminal: terminal, stop: stop) }
        var services = RunServices(
            emit: { event in
                // Rows that were left out while training are told of before the run ends.
                if event.kind == .end { for line in rows.remarks { try emit(.warning(line)) } }
                try emit(event)
                if event.kind == .start { for warning in checked?.warnings ?? [] { try emit(warning) } }
                if let sample = try judge.sample(after: event, every: samplesEvery) { try emit(sample) }
            }, checkpoints: checkpoints, beforeCheckpoint: { try batches.synchronize() },
            evaluate: { state in
                let reports = try judge.evaluate(state)
                // What nothing measures is refused before anything is trained.
                if state.step == 0, atStart { try gate?.check(judge.measurements) }
                return reports
            }, stop: stop,
            startFields: startFields(model, memory, rehearsed: rehearsed))
        if suites.isEmpty, data.held.isEmpty { services.evaluate = nil }
        services.keep = { anomaly in
            let name = "\(folder.anomalies.lastPathComponent)/step-\(anomaly.step).json"
            try folder.write(anomaly.json.text(.pretty) + "\n", to: name)
            return folder.url.appendingPathComponent(name)
        }
        services.seek = { position in
            try batches.seek(to: position)
            try batches.begin()
        }
        services.watchdog = recipe.faults.watchdog.map { settings in
            Watchdog(settings, stop: stop, folder: folder.anomalies) { [terminal] event in
                log.append(event)
                terminal.warn(event["message"]?.string ?? "")
            }
        }
        defer {
            let missing = log.finish()
            if missing > 0 {
                terminal.warn("\(grouped(missing)) events are not in \(log.url.path): the disk refused them")
            }
        }
        let ending = try trainer.run(services) { try batches.next(step: $0) }
        var verdict: GateVerdict?
        if case .stopped = ending {
        } else {
            try folder.replace("final") { try saveFinal(model, to: $0) }
            try judge.finish()
            if let gate { verdict = try settle(gate, model, after: trainer.state.step, emit) }
        }
        return RunSummary(
            ending: ending, folder: folder.url, before: judge.first, after: judge.latest, held: judge.heldFigures,
            forgetting: judge.forgetting, baselines: judge.baselineResults, verdict: verdict, steps: trainer.state.step,
            seconds: (ContinuousClock.now - start) / .seconds(1))
    }

    // MARK: Parts

    /// What suites of metric kl measure from; `nil` where there are none.
    private func divergenceBase(_ model: LanguageModel) -> DivergenceBase? {
        guard suites.contains(where: { $0.kind == .divergence }) else { return nil }
        return model.adapter == nil ? .model(model.frozenCopy()) : .adapterOff
    }

    /// What is wrong with the rows, as far as it is seen without long work.
    ///
    /// - Throws: `RecipeError` when a gate would judge by rows that are trained on.
    private func checkData() throws -> DataCheckReport? {
        guard recipe.data.check != .none else { return nil }
        let report: DataCheckReport
        do {
            report = try RecipeDataCheck.run(
                loaded, text: text, leftOut: data.leftOut, options: .init(quick: recipe.data.check == .quick),
                stop: stop)
        } catch let error as DataError {
            // Rows that are damaged are a matter of the run itself, which may be told to go on without them.
            terminal.warn("the rows were not checked: \(error)")
            return nil
        }
        terminal.note("data       \(report.summary)")
        let wantsClean = recipe.gate?.require.contains { $0.check == .noContamination } == true
        let shared = report.findings.filter { $0.isLeak(into: recipe.gatedRows) && $0.severity == .error }
        guard wantsClean, let first = shared.first else { return report }
        throw loaded.problem(
            at: "data.train", first.message,
            why: "The gate asks for no_contamination, so it could not open, whatever is learned", fix: first.edit)
    }

    /// Judges the recipe's gate.
    private func settle(
        _ gate: RunGate, _ model: LanguageModel, after step: Int, _ emit: (RunEvent) throws -> Void
    ) throws -> GateVerdict {
        let verdict = try gate.settle(trained: model)
        try emit(
            RunEvent(
                .gate,
                [
                    "step": .integer(step), "outcome": .string(verdict.outcome.name),
                    "message": .string(verdict.summary), "on_fail": .string(gate.settings.onFail.rawValue),
                    "path": .string(gate.folder.appending(path: RunFolder.gate).path),
                ]))
        return verdict
    }

    /// Takes the gradient of the largest micro-batch, so that a run ends now, and not in the middle of an epoch, if memory
    /// is too short for it. Where it is far from short nothing is done.
    ///
    /// - Returns: the most bytes of tensors in use at once.
    private func rehearse(
        _ trainer: Trainer<Trained.Goal>, _ rows: TrainingRows<Trained>, _ memory: MemoryPlan, _ choice: StepChoice
    ) throws -> Int? {
        guard recipe.train.memoryLimit != nil || memory.total > memory.available / 4 else { return nil }
        let stream = BatchStream(rows, plan: method.plan(recipe, limit: choice.limit))
        let largest = try method.largest(stream, recipe: recipe, limit: choice.limit, steps: 2000)
        guard let batch = largest.batch else { return nil }
        return try trainer.rehearse(batch, accumulates: largest.microBatches > 1)
    }

    private func configuration(
        _ stream: BatchStream<TrainingRows<Trained>, Trained.Planned>, checkpointing: Bool
    ) throws -> TrainerConfiguration {
        let train = recipe.train
        let perEpoch: Int
        let total: Int
        switch train.length {
        case .steps(let steps):
            // Where rows are streamed, or sources repeat, nobody knows how many there will be.
            let size = stream.plan.globalBatchSize
            perEpoch = method.stepsOfPass(
                groups: data.hasKnownPasses
                    ? try stream.stepsOfPasses(1)[0] : max(1, (data.rowCount + size - 1) / size), recipe)
            total = steps
        case .epochs(let epochs):
            let passes = try stream.stepsOfPasses(max(1, Int(epochs.rounded(.up)))).map {
                method.stepsOfPass(groups: $0, recipe)
            }
            perEpoch = passes[0]
            // A packed epoch may take a step more or less than the one before.
            let whole = passes.prefix(Int(epochs)).reduce(0, +)
            let rest = epochs - epochs.rounded(.down)
            total = max(1, whole + (rest > 0 ? Int((rest * Double(passes.last ?? 0)).rounded(.up)) : 0))
        }
        let schedule = LearningRateSchedule(
            baseRate: train.learningRate,
            curve: ScheduleRegistry.builtIn.curve(named: train.scheduler.type.rawValue) ?? .constant,
            options: ScheduleOptions(minRatio: train.scheduler.minRatio, cycles: train.scheduler.cycles),
            warmUp: train.warmup.schedule, totalSteps: total)
        var configuration = TrainerConfiguration(schedule: schedule, stepsPerEpoch: perEpoch, seed: UInt64(recipe.seed))
        configuration.maxGradientNorm = train.maxGradNorm
        configuration.refusedStepLimit = recipe.faults.refusedStepLimit
        configuration.spikes = recipe.faults.spikes
        configuration.gradientCheckpointing = checkpointing
        configuration.logEverySteps = recipe.logging.everySteps
        configuration.metricAveraging = recipe.logging.metrics == .trl ? .microBatches : .pooled
        configuration.checkpoints = recipe.checkpoint.cadence
        configuration.evaluations = recipe.evaluation.cadence
        configuration.evaluatesAtStart = recipe.evaluation.judgesStart
        configuration.watchesStart = recipe.evaluation.atStart
        if let stopping = recipe.evaluation.earlyStopping {
            configuration.watched = WatchedMetric(
                stopping.metric, patience: stopping.patience, minDelta: stopping.minDelta)
        } else if !data.held.isEmpty {
            configuration.watched = WatchedMetric("eval.loss")
        } else if let suite = suites.first {
            configuration.watched = WatchedMetric("suites.\(suite.name).\(suite.leadingMetric)")
        }
        return configuration
    }

    /// A folder that cannot be used is a matter of the recipe, or of the disk.
    private static func usingFolder<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as TrainingError {
            throw CommandFailure(message: "\(error)", status: .configuration)
        } catch let error as FileError {
            throw CommandFailure(
                message: "\(error). A run needs a folder it can write to; name another in `output_dir`",
                status: .inputOutput)
        }
    }

    private static func checkpoints(
        in folder: RunFolder, _ loaded: LoadedRecipe, _ text: ModelText, _ fingerprint: Fingerprint
    ) throws -> CheckpointStore {
        let settings = loaded.recipe.checkpoint
        return try CheckpointStore(
            folder.checkpoints, keepLast: settings.keepLast, keepBest: settings.keepBest,
            fingerprint: fingerprint.json, tokenizerFolder: text.tokenizerFolder,
            baseModel: loaded.recipe.model.path?.absolute)
    }

    /// What the run is made from, for people and for resuming.
    private func describe(in folder: RunFolder) throws {
        let source = (try? String(contentsOfFile: loaded.document.files.first ?? "", encoding: .utf8)) ?? ""
        try folder.write(source, to: "recipe.yaml")
        try folder.write(loaded.resolved().text, to: "resolved.yaml")
        try folder.write(fingerprint.json.text(.pretty) + "\n", to: "fingerprint.json")
        if let leftOut = data.leftOut { try folder.write(leftOut.rows.text, to: "removed.jsonl") }
    }

    private func saveFinal(_ model: LanguageModel, to folder: URL) throws {
        do {
            if model.adapter != nil {
                try model.saveAdapter(to: folder, baseModel: recipe.model.path?.absolute)
                try LanguageModel.copyTokenizer(from: text.tokenizerFolder, to: folder)
            } else {
                try model.save(to: folder, copyingTokenizerFrom: text.tokenizerFolder)
            }
        } catch {
            throw CommandFailure(
                message:
                    "\(error). The trained weights are in the last checkpoint; make room, and --resume writes them",
                status: .inputOutput)
        }
        // The template a model was trained with belongs to it.
        if let template = text.template {
            try template.source.write(
                to: folder.appending(path: "chat_template.jinja"), atomically: true, encoding: .utf8)
        }
    }

    // MARK: What is said

    private func startFields(
        _ model: LanguageModel, _ memory: MemoryPlan, rehearsed: Int?
    ) -> OrderedDictionary<String, JSON> {
        var plan = memory.json.object ?? [:]
        if let rehearsed { plan["rehearsed_peak_bytes"] = .integer(rehearsed) }
        var fields: OrderedDictionary<String, JSON> = [
            "version": .string(HoneVersion.current), "recipe": .string(recipe.name),
            "method": .string(recipe.method.rawValue), "fingerprint": .string(loaded.fingerprint),
            "parameters": .integer(model.namedParameters.reduce(0) { $0 + $1.parameter.value.count }),
            "rows": .integer(data.rows.examples.count), "held_out_rows": .integer(data.held.count),
            "threads": .integer(Parallel.threads), "instruction_set": .string(InstructionSets.current),
            "data": data.report.json(recipe.sequence), "memory": .object(plan),
        ]
        if let tier = method.sandbox { fields["sandbox"] = .string(tier.rawValue) }
        return fields
    }

    /// In what the weights are kept.
    private func storage(of model: LanguageModel) -> String {
        let isWide = model.outputEmbedding.value.dtype == .float32
        guard let quantization = model.quantization else { return isWide ? "float32" : "bf16 base, float32 adapter" }
        let parts = quantization.format == .nf4 ? "nf4 blocks of \(quantization.blockSize)" : "int8 rows"
        return "\(parts), " + "\(isWide ? "float32" : "bf16") embeddings, float32 adapter; "
            + "\(grouped(model.storedByteCount >> 10)) KiB"
    }

    /// Every derived value that changes results.
    private func banner(
        _ model: LanguageModel, _ configuration: TrainerConfiguration, _ memory: MemoryPlan, _ choice: StepChoice
    ) {
        let total = model.namedParameters.reduce(0) { $0 + $1.parameter.value.count }
        let trained = model.trainableParameters.reduce(0) { $0 + $1.parameter.value.count }
        let share = (1000 * Double(trained) / Double(max(1, total))).rounded() / 10
        terminal.note("\(recipe.name): \(recipe.method.rawValue), adapter \(recipe.adapter.type.rawValue)")
        terminal.note(
            "model      \(grouped(total)) parameters, \(grouped(trained)) trained (\(share) %), "
                + storage(of: model))
        for line in data.report.sourceLines { terminal.note("data       \(line)") }
        terminal.note("data       \(grouped(data.held.count)) held out")
        terminal.note(
            "steps      \(grouped(configuration.totalSteps)) of \(recipe.train.globalBatchSize) rows, "
                + "\(grouped(configuration.stepsPerEpoch)) an epoch, \(configuration.schedule.warmUpSteps) of warm-up; "
                + "rate \(recipe.train.learningRate), \(recipe.train.scheduler.type.rawValue)")
        terminal.note(
            "memory     about \(MemoryPlan.shown(memory.total)) of \(MemoryPlan.shown(memory.available)); "
                + choice.words)
        let machine = MachineReport()
        terminal.note(
            "machine    \(Parallel.threads) threads, \(InstructionSets.current) kernels, products in \(model.precision)"
        )
        for problem in machine.problems { terminal.note("! \(problem)") }
        terminal.note("folder     \(recipe.outputFolder.absolute)")
    }
}

extension DataCheckReport {
    /// What a person should know before the first step.
    fileprivate var warnings: [RunEvent] {
        findings.filter { $0.severity > .note }.map { finding in
            var event = RunEvent.warning("data: \(finding.message). \(finding.edit)")
            event.fields["check"] = .string(finding.check)
            return event
        }
    }
}

extension TrainSettings {
    /// The optimiser's settings.
    var adamW: AdamW.Settings {
        AdamW.Settings(betas: (betas[0], betas[1]), epsilon: eps, weightDecay: weightDecay)
    }
}

extension WarmupLength {
    /// The same in the words of `Training`.
    var schedule: LearningRateSchedule.WarmUp {
        switch self {
        case .ratio(let ratio): .ratio(ratio)
        case .steps(let steps): .steps(steps)
        }
    }
}
