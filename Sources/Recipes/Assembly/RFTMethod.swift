import Evaluation
import Foundation
import LanguageModels
import OrderedCollections
import RFT
import ShardIO
import TensorCore
import TextCore
import Tokenization
import Training
import Verifiers

/// A prompt as tokens, or why there is none.
struct EncodedPrompt: Sendable {
    var prompt: RolloutPrompt
    /// Whether it leaves no room for an answer.
    var isOverlong: Bool
}

/// What a row asks.
struct AskedRow: Sendable {
    /// Where the row is, `file:line`.
    var source: String
    var item: String
    var ids: [Int32]
    /// The prompt as the model sees it.
    var text: String
    /// The prompt as messages; empty for plain text.
    var messages: [JSON]
    /// The row's columns.
    var row: JSON
    /// The row's own answer; `nil` where it has none.
    var completion: JSON?
    var reasoningIsOpen: Bool
}

/// Reward fine-tuning: the model answers prompts, verifiers judge the answers, and better ones become more likely.
struct RFTMethod: Method {
    private let recipe: Recipe
    private let settings: RFTSettings
    private let rollout: RolloutSettings
    private let text: ModelText
    private let encoder: ExampleEncoder
    private let environment: (any Environment)?
    let rewards: RewardSet

    /// - Throws: `RecipeError` with every verifier that cannot be made.
    init(_ loaded: LoadedRecipe, text: ModelText) throws {
        recipe = loaded.recipe
        settings = loaded.recipe.rft ?? RFTSettings()
        rollout = loaded.recipe.rollout ?? RolloutSettings()
        self.text = text
        encoder = text.encoder(trainOn: .completion)
        environment = try Self.environment(rollout, loaded)
        rewards = try RewardAssembly(loaded).rewards()
    }

    private static func environment(_ rollout: RolloutSettings, _ loaded: LoadedRecipe) throws -> (any Environment)? {
        guard let name = rollout.environment?.name else { return nil }
        do {
            let options = EnvironmentRegistry.Options(callLimit: rollout.maxToolCalls)
            return try Registry.current.environments.make(name, options: options)
        } catch {
            throw loaded.problem(
                at: "rollout.environment", "environment \(name) cannot be made: \(error.message)",
                why: "Nothing would answer the model", fix: "Mend the environment, or name another")
        }
    }

    var sandbox: SandboxTier? { rewards.components.compactMap(\.verifier.traits.sandbox).min() }

    // MARK: Rows

    func encode(_ record: TrainingRecord) throws -> EncodedPrompt {
        let row = try asked(record)
        let bound: BoundRewards
        do {
            bound = try rewards.bind(row: row.row, completion: row.completion, item: row.item)
        } catch {
            throw EncodingError(source: row.source, message: "\(error)")
        }
        let prompt = RolloutPrompt(
            source: row.source, item: row.item, ids: row.ids, text: row.text, messages: row.messages, row: row.row,
            reasoningIsOpen: row.reasoningIsOpen, rewards: bound)
        return EncodedPrompt(prompt: prompt, isOverlong: row.ids.count > longestPrompt)
    }

    /// What a row asks, before it is known whether its answers can be judged.
    func asked(_ record: TrainingRecord) throws -> AskedRow {
        let info = record.info
        let source = "\(info.provenance.file):\(info.provenance.line)"
        var row = info.meta.object ?? [:]
        var (messages, completion) = try Self.parts(record, source: source)
        // What a format has made of its columns may be named as well as the columns that it left.
        for (name, value) in [("prompt", Self.promptColumn(record)), ("completion", completion)] {
            if let value, row[name] == nil { row[name] = value }
        }
        let item = info.id ?? Self.name(of: record)
        let ids: [Int32]
        if let environment {
            if row["messages"] == nil, !messages.isEmpty { row["messages"] = .array(messages) }
            messages = try begin(environment, .object(row), item: item, source: source)
            ids = try encoder.prompt(messages: messages, tools: environment.tools, source: source).map { Int32($0) }
        } else {
            ids = try encoder.prompt(record).map { Int32($0) }
        }
        try ids.check(vocabularySize: text.vocabularySize, source: source)
        guard !ids.isEmpty else {
            throw EncodingError(source: source, message: "the prompt has no token, so there is nothing to answer")
        }
        let shown = encoder.tokenizer.decode(ids.map { Int($0) }, skipSpecialTokens: false)
        return AskedRow(
            source: source, item: item, ids: ids,
            text: environment == nil ? Self.plainText(record) ?? shown : shown, messages: messages, row: .object(row),
            completion: completion,
            reasoningIsOpen: Self.opensReasoning(shown))
    }

