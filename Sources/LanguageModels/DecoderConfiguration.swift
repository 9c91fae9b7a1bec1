public import TensorCore

/// Everything that makes one decoder-only transformer different from another.
///
/// A family's file translates its `config.json` to this; nothing else in the module knows a family by name.
public struct DecoderConfiguration: Sendable, Hashable {
    /// Where the norms of a block stand.
    public enum NormPlacement: Sendable, Hashable {
        /// x + f(norm(x)): Llama and most others.
        case before
        /// x + norm(f(x)): OLMo 2.
        case after
        /// x + norm(f(norm(x))): Gemma 2 and 3.
        case around
    }

    /// What is normalised of queries and keys before the rotation.
    public enum QueryKeyNorm: Sendable, Hashable {
        /// Nothing.
        case none
        /// Each head by itself, with one weight of [E].
        case perHead
        /// The whole projection, with a weight of [H·E] or [K·E].
        case whole
    }

    /// What may differ from layer to layer.
    public struct Layer: Sendable, Hashable {
        /// The rotation of queries and keys; `nil` for none.
        public var rotary: RotaryConfiguration?
        /// Tokens a query sees, itself included; `nil` for all before it.
        public var window: Int?
    }

    /// The `model_type` of the configuration file.
    public var modelType: String
    /// V, tokens.
    public var vocabularySize: Int
    /// D.
    public var width: Int
    /// F.
    public var feedForwardWidth: Int
    /// H.
    public var heads: Int
    /// K, a divisor of `heads`.
    public var keyHeads: Int
    /// E.
    public var headSize: Int
    /// One for each block.
    public var layers: [Layer]
    /// Tokens of a sequence, at most.
    public var contextLength: Int

    /// ε of every norm.
    public var normEpsilon: Float
    /// Added to the weight of every norm: 1 in Gemma.
    public var normOffset: Float = 0
    /// Where the norms of a block stand.
    public var normPlacement = NormPlacement.before
    /// What is normalised of queries and keys.
    public var queryKeyNorm = QueryKeyNorm.none

    /// Multiplies attention scores.
    public var attentionScale: Float
    /// Cap of attention scores; `nil` for none.
    public var attentionSoftCap: Float?
    /// Whether the query, key and value projections have a bias.
    public var hasQueryKeyValueBias = false
    /// Whether the projection after attention has a bias.
    public var hasAttentionOutputBias = false
    /// Whether the feed-forward projections have a bias.
    public var hasFeedForwardBias = false
    /// Whether queries, keys and values, and gate and up, are one matrix each (Phi-3).
    public var hasFusedProjections = false
    /// The function of the feed-forward gate.
    public var activation: Activation

    /// Whether embeddings are multiplied by √D, rounded to the type the embedding is stored in (Gemma).
    public var scalesEmbedding = false
    /// Whether the output embedding is the input embedding.
    public var tiesEmbeddings: Bool
    /// What happens to logits.
    public var logitTransform = LogitTransform()
    /// Whether hidden states become one reward: `score` stands where other models have the output embedding.
    public var hasRewardHead = false
    /// Standard deviation of the weights of a model from scratch.
    public var initializerRange: Float

    /// The weights that this configuration asks for, in the order in which models list them.
    public var weights: [WeightSpecification] {
        var list: [WeightSpecification] = []
        // A source that only writes down cannot throw.
        _ = try? LanguageModel(configuration: self, files: ModelFiles()) { specification in
            list.append(specification)
            return Parameter(.zeros([0]))
        }
        return list
    }
}
