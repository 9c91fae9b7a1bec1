import Foundation
import LanguageModels
import TensorCore
import TextCore

/// What the policy is compared with.
public enum ReferenceChoice: Sendable, Hashable {
    /// The same weights with the adapter turned off.
    case adapterOff
    /// A frozen copy of what the run starts from, its starting adapter included.
    case initial
    /// The model of `model.path` without any adapter.
    case base
    /// Nothing.
    case noReference
    /// The model in this folder.
    case model(RecipePath)
}

extension ReferenceChoice: RecipeValue {
    static let derivation =
        "adapter_off with a new adapter; init with adapter.init_from or adapter full; none for losses without a reference"

    private static let words: [(word: String, choice: ReferenceChoice)] = [
        ("adapter_off", .adapterOff), ("init", .initial), ("base", .base), ("none", .noReference),
    ]
    private static let spellings = [
        "policy": "init", "copy": "init", "frozen": "init", "sft": "init", "self": "init",
        "disable_adapter": "adapter_off",
        "off": "adapter_off", "null": "none",
    ]

    package static var shape: ValueShape {
        .scalar(
            schema: ["type": "string", "minLength": 1],
            expected: "adapter_off, init, base, none or the path of a model's folder")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> ReferenceChoice? {
        guard let text = node.string else {
            decoder.reportType(node, expected: shape.expected, example: "init")
            return nil
        }
        if let known = words.first(where: { $0.word == text }) { return known.choice }
        if text.contains("/") || text.contains(".") { return RecipePath.decode(node, decoder).map { .model($0) } }
        let near = spellings[text.lowercased()] ?? nearestName(to: text, among: words.map(\.word))
        decoder.report(
            node, "\(decoder.key) must be \(shape.expected), not \(node.shown)",
            why: "Every reward is measured from the reference",
            fix: near.map { "Did you mean '\($0)'?" } ?? "Write `./\(text)` if it is a folder")
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        if case .model(let path) = self { return path.resolved(purpose) }
        return Self.words.first { $0.choice == self }.map { .string($0.word) } ?? .null
    }

    package var paths: [RecipePath] { if case .model(let path) = self { [path] } else { [] } }
}

extension Recipe {
    /// Fills in and checks what the method compares with, once the adapter and the data are known.
    mutating func finishReference(_ decoder: RecipeDecoder) {
        if var block = dpo {
            finish(&block.reference, of: "dpo", isReferenceFree: block.isReferenceFree, decoder)
            finishMoving(&block, decoder)
            dpo = block
        }
        if var block = kto {
            finish(&block.reference, of: "kto", isReferenceFree: false, decoder)
            kto = block
        }
        if var block = rft {
            finish(&block.reference, of: "rft", isReferenceFree: block.beta == 0, decoder)
            rft = block
        }
    }

    private func finish(
        _ choice: inout ReferenceChoice, of block: String, isReferenceFree: Bool, _ decoder: RecipeDecoder
    ) {
        let key = block + ".reference"
        guard decoder.isWritten(key) else {
            let startsFromCopy = adapter.type == .full || adapter.initFrom != nil
            choice = isReferenceFree ? .noReference : startsFromCopy ? .initial : .adapterOff
            return
        }
        if isReferenceFree {
            guard choice != .noReference else { return }
            decoder.report(
                key, "\(key) is written, but no loss of the recipe compares with a reference",
                why: "A model would be loaded and never asked", fix: "Remove it, or write `reference: none`")
            choice = .noReference
        } else if choice == .noReference {
            decoder.report(
                key, "\(key) is none, but the loss compares with a reference",
                why: "Nothing would hold the policy near its start",
                fix: "Remove it, or use a loss without a reference: orpo, simpo or cpo")
        } else if choice == .adapterOff {
            checkAdapterOff(key, decoder)
        }
    }

    private func checkAdapterOff(_ key: String, _ decoder: RecipeDecoder) {
        if adapter.type == .full {
            decoder.report(
                key, "\(key) is adapter_off, but adapter.type is full",
                why: "There is no adapter to turn off, so the model would be compared with itself",
                fix: "Write `reference: init` for a frozen copy of the start, or use an adapter")
        } else if let folder = adapter.initFrom, decoder.checksFiles, isUntrained(folder) == false {
            decoder.report(
                key, "\(key) is adapter_off, but adapter.init_from names an adapter that has been trained",
                why: "With the adapter off the reference is the base model, not the model that the run starts from, so "
                    + "the loss would begin far from its start and pull back towards the base",
                fix: "Write `reference: init` for a frozen copy of the starting adapter, or `reference: base` if the "
                    + "base model is what you mean")
        }
    }

    /// Whether an adapter changes nothing yet, because every up-projection is zero; `nil` when that cannot be read.
    private func isUntrained(_ folder: RecipePath) -> Bool? {
        let url = folder.url.appendingPathComponent("adapter_model.safetensors")
        guard let file = try? SafetensorsFile(reading: url) else { return nil }
        for entry in file.entries {
            // A length that was learned changes the model even with an update of zero.
            if entry.name.contains("lora_magnitude_vector") { return false }
            guard entry.name.contains("lora_B") else { continue }
            guard let tensor = try? file.tensor(named: entry.name, dtype: .float32) else { return nil }
            if tensor.scalars.contains(where: { $0 != 0 }) { return false }
        }
        return true
    }

    /// A reference that moves cannot be computed beforehand, and one that is computed beforehand cannot move.
    private func finishMoving(_ block: inout DPOSettings, _ decoder: RecipeDecoder) {
        let hasNone = block.isReferenceFree
        if block.syncReference != nil {
            let problem: (why: String, fix: String)? =
                hasNone
                ? ("No loss of the recipe compares with a reference", "Remove it")
                : adapter.type != .full
                    ? (
                        "It mixes whole sets of weights, and with an adapter the reference has none of its own",
                        "Remove it, or write `adapter: full`"
                    ) : nil
            if let problem {
                decoder.report(
                    "dpo.sync_reference", "dpo.sync_reference cannot hold here", why: problem.why, fix: problem.fix)
            }
        }
        if block.precomputeReference == .on {
            let problem: (what: String, why: String, fix: String)? =
                hasNone
                ? ("no loss compares with a reference", "There is nothing to compute", "Remove it")
                : block.syncReference != nil
                    ? (
                        "dpo.sync_reference moves the reference",
                        "What was computed before would be of an old reference",
                        "Remove one of the two"
                    )
                    : data.streaming
                        ? (
                            "data.streaming is true", "All rows would have to be read before the first step",
                            "Remove it, or write `streaming: false`"
                        ) : nil
            if let problem {
                decoder.report(
                    "dpo.precompute_reference", "dpo.precompute_reference is true, but \(problem.what)",
                    why: problem.why, fix: problem.fix)
            }
        } else if block.precomputeReference == .auto {
            let canBe = !hasNone && block.syncReference == nil && !data.streaming
            block.precomputeReference = canBe ? .on : .off
        }
    }
}
