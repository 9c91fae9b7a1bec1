import Foundation
import LanguageModels
import TensorCore
import TextCore
import Training

/// Works out what a run of a recipe takes, and how it is cut so that it fits.
struct MemoryPlanner<Trained: Method> {
    private let loaded: LoadedRecipe
    private let method: Trained
    private let configuration: DecoderConfiguration
    private let rows: TrainingRows<Trained>
    /// Tokens of the rows that are held out, all together.
    private let heldTokens: Int
    let machine: MachineMemory
    /// What the run may take.
    let limit: Int
    private let steps: Int

    /// - Parameters:
    ///   - rows: in the order of the run.
    ///   - steps: of the run that are looked through for the largest micro-batch.
    /// - Throws: `ModelError` for a model whose configuration cannot be read.
    init(
        _ loaded: LoadedRecipe, method: Trained, text: ModelText, rows: TrainingRows<Trained>, holdsOut: Bool,
        steps: Int = 2000
    ) throws {
        self.loaded = loaded
        self.method = method
        self.rows = rows
        self.steps = steps
        heldTokens = holdsOut ? 4096 : 0
        machine = MachineMemory()
        limit = loaded.recipe.train.memoryLimit?.bytes(of: machine.available) ?? machine.available
        configuration = try ModelAssembly.configuration(loaded, text: text)
    }

    private var recipe: Recipe { loaded.recipe }

    // MARK: Choosing

    /// How the run is cut: micro-batches as large as they are fast, smaller ones where they would not fit, and blocks
    /// computed again where not even these do. What the recipe says is left alone.
    ///
    /// - Throws: `CommandFailure` with the table and the cheapest remedies where nothing fits.
    func settle() throws -> (choice: StepChoice, plan: MemoryPlan) {
        let choices = try choices(for: recipe)
        var plan: MemoryPlan?
        for choice in choices {
            let found = try self.plan(recipe, choice)
            if found.total <= limit { return (choice, found) }
            plan = found
        }
        guard let plan, let last = choices.last else { preconditionFailure("there is always a choice") }
        throw CommandFailure(
            message: try refusal(plan, last), status: .configuration,
            json: [
                "message": "the run does not fit into memory", "memory": plan.json, "remedies": try remediesJSON(plan),
            ])
    }

    /// The ways to cut a step, the fastest first.
    func choices(for recipe: Recipe) throws -> [StepChoice] {
        let limits: [Packing.MicroBatchLimit]
        switch recipe.train.microBatchSize {
        case .rows(let rows): limits = [.rows(rows)]
        case .auto:
            let most = Self.fastestTokens(configuration)
            limits = sequence(first: most, next: { $0 > 512 ? max(512, $0 / 2) : nil }).map { .tokens($0) } + [.rows(1)]
        }
        let switches =
            switch recipe.train.gradientCheckpointing {
            case .on: [true]
            case .off: [false]
            case .auto: [false, true]
            }
        return switches.flatMap { isOn in limits.map { StepChoice(limit: $0, checkpointing: isOn) } }
    }

    /// Tokens of a micro-batch beyond which it is hardly faster: as many as keep the activations of all layers within about
    /// 1 GiB, 512 to 8,192.
    private static func fastestTokens(_ model: DecoderConfiguration) -> Int {
        let perToken = model.layers.count * (10 * model.width + 3 * model.feedForwardWidth) * 4
        return max(512, min(8192, (1 << 30) / max(1, perToken)))
    }

    // MARK: Planning

    /// The memory of a run of `recipe`, which differs from the planner's in how it trains, not in its rows.
    func plan(_ recipe: Recipe, _ choice: StepChoice) throws -> MemoryPlan {
        let largest = try self.largest(recipe, choice.limit)
        let model = try ModelMemory(
            configuration, training: recipe.adapter.memory, storage: recipe.frozenStorage,
            precision: recipe.precision)
        let accumulates = largest.microBatches > 1
        let step = model.step(largest.shape, checkpointing: choice.checkpointing, accumulates: accumulates)
        let gradients = min(model.gradientBytes, step.bytes)
        let passing = try phases(recipe, model, largest.shape)
        let reference = try referenceBytes(recipe, model)
        let isStep = step.bytes >= (passing.map(\.bytes).max() ?? 0)
        let main =
            isStep
            ? [
                MemoryPlan.Category(name: "gradients", bytes: gradients, note: "float32"),
                MemoryPlan.Category(
                    name: "activations", bytes: step.bytes - gradients,
                    note: "\(grouped(largest.shape.tokens)) tokens, \(grouped(largest.shape.labels)) of them scored, "
                        + (choice.checkpointing ? "blocks computed again" : "all blocks held") + ", a tile of logits"),
            ] : [passing.max { $0.bytes < $1.bytes }].compactMap { $0 }
        let inPool =
            model.adapterBytes + model.momentBytes + main.reduce(0) { $0 + $1.bytes }
            + (recipe.adapter.type == .full ? model.weightBytes : 0)
        let margin = BufferPool.heldAtMost(forPeak: inPool) - inPool
        let categories =
            [
                MemoryPlan.Category(
                    name: "weights", bytes: model.weightBytes,
                    note: "\(grouped(model.parameterCount)) numbers, \(recipe.frozenStorage.words)"),
                MemoryPlan.Category(name: "adapter", bytes: model.adapterBytes, note: "float32"),
                MemoryPlan.Category(name: "moments", bytes: model.momentBytes, note: "two of AdamW, float32"),
            ] + main
            + [
                MemoryPlan.Category(name: "reference", bytes: reference, note: "a second model"),
                MemoryPlan.Category(name: "data, runtime", bytes: machine.resident, note: "rows, tokenizer, program"),
                MemoryPlan.Category(name: "pool", bytes: margin, note: "what does not lie densely, at most"),
            ].filter { $0.bytes > 0 }
        let step2 = MemoryPlan.Category(name: "a step", bytes: step.bytes, note: "gradients and activations")
        return MemoryPlan(
            categories: categories.filter { $0.bytes > 0 },
            elsewhere: (isStep ? passing : passing.filter { $0.name != main[0].name } + [step2]).filter {
                $0.bytes > 0
            },
            available: limit,
            limitedBy: recipe.train.memoryLimit == nil ? machine.limitedBy : "train.memory_limit")
    }

