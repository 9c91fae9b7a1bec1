import Statistics

/// What is to be done with a candidate.
public enum ReleaseDecision: Sendable, Hashable {
    /// Every rule is shown to hold.
    case ship
    /// A rule is shown to be broken.
    case rollBack
    /// Neither yet; how many more requests of the candidate would decide if they are like those so far, `nil` where no
    /// number can be told.
    case goOn(moreRequests: Int?)

    /// Its name in JSON.
    public var name: String {
        switch self {
        case .ship: "ship"
        case .rollBack: "roll_back"
        case .goOn: "go_on"
        }
    }
}

/// Follows a candidate in production request by request, and decides as soon as the rules allow.
///
/// Every rule is a sequential test by betting (`ConfidenceSequence`), so it may be looked at after each request. A
/// candidate ships when all rules are shown to hold, each at the level: it ships while one is broken with a chance of at
/// most the level. It is rolled back when one is shown to be broken at the level divided by their number: it is rolled
/// back while all hold with a chance of at most the level. Memory does not grow with the requests.
public struct ReleaseMonitor: Sendable {
    /// What must hold.
    public let rules: ReleaseRules
    /// Whether both models answer each request.
    public let isPaired: Bool
    /// What the control did.
    public private(set) var control: ArmSummary
    /// What the candidate did.
    public private(set) var candidate: ArmSummary
    /// The rules, followed.
    public private(set) var tests: [ReleaseTest]
    /// Labels of the control and the candidate where they differ, and how often, for paired logs.
    public private(set) var disagreements: [[String]: Int] = [:]
    private let keepsTrail: Bool

    /// Begins.
    ///
    /// - Parameters:
    ///   - rules: what must hold; `rules.problem` must be `nil`.
    ///   - isPaired: whether both models answer each request.
    ///   - keepsBounds: whether bounds are kept beside p-values.
    /// - Precondition: the rules have no problem.
    public init(rules: ReleaseRules, isPaired: Bool, keepsBounds: Bool = true) {
        precondition(rules.problem == nil, rules.problem ?? "")
        self.rules = rules
        self.isPaired = isPaired
        control = ArmSummary(name: "control")
        candidate = ArmSummary(name: "candidate")
        keepsTrail = keepsBounds
        tests = []
        let steps = keepsBounds ? 2_000 : 0
        func follow(_ subject: ReleaseTest.Subject, _ range: ClosedRange<Double>, _ threshold: Double, above: Bool) {
            tests.append(
                ReleaseTest(
                    subject, range: range, threshold: threshold, mustBeAbove: above, level: rules.level,
                    resolution: steps))
        }
        if rules.comparesQuality {
            let width = rules.scoreRange.upperBound - rules.scoreRange.lowerBound
            follow(.quality, -width...width, -rules.margin, above: true)
        }
        if let limit = rules.maxErrorRate { follow(.errorRate, 0...1, limit, above: false) }
        if let limit = rules.maxErrorRise { follow(.errorRise, -1...1, limit, above: false) }
        if let limit = rules.maxP95Latency { follow(.latency(limit), 0...1, 0.05, above: false) }
        if let limit = rules.maxCost { follow(.cost(limit), 0...10 * limit, limit, above: false) }
        if let limit = rules.minAgreement, isPaired { follow(.agreement, 0...1, limit, above: true) }
    }

    /// Takes a request that one of the models answered.
    public mutating func add(_ row: ReleaseRow, isCandidate: Bool) {
        if isCandidate { candidate.add(row) } else { control.add(row) }
        for index in tests.indices { tests[index].add(row, isCandidate: isCandidate) }
        look()
    }

    /// Takes a request that both answered.
    public mutating func add(candidate after: ReleaseRow, control before: ReleaseRow) {
        candidate.add(after)
        control.add(before)
        for index in tests.indices { tests[index].add(candidate: after, control: before) }
        if let first = before.label, let second = after.label, before.labelKey != after.labelKey {
            // The table is for reading; what comes up first when ten thousand kinds are known is not in it.
            let key = [first, second]
            if disagreements[key] != nil || disagreements.count < 10_000 { disagreements[key, default: 0] += 1 }
        }
        look()
    }

    private mutating func look() {
        let (ship, rollBack) = (rules.level, rules.level / Double(max(1, tests.count)))
        let requests = candidate.requests
        for index in tests.indices {
            tests[index].look(requests: requests, ship: ship, rollBack: rollBack)
            if keepsTrail { tests[index].note(requests: requests) }
        }
    }

    /// What is to be done by now. A broken rule decides whatever else was shown.
    public var decision: ReleaseDecision {
        if tests.contains(where: { $0.brokenAt != nil }) { return .rollBack }
        guard !tests.isEmpty, tests.allSatisfy({ $0.heldAt != nil }) else { return .goOn(moreRequests: moreRequests) }
        return .ship
    }

    /// The candidate's requests when the decision fell.
    public var decidedAt: Int? {
        switch decision {
        case .rollBack: tests.compactMap(\.brokenAt).min()
        case .ship: tests.compactMap(\.heldAt).max()
        case .goOn: nil
        }
    }

    private var moreRequests: Int? {
        var (holds, breaks): ([Int?], [Int]) = ([], [])
        for test in tests where test.heldAt == nil {
            let rate = test.sequence.count > 0 ? Double(candidate.requests) / Double(test.sequence.count) : 1
            func requests(_ values: Int) -> Int? { Int(exactly: (Double(values) * rate).rounded(.up)) }
            let likely = test.sequence.remaining(at: test.threshold, level: rules.level)
            if let likely, likely.isAbove != test.mustBeAbove {
                let sure = test.sequence.remaining(
                    at: test.threshold, level: rules.level / Double(max(1, tests.count)))
                if let more = requests(sure?.values ?? likely.values) { breaks.append(more) }
            } else {
                holds.append(likely.flatMap { requests($0.values) })
            }
        }
        if let first = breaks.min() { return first }
        return holds.allSatisfy { $0 != nil } ? holds.compactMap(\.self).max() : nil
    }
}
