import OrderedCollections
import TextCore
public import Training

/// What the model is judged by, and when.
public struct EvaluationSettings: Sendable, Hashable {
    public var everySteps: Int?
    public var perEpoch: Int?
    /// Whether the model is judged before the first step, as the baseline.
    public var atStart = true
    public var suites: [SuiteSettings] = []
    /// When a run ends because it no longer improves; `nil` for never.
    public var earlyStopping: EarlyStoppingSettings?

    public init() {}

    /// When held-out rows and suites are judged; always at the end too.
    public var cadence: Cadence { everySteps.map { .everySteps($0) } ?? .perEpoch(perEpoch ?? 1) }
}

/// When a run ends because it no longer improves.
public struct EarlyStoppingSettings: Sendable, Hashable {
    /// What is watched: `eval.loss` or `suites.NAME.METRIC`. It also decides which checkpoint is the best.
    public var metric = "eval.loss"
    /// Measurements without a better one after which the run ends.
    public var patience = 3
    /// How much better than the best counts as better.
    public var minDelta = 0.0

    public init() {}
}

extension EarlyStoppingSettings: RecipeSection {
    package static let table = SectionTable<EarlyStoppingSettings>(
        "When a run ends because it no longer improves.",
        fields: [
            Field("metric", \.metric, "What is watched: `eval.loss`, or `suites.NAME.accuracy` of a suite."),
            Field("patience", \.patience, "Evaluations without a better one that end the run.", in: .atLeast(1)),
            Field("min_delta", \.minDelta, "How much better than the best counts as better.", in: .notNegative),
        ])
}

/// One set of questions: generated answers that a verifier scores, or a loss.
public struct SuiteSettings: Sendable, Hashable {
    public var name = ""
    public var path = RecipePath("/")
    public var format = "auto"
    public var columns = NameMap()
    /// Generates and compares; `nil` exactly when `metric` is given.
    public var verifier: VerifierName?
    public var metric: SuiteMetric?
    /// Column with the right answer; the row's completion when `nil`.
    public var target: String?
    public var maxSamples: Int?
    /// The verifier's own options.
    public var options = OpenKeys()
    public var generate = GenerateSettings()

    public init() {}
}

/// What is measured on a suite without generating.
public enum SuiteMetric: String, Sendable, Hashable, CaseIterable {
    case loss, perplexity
}

/// How answers are generated.
public struct GenerateSettings: Sendable, Hashable {
    public var maxNewTokens = 256
    /// 0 takes the likeliest token every time.
    public var temperature = 0.0
    public var topP = 1.0
    /// 0 for no limit.
    public var topK = 0
    /// Texts that end an answer, beside the model's stop tokens.
    public var stop: [String] = []

    public init() {}
}

extension EvaluationSettings: RecipeSection {
    package static let table = SectionTable<EvaluationSettings>(
        "What the model is judged by, and when.", exclusive: [["every_steps", "per_epoch"]],
        fields: [
            Field("every_steps", \.everySteps, "Optimiser steps between two evaluations.", in: .atLeast(1)),
            Field(
                "per_epoch", \.perEpoch, "Evaluations an epoch.", in: .within(1...1_000_000),
                derivation: "1, without every_steps"),
            Field("at_start", \.atStart, "Whether the model is judged before the first step."),
            Field("suites", \.suites, "Sets of questions."),
            Field("early_stopping", \.earlyStopping, "When a run ends because it no longer improves; never if absent."),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        if everySteps == nil, perEpoch == nil { perEpoch = 1 }
        var seen: Set<String> = []
        for (index, suite) in suites.enumerated() where !seen.insert(suite.name).inserted {
            decoder.report(
                "suites.\(index).name", "two suites are named '\(suite.name)'",
                why: "Their figures could not be told apart", fix: "Give each its own name")
        }
        for (index, suite) in suites.enumerated() where suite.name == "held" {
            decoder.report(
                "suites.\(index).name", "a suite is named 'held'",
                why: "Figures of held-out rows are kept under this name", fix: "Give it another name")
        }
    }
}

extension SuiteSettings: RecipeSection {
    package static let table = SectionTable<SuiteSettings>(
        "One set of questions; the verifier's own options stand beside these keys.",
        exclusive: [["verifier", "metric"]],
        others: \SuiteSettings.options,
        fields: [
            Field("name", \.name, "What its figures are called.", isRequired: true),
            Field("path", \.path, "File of its rows.", exists: .either, isRequired: true),
            Field("format", \.format, "What a row holds; `auto` finds it from the first rows."),
            Field("columns", \.columns, "Which column holds what."),
            Field("verifier", \.verifier, "How a generated answer is compared.", exists: .file),
            Field("metric", \.metric, "What is measured instead of generating."),
            Field("target", \.target, "Column with the right answer; the row's completion if absent."),
            Field("max_samples", \.maxSamples, "The first so many rows only.", in: .atLeast(1)),
            Field("generate", \.generate, "How answers are generated."),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        if verifier == nil, metric == nil, !decoder.isWritten("verifier"), !decoder.isWritten("metric") {
            decoder.report(
                decoder.position(of: decoder.key), "\(decoder.key) has neither a verifier nor a metric",
                why: "Nothing says what a good answer is", fix: "Add `verifier: exact` or `metric: loss`")
        }
        if metric == nil {
            // The labels of a suite are those of its rows where none are written.
            let isComplete = verifier?.name != "label" || options.members["labels"] != nil
            decoder.checkOptions(of: verifier, &options, in: Self.table.schema, isComplete: isComplete)
        } else {
            for key in options.members.keys {
                let near = nearestName(to: key, among: Self.table.schema.names)
                decoder.report(
                    key, "unknown key '\(key)' in \(decoder.key)",
                    why: "Nothing reads it, so what it asks for would not happen",
                    fix: near.map { "Did you mean '\($0)'?" }
                        ?? "Remove it, or replace the metric by a verifier that has this option")
            }
        }
        guard metric != nil else { return }
        for name in ["generate", "target"] where decoder.isWritten(name) {
            decoder.report(
                name, "\(decoder.key(name)) is written, but metric \(metric?.rawValue ?? "") generates nothing",
                why: "Nothing reads it there", fix: "Remove it, or replace the metric by a verifier")
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        let own: [(key: String, value: ResolvedValue)] = Self.table.fields.compactMap { field in
            if field.member.name == "generate", metric != nil { return nil }
            let value = field.resolved(self, purpose)
            return value.isNull ? nil : (key: field.member.name, value: value)
        }
        return .mapping(own + options.resolved)
    }
}

extension SuiteMetric: RecipeWord {
    package static var planned: [String: String] { ["multiple_choice": "Write `metric: loss` or a verifier"] }
    package static var spellings: [String: SuiteMetric] { ["ppl": .perplexity, "nll": .loss] }
}

extension GenerateSettings: RecipeSection {
    package static let table = SectionTable<GenerateSettings>(
        "How answers are generated.",
        fields: [
            Field("max_new_tokens", \.maxNewTokens, "Most tokens of an answer.", in: .within(1...1_048_576)),
            Field("temperature", \.temperature, "0 takes the likeliest token every time.", in: .notNegative),
            Field("top_p", \.topP, "Share of probability that is kept.", in: .fraction),
            Field("top_k", \.topK, "Likeliest tokens that are kept; 0 for all.", in: .notNegative),
            Field("stop", \.stop, "Texts that end an answer."),
        ])
}
