public import Foundation
import TextCore

/// Rows to train on and to hold out.
public struct DataSettings: Sendable, Hashable {
    public var train: [DataSource] = []
    public var eval: [DataSource] = []
    /// Share of the training rows that is held out when there is no `eval`.
    public var valFraction = 0.0
    /// Column whose equal values stay on one side of the split.
    public var groupBy: String?
    public var mix = MixRule.concat
    /// What becomes of a source whose rows are used up before the others'; `nil` unless `mix` is weighted.
    public var exhausted: ExhaustedRule?
    public var shuffle = true
    /// Whether rows are read while training instead of before it.
    public var streaming = false
    /// Where results that cost time are kept.
    public var cache = CacheChoice.auto
    /// Which rows to train on are left out because an earlier row says the same.
    public var dedup = DedupRule.none
    /// What rows to train on are compared with, to be left out where they give it away.
    public var decontaminate: [JudgedRows] = []
    /// What is looked for in the rows before a run.
    public var check = RunDataCheck.quick
    public var onCorrupt = CorruptRule.fail
    /// Largest share of rows that may be lost to damage; `nil` unless `onCorrupt` is quarantine.
    public var maxBad: Double?
    /// Largest share of rows that may have nothing to learn from before a run is refused.
    public var maxInvalid = 0.05

    public init() {}
}

/// How several sources become one order.
public enum MixRule: String, Sendable, Hashable, CaseIterable {
    /// Every row of every source once an epoch.
    case concat
    /// In proportion to the sources' weights, whatever their sizes.
    case weighted
}

/// What becomes of a weighted source whose rows are used up.
public enum ExhaustedRule: String, Sendable, Hashable, CaseIterable {
    /// It begins its next epoch.
    case `repeat`
    /// The epoch ends.
    case stop
    /// The others go on without it.
    case drop
}

/// Which rows to train on are left out because an earlier row says the same.
public enum DedupRule: String, Sendable, Hashable, CaseIterable {
    case none
    /// The same prompt and answer, but for case, white space and punctuation.
    case exact
    /// Also nearly the same.
    case near
}

/// Rows that a model is judged by.
public enum JudgedRows: Sendable, Hashable {
    /// Those of every suite and of `data.eval`.
    case suites
    /// Those of a file or folder.
    case path(RecipePath)
}

/// What is looked for in the rows before a run.
public enum RunDataCheck: String, Sendable, Hashable, CaseIterable {
    /// What `hone data check` looks for, less what takes long where there are many rows.
    case quick
    /// All that `hone data check` looks for.
    case full
    /// Nothing.
    case none
}

/// What happens at a damaged frame or row.
public enum CorruptRule: String, Sendable, Hashable, CaseIterable {
    /// The run ends with an error.
    case fail
    /// The rows are left out, listed and counted.
    case quarantine
}

/// Where results that cost time, such as a reference's log-probabilities, are kept.
public enum CacheChoice: Sendable, Hashable {
    case auto
    /// Nowhere.
    case off
    case folder(RecipePath)

    /// The folder; of `auto` `$HONE_CACHE`, else `$XDG_CACHE_HOME/hone`, else `~/.cache/hone`. `nil` for none.
    public func folder(environment: [String: String] = ProcessInfo.processInfo.environment) -> RecipePath? {
        switch self {
        case .off: return nil
        case .folder(let path): return path
        case .auto:
            if let path = environment["HONE_CACHE"], !path.isEmpty { return RecipePath(path) }
            if let path = environment["XDG_CACHE_HOME"], !path.isEmpty { return RecipePath(path + "/hone") }
            return RecipePath("~/.cache/hone")
        }
    }
}

/// One file or folder of rows.
public struct DataSource: Sendable, Hashable {
    public var path = RecipePath("/")
    /// A record format's name; `auto` finds it from the first rows.
    public var format = "auto"
    /// Field of a record to column of the file.
    public var columns = NameMap()
    /// The first so many rows only.
    public var maxSamples: Int?
    /// Share of the rows that come from here, relative to the other sources' weights; `nil` unless `mix` is weighted.
    public var weight: Double?
    /// Which rows are used; `nil` for all.
    public var filter: RowConditions?

