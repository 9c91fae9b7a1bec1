/// How many rollouts were asked for, and what became of each.
public struct RewardLedger: Sendable, Hashable {
    public private(set) var scored = 0
    public private(set) var abstained = 0
    public private(set) var errored = 0
    public private(set) var timedOut = 0
    public private(set) var filtered = 0
    /// Rollouts that a verifier said nothing of while it judged others of their group; among the ones above.
    public private(set) var mixedAbstentions = 0
    /// Rollouts that were to be judged.
    public private(set) var requested = 0

    /// Nothing was asked for.
    public init() {}

    /// - Parameters:
    ///   - requested: rollouts that were to be judged.
    ///   - scores: what became of them.
    /// - Precondition: there is one score for each.
    public init(requested: Int, _ scores: some Sequence<RolloutScore>) {
        self.requested = requested
        for score in scores {
            switch score.status {
            case .scored: scored += 1
            case .abstained: abstained += 1
            case .errored: errored += 1
            case .timedOut: timedOut += 1
            case .filtered: filtered += 1
            }
            if score.isMixedAbstention { mixedAbstentions += 1 }
        }
        let accounted = scored + abstained + errored + timedOut + filtered
        precondition(accounted == requested, "\(requested) rollouts were to be judged, and \(accounted) were: \(text)")
    }

    /// Share of the rollouts whose verifier failed or took too long, [0, 1].
    public var errorShare: Double { requested == 0 ? 0 : Double(errored + timedOut) / Double(requested) }

    /// Both together.
    public static func + (first: RewardLedger, second: RewardLedger) -> RewardLedger {
        var sum = first
        sum.requested += second.requested
        sum.scored += second.scored
        sum.abstained += second.abstained
        sum.errored += second.errored
        sum.timedOut += second.timedOut
        sum.filtered += second.filtered
        sum.mixedAbstentions += second.mixedAbstentions
        return sum
    }

    /// `128 = 120 scored + 2 abstained + 3 errored + 1 timed out + 2 filtered`
    public var text: String {
        "\(requested) = \(scored) scored + \(abstained) abstained + \(errored) errored + \(timedOut) timed out"
            + " + \(filtered) filtered"
    }

    /// The counts by name, as they are logged.
    public var counts: [(name: String, count: Int)] {
        [
            ("requested", requested), ("scored", scored), ("abstained", abstained), ("errored", errored),
            ("timed_out", timedOut), ("filtered", filtered), ("mixed_abstain", mixedAbstentions),
        ]
    }
}
