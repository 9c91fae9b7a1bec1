import Foundation
import TextCore

/// What must hold before a model is shipped.
public struct GateSettings: Sendable, Hashable {
    /// What gains and drops are measured from.
    public var baseline = GateBaseline.base
    /// Everything that must hold.
    public var require: [GateRequirement] = []
    /// How sure a bound must be, in (0.5, 1).
    public var confidence = 0.95
    public var correction = GateCorrection.holm
    public var onFail = GateFailure.blockExport

    public init() {}
}

/// What gains and drops are measured from.
public enum GateBaseline: Sendable, Hashable {
    /// The model before the run's first step.
    case base
    /// The last evaluation of the run of this name, which lies beside this run's folder.
    case run(String)
    /// A model, adapter or run folder.
    case folder(RecipePath)
    /// One of `evaluation.baselines`.
    case named(String)
}

/// How several comparisons share what may go wrong.
public enum GateCorrection: String, Sendable, Hashable, CaseIterable {
    /// Holm's step-down rule: all claims of a verdict hold together at the confidence.
    case holm
    /// Each comparison has the confidence by itself.
    case none
}

/// What follows from a gate that does not open.
public enum GateFailure: String, Sendable, Hashable, CaseIterable {
    /// The command ends with status 3, and `hone export` refuses.
    case blockExport = "block_export"
    /// It is said, and nothing else.
    case warn
}

/// One thing that must hold: a metric with a threshold, or a check.
public struct GateRequirement: Sendable, Hashable {
    /// `suites.NAME.METRIC` or `eval.METRIC`; `nil` exactly when `check` is given.
    public var metric: String?
    public var check: GateCheck?
    public var min: Double?
    public var max: Double?
    /// How much better than the baseline.
    public var minGain: Double?
    /// How much worse than the baseline at the most.
    public var maxDrop: Double?
    /// How much higher than the baseline at the most.
    public var maxRise: Double?
    /// Of `export_parity`: mean divergence of the exported model from the trained one, in nats a token.
    public var maxDivergence: Double?
    /// Of `export_parity`: share of positions with the same likeliest token.
    public var minAgreement: Double?
    /// Of `stops_cleanly`: share of answers that the model ends by itself.
    public var minShare: Double?

    public init() {}
}

/// What a gate can look at beside metrics.
public enum GateCheck: String, Sendable, Hashable, CaseIterable {
    /// No row to train on is also in a suite.
    case noContamination = "no_contamination"
    /// The model as it is exported says what the trained one says.
    case exportParity = "export_parity"
    /// The model ends its answers itself.
    case stopsCleanly = "stops_cleanly"
    /// No step and no weight of the run held something that is no number.
    case noNaN = "no_nan"
}