    /// What the run does beside optimiser steps.
    private func phases(
        _ recipe: Recipe, _ model: ModelMemory, _ batch: ModelMemory.Batch
    ) throws -> [MemoryPlan.Category] {
        var phases: [MemoryPlan.Category] = []
        if heldTokens > 0 {
            let batch = ModelMemory.Batch(tokens: heldTokens, labels: heldTokens)
            phases.append(
                MemoryPlan.Category(name: "measuring", bytes: model.evaluation(batch), note: "held-out rows"))
        }
        if let rft = recipe.rft, let rollout = recipe.rollout, rollout.engine == .inprocess {
            let rows = min(rollout.batch, rft.promptsPerStep * rft.groupSize)
            let prompts = (rows + rft.groupSize - 1) / rft.groupSize
            let longest = try largest(recipe, .rows(1)).shape
            let prompt = max(1, longest.tokens - rollout.maxNewTokens)
            phases.append(
                MemoryPlan.Category(
                    name: "rollouts",
                    bytes: model.rollout(
                        prompts: Array(repeating: prompt, count: prompts), rows: rows, newTokens: rollout.maxNewTokens),
                    note: "keys and values of \(rows) answers, logits"))
        }
        return phases
    }

    /// A reference that is another model than the policy without its adapter.
    private func referenceBytes(_ recipe: Recipe, _ model: ModelMemory) throws -> Int {
        if let dpo = recipe.dpo, dpo.precomputeReference != .off, dpo.syncReference == nil, !recipe.data.streaming {
            // Asked once, and gone before there are moments.
            return 0
        }
        let choice: ReferenceChoice? = recipe.dpo?.reference ?? recipe.kto?.reference ?? recipe.rft?.reference
        switch choice {
        case nil, .noReference, .adapterOff: return 0
        case .base, .initial: return recipe.adapter.type == .full ? model.weightBytes : model.adapterBytes
        case .model(let path):
            let other = try ModelLoader.configuration(folder: path.url).configuration
            return try ModelMemory(other, training: .none, storage: .float32).weightBytes
        }
    }

    private func largest(_ recipe: Recipe, _ limit: Packing.MicroBatchLimit) throws -> LargestBatch<Trained.Goal.Batch>
    {
        let stream = BatchStream(rows, plan: method.plan(recipe, limit: limit))
        return try method.largest(stream, recipe: recipe, limit: limit, steps: steps)
    }

    // MARK: Remedies

    /// The three cheapest changes that make the run fit: those that keep the result first, by time.
    func remedies() throws -> [MemoryRemedy] {
        var found: [MemoryRemedy] = []
        for candidate in RecipeChange.all(recipe) {
            let choices = try self.choices(for: candidate.recipe)
            guard let choice = try choices.first(where: { try plan(candidate.recipe, $0).total <= limit }) else {
                continue
            }
            let bytes = try plan(candidate.recipe, choice).total
            let isAdded =
                choice.checkpointing && recipe.train.gradientCheckpointing != .on && candidate.checkpointing == nil
            found.append(
                MemoryRemedy(
                    edits: candidate.edits, bytes: bytes,
                    time: candidate.time * (isAdded ? RecipeChange.checkpointingTime(candidate.recipe) : 1),
                    changesResult: candidate.changesResult))
        }
        let sorted = found.enumerated().sorted {
            ($0.element.changesResult ? 1 : 0, $0.element.time, $0.offset)
                < ($1.element.changesResult ? 1 : 0, $1.element.time, $1.offset)
        }
        // Two edits where one of them is enough are no remedy of their own, nor is going further at the same price.
        var kept: [MemoryRemedy] = []
        for (_, remedy) in sorted
        where !kept.contains(where: {
            Set($0.edits).isSubset(of: remedy.edits)
                || ($0.time == remedy.time && $0.bytes >= remedy.bytes && $0.edits.count <= remedy.edits.count)
        }) {
            kept.append(remedy)
        }
        return Array(kept.prefix(3))
    }

