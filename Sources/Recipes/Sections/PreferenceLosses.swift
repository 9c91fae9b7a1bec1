import DPO
import TextCore

/// The name of a preference loss, such as `sigmoid`.
public struct PreferenceLossName: Sendable, Hashable {
    public let name: String

    public init(_ name: String) { self.name = name }
}

extension PreferenceLossName: RecipeValue {
    /// The losses of the program that runs.
    static var losses: PreferenceLossRegistry { Registry.current.losses }

    /// What the name stands for; `nil` only for a name that was not read from a recipe.
    var loss: PreferenceLoss? { Self.losses[name] }

    package static var shape: ValueShape {
        let names = losses.names
        return .scalar(
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
        if losses[word] != nil { return PreferenceLossName(word) }
        let near = spellings[word.lowercased()] ?? losses.nearest(to: word)
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
