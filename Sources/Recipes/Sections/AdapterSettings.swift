import TensorCore
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
    /// Of type qlora: bits of a frozen weight.
    public var baseBits = 4
    /// Of type qlora: weights that share a scale.
    public var groupSize = 64
    /// An adapter's folder (PEFT layout) to start from.
    public var initFrom: RecipePath?

    public init() {}
}

/// How the weights are changed.
public enum AdapterType: String, Sendable, Hashable, CaseIterable {
    case lora, qlora, dora, full
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
        fields: [
            Field(
                "type", \.type,
                "How the weights are changed: by an adapter (qlora: beside a base in 4 bits), or all of them.",
                derivation: "lora; full with model.init"),
            Field("rank", \.rank, "Rank of the update.", in: .within(1...65536)),
            Field(
                "alpha", \.alpha, "Scale of the update, times the rank.", in: .positive, derivation: "2 × rank"),
            Field("dropout", \.dropout, "Share of the adapter's inputs set to zero while training.", in: .belowOne),
            Field(
                "target_modules", \.targetModules,
                "`all-linear`, a list of layer names, or a regular expression on whole names."),
            Field("layers", \.layers, "`all`, or a list of block positions from 0.", in: .notNegative),
            Field("rslora", \.rslora, "Scale by alpha / √rank instead of alpha / rank."),
            Field(
                "base_bits", \.baseBits, "Of type qlora: bits of a frozen weight of the blocks: 4 (NF4) or 8 (int8)."),
            Field(
                "group_size", \.groupSize,
                "Of type qlora in 4 bits: weights that share a scale, a power of two from 32 to 4096."),
            Field("init_from", \.initFrom, "Folder of an adapter (PEFT layout) to start from.", exists: .folder),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        if !decoder.isWritten("alpha") { alpha = 2 * Double(rank) }
        if type != .full { finishQuantization(decoder) }
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

    /// Fields that mean something for type qlora alone.
    private static let quantizationFields = ["base_bits", "group_size"]

    private mutating func finishQuantization(_ decoder: RecipeDecoder) {
        guard type == .qlora else {
            for field in Self.quantizationFields where decoder.isWritten(field) {
                decoder.report(
                    field, "adapter.\(field) is written, but adapter.type is \(type.rawValue)",
                    why: "Without qlora the base keeps its precision", fix: "Remove it, or write `type: qlora`")
            }
            (baseBits, groupSize) = (4, 64)
            return
        }
        if baseBits == 8 {
            if decoder.isWritten("group_size") {
                decoder.report(
                    "group_size", "adapter.group_size is written, but adapter.base_bits is 8",
                    why: "In 8 bits every row has a scale of its own", fix: "Remove it, or write `base_bits: 4`")
            }
            groupSize = 64
            return
        }
        if baseBits != 4 {
            decoder.report(
                "base_bits", "adapter.base_bits is \(baseBits), but there are bases of 4 and of 8 bits",
                why: "Another precision would be another run than the recipe describes",
                fix: "Write `base_bits: 4` or `base_bits: 8`, or `type: lora` for a base of 16 or 32 bits")
        }
        if !Quantization.blockSizes.contains(groupSize) {
            decoder.report(
                "group_size",
                "adapter.group_size is \(groupSize), but it must be one of "
                    + Quantization.blockSizes.map(String.init).joined(separator: ", "),
                why: "NF4 has blocks of these sizes", fix: "Write `group_size: 64`, or leave it out")
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        // The other fields of a full fine-tune mean nothing, and a recipe that has them is refused.
        if type == .full { return .mapping([(key: "type", value: type.resolved(purpose))]) }
        return .mapping(
            Self.table.fields.compactMap { field in
                if type != .qlora, Self.quantizationFields.contains(field.member.name) { return nil }
                let value = field.resolved(self, purpose)
                return value.isNull ? nil : (key: field.member.name, value: value)
            })
    }
}

extension AdapterType: RecipeWord {
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
