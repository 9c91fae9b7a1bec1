import Foundation
import LanguageModels
import ShardIO
import Synchronization
import TensorCore
import TextCore
import Tokenization
import Training
import Verifiers

/// The reward of a trained reward model: what its head says after the last token of prompt and answer.
///
/// The text is made by the model's own chat template and tokenizer, as in training (`method: reward`); the ids that another
/// model wrote mean nothing here. Reasoning that ended is left out. An answer that does not fit into the context loses its
/// end. Numbers can be moved and scaled by a mean and a deviation that stay as they are written, so that a reward means the
/// same in every step, then clipped, then squeezed into 0 to 1.
///
/// Each text goes through the model alone, one at a time: its reward does not depend on what else is judged.
struct RewardModelVerifier: BatchVerifier {
    struct Configuration: VerifierConfiguration {
        var path = ""
        var mean = 0.0
        var deviation = 1.0
        var clip: Double?
        var isSigmoid = false
        init() {}

        static let options: [ConfigurationOption<Self>] = [
            .init("path", \.path, "The folder of a reward model, as method reward writes it.", isPath: true),
            .init("mean", \.mean, "What is taken off a reward."),
            .init(
                "std", \.deviation, "What a reward is then divided by.",
                allowed: ("a number above 0", { $0.isNormal && $0 > 0 })),
            .init(
                "clip", \.clip, "Where a reward is then cut off on both sides; nowhere if absent.",
                allowed: ("a number above 0", { $0.map { $0.isNormal && $0 > 0 } ?? true })),
            .init("sigmoid", \.isSigmoid, "Whether a reward x becomes 1 / (1 + exp(-x)) at the end."),
        ]

        /// The values that can come out.
        var range: ClosedRange<Double> {
            if isSigmoid { return 0...1 }
            let bound = clip ?? .greatestFiniteMagnitude
            return -bound...bound
        }

        /// What becomes of a reward.
        func value(of reward: Double) -> Double {
            var value = (reward - mean) / deviation
            if let clip { value = min(max(value, -clip), clip) }
            return isSigmoid ? 1 / (1 + exp(-value)) : value
        }
    }

    static let name = "reward_model"
    static let summary = "the reward of a reward model in a folder, as method reward trains it"
    static let range = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
    static var traits: VerifierTraits {
        var traits = VerifierTraits()
        traits.isBlocking = true
        // Batches wait for each other.
        traits.timeout = .seconds(600)
        return traits
    }

    let preferredBatchSize = 8
    private let configuration: Configuration
    private let model: RewardModel

    init(_ configuration: Configuration) throws(VerifierFailure) {
        try self.init(configuration, in: VerifierEnvironment())
    }

    init(_ configuration: Configuration, in environment: VerifierEnvironment) throws(VerifierFailure) {
        guard !configuration.path.isEmpty else {
            throw VerifierFailure(.configuration, option: "path", "no reward model is named")
        }
        self.configuration = configuration
        do {
            model = try RewardModel(folder: environment.url(configuration.path))
        } catch {
            throw VerifierFailure(.configuration, option: "path", "\(error)")
        }
    }

    func verify(
        _ batch: [(rollout: Rollout, reference: NoReference)], in context: VerificationContext
    ) async -> [Result<Verdict, VerifierFailure>] {
        batch.map { item in
            do throws(VerifierFailure) {
                let (reward, tokens) = try model.reward(of: item.rollout)
                let parts = ["reward": Double(reward), "tokens": Double(tokens)]
                return .success(.score(Score(configuration.value(of: Double(reward)), parts: parts)))
            } catch {
                return .failure(error)
            }
        }
    }
}

/// A reward model with its tokenizer and template. The weights are read when they are first needed; one text at a time goes
/// through them.
private final class RewardModel: Sendable {
    private let folder: URL
    private let encoder: ExampleEncoder
    private let contextLength: Int
    private let model = Mutex<LanguageModel?>(nil)

    /// - Throws: what reading the configuration or the tokenizer throws; `CommandFailure` for a language model.
    init(folder: URL) throws {
        self.folder = folder
        let configuration = try ModelLoader.configuration(folder: folder).configuration
        guard configuration.hasRewardHead else {
            throw CommandFailure(
                message: "\(folder.path) is a language model and gives no rewards; name one that method reward trained",
                status: .configuration)
        }
        contextLength = configuration.contextLength
        encoder = try ModelText(folder: folder).encoder(trainOn: .completion)
    }

    /// The reward after the last token, and how many there are.
    func reward(of rollout: Rollout) throws(VerifierFailure) -> (reward: Float, tokens: Int) {
        let ids = try ids(of: rollout)
        let folder = folder
        let reward: Result<Float, ModelError> = model.withLock { loaded in
            do throws(ModelError) {
                let model: LanguageModel
                if let known = loaded { model = known } else { model = try ModelLoader.load(folder: folder) }
                loaded = model
                try model.check(ids, location: folder.path)
                let hidden = model.hiddenStates(PackedTokens([ids]))
                return .success(model.rewards(hidden: embedding(hidden, [ids.count - 1])).scalars[0])
            } catch {
                return .failure(error)
            }
        }
        do {
            return (try reward.get(), ids.count)
        } catch {
            throw VerifierFailure(.configuration, option: "path", "\(error)")
        }
    }

    /// Prompt and answer as they are in training.
    private func ids(of rollout: Rollout) throws(VerifierFailure) -> [Int] {
        let answer = rollout.answerText ?? rollout.fullText
        let encoded: EncodedAnswers
        do {
            if rollout.messages.isEmpty {
                encoded = try encoder.encode(
                    prompt: .text(withoutStart(rollout.prompt)), answers: [.text(answer)], source: rollout.item)
            } else {
                encoded = try encoder.encode(
                    prompt: .messages(rollout.messages),
                    answers: [.messages([["role": "assistant", "content": .string(answer)]])], source: rollout.item)
            }
        } catch {
            throw VerifierFailure(.item, "the reward model cannot read this row: \(error)")
        }
        let room = contextLength - encoded.prompt.count
        guard room > 0, let ids = encoded.answers.first?.prefix(room), !ids.isEmpty else {
            throw VerifierFailure(
                .item,
                "the prompt has \(encoded.prompt.count) tokens, and the reward model reads \(contextLength); "
                    + "leave out long prompts")
        }
        return encoded.prompt.map { Int($0) } + ids.map { Int($0) }
    }

    /// A prompt that another model saw may begin with the text of its start token, which the tokenizer adds itself.
    private func withoutStart(_ prompt: String) -> String {
        guard let start = encoder.variables["bos_token"]?.string, !start.isEmpty, prompt.hasPrefix(start) else {
            return prompt
        }
        return String(prompt.dropFirst(start.count))
    }
}

extension VerifierRegistry {
    /// Adds the verifier, whose range follows from its options.
    mutating func registerRewardModel() {
        let options = RewardModelVerifier.Configuration.options.map {
            OptionDescription(name: $0.name, summary: $0.summary, expectation: $0.expectation, isPath: $0.isPath)
        }
        register(RewardModelVerifier.name, summary: RewardModelVerifier.summary, options: options) {
            (json: JSON, environment: VerifierEnvironment) throws(VerifierFailure) -> AnyVerifier in
            let configuration = try RewardModelVerifier.Configuration(options: json)
            return AnyVerifier(try RewardModelVerifier(configuration, in: environment)).narrowed(
                to: configuration.range)
        }
    }
}
