import TextCore
public import Training

/// What is reported while training.
public struct LoggingSettings: Sendable, Hashable {
    /// Optimiser steps between two lines of metrics.
    public var everySteps = 1
    /// Optimiser steps between two samples of the model's text; `nil` for none.
    public var samplesEvery: Int?
    /// How the metrics of a step's micro-batches become one.
    public var metrics = MetricChoice.pooled

    public init() {}
}

/// How the metrics of a step's micro-batches become one.
public enum MetricChoice: String, Sendable, Hashable, CaseIterable {
    /// Summed over all tokens of the step and divided once.
    case pooled
    /// The mean of the micro-batches' means.
    case trl
}

extension MetricChoice: RecipeWord {}

/// What is saved while training, and how a run goes on.
public struct CheckpointSettings: Sendable, Hashable {
    public var everySteps: Int?
    public var perEpoch: Int?
    public var keepLast = 2
    public var keepBest = 1
    public var resume = ResumeRule.never

    public init() {}

    /// When a checkpoint is written; one is always written at the end.
    public var cadence: Cadence { everySteps.map { .everySteps($0) } ?? .perEpoch(perEpoch ?? 1) }
}

/// Whether a run goes on from a checkpoint.
public enum ResumeRule: Sendable, Hashable {
    case never
    /// From the newest valid checkpoint of the run folder, or from the start when there is none.
    case auto
    /// From this checkpoint's folder.
    case from(RecipePath)
}

extension LoggingSettings: RecipeSection {
    package static let table = SectionTable<LoggingSettings>(
        "What is reported while training.",
        planned: [
            PlannedField("trackers", neutral: [], instead: "Remove it; read events.jsonl in the run folder"),
            PlannedField("dashboard", neutral: "auto", instead: "Remove it; read events.jsonl in the run folder"),
        ],
        fields: [
            Field("every_steps", \.everySteps, "Optimiser steps between two lines of metrics.", in: .atLeast(1)),
            Field("samples_every", \.samplesEvery, "Optimiser steps between two samples of text.", in: .atLeast(1)),
            Field(
                "metrics", \.metrics,
                "`pooled` over all tokens of a step, or the mean over micro-batches as TRL logs them."),
        ])
}

extension CheckpointSettings: RecipeSection {
    package static let table = SectionTable<CheckpointSettings>(
        "What is saved while training, and how a run goes on.", exclusive: [["every_steps", "per_epoch"]],
        planned: [
            PlannedField("full_state", neutral: true, instead: "Remove it; every checkpoint can be resumed exactly")
        ],
        fields: [
            Field(
                "every_steps", \.everySteps, "Optimiser steps between two checkpoints.", in: .atLeast(1),
                changesResults: false),
            Field(
                "per_epoch", \.perEpoch, "Checkpoints an epoch.", in: .within(1...1_000_000),
                derivation: "1, without every_steps", changesResults: false),
            Field(
                "keep_last", \.keepLast, "Newest checkpoints that are kept; of one alone damage would leave nothing.",
                in: .atLeast(2), changesResults: false),
            Field("keep_best", \.keepBest, "Best checkpoints that are kept.", in: .notNegative, changesResults: false),
            Field(
                "resume", \.resume, "`never`, `auto` (the newest of the run folder), or a checkpoint's folder.",
                exists: .folder, changesResults: false),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        if everySteps == nil, perEpoch == nil { perEpoch = 1 }
    }
}

extension ResumeRule: RecipeValue {
    package static var shape: ValueShape {
        .scalar(schema: ["type": "string", "minLength": 1], expected: "never, auto or a checkpoint's folder")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> ResumeRule? {
        switch node.string {
        case "never"?: return .never
        case "auto"?: return .auto
        case let text? where !text.isEmpty: return RecipePath.decode(node, decoder).map { .from($0) }
        default:
            decoder.reportType(node, expected: shape.expected, example: "auto")
            return nil
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        switch self {
        case .never: .string("never")
        case .auto: .string("auto")
        case .from(let path): path.resolved(purpose)
        }
    }

    package var paths: [RecipePath] { if case .from(let path) = self { [path] } else { [] } }
}
