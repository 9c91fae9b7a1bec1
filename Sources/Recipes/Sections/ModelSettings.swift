import TextCore

/// The model a run starts from: a Hugging Face folder, or new weights.
public struct ModelSettings: Sendable, Hashable {
    /// A folder with `config.json`, weights and `tokenizer.json`; `nil` exactly when `initial` is given.
    public var path: RecipePath?
    /// New random weights instead of a folder.
    public var initial: NewModelSettings?
    public var dtype = ModelDType.auto
    public var chatTemplate = ChatTemplateChoice.auto

    public init() {}
}

/// A model made from scratch.
public struct NewModelSettings: Sendable, Hashable {
    /// A Hugging Face `config.json`.
    public var config = RecipePath("/")
    /// A folder with `tokenizer.json`, or that file.
    public var tokenizer = RecipePath("/")

    public init() {}
}

/// How frozen weights are stored while training, and what products are computed in. Weights that are trained are float32
/// in any case.
public enum ModelDType: String, Sendable, Hashable, CaseIterable {
    case auto, float32, bf16
}

/// The template that renders conversations.
public enum ChatTemplateChoice: Sendable, Hashable {
    /// The model's own.
    case auto
    /// A Jinja file.
    case file(RecipePath)
}

extension ModelSettings: RecipeSection {
    package static let table = SectionTable<ModelSettings>(
        "The model to start from.", shorthand: "path", exclusive: [["path", "init"]],
        planned: [
            PlannedField("revision", instead: "Remove it; models are read from folders, so put the revision there"),
            PlannedField("add_tokens", neutral: [], instead: "Add the tokens to the model's folder beforehand"),
            PlannedField("trust", neutral: "none", instead: "Remove it; Hone runs no code of a model"),
        ],
        fields: [
            Field("path", \.path, "Folder of the model, in Hugging Face layout.", exists: .folder),
            Field("init", \.initial, "New random weights instead of a folder."),
            Field(
                "dtype", \.dtype,
                "`bf16`: products in bf16, frozen weights stored in it; `auto` is float32, and bf16 with adapter qlora."
            ),
            Field("chat_template", \.chatTemplate, "`auto` is the model's own; else a Jinja file.", exists: .file),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        if path == nil, initial == nil, !decoder.isWritten("path"), !decoder.isWritten("init") {
            decoder.report(
                decoder.position(of: decoder.key), "model.path is missing", why: "There is nothing to train",
                fix: "Add `model: path/to/folder`, or `model: {init: {config: …, tokenizer: …}}` for new weights")
        }
    }
}

extension NewModelSettings: RecipeSection {
    package static let table = SectionTable<NewModelSettings>(
        "A model made from scratch, its weights drawn with the recipe's seed.",
        fields: [
            Field("config", \.config, "Its config.json.", exists: .file, isRequired: true),
            Field(
                "tokenizer", \.tokenizer, "Its tokenizer.json, or the folder that holds it.", exists: .either,
                isRequired: true),
        ])
}

extension ModelDType: RecipeWord {
    package static var spellings: [String: ModelDType] {
        [
            "bfloat16": .bf16, "torch.bfloat16": .bf16, "fp32": .float32, "f32": .float32, "float": .float32,
            "fp16": .bf16, "float16": .bf16, "half": .bf16,
        ]
    }
}

extension ChatTemplateChoice: RecipeValue {
    package static var shape: ValueShape {
        .scalar(schema: ["type": "string", "minLength": 1], expected: "auto or the path of a Jinja file")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> ChatTemplateChoice? {
        guard let text = node.string else {
            decoder.reportType(node, expected: shape.expected, example: "auto")
            return nil
        }
        if text == "auto" { return .auto }
        if text.contains("/") || text.contains(".") {
            return RecipePath.decode(node, decoder).map { .file($0) }
        }
        decoder.report(
            node, "\(decoder.key) is \(node.shown), but Hone has no templates of its own",
            why: "Rendering with another template than the model's changes what it learns",
            fix: "Write `auto` for the model's own, or the path of a Jinja file such as templates/\(text).jinja")
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        switch self {
        case .auto: .string("auto")
        case .file(let path): path.resolved(purpose)
        }
    }

    package var paths: [RecipePath] { if case .file(let path) = self { [path] } else { [] } }
}
