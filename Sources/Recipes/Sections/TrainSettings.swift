import TextCore

/// Length, batches, optimiser and schedule.
public struct TrainSettings: Sendable, Hashable {
    /// Passes over the data; `nil` exactly when `maxSteps` is given.
    public var epochs: Double?
    /// Optimiser steps; `nil` exactly when `epochs` is given.
    public var maxSteps: Int?
    public var microBatchSize = MicroBatchSize.auto
    /// Rows of one optimiser step; a multiple of a micro-batch's rows where these are given.
    public var globalBatchSize = 16
    /// As written in place of `globalBatchSize`; folded into it, so `nil` after loading.
    var writtenAccumulationSteps: Int?
    public var learningRate = 1e-4
    public var optimizer = OptimizerName.adamw
    /// Decay of the first and the second moment.
    public var betas = [0.9, 0.999]
    public var eps = 1e-8
    public var scheduler = SchedulerSettings()
    /// Share of all steps over which the learning rate rises; `nil` exactly when `warmupSteps` is given.
    public var warmupRatio: Double?
    /// Steps over which the learning rate rises; `nil` exactly when `warmupRatio` is given.
    public var warmupSteps: Int?
    public var weightDecay = 0.0
    /// Largest L2 norm of the gradient; 0 turns clipping off.
    public var maxGradNorm = 1.0
    public var gradientCheckpointing = AutomaticSwitch.auto
    /// Memory that the run may take; `nil` for all that is free.
    public var memoryLimit: MemoryAmount?

    public init() {}

    /// Micro-batches of one optimiser step, where the rows of a micro-batch are given.
    public var accumulationSteps: Int? {
        if case .rows(let rows) = microBatchSize { globalBatchSize / max(1, rows) } else { nil }
    }

    /// How long the training is.
    public var length: TrainingLength { maxSteps.map { .steps($0) } ?? .epochs(epochs ?? 1) }

    /// How long the learning rate rises.
    public var warmup: WarmupLength { warmupSteps.map { .steps($0) } ?? .ratio(warmupRatio ?? 0) }
}

/// How long a training is.
public enum TrainingLength: Sendable, Hashable {
    case epochs(Double)
    case steps(Int)
}

/// How long the learning rate rises.
public enum WarmupLength: Sendable, Hashable {
    /// Share of all steps, rounded up.
    case ratio(Double)
    case steps(Int)
}

/// Rows that go through the model at once.
public enum MicroBatchSize: Sendable, Hashable {
    /// As many as fit.
    case auto
    case rows(Int)
}

/// A switch that can be left to Hone.
public enum AutomaticSwitch: Sendable, Hashable {
    case auto, on, off
}

public enum OptimizerName: String, Sendable, Hashable, CaseIterable {
    /// Adam with decoupled weight decay.
    case adamw
}

/// How the learning rate goes after the warm-up.
public struct SchedulerSettings: Sendable, Hashable {
    public var type = SchedulerName.cosine
    /// The lowest rate, as a share of `learning_rate`.
    public var minRatio = 0.0
    /// Waves of the cosine; half a wave falls once.
    public var cycles = 0.5

    public init() {}
}

public enum SchedulerName: String, Sendable, Hashable, CaseIterable {
    case constant, linear, cosine
}

