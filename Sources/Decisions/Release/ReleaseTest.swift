public import Statistics

/// One rule, followed request by request.
public struct ReleaseTest: Sendable {
    /// What is measured.
    public enum Subject: Sendable, Hashable {
        /// The candidate's score less the control's.
        case quality
        /// Whether the candidate's requests have no answer.
        case errorRate
        /// That share less the control's.
        case errorRise
        /// Whether the candidate's requests take longer than so many milliseconds.
        case latency(Double)
        /// What the candidate's requests cost, none counted above ten times the limit.
        case cost(Double)
        /// Whether both label a request alike.
        case agreement
    }

    /// The mean and its bounds after so many requests of the candidate.
    struct Point: Sendable {
        var requests: Int
        var lower, mean, upper: Double
    }

    /// What is measured.
    public let subject: Subject
    /// The number that its mean is compared with.
    public let threshold: Double
    /// Whether the mean must be above the threshold, rather than below.
    public let mustBeAbove: Bool
    /// The mean so far, and its bounds.
    public private(set) var sequence: ConfidenceSequence
    /// The candidate's requests when the rule was shown to hold, and to be broken.
    public private(set) var heldAt, brokenAt: Int?
    private var pairing = BlockPairing()
    /// Points of the mean and its bounds, for a chart.
    private(set) var trail: [Point] = []
    private var stride = 1

    /// A rule before the first request.
    init(
        _ subject: Subject, range: ClosedRange<Double>, threshold: Double, mustBeAbove: Bool, level: Double,
        resolution: Int
    ) {
        self.subject = subject
        self.threshold = threshold
        self.mustBeAbove = mustBeAbove
        sequence = ConfidenceSequence(range: range, level: level, thresholds: [threshold], resolution: resolution)
    }

    /// What it is, for people.
    public var title: String {
        switch subject {
        case .quality: "score, candidate less control"
        case .errorRate: "share of errors"
        case .errorRise: "share of errors, candidate less control"
        case .latency(let limit): "share of requests above \(limit.figure) ms"
        case .cost: "mean cost"
        case .agreement: "share labelled alike"
        }
    }

    /// The rule, for people.
    public var rule: String { "\(mustBeAbove ? "above" : "below") \(threshold.figure)" }

    /// Values that wait for a partner, or found none.
    public var unpaired: Int { pairing.waiting + pairing.unused }

    /// Takes a request of either model.
    mutating func add(_ row: ReleaseRow, isCandidate: Bool) {
        switch subject {
        case .quality:
            guard let quality = row.quality else { return }
            pairing.add(quality, isCandidate: isCandidate) { sequence.add($0) }
        case .errorRise:
            pairing.add(row.isError ? 1 : 0, isCandidate: isCandidate) { sequence.add($0) }
        case .agreement: break
        case .errorRate, .latency, .cost: if isCandidate { add(alone: row) }
        }
    }

    /// Takes a request that both answered.
    mutating func add(candidate: ReleaseRow, control: ReleaseRow) {
        switch subject {
        case .quality:
            guard let after = candidate.quality, let before = control.quality else { return }
            sequence.add(after - before)
        case .errorRise: sequence.add((candidate.isError ? 1 : 0) - (control.isError ? 1 : 0))
        case .agreement:
            guard let after = candidate.labelKey, let before = control.labelKey else { return }
            sequence.add(after == before ? 1 : 0)
        case .errorRate, .latency, .cost: add(alone: candidate)
        }
    }

    private mutating func add(alone row: ReleaseRow) {
        switch subject {
        case .errorRate: sequence.add(row.isError ? 1 : 0)
        case .latency(let limit): if let latency = row.latency { sequence.add(latency > limit ? 1 : 0) }
        case .cost(let limit): if let cost = row.cost { sequence.add(min(cost, 10 * limit)) }
        case .quality, .errorRise, .agreement: break
        }
    }

    /// The p-value that it does not hold, valid whenever one looks.
    public var pHolds: Double {
        mustBeAbove ? sequence.pValue(above: threshold) : sequence.pValue(below: threshold)
    }

    /// The p-value that it is not broken, valid whenever one looks.
    public var pBroken: Double {
        mustBeAbove ? sequence.pValue(below: threshold) : sequence.pValue(above: threshold)
    }

    /// Looks whether it is decided by now.
    mutating func look(requests: Int, ship: Double, rollBack: Double) {
        if heldAt == nil, pHolds <= ship { heldAt = requests }
        if brokenAt == nil, pBroken <= rollBack { brokenAt = requests }
    }

    /// Keeps a point for the chart, every so many requests that there are never more than 400.
    mutating func note(requests: Int) {
        guard requests % stride == 0, sequence.count > 0, trail.last?.requests != requests else { return }
        trail.append(
            Point(requests: requests, lower: sequence.lower, mean: sequence.mean, upper: sequence.upper))
        if trail.count > 400 {
            stride *= 2
            trail = trail.filter { $0.requests % stride == 0 }
        }
    }
}
