import Foundation

/// What one model did, in memory that does not grow with its requests.
public struct ArmSummary: Sendable, Hashable {
    /// What it is called.
    public var name: String
    /// Its requests.
    public private(set) var requests = 0
    /// Those without an answer.
    public private(set) var errors = 0
    /// Answers that were judged.
    public private(set) var judged = 0
    /// Milliseconds.
    public private(set) var latency = QuantileSketch()
    private var quality = 0.0
    private var cost = (sum: 0.0, count: 0)
    private var tokens = (sum: 0.0, count: 0)

    /// One without requests.
    public init(name: String) { self.name = name }

    /// The share of requests without an answer; `nil` before the first request.
    public var errorRate: Double? { requests > 0 ? Double(errors) / Double(requests) : nil }
    /// The mean score of the judged answers.
    public var meanQuality: Double? { judged > 0 ? quality / Double(judged) : nil }
    /// The mean cost of a request.
    public var meanCost: Double? { cost.count > 0 ? cost.sum / Double(cost.count) : nil }
    /// The mean tokens of a request.
    public var meanTokens: Double? { tokens.count > 0 ? tokens.sum / Double(tokens.count) : nil }

    mutating func add(_ row: ReleaseRow) {
        requests += 1
        if row.isError { errors += 1 }
        if let value = row.quality {
            judged += 1
            quality += value
        }
        if let value = row.latency { latency.add(value) }
        if let value = row.cost { cost = (cost.sum + value, cost.count + 1) }
        if let value = row.tokens { tokens = (tokens.sum + value, tokens.count + 1) }
    }

    public static func == (first: ArmSummary, second: ArmSummary) -> Bool {
        first.name == second.name && first.requests == second.requests && first.errors == second.errors
            && first.judged == second.judged && first.latency == second.latency && first.quality == second.quality
            && first.cost == second.cost && first.tokens == second.tokens
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(requests)
    }
}

/// Quantiles of positive amounts within one per cent, from counts of how many fell between powers of 1.02.
///
/// The buckets of Masson, Rim and Lee ("DDSketch", 2019); at most some 2,500 of them.
public struct QuantileSketch: Sendable, Hashable {
    private static let base = log(1.02)
    private var counts: [Int: Int] = [:]
    /// Values so far.
    public private(set) var count = 0

    /// One without values.
    public init() {}

    /// Takes a value; those outside 1e-9 ... 1e12 count as the nearer end.
    mutating func add(_ value: Double) {
        let bucket = (log(max(1e-9, min(1e12, value))) / Self.base).rounded(.down)
        counts[Int(exactly: bucket) ?? 0, default: 0] += 1
        count += 1
    }

    /// The value that a share of the values is at or below; `nil` before the first value.
    public func quantile(_ share: Double) -> Double? {
        guard count > 0 else { return nil }
        var passed = 0
        for (bucket, number) in counts.sorted(by: { $0.key < $1.key }) {
            passed += number
            if Double(passed) >= share * Double(count) {
                let value = exp((Double(bucket) + 0.5) * Self.base)
                return value < 2e-9 ? 0 : value
            }
        }
        return nil
    }
}
