public import TensorCore
public import TextCore

/// A decoder-only transformer with its weights. It belongs to one task at a time.
public final class LanguageModel: Module {
    /// What it is.
    public internal(set) var configuration: DecoderConfiguration
    /// The configuration files it came with, which saving writes again.
    public internal(set) var files: ModelFiles
    /// The adapter attached to its linear layers; `nil` for none.
    public internal(set) var adapter: Adapter?
    /// What products with weights are computed in, forward and back.
    public var precision = Precision.float32

    private let embeddingWeight: Parameter
    private let blocks: [DecoderBlock]
    private let norm: RMSNorm
    /// One for each rotation of the configuration.
    private let rotaryTables: [RotaryConfiguration: RotaryTable]
    /// `nil` where the input embedding serves, and in a reward model.
    var languageHead: Linear?
    /// `nil` in a language model.
    var rewardHead: Linear?

    /// The matrix that hidden states are multiplied with to give logits, [V, D]; the input embedding of a reward model,
    /// which has no logits.
    public var outputEmbedding: Parameter { languageHead?.weight ?? embeddingWeight }
    /// What happens to the logits then.
    public var logitTransform: LogitTransform { configuration.logitTransform }
    /// The linear layers of all blocks, in order; the head is not among them.
    public var linearLayers: [Linear] { blocks.flatMap(\.linearLayers) }

    init(
        configuration: DecoderConfiguration, files: ModelFiles, from source: WeightSource
    ) throws(ModelError) {
        self.configuration = configuration
        self.files = files
        let shape = [configuration.vocabularySize, configuration.width]
        embeddingWeight = try source(
            WeightSpecification(name: "model.embed_tokens.weight", shape: shape, initial: .normal))
        var blocks: [DecoderBlock] = []
        for index in configuration.layers.indices {
            blocks.append(try DecoderBlock("model.layers.\(index)", layer: index, configuration, from: source))
        }
        self.blocks = blocks
        rotaryTables = Dictionary(
            Set(configuration.layers.compactMap(\.rotary)).map {
                ($0, RotaryTable(inverseFrequencies: $0.inverseFrequencies))
            }, uniquingKeysWith: { first, _ in first })
        norm = try RMSNorm("model.norm", width: configuration.width, configuration, from: source)
        languageHead =
            configuration.tiesEmbeddings || configuration.hasRewardHead
            ? nil
            : try Linear(
                "lm_head", inputs: configuration.width, outputs: configuration.vocabularySize, hasBias: false,
                from: source)
        rewardHead =
            configuration.hasRewardHead
            ? try Linear("score", inputs: configuration.width, outputs: 1, hasBias: false, from: source) : nil
    }

    public func visit(_ body: (String, Parameter) -> Void) {
        body("model.embed_tokens.weight", embeddingWeight)
        for block in blocks { block.visit(body) }
        norm.visit(body)
        languageHead?.visit(body)
        rewardHead?.visit(body)
    }

    // MARK: Parameters

    /// The base model's weights under the names of its checkpoint, each once.
    public var baseParameters: [(name: String, parameter: Parameter)] {
        var list: [(String, Parameter)] = []
        visit { list.append(($0, $1)) }
        return list
    }

    /// All weights, the base model's first and then the adapter's, each once, always in the same order. Beside an
    /// adapter the reward head is one of the adapter's, under the name that its file has.
    public var namedParameters: [(name: String, parameter: Parameter)] {
        guard let adapter else { return baseParameters }
        return baseParameters.filter { $0.name != Self.rewardHeadName } + adapter.namedParameters(of: self)
    }

    /// Those of `namedParameters` that training changes.
    public var trainableParameters: [(name: String, parameter: Parameter)] {
        namedParameters.filter(\.parameter.isTrainable)
    }

    /// What training changes.
    public enum Trainable: Sendable, Hashable {
        /// All weights of the base model.
        case full
        /// The adapter's weights and the reward head, if there is one.
        case adapter
        /// Nothing.
        case none
    }

    /// Says what training changes.
    ///
    /// - Precondition: for `.full` the weights are `float32`; for `.adapter` one is attached.
    public func setTrainable(_ mode: Trainable) {
        precondition(mode != .adapter || adapter != nil, "no adapter is attached that could be trained")
        for (_, parameter) in adapter?.namedParameters(of: self) ?? [] { parameter.isTrainable = mode == .adapter }
        for (name, parameter) in baseParameters {
            precondition(
                mode != .full || parameter.value.dtype == .float32,
                "\(name) is \(parameter.value.dtype); load the model in float32 to train all of it")
            parameter.isTrainable = mode == .full || mode == .adapter && parameter === rewardHead?.weight
        }
    }

    /// How the layers of the blocks are quantised; `nil` if none is.
    public var quantization: Quantization? {
        linearLayers.lazy.compactMap { $0.weight.value.quantized?.quantization }.first
    }

    /// Bytes of all weights where they are kept, the adapter's included.
    public var storedByteCount: Int { namedParameters.reduce(0) { $0 + $1.parameter.value.storedByteCount } }

    // MARK: Forward

