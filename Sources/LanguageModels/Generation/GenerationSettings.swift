/// What to generate and when to stop.
public struct GenerationSettings {
    /// How tokens are drawn.
    public var sampling = SamplingSettings()
    /// Tokens of a completion that are drawn, at most, over all its turns.
    public var maximumNewTokens = 256
    /// Tokens of one turn that are drawn, at most; `nil` for no limit of its own.
    public var maximumTurnTokens: Int?
    /// Tokens that end a completion; the one that did is kept.
    public var stopTokens: Set<Int> = []
    /// Texts that end a completion; the token that completed one is kept. They need `decode`.
    public var stopStrings: [String] = []
    /// The text of some tokens; with stop strings it is asked for the last few tokens of a completion.
    public var decode: (([Int]) -> String)?
    /// Ends a completion that repeats itself; `nil` to let it go on.
    public var repetitionLimit: RepetitionLimit?
    /// When everything ends with what it has; `nil` for never.
    public var deadline: ContinuousClock.Instant?
    /// Of the random numbers. A completion's depend on this, its request's key, its number and its position alone.
    public var seed: UInt64 = 0
    /// Sequences that are computed at once, at most: the row budget. It changes no completion.
    public var batchLimit = 16
    /// Prompt tokens that are computed at once, at most; a longer prompt is computed alone.
    public var promptTokenLimit = 4096
    /// Whether the adapter takes part.
    public var adapterEnabled = true

    /// Up to 256 tokens from the model's own distribution.
    public init() {}

    func check() throws(ModelError) {
        try sampling.check()
        guard maximumNewTokens >= 1 else { throw ModelError("a completion has at least 1 token") }
        guard maximumTurnTokens ?? 1 >= 1 else { throw ModelError("a turn has at least 1 token") }
        guard batchLimit >= 1 else { throw ModelError("a batch has at least 1 sequence") }
        guard stopStrings.isEmpty || decode != nil else {
            throw ModelError("stop strings need the text of the tokens; give `decode`")
        }
        guard stopStrings.allSatisfy({ !$0.isEmpty }) else { throw ModelError("an empty stop string") }
        if let repetitionLimit { try repetitionLimit.check() }
    }
}

/// A prompt and how many completions it gets.
public struct GenerationRequest: Sendable, Hashable {
    /// Token ids, at least one. The completions share what the model computes for them.
    public var prompt: [Int]
    /// Completions, at least 1; they are numbered from 0.
    public var samples: Int
    /// Of the random numbers: the same key, seed and prompt give the same completions, whatever else is generated.
    public var key: UInt64

    public init(prompt: [Int], samples: Int = 1, key: UInt64 = 0) {
        self.prompt = prompt
        self.samples = samples
        self.key = key
    }
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
    /// It repeated itself as often as the limit says.
    case repetition
    /// The deadline passed.
    case deadline
    /// The caller asked for the end.
    case cancelled

    /// Whether the model ended it, rather than a limit.
    public var isByModel: Bool { self == .stopToken || self == .stopString }
}

/// What a model wrote after a prompt.
public struct Completion: Sendable, Hashable {
    /// The tokens, stop tokens included.
    public var ids: [Int] = []
    /// ln of each token's probability in the distribution it was drawn from, temperature and cuts included, in nats.
    /// When the most likely token is always taken, in the distribution at temperature 1. 0 for tokens not drawn.
    public var logProbabilities: [Float] = []
    /// The entropy of each distribution before anything was cut off, in nats; 0 for tokens not drawn.
    public var entropies: [Float] = []
    /// ln of the probability that top-k, top-p and min-p left at each token: with it added, `logProbabilities` are those
    /// of the distribution before the cut. Empty when nothing is ever cut.
    public var logRetainedMass: [Float] = []
    /// Whether each token was drawn; `false` for those that a tool or a user appended.
    public var isSampled: [Bool] = []
    /// Why it ended.
    public var stopReason: StopReason

    /// How many of the tokens were drawn.
    public var sampledCount: Int { isSampled.count { $0 } }

    mutating func append(_ token: SampledToken, cuts: Bool) {
        ids.append(token.id)
        logProbabilities.append(token.logProbability)
        entropies.append(token.entropy)
        if cuts { logRetainedMass.append(token.logRetainedMass) }
        isSampled.append(true)
    }

    mutating func append(given tokens: [Int], cuts: Bool) {
        let zeros = [Float](repeating: 0, count: tokens.count)
        ids += tokens
        logProbabilities += zeros
        entropies += zeros
        if cuts { logRetainedMass += zeros }
        isSampled += [Bool](repeating: false, count: tokens.count)
    }
}
