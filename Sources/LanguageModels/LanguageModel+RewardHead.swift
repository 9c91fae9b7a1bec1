import OrderedCollections
public import TensorCore
import TextCore

/// How the names of classes for sequence classification end in `transformers`.
let rewardArchitectureSuffix = "ForSequenceClassification"

extension LanguageModel {
    /// The name of the reward head's weight in the checkpoint of a whole model.
    static let rewardHeadName = "score.weight"

    /// Whether hidden states become rewards instead of logits.
    public var hasRewardHead: Bool { rewardHead != nil }

    /// Makes this a reward model: a linear map from a hidden state to one number, `score.weight` of [1, D], takes the
    /// place of the output embedding. A reward head that is there already stays, so that its training can go on.
    ///
    /// The weight is normal of deviation `initializer_range`, `float32` whatever the model is stored in, and trainable
    /// if anything of the model is (see `setTrainable`: with the whole model, or beside an adapter).
    ///
    /// - Parameter seed: of the random numbers.
    public func attachRewardHead(seed: UInt64) {
        guard rewardHead == nil else { return }
        let stream = RandomStream(seed: seed, purpose: "initial weight " + Self.rewardHeadName)
        setRewardHead(.normal([1, configuration.width], deviation: configuration.initializerRange, stream: stream))
    }

    /// The reward after each position: that of a text is the one at its last token.
    ///
    /// - Parameter hidden: [N, D], from `hiddenStates`.
    /// - Returns: [N]; differentiable in `hidden` and in the head.
    /// - Precondition: the model has a reward head.
    public func rewards(hidden: Tensor) -> Tensor {
        guard let rewardHead else { preconditionFailure("a language model gives no rewards; attach a reward head") }
        return linear(hidden, rewardHead.weight.tensor).reshaped([hidden.rows])
    }

    /// - Throws: `ModelError` if this is a reward model, which cannot predict tokens.
    public func requireLanguageHead(location: String? = nil) throws(ModelError) {
        guard hasRewardHead else { return }
        throw ModelError(
            "this is a reward model: it scores texts and has no head that predicts tokens. Use the language model that "
                + "it was trained from", location: location)
    }

    /// Gives the model a reward head of this weight, or its own head the weight.
    func setRewardHead(_ weight: Tensor) {
        if let rewardHead {
            rewardHead.weight.value = weight
            return
        }
        let isTrainable = !trainableParameters.isEmpty
        rewardHead = Linear("score", weight: Parameter(weight, isTrainable: isTrainable))
        languageHead = nil
        configuration.hasRewardHead = true
        files.configuration = rewardConfiguration()
    }

    /// The configuration under which `transformers` loads the model for sequence classification with one label.
    private func rewardConfiguration() -> JSON {
        guard var members = files.configuration.object,
            let family = ModelRegistry.families.first(where: { $0.modelType == configuration.modelType })
        else { return files.configuration }
        members["architectures"] = [.string(family.classPrefix + rewardArchitectureSuffix)]
        members["id2label"] = ["0": "LABEL_0"]
        members["label2id"] = ["LABEL_0": 0]
        members["num_labels"] = nil
        // `transformers` reads the reward at the last token that is not padding, or at the last of a single row where
        // there is no padding token. A token that ends texts must not be taken for padding: the reward is read there.
        let ends = files.allEndTokens
        if members["pad_token_id"]?.int.map(ends.contains) ?? true { members["pad_token_id"] = .null }
        return .object(members)
    }
}

extension ModelFiles {
    /// Tokens that either file names as ending a text.
    fileprivate var allEndTokens: Set<Int> {
        let values = [generation?["eos_token_id"], configuration["eos_token_id"]].compactMap { $0 }
        return Set(values.flatMap { value in value.int.map { [$0] } ?? value.array?.compactMap(\.int) ?? [] })
    }
}
