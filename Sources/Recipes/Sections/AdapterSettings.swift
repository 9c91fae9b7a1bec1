import TextCore

/// Which weights are trained: an adapter's, or all.
public struct AdapterSettings: Sendable, Hashable {
    public var type = AdapterType.lora
    public var rank = 16
    /// The update is scaled by `alpha / rank`, or `alpha / √rank` with `rslora`.
    public var alpha = 32.0
    public var dropout = 0.0
    public var targetModules = TargetModules.allLinear
    public var layers = LayerSelection.all
    public var rslora = false
    /// An adapter's folder (PEFT layout) to start from.
    public var initFrom: RecipePath?

    public init() {}
}

/// How the weights are changed.
public enum AdapterType: String, Sendable, Hashable, CaseIterable {
    case lora, dora, full
}

/// The linear layers that get an adapter.
public enum TargetModules: Sendable, Hashable {
    /// Every linear layer but the output one.
    case allLinear
    /// Layers whose name ends in one of these.
    case names([String])
    /// Layers whose whole name matches.
    case pattern(String)
}

/// The blocks of the model that get an adapter.
public enum LayerSelection: Sendable, Hashable {
    case all
    /// Positions from 0.
    case indices([Int])
}

extension AdapterSettings: RecipeSection {
    package static let table = SectionTable<AdapterSettings>(
        "Which weights are trained.", shorthand: "type",
        planned: [
            PlannedField("base_bits", instead: "Remove it; without qlora the base keeps its precision"),
            PlannedField("group_size", instead: "Remove it; without qlora nothing is quantised"),
        ],
        fields: [
            Field(
                "type", \.type, "How the weights are changed.", derivation: "lora; full with model.init"),
            Field("rank", \.rank, "Rank of the update.", in: .within(1...65536)),
            Field(
                "alpha", \.alpha, "Scale of the update, times the rank.", in: .positive, derivation: "2 × rank"),
            Field("dropout", \.dropout, "Share of the adapter's inputs set to zero while training.", in: .belowOne),
            Field(
                "target_modules", \.targetModules,
                "`all-linear`, a list of layer names, or a regular expression on whole names."),
            Field("layers", \.layers, "`all`, or a list of block positions from 0.", in: .notNegative),
            Field("rslora", \.rslora, "Scale by alpha / √rank instead of alpha / rank."),
            Field("init_from", \.initFrom, "Folder of an adapter (PEFT layout) to start from.", exists: .folder),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        if !decoder.isWritten("alpha") { alpha = 2 * Double(rank) }
        guard type == .full else { return }
        for field in Self.table.fields.map(\.member.name) where field != "type" && decoder.isWritten(field) {
            decoder.report(
                field, "adapter.\(field) is written, but adapter.type is full",
                why: "Full fine-tuning changes all weights and has no adapter to apply it to",
                fix: "Remove it, or write `type: lora`")
        }
        self = AdapterSettings()
        type = .full
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        // The other fields of a full fine-tune mean nothing, and a recipe that has them is refused.
        if type == .full { return .mapping([(key: "type", value: type.resolved(purpose))]) }
        return .mapping(
            Self.table.fields.compactMap { field in
                let value = field.resolved(self, purpose)
                return value.isNull ? nil : (key: field.member.name, value: value)
            })
    }
}

extension AdapterType: RecipeWord {
    package static var planned: [String: String] {
        ["qlora": "Write `type: lora`; it needs the memory of the whole model, not a quarter of it"]
    }

    package static var spellings: [String: AdapterType] { ["none": .full, "freeze": .lora, "peft": .lora] }
}

extension TargetModules: RecipeValue {
    package static var shape: ValueShape {
        .scalar(
            schema: [
                "anyOf": [["type": "string"], ["type": "array", "items": ["type": "string"], "minItems": 1]]
            ],
            expected: "all-linear, a list of layer names or a regular expression")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> TargetModules? {
        if let text = node.string, !text.isEmpty { return text == "all-linear" ? .allLinear : .pattern(text) }
        guard let elements = node.elements, !elements.isEmpty else {
            decoder.reportType(node, expected: shape.expected, example: "[q_proj, v_proj]")
            return nil
        }
        return [String].decode(node, decoder).map { .names($0) }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        switch self {
        case .allLinear: .string("all-linear")
        case .names(let names): names.resolved(purpose)
        case .pattern(let pattern): .string(pattern)
        }
    }
}

extension LayerSelection: RecipeValue {
    package static var shape: ValueShape {
        .scalar(
            schema: [
                "anyOf": [
                    ["const": "all"], ["type": "array", "items": ["type": "integer", "minimum": 0], "minItems": 1],
                ]
            ],
            expected: "all or a list of block positions")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> LayerSelection? {
        if node.string == "all" { return .all }
        guard let elements = node.elements, !elements.isEmpty else {
            decoder.reportType(node, expected: shape.expected, example: "[0, 1, 2]")
            return nil
        }
        return [Int].decode(node, decoder).map { .indices($0) }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        switch self {
        case .all: .string("all")
        case .indices(let indices): indices.resolved(purpose)
        }
    }

    package var numbers: [Double] { if case .indices(let indices) = self { indices.numbers } else { [] } }
}
