import TextCore

/// The name of a preference loss, such as `sigmoid`.
public struct PreferenceLossName: Sendable, Hashable {
    public let name: String

    public init(_ name: String) { self.name = name }
}

/// What the checks of a recipe know of a preference loss.
struct PreferenceLossTraits: Sendable {
    let name: String
    /// Whether the loss looks at the policy alone.
    var isReferenceFree = false
    /// Whether it takes the scores of any f-divergence.
    var takesDivergence = false
    /// Whether WPO's weights can be applied to it: it has one term for each pair.
    var takesWeighting = true
    /// The keys of `dpo` that it reads and others do not.
    var options: Set<String> = []

    /// Every loss, in the order in which messages list them.
    static let all: [PreferenceLossTraits] = [
        PreferenceLossTraits(name: "sigmoid", takesDivergence: true),
        PreferenceLossTraits(name: "hinge", takesDivergence: true),
        PreferenceLossTraits(name: "ipo", takesDivergence: true),
        PreferenceLossTraits(name: "exo_pair", takesDivergence: true, options: ["label_smoothing"]),
        PreferenceLossTraits(name: "nca_pair"),
        PreferenceLossTraits(name: "robust", takesDivergence: true, options: ["label_smoothing"]),
        PreferenceLossTraits(name: "bco_pair"), PreferenceLossTraits(name: "sppo_hard"),
        PreferenceLossTraits(name: "aot", takesWeighting: false, options: ["label_smoothing"]),
        PreferenceLossTraits(name: "aot_unpaired", takesWeighting: false, options: ["label_smoothing"]),
        PreferenceLossTraits(name: "apo_zero"), PreferenceLossTraits(name: "apo_down"),
        PreferenceLossTraits(name: "discopop", takesDivergence: true, options: ["discopop_tau"]),
        PreferenceLossTraits(name: "sft", takesDivergence: true, takesWeighting: false, options: ["sft_mean"]),
        PreferenceLossTraits(name: "sigmoid_norm", takesDivergence: true),
        PreferenceLossTraits(name: "orpo", isReferenceFree: true, takesWeighting: false, options: ["sft_mean"]),
        PreferenceLossTraits(
            name: "simpo", isReferenceFree: true, takesWeighting: false, options: ["gamma"]),
        PreferenceLossTraits(
            name: "cpo", isReferenceFree: true, takesWeighting: false, options: ["label_smoothing"]),
    ]

    static func named(_ name: String) -> PreferenceLossTraits? { all.first { $0.name == name } }

    /// The losses that read `option`.
    static func reading(_ option: String) -> [String] { all.filter { $0.options.contains(option) }.map(\.name) }
}

extension PreferenceLossName: RecipeValue {
    private static var names: [String] { PreferenceLossTraits.all.map(\.name) }

    package static var shape: ValueShape {
        .scalar(
            schema: ["type": "string", "enum": .array(names.map(JSON.string))],
            expected: "one of \(names.joined(separator: ", "))")
    }

    /// What other tools call a loss.
    private static let spellings = [
        "dpo": "sigmoid", "cdpo": "robust", "rdpo": "robust", "slic": "hinge", "exo": "exo_pair", "nca": "nca_pair",
        "bco": "bco_pair", "sppo": "sppo_hard", "aot_pair": "aot", "nll": "sft", "rpo": "sft",
    ]

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> PreferenceLossName? {
        guard let word = node.string else {
            decoder.reportType(node, expected: shape.expected, example: "sigmoid")
            return nil
        }
        if PreferenceLossTraits.named(word) != nil { return PreferenceLossName(word) }
        let near = spellings[word.lowercased()] ?? nearestName(to: word, among: names)
        let isUnpaired = KTOLoss(rawValue: word) != nil
        decoder.report(
            node, "\(decoder.key) must be \(shape.expected), not \(node.shown)",
            why: "An unknown loss would leave to chance what is minimised",
            fix: isUnpaired
                ? "That is a loss of answers with labels: write `method: kto`"
                : near.map { "Did you mean '\($0)'?" } ?? "Write for example `loss: sigmoid`")
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { .string(name) }
}