    /// The messages that an environment begins a row with.
    private func begin(
        _ environment: some Environment, _ row: JSON, item: String, source: String
    ) throws(EncodingError) -> [JSON] {
        var random = beginning(environment, of: item)
        do throws(VerifierFailure) {
            return try environment.reset(row, random: &random).messages
        } catch {
            throw EncodingError(source: source, message: "the environment refuses the row: \(error.message)")
        }
    }

    private func beginning<World: Environment>(_: World, of item: String) -> VerifierRandom {
        TurnDriver<World>.beginning(of: item, seed: UInt64(recipe.seed))
    }

    /// Tokens of a prompt that leaves room for an answer of one token.
    private var longestPrompt: Int {
        min(recipe.sequence.maxLength, (text.contextLength ?? .max) - 1)
    }

    /// The messages that are answered, and the row's own answer.
    private static func parts(_ record: TrainingRecord, source: String) throws -> (messages: [JSON], answer: JSON?) {
        switch record {
        case .prompt(let record):
            if case .messages(let messages) = record.prompt { return (messages, nil) }
            return ([], nil)
        case .completion(let record): return ([], .string(record.completion))
        case .conversation(let record):
            let last = record.messages.lastIndex { $0["role"]?.string == "assistant" }
            let count = record.promptCount ?? last ?? record.messages.count
            let answer = count < record.messages.count ? record.messages[count]["content"] : nil
            return (Array(record.messages[..<count]), answer)
        case .text, .preference, .unpaired:
            throw EncodingError(
                source: source,
                message: "this row is \(record.kind), and method rft answers prompts. Say with `format` and `columns` "
                    + "where the prompt is, such as `columns: {prompt: question}`.")
        }
    }

    private static func promptColumn(_ record: TrainingRecord) -> JSON? {
        switch record {
        case .prompt(let record):
            switch record.prompt {
            case .text(let text): .string(text)
            case .messages(let messages): .array(messages)
            }
        case .completion(let record): .string(record.prompt)
        default: nil
        }
    }

    private static func plainText(_ record: TrainingRecord) -> String? { promptColumn(record)?.string }

    /// A row without a name of its own is named by what it holds.
    private static func name(of record: TrainingRecord) -> String {
        var hash = SHA256()
        hash.update(record.canonicalJSON.text())
        return String(hash.finalized().hexadecimal.prefix(16))
    }

    /// Whether a template leaves the prompt inside a reasoning block.
    private static func opensReasoning(_ prompt: String) -> Bool {
        guard let opening = prompt.range(of: "<think>", options: .backwards) else { return false }
        return prompt.range(of: "</think>", options: .backwards).map { $0.lowerBound < opening.lowerBound } ?? true
    }

    func examples(_ encoded: EncodedPrompt, _ report: inout DataReport) -> [RolloutPrompt] {
        report.add(
            length: encoded.prompt.ids.count, trained: 0, source: encoded.prompt.source,
            isOverlong: encoded.isOverlong)
        return encoded.isOverlong ? [] : [encoded.prompt]
    }

    func shown(_ encoded: EncodedPrompt) -> [ShownRow] {
        let ids = encoded.prompt.ids
        return [
            ShownRow(
                text: encoder.tokenizer.decode(ids.map { Int($0) }, skipSpecialTokens: false), ids: ids,
                trained: ids.map { _ in false }, warnings: [])
        ]
    }

