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
    /// Verifier `regex`: what the answer must contain.
    public var pattern: String?
    /// Verifier `numeric`: largest difference that counts as equal.
    public var tolerance = 0.0
    /// Verifiers `exact`, `contains`, `label`: whether upper and lower case are the same.
    public var ignoreCase = false
    /// Verifier `label`: all labels; those of the targets when empty.
    public var labels: [String] = []
    /// Verifier `label`: the path of the label where answers are JSON, such as `intent`.
    public var field: String?
    public var generate = GenerateSettings()

    public init() {}
}

/// How a generated answer is compared.
public enum VerifierName: String, Sendable, Hashable, CaseIterable {
    case exact, contains, regex, label, numeric
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
    }
}

extension SuiteSettings: RecipeSection {
    package static let table = SectionTable<SuiteSettings>(
        "One set of questions.", exclusive: [["verifier", "metric"]],
        fields: [
            Field("name", \.name, "What its figures are called.", isRequired: true),
            Field("path", \.path, "File of its rows.", exists: .either, isRequired: true),
            Field("format", \.format, "What a row holds; `auto` finds it from the first rows."),
            Field("columns", \.columns, "Which column holds what."),
            Field("verifier", \.verifier, "How a generated answer is compared."),
            Field("metric", \.metric, "What is measured instead of generating."),
            Field("target", \.target, "Column with the right answer; the row's completion if absent."),
            Field("max_samples", \.maxSamples, "The first so many rows only.", in: .atLeast(1)),
            Field("pattern", \.pattern, "Of verifier regex: what an answer must contain."),
            Field(
                "tolerance", \.tolerance, "Of verifier numeric: largest difference that counts as equal.",
                in: .notNegative),
            Field("ignore_case", \.ignoreCase, "Of verifiers exact, contains and label: whether case counts."),
            Field("labels", \.labels, "Of verifier label: all labels; those of the targets if absent."),
            Field("field", \.field, "Of verifier label: the label's path where answers are JSON, such as `intent`."),
            Field("generate", \.generate, "How answers are generated."),
        ])

    /// Options that only some verifiers have.
    private static let options: [(name: String, verifiers: [VerifierName])] = [
        ("pattern", [.regex]), ("tolerance", [.numeric]), ("ignore_case", [.exact, .contains, .label]),
        ("labels", [.label]), ("field", [.label]),
    ]

    package mutating func finish(_ decoder: RecipeDecoder) {
        if verifier == nil, metric == nil, !decoder.isWritten("verifier"), !decoder.isWritten("metric") {
            decoder.report(
                decoder.position(of: decoder.key), "\(decoder.key) has neither a verifier nor a metric",
                why: "Nothing says what a good answer is", fix: "Add `verifier: exact` or `metric: loss`")
        }
        for option in Self.options where decoder.isWritten(option.name) {
            if let verifier, option.verifiers.contains(verifier) { continue }
            let owner = verifier?.rawValue ?? metric?.rawValue ?? "this suite"
            decoder.report(
                option.name, "\(decoder.key(option.name)) is no option of \(owner)", why: "Nothing reads it there",
                fix: "Remove it, or write `verifier: \(option.verifiers.first?.rawValue ?? "")`")
        }
        if verifier == .regex, pattern == nil, !decoder.isWritten("pattern") {
            decoder.report(
                "verifier", "\(decoder.key) has verifier regex but no pattern", why: "There is nothing to match",
                fix: "Add `pattern: \"^yes\"`")
        }
        guard metric != nil else { return }
        for name in ["generate", "target"] where decoder.isWritten(name) {
            decoder.report(
                name, "\(decoder.key(name)) is written, but metric \(metric?.rawValue ?? "") generates nothing",
                why: "Nothing reads it there", fix: "Remove it, or replace the metric by a verifier")
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        .mapping(
            Self.table.fields.compactMap { field in
                let name = field.member.name
                if let option = Self.options.first(where: { $0.name == name }),
                    !(verifier.map { option.verifiers.contains($0) } ?? false)
                {
                    return nil
                }
                if name == "generate", metric != nil { return nil }
                let value = field.resolved(self, purpose)
                return value.isNull ? nil : (key: name, value: value)
            })
    }
}

extension VerifierName: RecipeWord {
    package static var planned: [String: String] {
        let names = [
            "math", "multiple_choice", "json_schema", "format", "length", "repetition", "code_tests", "llm_judge",
            "command", "http", "plugin",
        ]
        let fix = "Write one of \(allCases.map(\.rawValue).joined(separator: ", "))"
        return Dictionary(uniqueKeysWithValues: names.map { ($0, fix) })
    }

    package static var spellings: [String: VerifierName] {
        ["exact_match": .exact, "equals": .exact, "number": .numeric]
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
