import OrderedCollections
import TensorCore
import TextCore

/// What a family assumes where its configuration file is silent, as its class in `transformers` does.
struct FamilyDefaults {
    /// K; `nil` for as many as heads.
    var keyHeads: Int?
    /// E; `nil` for D / H.
    var headSize: Int?
    var contextLength: Int
    var normEpsilon = 1e-6
    var theta = 10_000.0
    var tiesEmbeddings = false
    /// The key that names the gate's function, and the function.
    var activation = (key: "hidden_act", name: "silu")
}

extension ConfigurationReader {
    /// A decoder as Llama's from the keys that all families share; a family changes what it does otherwise.
    mutating func decoder(_ defaults: FamilyDefaults) -> DecoderConfiguration {
        refuseUnsupported()
        let (width, heads) = (size("hidden_size"), size("num_attention_heads", atMost: 1 << 16))
        let keyHeads = size("num_key_value_heads", default: defaults.keyHeads ?? heads, atMost: 1 << 16)
        if heads % keyHeads != 0 {
            problem("`num_attention_heads` \(heads) is not a multiple of `num_key_value_heads` \(keyHeads)")
        }
        let named = optionalSize("head_dim", atMost: 1 << 16) ?? defaults.headSize
        if named == nil, width % heads != 0 {
            problem("`hidden_size` \(width) is not a multiple of `num_attention_heads` \(heads); name `head_dim`")
        }
        let headSize = max(1, named ?? width / heads)
        let rotary = self.rotary(headSize: headSize, theta: defaults.theta)
        let layers = size("num_hidden_layers", atMost: 4096)
        return DecoderConfiguration(
            modelType: self["model_type"]?.string ?? "", vocabularySize: size("vocab_size"), width: width,
            feedForwardWidth: size("intermediate_size"), heads: heads, keyHeads: heads % keyHeads == 0 ? keyHeads : 1,
            headSize: headSize, layers: Array(repeating: .init(rotary: rotary), count: layers),
            contextLength: size("max_position_embeddings", default: defaults.contextLength, atMost: 1 << 30),
            normEpsilon: Float(positive("rms_norm_eps", default: defaults.normEpsilon)),
            attentionScale: 1 / Float(headSize).squareRoot(),
            activation: activation(defaults.activation.key, default: defaults.activation.name),
            tiesEmbeddings: flag("tie_word_embeddings", default: defaults.tiesEmbeddings),
            initializerRange: Float(positive("initializer_range", default: 0.02)))
    }

    /// Settings that change what a model computes in ways that no family here has.
    private mutating func refuseUnsupported() {
        func isZero(_ value: JSON) -> Bool { value.double == 0 }
        func isFalse(_ value: JSON) -> Bool { value.bool == false }
        for key in ["attention_dropout", "resid_pdrop", "embd_pdrop", "hidden_dropout"] {
            refuse(key, unless: isZero, because: "Hone has no dropout inside the base model; set it to 0")
        }
        checkQuantization()
        for key in ["use_bidirectional_attention", "is_encoder_decoder", "add_cross_attention"] {
            refuse(key, unless: isFalse, because: "Hone has causal decoders only")
        }
        refuse("rope_interleaved", unless: isFalse, because: "Hone pairs the halves of a head")
        refuse("clip_qkv", because: "Hone does not clip queries, keys and values")
        for key in ["num_local_experts", "num_experts"] {
            refuse(key, unless: isZero, because: "Hone has no mixture of experts")
        }
        for key in ["logit_scale", "embedding_multiplier", "residual_multiplier", "logits_scaling"] {
            refuse(key, unless: { $0.double == 1 }, because: "this family has no such factor in Hone")
        }
    }

    /// Reports a window or kinds of layers in a family that has none.
    mutating func refuseWindows() {
        refuse("sliding_window", because: "this family attends to the whole context; remove the key")
        _ = layerTypes(count: self["layer_types"]?.array?.count ?? 0, known: ["full_attention"]) { _ in "" }
    }
}

extension DecoderConfiguration {
    /// Sets the biases of all four attention projections.
    mutating func setAttentionBias(_ isPresent: Bool) {
        hasQueryKeyValueBias = isPresent
        hasAttentionOutputBias = isPresent
    }
}

/// The sample that the registry's checks use, with a family's own settings over it.
func sampleConfiguration(_ modelType: String, _ own: JSON = [:]) -> JSON {
    var members =
        JSON.object([
            "vocab_size": 53, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3,
            "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64,
            "initializer_range": 0.2, "bos_token_id": 1, "eos_token_id": 2,
            "pad_token_id": 0,
        ]).object ?? [:]
    members["model_type"] = .string(modelType)
    for (key, value) in own.object ?? [:] { members[key] = value }
    return .object(members)
}
