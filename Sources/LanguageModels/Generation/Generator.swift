import TensorCore

/// What to generate and when to stop.
public struct GenerationSettings {
    /// How tokens are drawn.
    public var sampling = SamplingSettings()
    /// Tokens of a completion, at most.
    public var maximumNewTokens = 256
    /// Tokens that end a completion; the one that did is kept.
    public var stopTokens: Set<Int> = []
    /// Texts that end a completion; the token that completed one is kept. They need `decode`.
    public var stopStrings: [String] = []
    /// The text of the tokens of a completion.
    public var decode: (([Int]) -> String)?
    /// Of the random numbers. A completion's depend on this, its sequence's number and its position alone.
    public var seed: UInt64 = 0
    /// Sequences that are computed at once, at most.
    public var batchLimit = 16
    /// Prompt tokens that are computed at once, at most; a longer prompt is computed alone.
    public var promptTokenLimit = 4096
    /// Whether the adapter takes part.
    public var adapterEnabled = true

    /// Up to 256 tokens from the model's own distribution.
    public init() {}
}

/// Why a completion ended.
public enum StopReason: String, Sendable, Hashable, CaseIterable {
    /// A stop token was drawn.
    case stopToken
    /// A stop string appeared in the text.
    case stopString
    /// It has as many tokens as were asked for.
    case length
    /// Prompt and completion fill the model's context.
    case contextLimit
}

/// What a model wrote after a prompt.
public struct Completion: Sendable, Hashable {
    /// The tokens, the stop token included.
    public var ids: [Int]
    /// ln of each token's probability in the distribution it was drawn from, in nats. When the most likely token is
    /// always taken, in the distribution at temperature 1.
    public var logProbabilities: [Float]
    /// Why it ended.
    public var stopReason: StopReason
}

/// Writes completions of many prompts at once; a sequence that ends makes room for the next at once.
public struct Generator {
    /// The model that writes.
    public let model: LanguageModel
    /// What to generate.
    public let settings: GenerationSettings

    /// - Throws: `ModelError` if a setting is out of range or the model is a reward model.
    public init(_ model: LanguageModel, _ settings: GenerationSettings) throws(ModelError) {
        try model.requireLanguageHead()
        try settings.sampling.check()
        guard settings.maximumNewTokens >= 1 else { throw ModelError("a completion has at least 1 token") }
        guard settings.batchLimit >= 1 else { throw ModelError("a batch has at least 1 sequence") }
        guard settings.stopStrings.isEmpty || settings.decode != nil else {
            throw ModelError("stop strings need the text of the tokens; give `decode`")
        }
        guard settings.stopStrings.allSatisfy({ !$0.isEmpty }) else { throw ModelError("an empty stop string") }
        self.model = model
        self.settings = settings
    }

    /// A sequence that is being written.
    private struct Sequence {
        let index: Int
        let number: Int
        let prompt: [Int]
        var completion = Completion(ids: [], logProbabilities: [], stopReason: .length)
        var seen: Set<Int>

        /// What the cache has not seen: the prompt at first, the last token afterwards.
        var newTokens: [Int] { completion.ids.last.map { [$0] } ?? prompt }
    }

    /// Writes a completion of each prompt.
    ///
    /// - Parameters:
    ///   - prompts: token ids, at least one each.
    ///   - numbers: of the sequences, for the random numbers; `nil` for 0, 1, 2, …
    ///   - onToken: called with the prompt's index and each token as it is drawn.
    ///   - shouldStop: asked between tokens; `true` ends all sequences with what they have.
    /// - Returns: one for each prompt, in order.
    /// - Throws: `ModelError` if a prompt is empty, fills the context, or has an id outside the vocabulary.
    public func completions(
        of prompts: [[Int]], numbers: [Int]? = nil, onToken: ((_ prompt: Int, _ token: Int) -> Void)? = nil,
        shouldStop: (() -> Bool)? = nil
    ) throws(ModelError) -> [Completion] {
        precondition(numbers?.count ?? prompts.count == prompts.count, "as many numbers as prompts")
        for (index, prompt) in prompts.enumerated() { try check(prompt, index) }
        var completions = [Completion?](repeating: nil, count: prompts.count)
        var active: [Sequence] = []
        var caches: [KVCache] = []
        var next = 0
        while next < prompts.count || !active.isEmpty, shouldStop?() != true {
            var promptTokens = 0
            while next < prompts.count, active.count < settings.batchLimit,
                promptTokens == 0 || promptTokens + prompts[next].count <= settings.promptTokenLimit
            {
                let prompt = prompts[next]
                active.append(
                    Sequence(index: next, number: numbers?[next] ?? next, prompt: prompt, seen: Set(prompt)))
                caches.append(KVCache(model.configuration))
                promptTokens += prompt.count
                next += 1
            }
            step(&active, &caches)
            for index in active.indices.reversed() {
                let sequence = active[index]
                if let token = sequence.completion.ids.last { onToken?(sequence.index, token) }
                guard let reason = stopReason(sequence) else { continue }
                completions[sequence.index] = sequence.completion
                completions[sequence.index]?.stopReason = reason
                active.remove(at: index)
                caches.remove(at: index)
            }
        }
        for sequence in active { completions[sequence.index] = sequence.completion }
        return completions.map { $0 ?? Completion(ids: [], logProbabilities: [], stopReason: .length) }
    }

    private func check(_ prompt: [Int], _ index: Int) throws(ModelError) {
        let location = "prompt \(index + 1)"
        guard !prompt.isEmpty else {
            throw ModelError("is empty; begin with the start token or some text", location: location)
        }
        try model.check(prompt, location: location)
        guard prompt.count < model.configuration.contextLength else {
            throw ModelError(
                "\(prompt.count) tokens fill the model's context of \(model.configuration.contextLength), and no room "
                    + "is left for a completion; shorten it", location: location)
        }
    }

    /// One token more for every sequence.
    private func step(_ active: inout [Sequence], _ caches: inout [KVCache]) {
        var options = ForwardOptions()
        options.adapterEnabled = settings.adapterEnabled
        let newTokens = active.map(\.newTokens)
        let hidden = model.hiddenStates(appending: newTokens, to: &caches, options: options)
        var end = 0
        let lastRows = newTokens.map { tokens in
            end += tokens.count
            return end - 1
        }
        let logits = model.logits(hidden: embedding(hidden, lastRows))
        let sampler = Sampler(settings: settings.sampling)
        for index in active.indices {
            let sequence = active[index]
            let stream = RandomStream(
                seed: settings.seed, purpose: "sample", step: sequence.completion.ids.count, index: sequence.number)
            let token = sampler.sample(logits.slice(index..<index + 1).scalars, seen: sequence.seen) {
                (Double(stream.word(0)) + Double(stream.word(1)) / 4_294_967_296) / 4_294_967_296
            }
            active[index].completion.ids.append(token.id)
            active[index].completion.logProbabilities.append(token.logProbability)
            active[index].seen.insert(token.id)
        }
    }

    private func stopReason(_ sequence: Sequence) -> StopReason? {
        let ids = sequence.completion.ids
        if let last = ids.last, settings.stopTokens.contains(last) { return .stopToken }
        if !settings.stopStrings.isEmpty, let decode = settings.decode {
            let text = decode(ids)
            if settings.stopStrings.contains(where: text.contains) { return .stopString }
        }
        if ids.count >= settings.maximumNewTokens { return .length }
        // The last token of a full context needs no place in the cache.
        if sequence.prompt.count + ids.count >= model.configuration.contextLength { return .contextLimit }
        return nil
    }
}