extension GateBaseline: RecipeValue {
    package static var shape: ValueShape {
        .scalar(
            schema: ["type": "string", "minLength": 1],
            expected: "base, run:NAME, baseline:NAME or the path of a model's folder")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> GateBaseline? {
        guard let text = node.string, !text.isEmpty else {
            decoder.reportType(node, expected: shape.expected, example: "base")
            return nil
        }
        if text == "base" { return .base }
        for (prefix, make) in [("run:", GateBaseline.run), ("baseline:", GateBaseline.named)]
        where text.hasPrefix(prefix) {
            let name = String(text.dropFirst(prefix.count))
            guard !name.isEmpty, !name.contains("/"), name != ".", name != ".." else {
                decoder.report(
                    node, "\(decoder.key): '\(text)' names nothing", why: "Gains would be measured from nowhere",
                    fix: "Write a name behind the colon, or the path of a folder")
                return nil
            }
            return make(name)
        }
        if text.contains("/") || text.hasPrefix(".") { return RecipePath.decode(node, decoder).map { .folder($0) } }
        let near = nearestName(to: text, among: ["base"])
        decoder.report(
            node, "\(decoder.key) must be \(shape.expected), not \(node.shown)",
            why: "Gains are measured from it",
            fix: near.map { "Did you mean '\($0)'?" } ?? "Write `run:\(text)` for a run, or `./\(text)` for a folder")
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        switch self {
        case .base: .string("base")
        case .run(let name): .string("run:\(name)")
        case .named(let name): .string("baseline:\(name)")
        case .folder(let path): path.resolved(purpose)
        }
    }

    package var paths: [RecipePath] { if case .folder(let path) = self { [path] } else { [] } }
}

extension GateCorrection: RecipeWord {
    package static var spellings: [String: GateCorrection] {
        ["off": .none, "bonferroni": .holm, "holm-bonferroni": .holm]
    }
}
extension GateFailure: RecipeWord {
    package static var spellings: [String: GateFailure] {
        ["block": .blockExport, "fail": .blockExport, "error": .blockExport]
    }
}
extension GateCheck: RecipeWord {
    package static var spellings: [String: GateCheck] {
        ["contamination": .noContamination, "parity": .exportParity, "eos": .stopsCleanly, "nan": .noNaN]
    }
}

extension GateSettings: RecipeSection {
    package static let table = SectionTable<GateSettings>(
        "What must hold before a model is shipped.", shorthand: "require",
        fields: [
            Field(
                "baseline", \.baseline,
                "What gains are measured from: `base`, `run:NAME`, `baseline:NAME` or a folder.", exists: .either),
            Field(
                "require", \.require, "Everything that must hold: metrics with a threshold, and checks.",
                acceptsOne: true, isRequired: true),
            Field("confidence", \.confidence, "How sure a bound must be.", in: .within(0.5...0.9999)),
            Field("correction", \.correction, "How several comparisons share what may go wrong."),
            Field(
                "on_fail", \.onFail, "Whether a gate that does not open blocks the export, or only warns.",
                changesResults: false),
        ])
}

extension GateRequirement: RecipeSection {
    package static let table = SectionTable<GateRequirement>(
        "One thing that must hold: a metric with a threshold, or a check.",
        exclusive: [
            ["metric", "check"], ["min", "min_gain", "max_drop", "max_rise"],
            ["max", "min_gain", "max_drop", "max_rise"],
        ],
        fields: [
            Field("metric", \.metric, "`suites.NAME.accuracy`, `eval.loss` and the like."),
            Field("check", \.check, "What is looked at beside metrics."),
            Field("min", \.min, "The metric is at least this."),
            Field("max", \.max, "The metric is at most this."),
            Field(
                "min_gain", \.minGain,
                "How much better than the baseline: in points of a share (0.05 is five), or as a share of the "
                    + "baseline's perplexity, latency or cost.",
                in: .notNegative, derivation: "0.05, where a metric has no threshold"),
            Field("max_drop", \.maxDrop, "How much worse than the baseline at the most.", in: .notNegative),
            Field("max_rise", \.maxRise, "How much higher than the baseline at the most.", in: .notNegative),
            Field(
                "max_kl", \.maxDivergence, "Of check export_parity: mean divergence in nats a token.", in: .notNegative,
                derivation: "0.05, of check export_parity"),
            Field(
                "min_agreement", \.minAgreement,
                "Of check export_parity: share of positions with the same likeliest token.",
                in: .within(0...1), derivation: "0.98, of check export_parity"),
            Field(
                "min_share", \.minShare, "Of check stops_cleanly: share of answers that the model ends itself.",
                in: .within(0...1), derivation: "0.98, of check stops_cleanly"),
        ])

    /// Whether something says how the metric is compared.
    private var hasThreshold: Bool { [min, max, minGain, maxDrop, maxRise].contains { $0 != nil } }

