/// When a completion that repeats itself ends.
public struct RepetitionLimit: Sendable, Hashable {
    /// Tokens of what is repeated, at most.
    public var longestPeriod: Int
    /// How often it stands in a row when the completion ends, at least 2.
    public var times: Int
    /// Tokens that the repetitions have together, at least.
    public var leastTokens: Int

    /// Without arguments: up to 32 tokens, 8 times in a row, and 64 tokens in all.
    public init(longestPeriod: Int = 32, times: Int = 8, leastTokens: Int = 64) {
        (self.longestPeriod, self.times, self.leastTokens) = (longestPeriod, times, leastTokens)
    }

    func check() throws(ModelError) {
        guard longestPeriod >= 1, times >= 2, leastTokens >= 2 else {
            throw ModelError("a repetition limit has a period of 1 or more, and 2 or more times and tokens")
        }
    }
}

/// Counts, for each period, how many of the last tokens are those one period before.
struct RepetitionCounter {
    private let limit: RepetitionLimit
    /// The last tokens, as many as the longest period; the oldest is overwritten.
    private var recent: [Int] = []
    private var place = 0
    private var runs: [Int]
    /// Whether the limit is reached.
    private(set) var isReached = false

    init(_ limit: RepetitionLimit) {
        self.limit = limit
        runs = Array(repeating: 0, count: limit.longestPeriod)
    }

    mutating func append(_ id: Int) {
        for period in 1...limit.longestPeriod {
            guard period <= recent.count else { break }
            let before = recent[(place - period + limit.longestPeriod) % limit.longestPeriod]
            runs[period - 1] = before == id ? runs[period - 1] + 1 : 0
            let repeated = runs[period - 1] + period
            if repeated >= period * limit.times, repeated >= limit.leastTokens { isReached = true }
        }
        if recent.count < limit.longestPeriod { recent.append(id) } else { recent[place] = id }
        place = (place + 1) % limit.longestPeriod
    }
}