    func check(_ examples: [RolloutPrompt], for model: LanguageModel) throws {
        for prompt in examples { try model.check(prompt.ids.map { Int($0) }, location: prompt.source) }
    }

    // MARK: Steps

    func plan(_ recipe: Recipe, limit: Packing.MicroBatchLimit) -> BatchPlan<RolloutPrompt, [RolloutPrompt]> {
        // Prompts are taken one by one, so that a step can replace those whose answers teach nothing.
        BatchPlan(
            globalBatchSize: 1, limit: .rows(1), length: { $0.ids.count }, name: \.source,
            collate: { groups, cut in cut.map { Array(groups[$0].joined()) } })
    }

    func memory(of batch: PolicyBatch) -> ModelMemory.Batch {
        let answers = batch.sampleCount
        let prompts = batch.groups.reduce(0) { $0 + $1.prompt.count }
        let gathered = batch.groups.reduce(0) { sum, group in
            group.samples.reduce(sum) { $0 + $1.completion.count + group.prompt.count }
        }
        return ModelMemory.Batch(
            tokens: prompts + batch.tokenCount, labels: batch.tokenCount, gathered: answers > 1 ? gathered : 0,
            isUniform: false)
    }

    /// Answers are as long as they may become, to the longest prompts there are.
    func largest(
        _ stream: BatchStream<TrainingRows<RFTMethod>, [RolloutPrompt]>, recipe: Recipe,
        limit: Packing.MicroBatchLimit, steps: Int
    ) throws -> LargestBatch<PolicyBatch> {
        var longest: [Int32] = [1]
        if !recipe.data.streaming {
            var stream = stream
            for _ in 0..<steps where stream.passes < 1 {
                for prompt in try stream.next().microBatches.joined() where prompt.ids.count > longest.count {
                    longest = prompt.ids
                }
            }
        } else {
            longest = Array(repeating: longest[0], count: longestPrompt)
        }
        let room = max(1, min(rollout.maxNewTokens, (text.contextLength ?? .max) - longest.count))
        let sample = PolicySample(
            completion: Array(repeating: longest[0], count: room),
            samplingLogProbabilities: Array(repeating: -1, count: room), advantage: 1)
        var other = sample
        other.advantage = -1
        let size = settings.groupSize
        let group = PolicyGroup(
            prompt: longest, samples: (0..<size).map { $0 % 2 == 0 ? sample : other })
        let batches = PolicyBatch.plan(
            Array(repeating: group, count: settings.promptsPerStep),
            settings: settings.policy(recipe.rollout ?? rollout),
            limit: limit)
        let shapes = batches.map { memory(of: $0) }
        let place = shapes.indices.max {
            (shapes[$0].tokens, shapes[$0].labels) < (shapes[$1].tokens, shapes[$1].labels)
        }
        return LargestBatch(
            shape: place.map { shapes[$0] } ?? .init(tokens: room, labels: room), microBatches: batches.count,
            tokensPerStep: Double(shapes.reduce(0) { $0 + $1.tokens }),
            batch: place.map { batches[$0] })
    }

    func stepsOfPass(groups: Int, _ recipe: Recipe) -> Int {
        max(1, (groups + settings.promptsPerStep - 1) / settings.promptsPerStep * settings.numIterations)
    }

    func objective(
        for model: LanguageModel, rows: inout [RolloutPrompt], held: inout [RolloutPrompt], preparation: Preparation
    ) throws -> PolicyObjective {
        if settings.preflight, rollout.engine == .inprocess, !preparation.isResuming {
            try tryRewards(model, preparation)
        }
        let reference = try ReferenceAssembly.policy(settings.reference, model: model, preparation)
        return try PolicyObjective(settings: settings.policy(rollout), reference: reference)
    }

