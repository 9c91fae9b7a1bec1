import TextCore

/// Rows to train on and to hold out.
public struct DataSettings: Sendable, Hashable {
    public var train: [DataSource] = []
    public var eval: [DataSource] = []
    /// Share of the training rows that is held out when there is no `eval`.
    public var valFraction = 0.0
    /// Column whose equal values stay on one side of the split.
    public var groupBy: String?
    public var shuffle = true

    public init() {}
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

    public init() {}
}

extension DataSettings: RecipeSection {
    package static let table = SectionTable<DataSettings>(
        "Rows to train on and to hold out.", shorthand: "train",
        planned: [
            PlannedField(
                "mix", neutral: "concat", instead: "Remove it; sources are used whole, one after another, then shuffled"
            ),
            PlannedField("streaming", neutral: false, instead: "Remove it; rows are tokenised before the first step"),
            PlannedField("dedup", neutral: "none", instead: "Remove duplicates from the file beforehand"),
            PlannedField("decontaminate", neutral: [], instead: "Remove evaluation rows from the file beforehand"),
            PlannedField("cache", neutral: "auto", instead: "Remove it"),
        ],
        fields: [
            Field("train", \.train, "Files of training rows.", acceptsOne: true, isRequired: true),
            Field("eval", \.eval, "Files of held-out rows.", acceptsOne: true),
            Field("val_fraction", \.valFraction, "Share of the training rows to hold out.", in: .belowOne),
            Field("group_by", \.groupBy, "Column whose equal values stay on one side of the split."),
            Field("shuffle", \.shuffle, "Whether the order of rows is drawn anew each epoch."),
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
    }
}

extension DataSource: RecipeSection {
    package static let table = SectionTable<DataSource>(
        "One file or folder of rows.", shorthand: "path",
        planned: [
            PlannedField("weight", neutral: 1, instead: "Remove it; every row of every source is used once an epoch"),
            PlannedField("split", instead: "Remove it and name the file of that split"),
            PlannedField("revision", instead: "Remove it; data are read from files"),
            PlannedField("filter", instead: "Remove the rows from the file beforehand"),
        ],
        fields: [
            Field("path", \.path, "JSONL, JSON, CSV, TSV or text.", exists: .either, isRequired: true),
            Field("format", \.format, "What a row holds; `auto` finds it from the first rows."),
            Field("columns", \.columns, "Which column holds what: {prompt: question, completion: answer}."),
            Field("max_samples", \.maxSamples, "The first so many rows only.", in: .atLeast(1)),
        ])
}
