import TensorCore

/// A linear layer as shapes; it stands for `Linear` and `LowRankAdapter`.
struct ShapedLinear {
    struct Adapter {
        let down, up: ShapedWeight
        let magnitude: ShapedWeight?
        let drops: Bool
    }

    let weight: ShapedWeight
    var bias: ShapedWeight?
    let adapter: Adapter?
    let precision: Precision

    var weights: [ShapedWeight] {
        [weight] + [bias, adapter?.down, adapter?.up, adapter?.magnitude].compactMap { $0 }
    }

    func callAsFunction(_ x: ShapedTensor) -> ShapedTensor {
        guard let adapter else { return base(x) }
        guard adapter.magnitude != nil || adapter.drops else {
            return x.linear(weight, down: adapter.down, up: adapter.up, precision: precision)
        }
        let input = adapter.drops ? x.widened().dropout() : x
        let difference = input.linear(adapter.down, precision: precision).scaled().linear(
            adapter.up, precision: precision)
        guard let magnitude = adapter.magnitude else { return base(x).adding(difference) }
        let ratio = ratio(magnitude, x)
        if adapter.drops {
            return base(x).adding(input.linear(weight, precision: precision).multiplied(byRow: ratio.scaled()))
                .adding(difference.multiplied(byRow: ratio))
        }
        let product = x.linear(weight, precision: precision).adding(difference).multiplied(byRow: ratio)
        // A frozen bias: the sum keeps nothing.
        return bias == nil ? product : product.scaled()
    }

    private func base(_ x: ShapedTensor) -> ShapedTensor { x.linear(weight, bias: bias, precision: precision) }

    /// DoRA's length of each row over the one it has: the sum of weight and difference is made for it.
    private func ratio(_ magnitude: ShapedWeight, _ x: ShapedTensor) -> ShapedTensor {
        let meter = x.meter
        let bytes = 4 * weight.rows * weight.columns
        meter.pass(bytes, bytes, bytes)
        var length = ShapedTensor(1, weight.rows, meter)
        length.node = magnitude.leaf
        return length.multiplied(by: ShapedTensor(1, weight.rows, meter))
    }
}

/// A model as shapes; it stands for `LanguageModel` and its layers, and makes and keeps what they make and keep.
struct ShapedModel {
    private let configuration: DecoderConfiguration
    private let memory: ModelMemory
    private let meter: MemoryMeter
    private let embedding: ShapedWeight
    private let head: ShapedWeight
    private let norm: ShapedWeight
    private let blocks: [Block]

    struct Block {
        let projections: [ShapedLinear]
        let output: ShapedLinear
        let queryNorm, keyNorm: ShapedWeight?
        let feedForward: [ShapedLinear]
        let down: ShapedLinear
        let norms: [ShapedWeight]
        let rotates: Bool

        var weights: [ShapedWeight] {
            (projections + [output] + feedForward + [down]).flatMap(\.weights) + norms
                + [queryNorm, keyNorm].compactMap { $0 }
        }
    }

    init(_ memory: ModelMemory, _ meter: MemoryMeter, isTraining: Bool) {
        let configuration = memory.configuration
        (self.configuration, self.memory, self.meter) = (configuration, memory, meter)
        let isFull = memory.training == .full && isTraining
        func vector(_ count: Int) -> ShapedWeight { ShapedWeight(1, count, isTrained: isFull) }
        embedding = ShapedWeight(
            configuration.vocabularySize, configuration.width, isTrained: isFull)
        head =
            configuration.tiesEmbeddings
            ? embedding
            : ShapedWeight(configuration.vocabularySize, configuration.width, isTrained: isFull)
        norm = vector(configuration.width)
        let (queries, keys) = (
            configuration.heads * configuration.headSize, configuration.keyHeads * configuration.headSize
        )
        blocks = configuration.layers.enumerated().map { index, layer in
            func linear(_ name: String, _ inputs: Int, _ outputs: Int, _ hasBias: Bool) -> ShapedLinear {
                var linear = memory.layer(
                    "model.layers.\(index).\(name)", inputs: inputs, outputs: outputs, isTraining: isTraining)
                if hasBias { linear.bias = vector(outputs) }
                return linear
            }
            let (width, inner) = (configuration.width, configuration.feedForwardWidth)
            let bias = configuration.hasQueryKeyValueBias
            let whole = configuration.queryKeyNorm == .whole
            return Block(
                projections: configuration.hasFusedProjections
                    ? [linear("self_attn.qkv_proj", width, queries + 2 * keys, bias)]
                    : [
                        linear("self_attn.q_proj", width, queries, bias), linear("self_attn.k_proj", width, keys, bias),
                        linear("self_attn.v_proj", width, keys, bias),
                    ],
                output: linear("self_attn.o_proj", queries, width, configuration.hasAttentionOutputBias),
                queryNorm: configuration.queryKeyNorm == .none ? nil : vector(whole ? queries : configuration.headSize),
                keyNorm: configuration.queryKeyNorm == .none ? nil : vector(whole ? keys : configuration.headSize),
                feedForward: configuration.hasFusedProjections
                    ? [linear("mlp.gate_up_proj", width, 2 * inner, configuration.hasFeedForwardBias)]
                    : [
                        linear("mlp.gate_proj", width, inner, configuration.hasFeedForwardBias),
                        linear("mlp.up_proj", width, inner, configuration.hasFeedForwardBias),
                    ],
                down: linear("mlp.down_proj", inner, width, configuration.hasFeedForwardBias),
                norms: (0..<(configuration.normPlacement == .around ? 4 : 2)).map { _ in vector(width) },
                rotates: layer.rotary != nil)
        }
    }

