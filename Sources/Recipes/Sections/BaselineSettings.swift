import TextCore

/// What the model is compared with beside itself before training: the base model told what to do, the base model with
/// examples, another model behind an endpoint, or a linear classifier.
public struct BaselineSettings: Sendable, Hashable {
    public var name = ""
    /// What is said first, as the system; empty for nothing.
    public var prompt = ""
    /// Examples from the training rows that are shown before each question.
    public var fewShot = 0
    /// Whether it is a linear classifier over words, trained on the training rows, instead of a language model.
    public var classifier = false
    /// The address of a service of OpenAI's kind, up to `/chat/completions`; the recipe's own model when `nil`.
    public var endpoint: String?
    /// The model's name there.
    public var model: String?
    /// The variable of the environment that holds the key.
    public var keyVariable: String?
    /// Price of a million tokens read, and of a million written, in any currency.
    public var inputPrice = 0.0
    public var outputPrice = 0.0
    /// Requests that wait at the same time.
    public var concurrency = 4

    public init() {}
}

extension BaselineSettings: RecipeSection {
    package static let table = SectionTable<BaselineSettings>(
        "A model or a way of asking it that training must beat.",
        fields: [
            Field("name", \.name, "What its figures are called.", isRequired: true),
            Field("prompt", \.prompt, "What is said first, as the system."),
            Field(
                "few_shot", \.fewShot, "Examples from the training rows that are shown before each question.",
                in: .within(0...256)),
            Field(
                "classifier", \.classifier,
                "Whether it is a linear classifier over words, trained on the training rows in seconds."),
            Field(
                "endpoint", \.endpoint,
                "Address of a service of OpenAI's kind, up to /chat/completions; the recipe's own model if absent."),
            Field("model", \.model, "The model's name at the endpoint."),
            Field("api_key_env", \.keyVariable, "The variable of the environment that holds the key."),
            Field("input_price", \.inputPrice, "Price of a million tokens read.", in: .notNegative),
            Field("output_price", \.outputPrice, "Price of a million tokens written.", in: .notNegative),
            Field(
                "concurrency", \.concurrency, "Requests that wait at the same time.", in: .within(1...64),
                changesResults: false),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        let allowed = name.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 45
                || byte == 95
                || byte == 46
        }
        if !allowed || name.hasPrefix(".") {
            decoder.report(
                "name", "a baseline is named '\(name)'", why: "Its name becomes part of the names of files",
                fix: "Use letters, digits, '-', '_' and '.'")
        }
        if prompt.isEmpty, fewShot == 0, endpoint == nil, !classifier {
            decoder.report(
                decoder.position(of: decoder.key), "\(decoder.key) is the base model as it is",
                why: "That is measured before the first step anyway (at_start)",
                fix: "Add `prompt`, `few_shot`, `classifier: true` or `endpoint`, or remove it")
        }
        for key in ["prompt", "few_shot", "endpoint"] where classifier && decoder.isWritten(key) {
            decoder.report(
                key, "\(decoder.key(key)) is written, but the baseline is a classifier",
                why: "A classifier is told nothing", fix: "Remove one of the two")
        }
        if endpoint != nil, model == nil {
            decoder.report(
                "endpoint", "\(decoder.key) has an endpoint and no model", why: "The service has many models",
                fix: "Add `model: name`")
        }
        for key in ["model", "api_key_env", "input_price", "output_price"]
        where endpoint == nil && decoder.isWritten(key) {
            decoder.report(
                key, "\(decoder.key(key)) is written, but there is no endpoint", why: "Nothing reads it",
                fix: "Add `endpoint: https://…/v1`, or remove it")
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        var unread: Set<String> = []
        if classifier { unread.formUnion(["prompt", "few_shot"]) }
        if endpoint == nil { unread.formUnion(["model", "api_key_env", "input_price", "output_price", "concurrency"]) }
        return resolved(purpose, without: unread)
    }
}