    /// The hidden states after the last norm.
    ///
    /// - Parameters:
    ///   - tokens: T ids in 0 ..< V (see `check`).
    ///   - options: what differs from a plain forward pass.
    /// - Returns: [T, D].
    public func hiddenStates(_ tokens: PackedTokens, options: ForwardOptions = ForwardOptions()) -> Tensor {
        let pass = ForwardPass(
            lengths: tokens.lengths, starts: tokens.startPositions, prefixes: tokens.prefixes, precision: precision,
            rotaryTables: rotaryTables, options: options)
        return run(tokens.ids, pass)
    }

    /// The hidden states of new tokens of several sequences, which are appended to the sequences' caches.
    ///
    /// Prompts and single tokens may be mixed. Not differentiable.
    ///
    /// - Parameters:
    ///   - newTokens: ids of each sequence, at least one.
    ///   - caches: as many as sequences.
    /// - Returns: [ΣN, D], the sequences' new tokens in order.
    public func hiddenStates(
        appending newTokens: [[Int]], to caches: inout [KVCache], options: ForwardOptions = ForwardOptions()
    ) -> Tensor {
        precondition(newTokens.count == caches.count, "\(newTokens.count) sequences with \(caches.count) caches")
        let starts = caches.map(\.count)
        let pass = ForwardPass(
            lengths: newTokens.map(\.count), starts: starts, caches: caches, precision: precision,
            rotaryTables: rotaryTables,
            options: options)
        // The pass must be their only owner, or appending would copy them.
        caches = []
        let hidden = run(Array(newTokens.joined()), pass)
        caches = pass.caches ?? []
        return hidden
    }

    private func run(_ ids: [Int], _ pass: ForwardPass) -> Tensor {
        var x = embedding(embeddingWeight.tensor, ids)
        if configuration.scalesEmbedding { x = x.scaled(by: embeddingScale) }
        if let noise = pass.options.embeddingNoise { x = x + noise }
        for block in blocks {
            x = pass.options.checkpointing && pass.caches == nil ? checkpointed(x) { block($0, pass) } : block(x, pass)
        }
        return norm(x)
    }

    /// √D in the precision of the embedding, as the reference has it.
    private var embeddingScale: Float {
        let root = Tensor(Float(configuration.width).squareRoot())
        return root.converted(to: embeddingWeight.value.dtype).scalar
    }

    /// Log-probability, entropy, top-1 flag and other statistics of labels, without the logits ever being whole.
    ///
    /// - Parameters:
    ///   - hidden: [N, D], only the positions that carry loss.
    ///   - labels: N ids in 0 ..< V.
    ///   - expectsUniformGradient: promises that the loss is a constant times the sum of the log-probabilities.
    /// - Precondition: the model has no reward head.
    public func labelLogProbabilities(
        hidden: Tensor, labels: [Int32], expectsUniformGradient: Bool = false
    ) -> LabelLogProbabilities {
        precondition(!hasRewardHead, "a reward model has no logits")
        return TensorCore.labelLogProbabilities(
            hidden, outputEmbedding.tensor, labels: labels, transform: logitTransform,
            expectsUniformGradient: expectsUniformGradient, precision: precision)
    }

    /// The logits of hidden states: [N, D] → [N, V]. Not differentiable; for generation and checks.
    ///
    /// - Precondition: the model has no reward head.
    public func logits(hidden: Tensor) -> Tensor {
        precondition(!hasRewardHead, "a reward model has no logits")
        let weight = outputEmbedding
        let isThin = hidden.rows <= Linear.thinRows
        return TensorCore.logits(
            hidden, weight.value, transform: logitTransform, precision: precision,
            packed: isThin ? weight.packed(for: precision) : weight.packedIfKept(for: precision))
    }

    /// Frees the packed copies of weights that generation has made; the next one makes them again.
    public func dropPackedWeights() { for (_, parameter) in namedParameters { parameter.dropPacked() } }

    /// - Throws: `ModelError` for a token id outside the vocabulary, or for more tokens than the context has.
    public func check(_ ids: [Int], location: String? = nil) throws(ModelError) {
        if let index = ids.firstIndex(where: { !(0..<configuration.vocabularySize).contains($0) }) {
            throw ModelError(
                "token id \(ids[index]) at position \(index) is outside the model's vocabulary of "
                    + "\(configuration.vocabularySize) tokens; is this the model's own tokenizer?", location: location)
        }
        if ids.count > configuration.contextLength {
            throw ModelError(
                "\(ids.count) tokens are more than the model's context of \(configuration.contextLength); shorten the text",
                location: location)
        }
    }
}

/// The configuration files of a model's folder.
public struct ModelFiles: Sendable {
    /// `config.json`, as read.
    public var configuration: JSON = [:]
    /// `generation_config.json`, as read; `nil` if there is none.
    public var generation: JSON?

    /// Tokens that end a text, from either file.
    public var endTokens: [Int] {
        for value in [generation?["eos_token_id"], configuration["eos_token_id"]] {
            if let id = value?.int { return [id] }
            if let ids = value?.array?.compactMap(\.int), !ids.isEmpty { return ids }
        }
        return []
    }
}