    /// Everything that is trained.
    var leaves: [(rows: Int, columns: Int, node: ShapedNode)] {
        var seen: Set<ObjectIdentifier> = []
        let all = [embedding, head, norm] + blocks.flatMap(\.weights)
        return all.compactMap { weight in
            guard let node = weight.leaf, seen.insert(ObjectIdentifier(node)).inserted else { return nil }
            return (weight.rows, weight.columns, node)
        }
    }

    /// The sum of the labels' log-probabilities.
    func loss(_ batch: ModelMemory.Batch, checkpointing: Bool) -> ShapedTensor {
        let hidden = hiddenStates(batch, checkpointing: checkpointing)
        // A reward model reads some rows and has no logits.
        guard !configuration.hasRewardHead else { return hidden.rows(max(1, batch.labels)) }
        return hidden.rows(batch.labels).labelLogProbabilities(head, isUniform: batch.isUniform)
    }

    private func hiddenStates(_ batch: ModelMemory.Batch, checkpointing: Bool) -> ShapedTensor {
        let half = configuration.layers.lazy.compactMap(\.rotary?.rotatedSize).first ?? 0
        let angles = (0..<2).map { _ in ShapedTensor(batch.tokens, half / 2, meter) }
        var x = ShapedTensor.embedding(embedding, count: batch.tokens, meter)
        if configuration.scalesEmbedding { x = x.scaled() }
        for block in blocks {
            x =
                checkpointing
                ? x.checkpointed { run(block, $0, angles, batch) } : run(block, x, angles, batch)
        }
        return x.rmsNorm(norm)
    }

    private func run(
        _ block: Block, _ x: ShapedTensor, _ angles: [ShapedTensor], _ batch: ModelMemory.Batch
    ) -> ShapedTensor {
        let placement = configuration.normPlacement
        let after = placement == .around ? 1 : 0
        let attended = attention(
            block, placement == .after ? x : x.rmsNorm(block.norms[0]), angles, batch)
        let middle = x.adding(placement == .before ? attended : attended.rmsNorm(block.norms[after]))
        let fed = feedForward(
            block, placement == .after ? middle : middle.rmsNorm(block.norms[placement == .around ? 2 : 1]))
        return middle.adding(placement == .before ? fed : fed.rmsNorm(block.norms[placement == .around ? 3 : 1]))
    }

    private func attention(
        _ block: Block, _ x: ShapedTensor, _ angles: [ShapedTensor], _ batch: ModelMemory.Batch
    ) -> ShapedTensor {
        var (query, key, value) = projected(block, x)
        if let weight = block.queryNorm { query = query.rmsNorm(weight) }
        if let weight = block.keyNorm { key = key.rmsNorm(weight) }
        if block.rotates {
            query = query.rotated(angles)
            key = key.rotated(angles)
        }
        let result = ShapedTensor.attention(
            query: query, key: key, value: value, heads: configuration.heads, gathered: batch.gathered)
        return block.output(result)
    }

    private func projected(_ block: Block, _ x: ShapedTensor) -> (ShapedTensor, ShapedTensor, ShapedTensor) {
        let x = x.rounded(to: memory.precision)
        if block.projections.count == 3 {
            return (block.projections[0](x), block.projections[1](x), block.projections[2](x))
        }
        let all = block.projections[0](x)
        let (queries, keys) = (
            configuration.heads * configuration.headSize, configuration.keyHeads * configuration.headSize
        )
        return (all.columns(queries), all.columns(keys), all.columns(keys))
    }

    private func feedForward(_ block: Block, _ x: ShapedTensor) -> ShapedTensor {
        let x = x.rounded(to: memory.precision)
        if block.feedForward.count == 2 {
            return block.down(.gated(gate: block.feedForward[0](x), up: block.feedForward[1](x)))
        }
        let (both, inner) = (block.feedForward[0](x), configuration.feedForwardWidth)
        return block.down(.gated(gate: both.columns(inner), up: both.columns(inner)))
    }
}
