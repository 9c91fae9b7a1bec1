import TensorCore

/// The sequences that are being written and the requests that wait for room.
struct GenerationBatch {
    var onToken: ((Int, Int, Int) -> Void)?
    var onCompletion: ((Int, Int, Completion) -> Void)?
    var continuing: ((Int, Int, Completion) -> [Int]?)?

    private let model: LanguageModel
    private let settings: GenerationSettings
    private let sampler: Sampler
    private let requests: [GenerationRequest]
    private var completions: [[Completion?]]
    private var rows: [GenerationRow] = []
    /// As many as rows.
    private var caches: [KVCache] = []
    /// Prompts that have been computed and whose completions have not all begun, by request.
    private var prompts: [Int: ComputedPrompt] = [:]
    /// The completion that begins next.
    private var next = (request: 0, sample: 0)

    /// What all completions of a prompt begin with.
    private struct ComputedPrompt {
        /// A prefix.
        let cache: KVCache
        /// [1, V].
        let logits: Tensor
    }

    init(_ generator: Generator, _ requests: [GenerationRequest]) {
        model = generator.model
        settings = generator.settings
        sampler = Sampler(settings: generator.settings.sampling)
        self.requests = requests
        completions = requests.map { Array(repeating: nil, count: $0.samples) }
    }

    /// Until every completion has ended.
    mutating func run(_ shouldStop: (() -> Bool)?) -> [[Completion]] {
        var interruption: StopReason?
        while next.request < requests.count || !rows.isEmpty {
            if shouldStop?() == true { interruption = .cancelled }
            if let deadline = settings.deadline, ContinuousClock.now >= deadline { interruption = .deadline }
            if interruption != nil { break }
            if rows.isEmpty || rows.count < settings.batchLimit, next.request < requests.count {
                admit()
            } else {
                step()
            }
        }
        let reason = interruption ?? .cancelled
        for row in rows { end(row, reason) }
        return completions.map { group in group.map { $0 ?? Completion(stopReason: reason) } }
    }

    // MARK: Rows that begin

    /// Begins as many completions as there is room for, with their first token.
    private mutating func admit() {
        var begun: [GenerationRow] = []
        while rows.count + begun.count < settings.batchLimit, next.request < requests.count {
            let (index, request) = (next.request, requests[next.request])
            begun.append(
                GenerationRow(
                    request: index, sample: next.sample, key: request.key, prompt: request.prompt, settings: settings))
            next.sample += 1
            if next.sample == request.samples { next = (index + 1, 0) }
        }
        compute(Set(begun.map(\.request)).subtracting(prompts.keys).sorted())
        let logits = begun.compactMap { prompts[$0.request]?.logits }
        let tokens = sampler.sample(
            begun.count, row: { begun[$0] }, logits: { logits[$0].floats }, logits.first?.columns ?? 0)
        for (row, token) in zip(begun, tokens) {
            guard let prompt = prompts[row.request] else { continue }
            rows.append(row)
            caches.append(prompt.cache)
            accept(token, at: rows.count - 1)
        }
        for request in prompts.keys where request < next.request { prompts[request] = nil }
        removeEnded()
    }

    /// Computes prompts, several at once where they are short.
    private mutating func compute(_ indices: [Int]) {
        var left = indices[...]
        while !left.isEmpty {
            var (some, tokens): ([Int], Int) = ([], 0)
            while let index = left.first {
                tokens += requests[index].prompt.count
                guard some.isEmpty || tokens <= settings.promptTokenLimit else { break }
                some.append(index)
                left.removeFirst()
            }
            var new = some.map { _ in
                KVCache(model.configuration, dtype: model.precision == .bfloat16 ? .bfloat16 : .float32)
            }
            let logits = self.logits(after: some.map { requests[$0].prompt }, &new)
            for (place, index) in some.enumerated() {
                prompts[index] = ComputedPrompt(cache: new[place].asPrefix(), logits: logits.slice(place..<place + 1))
            }
        }
    }

    /// The logits behind the last new token of each sequence: [N, V].
    private func logits(after newTokens: [[Int]], _ caches: inout [KVCache]) -> Tensor {
        var options = ForwardOptions()
        options.adapterEnabled = settings.adapterEnabled
        let hidden = model.hiddenStates(appending: newTokens, to: &caches, options: options)
        var end = 0
        let lastRows = newTokens.map { tokens in
            end += tokens.count
            return end - 1
        }
        return model.logits(hidden: lastRows.count == end ? hidden : embedding(hidden, lastRows))
    }

    // MARK: Rows that go on

    /// One token more for every row.
    private mutating func step() {
        // Out of this value, which the call below copies: a second owner of the caches would have each token copy them all.
        var caches: [KVCache] = []
        swap(&caches, &self.caches)
        let logits = self.logits(after: rows.map(\.pending), &caches)
        self.caches = caches
        let columns = logits.columns
        let rows = rows
        let tokens = sampler.sample(
            rows.count, row: { rows[$0] }, logits: { logits.floats + $0 * columns }, columns)
        for (index, token) in tokens.enumerated() { accept(token, at: index) }
        removeEnded()
    }

    /// Adds a token to a row and finds out whether the row ends, or a turn of it that another follows.
    private mutating func accept(_ token: SampledToken, at index: Int) {
        rows[index].append(token)
        let (request, sample) = (rows[index].request, rows[index].sample)
        onToken?(request, sample, token.id)
        guard var reason = rows[index].stopReason(contextLength: model.configuration.contextLength) else { return }
        if reason.isByModel, let continuing {
            rows[index].completion.stopReason = reason
            if let tokens = continuing(request, sample, rows[index].completion) {
                if rows[index].continueTurn(with: tokens, contextLength: model.configuration.contextLength) { return }
                reason = rows[index].completion.sampledCount >= settings.maximumNewTokens ? .length : .contextLimit
            }
        }
        rows[index].ended = reason
    }

    /// The last row takes the place of one that ended.
    private mutating func removeEnded() {
        for index in rows.indices.reversed() {
            guard let reason = rows[index].ended else { continue }
            let row = rows[index]
            rows.swapAt(index, rows.count - 1)
            caches.swapAt(index, rows.count - 1)
            rows.removeLast()
            caches.removeLast()
            end(row, reason)
        }
    }

    private mutating func end(_ row: GenerationRow, _ reason: StopReason) {
        var completion = row.completion
        completion.stopReason = reason
        completions[row.request][row.sample] = completion
        onCompletion?(row.request, row.sample, completion)
    }
}