extension TrainSettings: RecipeSection {
    package static let table = SectionTable<TrainSettings>(
        "Length, batches, optimiser and schedule.",
        exclusive: [
            ["epochs", "max_steps"], ["global_batch_size", "gradient_accumulation_steps"],
            ["warmup_ratio", "warmup_steps"],
        ],
        fields: [
            Field(
                "epochs", \.epochs, "Passes over the data.", in: .positive(upTo: 1_000_000),
                derivation: "1, without max_steps"),
            Field("max_steps", \.maxSteps, "Optimiser steps, instead of epochs.", in: .within(1...1_000_000_000_000)),
            Field(
                "micro_batch_size", \.microBatchSize,
                "Rows that go through the model at once, or auto; what is learned does not depend on it.",
                in: .within(1...16_777_216)),
            Field(
                "global_batch_size", \.globalBatchSize, "Rows of one optimiser step.", in: .within(1...16_777_216),
                derivation: "16, raised to a multiple of micro_batch_size"),
            Field(
                "gradient_accumulation_steps", \.writtenAccumulationSteps,
                "Micro-batches of one optimiser step, instead of global_batch_size.", in: .within(1...1_048_576)),
            Field(
                "learning_rate", \.learningRate, "Highest step size.", in: .positive,
                derivation: "1e-4 with an adapter, 2e-5 with adapter full, 1e-3 with model.init"),
            Field("optimizer", \.optimizer, "The optimiser."),
            Field("betas", \.betas, "Decay of the first and the second moment.", in: .belowOne),
            Field("eps", \.eps, "Term that keeps the optimiser's division finite.", in: .positive),
            Field("lr_scheduler", \.scheduler, "How the learning rate goes after the warm-up."),
            Field(
                "warmup_ratio", \.warmupRatio, "Share of all steps over which the learning rate rises.",
                in: .fraction, derivation: "0.03, without warmup_steps"),
            Field(
                "warmup_steps", \.warmupSteps, "Steps over which the learning rate rises.",
                in: .within(0...1_000_000_000_000)),
            Field(
                "weight_decay", \.weightDecay, "Decay of weights, not of norms and biases.", in: .within(0...1)),
            Field("max_grad_norm", \.maxGradNorm, "Largest norm of the gradient; 0 for no limit.", in: .notNegative),
            Field(
                "gradient_checkpointing", \.gradientCheckpointing,
                "Whether activations are computed again to save memory; auto where it would not fit otherwise. What is "
                    + "learned does not depend on it.",
                changesResults: false),
            Field(
                "memory_limit", \.memoryLimit,
                "Memory that the run may take, such as 8GiB or 75%; micro_batch_size and gradient_checkpointing follow it "
                    + "where they are auto.",
                derivation: "all that is free", changesResults: false),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        if epochs == nil, maxSteps == nil { epochs = 1 }
        if warmupRatio == nil, warmupSteps == nil { warmupRatio = 0.03 }
        if betas.count != 2 {
            decoder.report(
                "betas", "train.betas has \(betas.count) numbers", why: "AdamW has two moments",
                fix: "Write for example `betas: [0.9, 0.999]`")
            betas = [0.9, 0.999]
        }
        finishBatch(decoder)
    }

    private mutating func finishBatch(_ decoder: RecipeDecoder) {
        defer { writtenAccumulationSteps = nil }
        guard case .rows(let rows) = microBatchSize, (1...16_777_216).contains(rows) else {
            if writtenAccumulationSteps != nil, microBatchSize == .auto {
                decoder.report(
                    "gradient_accumulation_steps",
                    "train.gradient_accumulation_steps is written, but train.micro_batch_size is auto",
                    why: "How many rows a step has would depend on the machine's memory",
                    fix: "Write micro_batch_size as well, or global_batch_size instead of both")
            }
            return
        }
        if let steps = writtenAccumulationSteps, (1...1_048_576).contains(steps) {
            globalBatchSize = rows * steps
            if globalBatchSize > 16_777_216 {
                decoder.report(
                    "gradient_accumulation_steps", "a step would have \(globalBatchSize) rows, more than 16777216",
                    why: "No data set has that many", fix: "Write a smaller gradient_accumulation_steps")
            }
        } else if !decoder.isWritten("global_batch_size") {
            globalBatchSize = (16 + rows - 1) / rows * rows
        } else if globalBatchSize >= 1, globalBatchSize % rows != 0 {
            let below = globalBatchSize / rows * rows
            let choices = [below, below + rows].filter { $0 > 0 }.map { "`global_batch_size: \($0)`" }
            decoder.report(
                "global_batch_size",
                "train.global_batch_size \(globalBatchSize) is not a multiple of train.micro_batch_size \(rows)",
                why: "The last micro-batch of every step would be cut",
                fix: "Write \(choices.joined(separator: " or "))")
        }
    }
}

extension SchedulerSettings: RecipeSection {
    package static let table = SectionTable<SchedulerSettings>(
        "How the learning rate goes after the warm-up.", shorthand: "type",
        fields: [
            Field("type", \.type, "The curve."),
            Field("min_ratio", \.minRatio, "Lowest rate, as a share of learning_rate.", in: .fraction),
            Field("cycles", \.cycles, "Waves of the cosine; 0.5 falls once.", in: .positive),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        let unused = type == .constant ? ["min_ratio", "cycles"] : type == .linear ? ["cycles"] : []
        for name in unused where decoder.isWritten(name) {
            decoder.report(
                name, "\(decoder.key(name)) is written, but the schedule is \(type.rawValue)",
                why: "Nothing reads it there", fix: "Remove it, or write `type: cosine`")
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        var pairs = [(key: "type", value: type.resolved(purpose))]
        if type != .constant { pairs.append((key: "min_ratio", value: minRatio.resolved(purpose))) }
        if type == .cosine { pairs.append((key: "cycles", value: cycles.resolved(purpose))) }
        return .mapping(pairs)
    }
}

extension SchedulerName: RecipeWord {
    package static var spellings: [String: SchedulerName] {
        ["constant_with_warmup": .constant, "cosine_decay": .cosine, "cosine_with_min_lr": .cosine, "none": .constant]
    }
}

extension OptimizerName: RecipeWord {
    package static var spellings: [String: OptimizerName] {
        [
            "adamw_torch": .adamw, "adamw_torch_fused": .adamw, "adamw_8bit": .adamw, "paged_adamw_8bit": .adamw,
            "adam": .adamw,
        ]
    }
}

extension MicroBatchSize: RecipeValue {
    package static var shape: ValueShape {
        .scalar(
            schema: ["anyOf": [["const": "auto"], ["type": "integer", "minimum": 1]]], expected: "auto or an integer")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> MicroBatchSize? {
        if node.string == "auto" { return .auto }
        if case .integer(let rows) = node.scalar { return .rows(rows) }
        decoder.reportType(node, expected: shape.expected, example: "4")
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        switch self {
        case .auto: .string("auto")
        case .rows(let rows): .integer(rows)
        }
    }

    package var numbers: [Double] { if case .rows(let rows) = self { [Double(rows)] } else { [] } }
}

extension AutomaticSwitch: RecipeValue {
    package static var shape: ValueShape {
        .scalar(schema: ["enum": ["auto", true, false]], expected: "auto, true or false")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> AutomaticSwitch? {
        if node.string == "auto" { return .auto }
        if case .bool(let value) = node.scalar { return value ? .on : .off }
        decoder.reportType(node, expected: shape.expected, example: "auto")
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        switch self {
        case .auto: .string("auto")
        case .on: .bool(true)
        case .off: .bool(false)
        }
    }
}
