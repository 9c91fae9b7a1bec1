import TensorCore

/// A sequence that is being written.
struct GenerationRow {
    let request: Int
    let sample: Int
    /// Of its random numbers; a word of it for each position.
    let stream: RandomStream
    let promptCount: Int
    var completion = Completion(stopReason: .length)
    /// Tokens that the cache has not seen.
    var pending: [Int] = []
    /// Tokens of prompt and completion, where a repetition penalty asks for them.
    private(set) var seen: Set<Int> = []
    /// Why it has ended; `nil` while it goes on.
    var ended: StopReason?

    private let settings: GenerationSettings
    private let hasPenalty: Bool
    private var stopText: StopText?
    private var repetition: RepetitionCounter?
    private var sampledCount = 0
    private var turnCount = 0

    init(request: Int, sample: Int, key: UInt64, prompt: [Int], settings: GenerationSettings) {
        (self.request, self.sample, self.settings) = (request, sample, settings)
        stream = RandomStream(
            seed: settings.seed, purpose: "rollout", step: Int(truncatingIfNeeded: Int64(bitPattern: key)),
            index: sample)
        promptCount = prompt.count
        hasPenalty = settings.sampling.repetitionPenalty != 1
        if hasPenalty { seen = Set(prompt) }
        if let decode = settings.decode, !settings.stopStrings.isEmpty {
            stopText = StopText(settings.stopStrings, decode: decode)
        }
        repetition = settings.repetitionLimit.map(RepetitionCounter.init)
    }

    /// The random number of the next token, in [0, 1).
    var uniform: Double {
        let word = 2 * completion.ids.count
        return (Double(stream.word(word)) + Double(stream.word(word + 1)) / 4_294_967_296) / 4_294_967_296
    }

    mutating func append(_ token: SampledToken) {
        completion.append(token, cuts: settings.sampling.cuts)
        pending = [token.id]
        sampledCount += 1
        turnCount += 1
        if hasPenalty { seen.insert(token.id) }
        stopText?.append(token.id)
        repetition?.append(token.id)
    }

    /// Why the sequence, or its turn, ends with the token appended last.
    func stopReason(contextLength: Int) -> StopReason? {
        if let last = completion.ids.last, settings.stopTokens.contains(last) { return .stopToken }
        if stopText?.isComplete == true { return .stopString }
        if sampledCount >= settings.maximumNewTokens { return .length }
        if let limit = settings.maximumTurnTokens, turnCount >= limit { return .length }
        // The last token of a full context needs no place in the cache.
        if promptCount + completion.ids.count >= contextLength { return .contextLimit }
        if repetition?.isReached == true { return .repetition }
        return nil
    }

    /// Appends what a tool or a user says, after which the model goes on.
    ///
    /// - Returns: whether there is room for it and for a token of the model.
    mutating func continueTurn(with tokens: [Int], contextLength: Int) -> Bool {
        guard sampledCount < settings.maximumNewTokens,
            promptCount + completion.ids.count + tokens.count < contextLength
        else { return false }
        completion.append(given: tokens, cuts: settings.sampling.cuts)
        pending += tokens
        turnCount = 0
        if hasPenalty { seen.formUnion(tokens) }
        if let decode = settings.decode, stopText != nil { stopText = StopText(settings.stopStrings, decode: decode) }
        repetition = settings.repetitionLimit.map(RepetitionCounter.init)
        return true
    }
}
