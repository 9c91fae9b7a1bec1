import TensorCore

/// One layer of a decoder: attention and feed-forward, each added to what came in, with norms where the family has them.
final class DecoderBlock: Module {
    private let attention: GroupedQueryAttention
    private let feedForward: GatedMLP
    private let attentionInputNorm, attentionOutputNorm: RMSNorm?
    private let feedForwardInputNorm, feedForwardOutputNorm: RMSNorm?

    /// The linear layers, in the order of the checkpoint.
    var linearLayers: [Linear] {
        attention.projections + [attention.output] + feedForward.projections + [feedForward.down]
    }

    init(
        _ path: String, layer index: Int, _ configuration: DecoderConfiguration, from source: WeightSource
    ) throws(ModelError) {
        attention = try GroupedQueryAttention("\(path).self_attn", layer: index, configuration, from: source)
        feedForward = try GatedMLP("\(path).mlp", configuration, from: source)
        func norm(_ name: String) throws(ModelError) -> RMSNorm {
            try RMSNorm("\(path).\(name)", width: configuration.width, configuration, from: source)
        }
        // One name means different places in different families.
        switch configuration.normPlacement {
        case .before:
            attentionInputNorm = try norm("input_layernorm")
            feedForwardInputNorm = try norm("post_attention_layernorm")
            (attentionOutputNorm, feedForwardOutputNorm) = (nil, nil)
        case .after:
            attentionOutputNorm = try norm("post_attention_layernorm")
            feedForwardOutputNorm = try norm("post_feedforward_layernorm")
            (attentionInputNorm, feedForwardInputNorm) = (nil, nil)
        case .around:
            attentionInputNorm = try norm("input_layernorm")
            attentionOutputNorm = try norm("post_attention_layernorm")
            feedForwardInputNorm = try norm("pre_feedforward_layernorm")
            feedForwardOutputNorm = try norm("post_feedforward_layernorm")
        }
    }

    /// [T, D] → [T, D].
    func callAsFunction(_ x: Tensor, _ pass: ForwardPass) -> Tensor {
        let attended = attention(attentionInputNorm?(x) ?? x, pass)
        let middle = x + (attentionOutputNorm?(attended) ?? attended)
        let fed = feedForward(feedForwardInputNorm?(middle) ?? middle, pass)
        return middle + (feedForwardOutputNorm?(fed) ?? fed)
    }

    func visit(_ body: (String, Parameter) -> Void) {
        attention.visit(body)
        feedForward.visit(body)
        for norm in [attentionInputNorm, attentionOutputNorm, feedForwardInputNorm, feedForwardOutputNorm] {
            norm?.visit(body)
        }
    }
}
