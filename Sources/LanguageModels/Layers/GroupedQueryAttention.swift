import TensorCore

/// Causal self-attention whose heads of queries share heads of keys and values.
final class GroupedQueryAttention: Module {
    /// Queries, keys and values: three projections, or one that holds all.
    let projections: [Linear]
    let output: Linear
    private let queryNorm: RMSNorm?
    private let keyNorm: RMSNorm?
    private let shape: AttentionShape
    private let rotary: RotaryConfiguration?
    /// The number of this layer among those with keys and values.
    private let index: Int

    init(
        _ path: String, layer index: Int, _ configuration: DecoderConfiguration, from source: WeightSource
    ) throws(ModelError) {
        let size = configuration.headSize
        let (queries, keys) = (configuration.heads * size, configuration.keyHeads * size)
        let parts =
            configuration.hasFusedProjections
            ? [("qkv_proj", queries + 2 * keys)] : [("q_proj", queries), ("k_proj", keys), ("v_proj", keys)]
        var projections: [Linear] = []
        for (name, outputs) in parts {
            projections.append(
                try Linear(
                    "\(path).\(name)", inputs: configuration.width, outputs: outputs,
                    hasBias: configuration.hasQueryKeyValueBias, from: source))
        }
        self.projections = projections
        output = try Linear(
            "\(path).o_proj", inputs: queries, outputs: configuration.width,
            hasBias: configuration.hasAttentionOutputBias, from: source)
        let perHead = configuration.queryKeyNorm == .perHead
        if configuration.queryKeyNorm == .none {
            (queryNorm, keyNorm) = (nil, nil)
        } else {
            queryNorm = try RMSNorm("\(path).q_norm", width: perHead ? size : queries, configuration, from: source)
            keyNorm = try RMSNorm("\(path).k_norm", width: perHead ? size : keys, configuration, from: source)
        }
        let layer = configuration.layers[index]
        shape = AttentionShape(
            heads: configuration.heads, keyHeads: configuration.keyHeads, headSize: size,
            scale: configuration.attentionScale, window: layer.window, softCap: configuration.attentionSoftCap)
        rotary = layer.rotary
        self.index = index
    }

    /// [T, D] → [T, D].
    func callAsFunction(_ x: Tensor, _ pass: ForwardPass) -> Tensor {
        var (query, key, value) = project(x, pass)
        if let queryNorm { query = queryNorm(query) }
        if let keyNorm { key = keyNorm(key) }
        if let rotary {
            let angles = pass.angles(for: rotary)
            query = rotaryEmbedding(query, angles: angles, headSize: shape.headSize)
            key = rotaryEmbedding(key, angles: angles, headSize: shape.headSize)
        }
        return output(attend(query, key, value, pass), pass)
    }

    /// Queries [T, H·E], keys [T, K·E] and values [T, K·E].
    private func project(_ x: Tensor, _ pass: ForwardPass) -> (Tensor, Tensor, Tensor) {
        let x = rounded(x, to: pass.precision)
        let projected = Linear.together(projections, x, pass)
        if projected.count == 3 { return (projected[0], projected[1], projected[2]) }
        let all = projected[0]
        let (queries, keys) = (shape.heads * shape.headSize, shape.keyHeads * shape.headSize)
        return (
            all.columns(0..<queries), all.columns(queries..<queries + keys),
            all.columns(queries + keys..<queries + 2 * keys)
        )
    }

    private func attend(_ query: Tensor, _ key: Tensor, _ value: Tensor, _ pass: ForwardPass) -> Tensor {
        guard pass.caches != nil else {
            return attention(
                query: query, key: key, value: value, lengths: pass.lengths, prefixes: pass.prefixes, shape: shape)
        }
        var start = 0
        var sequences: [KeyValueRows] = []
        for (sequence, length) in pass.lengths.enumerated() {
            let rows = start..<start + length
            pass.caches?[sequence].append(key: key, value: value, rows: rows, layer: index)
            if let cache = pass.caches?[sequence] { sequences.append(cache.layers[index]) }
            start += length
        }
        return attention(query: query, counts: pass.lengths, over: sequences, shape: shape)
    }

    func visit(_ body: (String, Parameter) -> Void) {
        for projection in projections { projection.visit(body) }
        output.visit(body)
        queryNorm?.visit(body)
        keyNorm?.visit(body)
    }
}
