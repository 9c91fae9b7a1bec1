import DPO
import TextCore

/// What is trained: a row here, a block of the same name in `Recipe.table`, and a line in `Recipe.finishMethod`.
public enum TrainingMethod: String, Sendable, Hashable, CaseIterable {
    /// Supervised fine-tuning on conversations or completions.
    case sft
    /// Next-token training on raw text.
    case pretrain
    /// Preference optimisation on pairs of answers, whatever the loss.
    case dpo
    /// Preference optimisation on single answers with labels.
    case kto
    /// A model with one number for each answer, trained on pairs.
    case reward
    /// Reward fine-tuning: the model writes answers, verifiers judge them, and better ones become more likely.
    case rft

    /// Whether its rows are answers that are compared or labelled, each trained whole.
    public var isPreference: Bool { self == .dpo || self == .kto || self == .reward }
}

extension TrainingMethod: RecipeWord {
    /// Names that stand for method dpo with the loss of that name.
    static let shorthands = ["ipo", "orpo", "simpo", "cpo"]
    /// Another name of method rft.
    static let alias = "grpo"

    package static var planned: [String: String] {
        let fix = "Write one of \(allCases.map(\.rawValue).joined(separator: ", ")), or use a version that trains it"
        return Dictionary(uniqueKeysWithValues: ["distill"].map { ($0, fix) })
    }

    package static var spellings: [String: TrainingMethod] {
        [
            "ppo": .rft, "rl": .rft, "rlvr": .rft, "reinforce": .rft, "rloo": .rft, "pt": .pretrain, "cpt": .pretrain,
            "full": .sft, "lora": .sft, "rm": .reward, "reward_model": .reward,
            "reward_modeling": .reward, "preference": .dpo, "dpo_trainer": .dpo,
        ]
    }

    package static var shape: ValueShape {
        let words = allCases.map(\.rawValue) + [alias] + shorthands
        return .scalar(
            schema: ["type": "string", "enum": .array(words.map(JSON.string))],
            expected: "one of \(words.joined(separator: ", "))")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> TrainingMethod? {
        if let name = node.string, shorthands.contains(name) { return .dpo }
        if node.string == alias { return .rft }
        if let name = node.string, PreferenceLossName.losses[name] != nil, TrainingMethod(rawValue: name) == nil {
            decoder.report(
                node, "\(decoder.key) is \(node.shown), which is a loss of method dpo",
                why: "The method says what kind of rows are trained on, the loss what is minimised",
                fix: "Write `method: dpo` and `dpo: {loss: \(name)}`")
            return nil
        }
        return word(node, decoder, others: [alias] + shorthands)
    }

    /// The loss that the recipe's method is a shorthand for.
    static func shorthand(in root: RecipeNode) -> String? {
        root["method"]?.string.flatMap { shorthands.contains($0) ? $0 : nil }
    }
}

extension Recipe {
    /// Makes the method's block where none is written, and refuses the blocks of others.
    mutating func finishMethod(_ decoder: RecipeDecoder) {
        let written = decoder.root["method"]?.string
        // Of a method that is not known nobody can say which block belongs to it.
        let isKnown =
            written.map {
                TrainingMethod(rawValue: $0) ?? (TrainingMethod.shorthand(in: decoder.root) == nil ? nil : .dpo)
                    == method || $0 == TrainingMethod.alias
            } ?? true
        for other in TrainingMethod.allCases where other != method && isKnown && decoder.isWritten(other.rawValue) {
            guard Recipe.table.schema.field(other.rawValue) != nil else { continue }
            decoder.report(
                other.rawValue,
                "the block `\(other.rawValue)` belongs to method \(other.rawValue), but the method is \(written ?? method.rawValue)",
                why: "Nothing would read the block", fix: "Remove it, or write `method: \(other.rawValue)`")
        }
        sft = method == .sft ? sft ?? block("sft", decoder) : nil
        dpo = method == .dpo ? dpo ?? block("dpo", decoder) : nil
        kto = method == .kto ? kto ?? block("kto", decoder) : nil
        reward = method == .reward ? reward ?? block("reward", decoder) : nil
        rft = method == .rft ? rft ?? block("rft", decoder) : nil
        rollout = method == .rft ? rollout ?? block("rollout", decoder) : nil
        finishRewards(decoder)
    }

