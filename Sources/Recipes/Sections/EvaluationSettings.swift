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
    /// Suites that guard what the model could do before; once read they stand among `suites`.
    public var regression: [SuiteSettings] = []
    /// What the model is compared with beside itself before training.
    public var baselines: [BaselineSettings] = []
    /// Questions of each suite that are asked one at a time, to say how long a request takes; 0 for none.
    public var latencySamples = 20
    /// When a run ends because it no longer improves; `nil` for never.
    public var earlyStopping: EarlyStoppingSettings?

    public init() {}

    /// Whether anything is judged before the first step.
    public var judgesStart: Bool { atStart || !baselines.isEmpty || suites.contains(where: \.regression) }

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
    /// Whether the suite guards what the model could do before, rather than what it shall learn.
    public var regression = false
    /// How the answers of `metric: multiple_choice` are put to the model.
    public var choices = ChoiceForm.text
    /// The verifier's own options.
    public var options = OpenKeys()
    public var generate = GenerateSettings()

    public init() {}
}

/// What is measured on a suite without generating.
public enum SuiteMetric: String, Sendable, Hashable, CaseIterable {
    case loss, perplexity, preference
    case multipleChoice = "multiple_choice"
    case divergence = "kl"
}

/// How the answers of a multiple-choice suite are put to the model.
public enum ChoiceForm: String, Sendable, Hashable, CaseIterable {
    /// Each answer's text is what the model might say.
    case text
    /// The answers are listed under letters, and each letter is what it might say.
    case letters
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
            Field(
                "regression", \.regression,
                "Suites that guard what the model could do before; they are judged before and after, whatever at_start."
            ),
            Field("baselines", \.baselines, "What the model is compared with beside itself before training."),
            Field(
                "latency_samples", \.latencySamples,
                "Questions of each suite asked one at a time, to say how long a request takes; 0 for none.",
                in: .notNegative, changesResults: false),
            Field("early_stopping", \.earlyStopping, "When a run ends because it no longer improves; never if absent."),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        if everySteps == nil, perEpoch == nil { perEpoch = 1 }
        for var suite in regression {
            suite.regression = true
            suites.append(suite)
        }
        regression = []
        var seen: Set<String> = []
        for (index, suite) in suites.enumerated() where !seen.insert(suite.name).inserted {
            decoder.report(
                "suites.\(index).name", "two suites are named '\(suite.name)'",
                why: "Their figures could not be told apart", fix: "Give each its own name")
        }
        for (index, suite) in suites.enumerated() where suite.name == "held" || suite.name.hasPrefix("baseline-") {
            decoder.report(
                "suites.\(index).name", "a suite is named '\(suite.name)'",
                why: "Figures of held-out rows and of baselines are kept under such names", fix: "Give it another name")
        }
        var names: Set<String> = []
        for (index, baseline) in baselines.enumerated() where !names.insert(baseline.name).inserted {
            decoder.report(
                "baselines.\(index).name", "two baselines are named '\(baseline.name)'",
                why: "Their figures could not be told apart", fix: "Give each its own name")
        }
        if !baselines.isEmpty, !suites.contains(where: { $0.verifier != nil }) {
            decoder.report(
                "baselines", "there are baselines, and no suite whose answers they could give",
                why: "Nothing would be compared", fix: "Add a suite with a verifier, or remove the baselines")
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
            Field(
                "regression", \.regression,
                "Whether it guards what the model could do before; then it is judged before and after, whatever at_start."
            ),
            Field(
                "choices", \.choices, "How the answers of metric multiple_choice are put: as text, or under letters."),
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
        if decoder.isWritten("choices"), metric != .multipleChoice {
            decoder.report(
                "choices", "\(decoder.key("choices")) is written, but the suite chooses among nothing",
                why: "Nothing reads it there", fix: "Remove it, or write `metric: multiple_choice`")
        }
        guard metric != nil else { return }
        let unread = metric == .multipleChoice ? ["generate"] : ["generate", "target"]
        for name in unread where decoder.isWritten(name) {
            decoder.report(
                name, "\(decoder.key(name)) is written, but metric \(metric?.rawValue ?? "") generates nothing",
                why: "Nothing reads it there", fix: "Remove it, or replace the metric by a verifier")
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        let own: [(key: String, value: ResolvedValue)] = Self.table.fields.compactMap { field in
            if field.member.name == "generate", metric != nil { return nil }
            if field.member.name == "choices", metric != .multipleChoice { return nil }
            if field.member.name == "regression", !regression { return nil }
            let value = field.resolved(self, purpose)
            return value.isNull ? nil : (key: field.member.name, value: value)
        }
        return .mapping(own + options.resolved)
    }
}

extension SuiteMetric: RecipeWord {
    package static var spellings: [String: SuiteMetric] {
        [
            "ppl": .perplexity, "nll": .loss, "multiple-choice": .multipleChoice, "mc": .multipleChoice,
            "divergence": .divergence, "kl_divergence": .divergence, "preference_accuracy": .preference,
        ]
    }
}

extension ChoiceForm: RecipeWord {
    package static var spellings: [String: ChoiceForm] { ["letter": .letters, "texts": .text] }
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
