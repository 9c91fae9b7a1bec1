package import TensorCore

/// What a model and a training step of it take, from the configuration alone.
package struct ModelMemory {
    /// What becomes of the weights.
    package enum Training: Sendable, Hashable {
        /// All are trained.
        case full
        /// Low-rank differences are trained.
        case adapter(AdapterConfiguration)
        /// Nothing is.
        case none
    }

    /// How frozen matrices lie in memory.
    package enum FrozenStorage: Sendable, Hashable {
        case float32, bfloat16
        /// NF4 with double quantisation, the embeddings in bf16: half a byte a number, a byte for each group, and a
        /// `float32` for each 256 groups.
        case nf4(groupSize: Int)
        /// Int8, the embeddings in bf16: a byte a number and a `float32` for each row.
        case int8
    }

    package let configuration: DecoderConfiguration
    package let training: Training
    package let storage: FrozenStorage
    /// What products are computed in.
    package let precision: Precision
    /// Rank of the adapted layers, by path.
    private let ranks: [String: Int]
    private let weights: [WeightSpecification]

    /// - Throws: `ModelError` where the adapter does not fit the model.
    package init(
        _ configuration: DecoderConfiguration, training: Training, storage: FrozenStorage,
        precision: Precision = .float32
    ) throws(ModelError) {
        self.configuration = configuration
        self.training = training
        self.storage = storage
        self.precision = precision
        weights = configuration.weights
        guard case .adapter(let adapter) = training else {
            ranks = [:]
            return
        }
        let model = try LanguageModel(configuration: configuration, files: ModelFiles()) { _ in
            Parameter(.zeros([0]))
        }
        ranks = Dictionary(
            uniqueKeysWithValues: try adapter.resolved(in: model).map { ($0.layer.path, $0.rank) })
    }

    // MARK: Weights

    private static func count(_ specification: WeightSpecification) -> Int { specification.shape.reduce(1, *) }

    /// Numbers of the base model.
    package var parameterCount: Int { weights.reduce(0) { $0 + Self.count($1) } }

    /// Numbers that are trained.
    package var trainedCount: Int {
        switch training {
        case .full: parameterCount
        case .adapter: adapterCount
        case .none: 0
        }
    }

    /// Bytes of the base model's weights.
    package var weightBytes: Int {
        weights.reduce(0) { total, weight in
            let count = Self.count(weight)
            let isMatrix = weight.shape.count > 1 && weight.name != LanguageModel.rewardHeadName
            guard isMatrix, training != .full else { return total + 4 * count }
            switch storage {
            case .float32: return total + 4 * count
            case .bfloat16: return total + 2 * count
            case .nf4, .int8:
                let isEmbedding = weight.name == "model.embed_tokens.weight" || weight.name == "lm_head.weight"
                if isEmbedding { return total + 2 * count }
                guard case .nf4(let group) = storage else { return total + count + 4 * weight.shape[0] }
                return total + count / 2 + count / group + count / group / 64
            }
        }
    }

    /// Numbers of the adapter.
    private var adapterCount: Int {
        guard case .adapter(let adapter) = training else { return 0 }
        return weights.reduce(0) { total, weight in
            guard let rank = rank(of: weight.name) else { return total }
            let (outputs, inputs) = (weight.shape[0], weight.shape[1])
            return total + rank * (outputs + inputs) + (adapter.usesMagnitude ? outputs : 0)
        }
    }

    /// Bytes of the adapter's weights.
    package var adapterBytes: Int { 4 * adapterCount }
    /// Bytes of the gradients, once all are there.
    package var gradientBytes: Int { 4 * trainedCount }
    /// Bytes of both moments.
    package var momentBytes: Int { 8 * trainedCount }

    private func rank(of weight: String) -> Int? {
        weight.hasSuffix(".weight") ? ranks[String(weight.dropLast(".weight".count))] : nil
    }

    // MARK: Steps

    /// What goes through the model at once.
    package struct Batch: Sendable, Hashable {
        /// T, prompts and answers.
        package var tokens: Int
        /// N, the positions whose label is scored.
        package var labels: Int
        /// Rows of answers behind a shared prompt, those of the prompt counted for each.
        package var gathered = 0
        /// Whether the loss is a sum of log-probabilities with one factor.
        package var isUniform = true

        package init(tokens: Int, labels: Int, gathered: Int = 0, isUniform: Bool = true) {
            (self.tokens, self.labels, self.gathered, self.isUniform) = (tokens, labels, gathered, isUniform)
        }
    }

    /// What a forward and a reverse pass take at the most beside weights and moments.
    package struct Peak: Sendable, Hashable {
        /// All at once.
        package var bytes: Int
        /// Of these the gradients of weights.
        package var gradients: Int
        /// What is held when the forward pass is over.
        package var activations: Int
    }

    /// The peak of a micro-batch.
    ///
    /// - Parameters:
    ///   - checkpointing: whether blocks are computed again.
    ///   - accumulates: whether gradients of a micro-batch before are held meanwhile.
    package func step(_ batch: Batch, checkpointing: Bool, accumulates: Bool) -> Peak {
        let meter = MemoryMeter()
        let model = ShapedModel(self, meter, isTraining: true)
        let pass = ShapedPass()
        if accumulates {
            for leaf in model.leaves { pass.put(ShapedTensor(leaf.rows, leaf.columns, meter), leaf.node) }
        }
        let held = meter.live
        let loss = model.loss(batch, checkpointing: checkpointing)
        let activations = meter.live - held
        if let node = loss.node { pass.run(from: node, upstream: ShapedTensor(1, 1, meter)) }
        let gradients = accumulates || training == .full ? held : 0
        return Peak(bytes: meter.peak, gradients: gradients, activations: activations)
    }

    /// The peak of a forward pass that nothing is kept of.
    package func evaluation(_ batch: Batch) -> Int {
        let meter = MemoryMeter()
        _ = ShapedModel(self, meter, isTraining: false).loss(batch, checkpointing: false)
        return meter.peak
    }

    /// Keys and values of sequences that are written at the same time, with the logits of a step and the copy of the weights
    /// that products of few rows read.
    ///
    /// - Parameters:
    ///   - prompts: tokens of each prompt, which its answers share.
    ///   - rows: answers at the same time.
    ///   - newTokens: of each answer.
    package func rollout(prompts: [Int], rows: Int, newTokens: Int) -> Int {
        let (layers, columns) = (configuration.layers.count, configuration.keyHeads * configuration.headSize)
        // Room doubles when it is full, from 32 rows on; while it grows, old and new are both there for one layer.
        var capacity = 32
        while capacity < newTokens { capacity *= 2 }
        let size = precision == .bfloat16 ? 2 : 4
        let row = 2 * size * columns
        let own = rows * capacity * row * layers
        let shared = prompts.reduce(0) { $0 + max(32, $1) } * row * layers
        return size * parameterCount + own + shared + 2 * 4 * rows * configuration.vocabularySize
    }
}

extension ModelMemory {
    /// The weight of a layer and its adapter, as shapes.
    func layer(_ path: String, inputs: Int, outputs: Int, isTraining: Bool) -> ShapedLinear {
        let isFull = training == .full && isTraining
        var adapter: ShapedLinear.Adapter?
        if case .adapter(let settings) = training, let rank = ranks[path] {
            adapter = ShapedLinear.Adapter(
                down: ShapedWeight(rank, inputs, isTrained: isTraining),
                up: ShapedWeight(outputs, rank, isTrained: isTraining),
                magnitude: settings.usesMagnitude ? ShapedWeight(1, outputs, isTrained: isTraining) : nil,
                drops: settings.dropout > 0 && isTraining)
        }
        return ShapedLinear(
            weight: ShapedWeight(outputs, inputs, isTrained: isFull), bias: nil, adapter: adapter, precision: precision)
    }
}
