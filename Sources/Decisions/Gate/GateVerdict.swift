/// What a gate decided, and why.
public struct GateVerdict: Sendable, Hashable {
    /// What is to be done.
    public enum Outcome: Sendable, Hashable {
        /// Every condition is shown to hold.
        case ship
        /// A condition is shown not to hold, or could not be judged.
        case dontShip
        /// Nothing failed, and something is not shown yet; how many more examples would decide if what was seen held,
        /// `nil` where no number would.
        case notEnoughData(moreExamples: Int?)
    }

    /// How the levels of several conditions hang together.
    public enum Correction: String, Sendable, Hashable, CaseIterable {
        /// Holm's: all that is said of the conditions holds together at the confidence.
        case holm
        /// Each condition is judged at the confidence on its own.
        case none
    }

    /// What is to be done.
    public var outcome: Outcome
    /// What came of each condition, in their order.
    public var conditions: [GateConditionResult]
    /// The confidence of every claim, such as 0.95.
    public var confidence: Double
    /// How the levels hang together.
    public var correction: Correction

    /// A verdict.
    public init(outcome: Outcome, conditions: [GateConditionResult], confidence: Double, correction: Correction) {
        self.outcome = outcome
        self.conditions = conditions
        self.confidence = confidence
        self.correction = correction
    }
}

/// What came of one condition.
public struct GateConditionResult: Sendable, Hashable {
    /// Whether it holds.
    public enum Status: String, Sendable, Hashable, CaseIterable {
        case passed, failed, undecided
    }

    /// The condition.
    public var condition: GateCondition
    /// Whether it holds.
    public var status: Status
    /// Rows that were looked at.
    public var rows = 0
    /// The candidate's value of the metric.
    public var candidate: Double?
    /// The baseline's.
    public var baseline: Double?
    /// The candidate's less the baseline's, or its share of the baseline's where `isShare`.
    public var difference: Double?
    /// Whether `difference` and its bounds are shares of the baseline's value.
    public var isShare = false
    /// Bounds of the difference, or of the value where the condition is about that, each on its own at confidence
    /// 1 - `level`; `nil` where the rows give none.
    public var lower, upper: Double?
    /// The chance to see this or better if the condition does not hold.
    public var pValue: Double?
    /// The level the correction left for this condition.
    public var level: Double?
    /// How it was judged.
    public var method = ""
    /// How many more examples would decide if what was seen held; `nil` for a decided condition and where none would.
    public var moreExamples: Int?
    /// Why it failed or is undecided, and what to do; empty when there is nothing to say.
    public var note = ""

    /// A result.
    public init(condition: GateCondition, status: Status, note: String = "") {
        self.condition = condition
        self.status = status
        self.note = note
    }
}
