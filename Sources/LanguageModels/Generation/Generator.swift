import TensorCore

/// Writes completions of many prompts at once; a sequence that ends makes room for the next at once.
///
/// A completion is the same, to the bit, whatever else is generated with it, however many sequences are computed at once
/// and on however many threads.
public struct Generator {
    /// The model that writes.
    public let model: LanguageModel
    /// What to generate.
    public let settings: GenerationSettings

    /// - Throws: `ModelError` if a setting is out of range or the model is a reward model.
    public init(_ model: LanguageModel, _ settings: GenerationSettings) throws(ModelError) {
        try model.requireLanguageHead()
        try settings.check()
        self.model = model
        self.settings = settings
    }

    /// Writes the completions of some requests. Each prompt is computed once, and its completions share its cache.
    ///
    /// - Parameters:
    ///   - requests: prompts and how often each is completed.
    ///   - onToken: called with each token as it is drawn, its request and its number among the request's completions.
    ///   - onCompletion: called with each completion when it has ended, in an order that depends on their lengths.
    ///   - continuing: asked when a completion ended with a stop token or a stop string: tokens of a tool or a user, at
    ///     least one, which are appended and after which the model goes on; `nil` to let it end.
    ///   - shouldStop: asked between tokens; `true` ends all completions with what they have.
    /// - Returns: for each request its completions, in order.
    /// - Throws: `ModelError` if a prompt is empty, fills the context, or has an id outside the vocabulary.
    public func completions(
        of requests: [GenerationRequest], onToken: ((_ request: Int, _ sample: Int, _ token: Int) -> Void)? = nil,
        onCompletion: ((_ request: Int, _ sample: Int, Completion) -> Void)? = nil,
        continuing: ((_ request: Int, _ sample: Int, Completion) -> [Int]?)? = nil, shouldStop: (() -> Bool)? = nil
    ) throws(ModelError) -> [[Completion]] {
        for (index, request) in requests.enumerated() {
            try check(request.prompt, index)
            guard request.samples >= 1 else {
                throw ModelError("\(request.samples) completions; ask for at least 1", location: "prompt \(index + 1)")
            }
        }
        var batch = GenerationBatch(self, requests)
        (batch.onToken, batch.onCompletion, batch.continuing) = (onToken, onCompletion, continuing)
        return batch.run(shouldStop)
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
        let requests = prompts.enumerated().map { index, prompt in
            GenerationRequest(prompt: prompt, key: UInt64(bitPattern: Int64(numbers?[index] ?? index)))
        }
        return try completions(
            of: requests, onToken: onToken.map { body in { request, _, token in body(request, token) } },
            shouldStop: shouldStop
        ).flatMap { $0 }
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
}