    /// Tries the rewards before anything is learned from them.
    ///
    /// - Throws: `CommandFailure` when the run would learn the wrong thing, or nothing.
    private func tryRewards(_ model: LanguageModel, _ preparation: Preparation) throws {
        let trial = RewardTrial(
            preparation.loaded, method: self, prompts: min(64, max(8, 2 * settings.promptsPerStep)))
        let report = try trial.report(
            on: trial.rows(), engine: engine(model), stop: { preparation.stop.isRequested })
        for check in report.checks { preparation.terminal.note("preflight  \(check.name.rawValue): \(check.result)") }
        let findings = report.findings.filter { $0.severity != .note }
        guard report.isSound else {
            throw CommandFailure(
                message: "the rewards are not ready for a run, which would learn the wrong thing:\n"
                    + findings.map { "  \($0.message)" + ($0.fix.isEmpty ? "" : ". \($0.fix)") }.joined(separator: "\n")
                    + "\nLook closer with `hone verify`; `rft: {preflight: false}` trains all the same",
                status: .fellShort)
        }
        for finding in findings { preparation.terminal.note("! \(finding.message)") }
    }

    func measure(
        _ held: [RolloutPrompt], model: LanguageModel, objective: PolicyObjective, stop: StopSignal
    ) -> HeldResult { HeldResult() }

    func steps(
        _ stream: BatchStream<TrainingRows<RFTMethod>, [RolloutPrompt]>, model: LanguageModel,
        objective: PolicyObjective, limit: Packing.MicroBatchLimit, preparation: Preparation
    ) throws -> any StepSource<PolicyBatch> {
        var stream = stream
        // An epoch is told by the prompts that were drawn, as steps may draw more than others.
        stream.stepsPerPass = nil
        if settings.numIterations == 1, settings.beta == 0 {
            preparation.terminal.note(
                "note       each answer is trained on once, so the loss is near 0 whatever is learned: watch reward, "
                    + "grad_norm and groups/informative")
        }
        let steps = RewardSteps(
            stream, engine: try engine(model), rewards: rewards, model: model, objective: objective,
            settings: try collection(limit), curriculum: settings.curriculum.map { Curriculum($0.settings) },
            services: .init(
                note: { preparation.terminal.note($0) }, warn: { preparation.terminal.warn($0) },
                stop: preparation.stop))
        return RolloutSteps(steps: steps, log: preparation.folder?.appending(path: "rollouts.jsonl.zst"))
    }

    /// Where answers come from.
    func engine(_ model: LanguageModel) throws -> any RolloutEngine {
        switch rollout.engine {
        case .replay:
            return try ReplayEngine(
                path: rollout.path?.absolute ?? "", tokenizer: text.tokenizer, stopIDs: text.stopIDs,
                maximumNewTokens: rollout.maxNewTokens)
        case .inprocess:
            if let environment { return try engine(model, in: environment) }
            return LocalEngine(model, settings: generation, tokenizer: text.tokenizer)
        }
    }

    private func engine(_ model: LanguageModel, in environment: some Environment) throws -> any RolloutEngine {
        TurnEngine(
            try TurnDriver(
                environment, generator: try Generator(model, generation), encoder: encoder,
                turnLimit: rollout.maxTurns))
    }

    private var generation: GenerationSettings {
        var settings = GenerationSettings()
        settings.sampling.temperature = rollout.temperature
        settings.sampling.topP = rollout.topP
        settings.sampling.topK = rollout.topK > 0 ? rollout.topK : nil
        settings.sampling.minP = rollout.minP
        settings.sampling.repetitionPenalty = rollout.repetitionPenalty
        settings.maximumNewTokens = rollout.maxNewTokens
        settings.stopTokens = text.stopIDs
        settings.stopStrings = rollout.stop
        let tokenizer = text.tokenizer
        settings.decode = { tokenizer.decode($0) }
        settings.seed = UInt64(recipe.seed)
        settings.batchLimit = rollout.batch
        return settings
    }