    private func remediesJSON(_ plan: MemoryPlan) throws -> JSON { .array(try remedies().map(\.json)) }

    private func refusal(_ plan: MemoryPlan, _ choice: StepChoice) throws -> String {
        let remedies = try self.remedies()
        return """
            the run takes about \(MemoryPlan.shown(plan.total)), and \(MemoryPlan.shown(limit)) is there \
            (\(plan.limitedBy)); it would be ended in the middle of a step:
            \(plan.lines.map { "  " + $0 }.joined(separator: "\n"))
            \(remedies.isEmpty
                ? "No setting of the recipe makes it fit; use a smaller model, shorter rows, or a machine with more memory"
                : "The cheapest ways to make it fit:\n" + remedies.map { "  " + $0.line }.joined(separator: "\n"))
            """
    }
}

/// A recipe that takes less memory.
struct RecipeChange {
    var edits: [String]
    var recipe: Recipe
    /// Time of the run, as a multiple of now.
    var time: Double
    var changesResult: Bool
    /// Whether it says something of checkpointing.
    var checkpointing: Bool?

    /// Forward, back to the input and, where all weights are trained, to the weights: one more forward pass.
    static func checkpointingTime(_ recipe: Recipe) -> Double { recipe.adapter.type == .full ? 4.0 / 3 : 1.5 }

    /// Everything that could help, alone and together.
    static func all(_ recipe: Recipe) -> [RecipeChange] {
        let start = RecipeChange(edits: [], recipe: recipe, time: 1, changesResult: false)
        var changes = [start]
        func extend(_ change: (inout RecipeChange) -> Bool) {
            changes += changes.compactMap { other in
                var copy = other
                return change(&copy) ? copy : nil
            }
        }
        if case .rows(let rows) = recipe.train.microBatchSize, rows > 1 {
            extend { change in
                change.recipe.train.microBatchSize = .auto
                change.edits.append("train.micro_batch_size: auto")
                change.time *= 1.02
                return true
            }
        }
        if recipe.train.gradientCheckpointing == .off {
            extend { change in
                change.recipe.train.gradientCheckpointing = .on
                change.edits.append("train.gradient_checkpointing: true")
                change.time *= checkpointingTime(change.recipe)
                change.checkpointing = true
                return true
            }
        }
        if let rollout = recipe.rollout, rollout.batch > 1 {
            extend { change in
                change.recipe.rollout?.batch = max(1, rollout.batch / 4)
                change.edits.append("rollout.batch: \(max(1, rollout.batch / 4))")
                change.time *= 1.5
                return true
            }
        }
        if recipe.adapter.type != .full, recipe.model.dtype != .bf16 {
            extend { change in
                change.recipe.model.dtype = .bf16
                change.edits.append("model.dtype: bf16")
                change.changesResult = true
                return true
            }
        }
        if recipe.adapter.type == .full, recipe.model.initial == nil {
            for (dtype, rank) in [(ModelDType.auto, 16), (.bf16, 16), (.bf16, 4)] {
                extend { change in
                    guard change.recipe.adapter.type == .full else { return false }
                    change.recipe.adapter = AdapterSettings()
                    change.recipe.adapter.rank = rank
                    change.recipe.model.dtype = dtype
                    change.edits.append(rank == 16 ? "adapter: lora" : "adapter: {type: lora, rank: \(rank)}")
                    if dtype == .bf16 { change.edits.append("model.dtype: bf16") }
                    change.time *= 0.7
                    change.changesResult = true
                    return true
                }
            }
        } else if recipe.adapter.type != .full, recipe.adapter.rank > 4 {
            extend { change in
                change.recipe.adapter.rank = 4
                change.edits.append("adapter.rank: 4")
                change.changesResult = true
                return true
            }
        }
        return changes.filter { !$0.edits.isEmpty }
    }
}

extension AdapterSettings {
    /// What is trained, for the plan of memory.
    var memory: ModelMemory.Training { type == .full ? .full : .adapter(configuration) }
}

extension Recipe {
    /// How frozen matrices lie in memory.
    var frozenStorage: ModelMemory.FrozenStorage {
        switch adapter.type {
        case .full: .float32
        case .qlora: adapter.baseBits == 4 ? .nf4(groupSize: adapter.groupSize) : .int8
        default: precision == .bfloat16 ? .bfloat16 : .float32
        }
    }
}

extension ModelMemory.FrozenStorage {
    var words: String {
        switch self {
        case .float32: "float32"
        case .bfloat16: "bf16"
        case .nf4: "NF4, embeddings bf16"
        case .int8: "int8, embeddings bf16"
        }
    }
}