    package mutating func finish(_ decoder: RecipeDecoder) {
        if metric == nil, check == nil, !decoder.isWritten("metric"), !decoder.isWritten("check") {
            decoder.report(
                decoder.position(of: decoder.key), "\(decoder.key) has neither a metric nor a check",
                why: "Nothing says what must hold",
                fix: "Write `metric: suites.NAME.accuracy` or `check: \(GateCheck.noContamination.rawValue)`")
        }
        if let low = min, let high = max, low > high {
            decoder.report(
                "max", "\(decoder.key("max")) \(high) is below min \(low)", why: "Nothing lies between them",
                fix: "Swap them")
        }
        if metric != nil, !hasThreshold { minGain = 0.05 }
        refuseUnread(["min", "max", "min_gain", "max_drop", "max_rise"], isRead: check == nil, "a metric", decoder)
        let isParity = check == .exportParity
        refuseUnread(["max_kl", "min_agreement"], isRead: isParity, "check: export_parity", decoder)
        refuseUnread(["min_share"], isRead: check == .stopsCleanly, "check: stops_cleanly", decoder)
        if isParity {
            maxDivergence = maxDivergence ?? 0.05
            minAgreement = minAgreement ?? 0.98
        }
        if check == .stopsCleanly { minShare = minShare ?? 0.98 }
    }

    private func refuseUnread(_ names: [String], isRead: Bool, _ reader: String, _ decoder: RecipeDecoder) {
        guard !isRead else { return }
        for name in names where decoder.isWritten(name) {
            decoder.report(
                name, "\(decoder.key(name)) is written without \(reader)", why: "Nothing reads it there",
                fix: "Remove it, or write `\(reader == "a metric" ? "metric: suites.NAME.accuracy" : reader)`")
        }
    }
}

extension Recipe {
    /// Checks that something measures what the gate asks for, before anything is trained.
    func checkGate(_ decoder: RecipeDecoder) {
        guard let gate else { return }
        let holdsOut = !data.eval.isEmpty || data.valFraction > 0
        let names = evaluation.suites.map(\.name)
        for (index, requirement) in gate.require.enumerated() {
            guard let metric = requirement.metric else { continue }
            let key = "gate.require.\(index).metric"
            let parts = metric.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            if parts.count == 2, parts[0] == "eval", !parts[1].isEmpty {
                if !holdsOut {
                    decoder.report(
                        key, "\(key) is \(metric), but no rows are held out",
                        why: "A gate judges by rows that the model has not been trained on",
                        fix: "Add `data: {val_fraction: 0.05}` or rows in data.eval")
                }
            } else if parts.count == 3, parts[0] == "suites", !parts[2].isEmpty {
                guard !names.contains(parts[1]) else { continue }
                decoder.report(
                    key, "\(key) names suite '\(parts[1])', which evaluation.suites does not have",
                    why: "A gate needs questions that share nothing with the training rows",
                    fix: nearestName(to: parts[1], among: names).map { "Did you mean '\($0)'?" }
                        ?? "Add `evaluation: {suites: [{name: \(parts[1]), path: test.jsonl, verifier: exact}]}`; "
                        + "about 200 rows make an interval of some 14 points, 1,000 one of 6")
            } else {
                decoder.report(
                    key, "\(key) '\(metric)' is no metric", why: "Nothing measures it",
                    fix: "Write `suites.NAME.METRIC` or `eval.METRIC`; the suites are "
                        + (names.isEmpty ? "none yet" : names.joined(separator: ", ")))
            }
        }
        if case .named(let name) = gate.baseline, !evaluation.baselines.contains(where: { $0.name == name }) {
            let known = evaluation.baselines.map(\.name)
            decoder.report(
                "gate.baseline", "gate.baseline names baseline '\(name)', which evaluation.baselines does not have",
                why: "Gains would be measured from nothing",
                fix: nearestName(to: name, among: known).map { "Did you mean '\($0)'?" }
                    ?? "Add `{name: \(name), classifier: true}` or another to evaluation.baselines")
        }
        let needsStart = gate.require.contains { $0.minGain != nil || $0.maxDrop != nil || $0.maxRise != nil }
        if gate.baseline == .base, needsStart, !evaluation.atStart {
            decoder.report(
                "evaluation.at_start",
                "the gate compares with the model before the run, but evaluation.at_start is false",
                why: "Nothing would be known of the baseline",
                fix: "Remove `at_start: false`, or name another `gate.baseline`")
        }
    }
}