    public init() {}
}

extension MixRule: RecipeWord {
    package static var spellings: [String: MixRule] {
        ["interleave": .weighted, "interleave_under": .weighted, "interleave_over": .weighted, "none": .concat]
    }
}

extension ExhaustedRule: RecipeWord {
    package static var spellings: [String: ExhaustedRule] {
        ["first_exhausted": .stop, "all_exhausted": .repeat, "loop": .repeat, "cycle": .repeat]
    }
}

extension DedupRule: RecipeWord {
    package static var spellings: [String: DedupRule] {
        ["fuzzy": .near, "minhash": .near, "lsh": .near, "hash": .exact, "off": .none, "all": .near]
    }
}

extension JudgedRows: RecipeValue {
    package static var shape: ValueShape {
        .scalar(schema: ["type": "string", "minLength": 1], expected: "a path, or suites")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> JudgedRows? {
        if node.string == "suites" { return .suites }
        return RecipePath.decode(node, decoder).map { .path($0) }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        switch self {
        case .suites: .string("suites")
        case .path(let path): path.resolved(purpose)
        }
    }

    package var paths: [RecipePath] {
        switch self {
        case .suites: []
        case .path(let path): [path]
        }
    }
}

extension Recipe {
    /// Refuses to compare with suites where there are none.
    func checkDecontamination(_ decoder: RecipeDecoder) {
        guard let index = data.decontaminate.firstIndex(of: .suites), evaluation.suites.isEmpty, data.eval.isEmpty
        else { return }
        decoder.report(
            "data.decontaminate.\(index)", "data.decontaminate names suites, but the recipe has none and no data.eval",
            why: "There is nothing to compare the rows with",
            fix: "Write the path of the rows that the model is judged by, or add suites to `evaluation`")
    }
}

extension RunDataCheck: RecipeWord {
    package static var spellings: [String: RunDataCheck] {
        ["off": .none, "false": .none, "true": .quick, "all": .full]
    }
}

extension CorruptRule: RecipeWord {
    package static var spellings: [String: CorruptRule] {
        ["error": .fail, "skip": .quarantine, "ignore": .quarantine, "drop": .quarantine]
    }
}

extension CacheChoice: RecipeValue {
    package static var shape: ValueShape {
        .scalar(schema: ["type": "string", "minLength": 1], expected: "auto, none or a folder")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> CacheChoice? {
        switch node.string {
        case "auto"?: return .auto
        case "none"?: return .off
        case let text? where !text.isEmpty: return RecipePath.decode(node, decoder).map { .folder($0) }
        default:
            decoder.reportType(node, expected: shape.expected, example: "auto")
            return nil
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        switch self {
        case .auto: .string("auto")
        case .off: .string("none")
        case .folder(let path): path.resolved(purpose)
        }
    }
}

extension DataSettings: RecipeSection {
    package static let table = SectionTable<DataSettings>(
        "Rows to train on and to hold out.", shorthand: "train",
        fields: [
            Field("train", \.train, "Files of training rows.", acceptsOne: true, isRequired: true),
            Field("eval", \.eval, "Files of held-out rows.", acceptsOne: true),
            Field("val_fraction", \.valFraction, "Share of the training rows to hold out.", in: .belowOne),
            Field("group_by", \.groupBy, "Column whose equal values stay on one side of the split."),
            Field("mix", \.mix, "Whether every row is used once an epoch, or sources by their weights."),
            Field(
                "exhausted", \.exhausted, "What becomes of a weighted source whose rows are used up.",
                derivation: "repeat, with mix weighted"),
            Field("shuffle", \.shuffle, "Whether the order of rows is drawn anew each epoch."),
            Field("streaming", \.streaming, "Whether rows are read while training instead of before it."),
            Field(
                "cache", \.cache,
                "Folder for log-probabilities of a reference; auto is $HONE_CACHE or hone in the user's cache folder.",
                changesResults: false),
            Field(
                "dedup", \.dedup,
                "Rows to leave out because an earlier one says the same: `exact` but for case and punctuation, or `near`."
            ),
            Field(
                "decontaminate", \.decontaminate,
                "Files of rows that the model is judged by, or `suites`; rows that give them away are left out.",
                exists: .either, acceptsOne: true),
            Field(
                "check", \.check,
                "What is looked for in the rows before a run: `quick`, `full` or `none`; `hone data check` looks for all.",
                changesResults: false),
            Field("on_corrupt", \.onCorrupt, "What happens at a damaged frame or row."),
            Field(
                "max_bad", \.maxBad, "Largest share of rows that may be lost to damage before the run ends.",
                in: .fraction, derivation: "0.001, with on_corrupt quarantine"),
            Field(
                "max_invalid", \.maxInvalid,
                "Largest share of rows with nothing to learn from, such as pairs of equal answers, before a run is refused.",
                in: .fraction, changesResults: false),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        if train.isEmpty, let written = decoder.root[decoder.key("train")],
            written.elements?.isEmpty ?? written.isNull
        {
            decoder.report(
                "train", "data.train has no files", why: "There is nothing to train on",
                fix: "Write `train: rows.jsonl`, or a list of them")
        }
        if decoder.isWritten("group_by"), valFraction == 0 {
            decoder.report(
                "group_by", "data.group_by is written, but data.val_fraction is 0",
                why: "Groups only matter where rows are split", fix: "Add `val_fraction: 0.05`, or remove it")
        }
        finishMix(decoder)
        if onCorrupt == .quarantine {
            maxBad = maxBad ?? 0.001
        } else if maxBad != nil {
            decoder.report(
                "max_bad", "data.max_bad is written, but data.on_corrupt is fail",
                why: "The first damaged row ends the run", fix: "Write `on_corrupt: quarantine`, or remove it")
        }
    }

    private mutating func finishMix(_ decoder: RecipeDecoder) {
        // Where the word is wrong, nothing follows from it.
        if let written = decoder.root[decoder.key("mix")]?.string, written != mix.rawValue { return }
        for index in eval.indices where eval[index].weight ?? 1 != 1 {
            decoder.report(
                "eval.\(index).weight", "data.eval.\(index).weight is written, but held-out rows are not mixed",
                why: "Each of them is judged once", fix: "Remove it")
        }
        for index in eval.indices { eval[index].weight = nil }
        if mix == .weighted {
            exhausted = exhausted ?? .repeat
            for index in train.indices where train[index].weight == nil && !decoder.isWritten("train.\(index).weight") {
                decoder.report(
                    "train.\(index)", "data.train.\(index) has no weight, but data.mix is weighted",
                    why: "Its share of the rows would be a guess",
                    fix: "Add for example `weight: 0.5`, or write `mix: concat`")
            }
            return
        }
        for index in train.indices {
            if train[index].weight ?? 1 != 1 {
                decoder.report(
                    "train.\(index).weight", "data.train.\(index).weight is written, but data.mix is concat",
                    why: "Every row of every source is used once an epoch, whatever the weight",
                    fix: "Write `mix: weighted` and a weight for every source, or remove it")
            }
            train[index].weight = nil
        }
        if exhausted != nil {
            decoder.report(
                "exhausted", "data.exhausted is written, but data.mix is concat",
                why: "All sources end together, at the end of the epoch",
                fix: "Write `mix: weighted`, or remove it")
        }
    }
}

extension DataSource: RecipeSection {
    package static let table = SectionTable<DataSource>(
        "One file or folder of rows.", shorthand: "path",
        planned: [
            PlannedField("split", instead: "Remove it and name the file of that split"),
            PlannedField("revision", instead: "Remove it; data are read from files"),
        ],
        fields: [
            Field(
                "path", \.path, "JSONL, JSON, CSV, TSV or text, compressed JSONL, or a folder of shards.",
                exists: .either, isRequired: true),
            Field("format", \.format, "What a row holds; `auto` finds it from the first rows."),
            Field("columns", \.columns, "Which column holds what: {prompt: question, completion: answer}."),
            Field("max_samples", \.maxSamples, "The first so many rows only.", in: .atLeast(1)),
            Field("weight", \.weight, "With mix weighted: share of the rows that come from here.", in: .positive),
            Field(
                "filter", \.filter,
                "Rows to use, by column: {language: en, score: {min: 0.5}, source: [a, b], flag: {exists: false}}."),
        ])
}