    private func collection(
        _ limit: Packing.MicroBatchLimit
    ) throws -> RewardSteps<TrainingRows<RFTMethod>>.Settings {
        var collection = RewardSteps<TrainingRows<RFTMethod>>.Settings()
        collection.groupSize = settings.groupSize
        collection.promptsPerStep = settings.promptsPerStep
        collection.iterations = settings.numIterations
        collection.replacesUninformative = settings.replaceUninformative
        collection.maximumOversample = settings.maxOversample
        collection.minimumGroup = settings.minGroup ?? max(1, (3 * settings.groupSize + 3) / 4)
        collection.advantages = settings.advantages(rewards)
        collection.policy = settings.policy(rollout)
        collection.limit = limit
        collection.seed = UInt64(recipe.seed)
        return collection
    }
}

/// The steps of a run, with the log of every answer in its folder.
private struct RolloutSteps: StepSource {
    let steps: RewardSteps<TrainingRows<RFTMethod>>
    let log: URL?
    /// Bytes of the log at the checkpoint that the run goes on from.
    private var end = 0

    init(steps: RewardSteps<TrainingRows<RFTMethod>>, log: URL?) {
        self.steps = steps
        self.log = log
    }

    mutating func next(step: Int) throws -> StepBatch<PolicyBatch> { try steps.next(step: step) }

    mutating func seek(to position: JSON) throws {
        end = position["rollouts"]?["log_bytes"]?.int ?? 0
        try steps.seek(to: position)
    }

    mutating func begin() throws {
        steps.services.log = try log.map { try FrameLog(path: $0.path, end: end) }
    }

    /// A checkpoint holds how long the log is, so the log must be that long after a crash.
    func synchronize() throws { try steps.services.log?.synchronize() }
}

extension RFTSettings {
    /// How answers change the policy, in the words of `RFT`.
    func policy(_ rollout: RolloutSettings) -> PolicySettings {
        var policy = PolicySettings(loss.name)
        policy.importanceLevel = importanceSamplingLevel.map { $0 == .token ? .token : .sequence }
        policy.scope = preset == .trl ? .microBatch : .step
        policy.epsilon = epsilon
        policy.epsilonHigh = epsilonHigh
        policy.delta = delta
        policy.beta = beta
        policy.correctsKL = useBiasCorrectionKL
        policy.masksTruncated = maskTruncated
        policy.topEntropyQuantile = topEntropyQuantile
        policy.entropyCoefficient = entropyCoef
        if let entropyTarget {
            policy.adaptiveEntropy = .init()
            policy.adaptiveEntropy?.target = entropyTarget
        }
        policy.offPolicyThreshold = offPolicyMaskThreshold
        policy.temperature = rollout.temperature
        policy.maximumCompletionLength = rollout.maxNewTokens
        policy.sapoPositive = sapoTauPositive
        policy.sapoNegative = sapoTauNegative
        (policy.vespoPositiveK, policy.vespoPositiveLambda) = (vespo[0], vespo[1])
        (policy.vespoNegativeK, policy.vespoNegativeLambda) = (vespo[2], vespo[3])
        // What top-k and its like cut is in the probabilities of the sampling alone.
        if rollout.isTruncated { policy.samplingCorrection = .init() }
        return policy
    }

    /// What rewards become.
    func advantages(_ rewards: RewardSet) -> Advantages {
        let rule: AdvantageRule =
            switch scaleRewards {
            case .group: .grpo
            case .batch: .batchStandardDeviation
            case .none: AdvantageRule(rawValue: advantage.rawValue) ?? .mean
            }
        guard combine == .normalizeThenSum else { return Advantages(rule: rule) }
        return Advantages(
            rule: rule, names: rewards.rewardIDs, weights: rewards.rewardWeights, combination: .normalizeThenSum)
    }
}

extension CurriculumSettings {
    /// The same in the words of `RFT`.
    var settings: Curriculum.Settings {
        var settings = Curriculum.Settings()
        settings.passRates = minPassRate...maxPassRate
        settings.restEpochs = restEpochs
        settings.levelColumn = levelColumn
        settings.raiseAt = raiseAt
        settings.lowerAt = lowerAt
        settings.window = window
        return settings
    }
}