    /// The verifiers of method rft, each under a name of its own.
    private mutating func finishRewards(_ decoder: RecipeDecoder) {
        guard method == .rft else {
            for name in ["rewards", "rollout"] where decoder.isWritten(name) {
                decoder.report(
                    name, "the block `\(name)` belongs to method rft, but the method is \(method.rawValue)",
                    why: "Nothing would read the block", fix: "Remove it, or write `method: rft`")
            }
            rewards = []
            return
        }
        if !rewards.contains(where: { $0.role == .reward }), decoder.root["rewards"]?.elements?.isEmpty ?? true {
            decoder.report(
                "rewards", "method rft has no rewards", why: "Nothing says which answers are better",
                fix: "Add `rewards: [{verifier: exact, target: answer}]`")
        } else if !rewards.isEmpty, !rewards.contains(where: { $0.role == .reward || $0.role == .gate }) {
            decoder.report(
                "rewards", "no entry of rewards has the role reward", why: "Every answer would be worth the same",
                fix: "Write `role: reward` for one of them, or leave its role out")
        }
        var seen: Set<String> = []
        for index in rewards.indices where !seen.insert(rewards[index].id).inserted {
            guard !decoder.isWritten("rewards.\(index).id") else {
                decoder.report(
                    "rewards.\(index).id", "two entries of rewards are called '\(rewards[index].id)'",
                    why: "Their figures could not be told apart", fix: "Give each its own id")
                continue
            }
            let name = rewards[index].id
            rewards[index].id = (2...).lazy.map { "\(name)_\($0)" }.first { !seen.contains($0) } ?? name
            seen.insert(rewards[index].id)
        }
    }

    /// A block of which nothing is written.
    private func block<Block: RecipeSection>(_ name: String, _ decoder: RecipeDecoder) -> Block {
        decoder.at(name) { Block.decode(RecipeNode(.mapping([]), at: decoder.position(of: name)), decoder) } ?? Block()
    }

    /// Combinations of a method with the rows, their order and their judgement that make no sense.
    func checkRows(_ decoder: RecipeDecoder) {
        if data.streaming, train.maxSteps == nil {
            decoder.report(
                decoder.isWritten("train.epochs") ? "train.epochs" : "data.streaming",
                "data.streaming is true, but train.max_steps is not written",
                why: "How many rows can be used is known only when all have been read, so an epoch has no length and "
                    + "the learning rate no end to fall to",
                fix: "Write `max_steps` in train instead of epochs, or `streaming: false`")
        }
        if method == .rft { checkRewardRun(decoder) }
        guard method.isPreference || method == .rft else { return }
        if sequence.packing {
            decoder.report(
                "sequence.packing", "sequence.packing is true, but the method is \(method.rawValue)",
                why: "Its rows are laid out without padding anyway, and packing changes only which rows share a step",
                fix: "Remove it")
        }
        if sequence.onOverflow == .split {
            decoder.report(
                "sequence.on_overflow", "sequence.on_overflow is split, but the method is \(method.rawValue)",
                why: "The second half of an answer has no prompt, and nothing to be compared with",
                fix: "Write `on_overflow: truncate` or `on_overflow: drop`")
        }
        if kto?.loss == .kto, train.globalBatchSize < 2 {
            decoder.report(
                "train.global_batch_size", "train.global_batch_size is 1, but loss kto needs at least 2",
                why: "It estimates the divergence from the reference on each prompt with another row's answer",
                fix: "Write `global_batch_size: 16`, or `loss: apo_zero_unpaired`")
        }
        if method == .reward, !evaluation.suites.isEmpty {
            decoder.report(
                "evaluation.suites", "evaluation.suites is written, but the method is reward",
                why: "A reward model gives one number for an answer and writes no text that a suite could judge",
                fix: "Remove the suites; name held-out pairs in data.eval or write `val_fraction` in data")
        }
    }

    private func checkRewardRun(_ decoder: RecipeDecoder) {
        for name in ["global_batch_size", "gradient_accumulation_steps"] where decoder.isWritten("train." + name) {
            decoder.report(
                "train." + name, "train.\(name) is written, but the method is rft",
                why: "A step has rft.prompts_per_step prompts with rft.group_size answers each",
                fix: "Remove it, and write `prompts_per_step` and `group_size` in rft")
        }
        if let sources = Optional(data.eval), !sources.isEmpty {
            decoder.report(
                "data.eval", "data.eval is written, but the method is rft",
                why: "What counts is how many answers to held-out prompts are right, which a suite measures",
                fix: "Name the file in evaluation.suites, with the verifier of rewards")
        } else if data.valFraction > 0 {
            decoder.report(
                "data.val_fraction", "data.val_fraction is written, but the method is rft",
                why: "What counts is how many answers to held-out prompts are right, which a suite measures",
                fix: "Split the file, and name one part in evaluation.suites")
        }
    }

    /// Adapters take larger steps than full weights, new weights larger ones still, and preferences smaller ones.
    var defaultLearningRate: Double {
        if model.initial != nil { return 1e-3 }
        let isFull = adapter.type == .full
        return switch method {
        case .sft, .pretrain: isFull ? 2e-5 : 1e-4
        case .dpo, .kto, .rft: isFull ? 1e-6 : 1e-5
        case .reward: isFull ? 1e-5 : 1e-4
        }
    }
}
