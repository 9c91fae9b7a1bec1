import Decisions
import Foundation
import Statistics
import Testing

/// How often a canary is decided wrongly when one looks after every request, and how soon rightly.
@Suite struct CanarySimulationTests {
    /// Split traffic: what the candidate does with a request, what the control does.
    private struct Traffic: CustomStringConvertible {
        var control = 0.8
        var candidate = 0.8
        /// The share of requests that the candidate gets.
        var split = 0.5
        var errors = 0.0
        var slow = 0.02
        var description: String { "\(control) -> \(candidate), \(split) of the traffic" }

        /// One request.
        func request(_ random: inout CounterRandom) -> (row: ReleaseRow, isCandidate: Bool) {
            let isCandidate = random.share() < split
            let isError = isCandidate && random.share() < errors
            let passed = random.share() < (isCandidate ? candidate : control)
            let row = ReleaseRow(
                quality: isError ? nil : passed ? 1 : 0, isError: isError,
                latency: random.share() < (isCandidate ? slow : 0.02) ? 900 : 100)
            return (row, isCandidate)
        }
    }

    private func run(_ rules: ReleaseRules, _ traffic: Traffic, requests: Int, seed: UInt64) -> ReleaseMonitor {
        var random = CounterRandom(seed)
        var monitor = ReleaseMonitor(rules: rules, isPaired: false, keepsBounds: false)
        for _ in 0..<requests {
            let (row, isCandidate) = traffic.request(&random)
            monitor.add(row, isCandidate: isCandidate)
        }
        return monitor
    }

    private func decisions(
        _ rules: ReleaseRules, _ traffic: Traffic, runs: Int, requests: Int
    ) -> (ship: Int, rollBack: Int, soonest: [Int]) {
        var result = (ship: 0, rollBack: 0, soonest: [Int]())
        for run in 0..<runs {
            let monitor = self.run(rules, traffic, requests: requests, seed: UInt64(1_000 + run))
            switch monitor.decision {
            case .ship: result.ship += 1
            case .rollBack: result.rollBack += 1
            case .goOn: continue
            }
            result.soonest.append(monitor.decidedAt ?? 0)
        }
        return result
    }

    @Test(arguments: [0.5, 0.1])
    func aCandidateAtTheMarginIsDecidedInAtMostOneCanaryOfTwentyEitherWay(split: Double) {
        var rules = ReleaseRules()
        rules.margin = 0.05
        let traffic = Traffic(control: 0.8, candidate: 0.75, split: split)
        let found = decisions(rules, traffic, runs: 2_000, requests: 1_000)
        print(
            "peeking at 1,000 requests, at the margin, \(traffic): shipped \(found.ship), rolled back \(found.rollBack) of 2,000"
        )
        #expect(found.ship <= 100 && found.rollBack <= 100)
    }

    @Test func limitsAtTheirEdgeRollBackInAtMostOneCanaryOfTwentyTogether() {
        var rules = ReleaseRules()
        rules.margin = 0.0
        rules.maxErrorRate = 0.04
        rules.maxErrorRise = 0.04
        rules.maxP95Latency = 500
        let traffic = Traffic(errors: 0.04, slow: 0.05)
        let found = decisions(rules, traffic, runs: 2_000, requests: 1_000)
        print(
            "peeking at 1,000 requests, four rules at their edge: shipped \(found.ship), rolled back \(found.rollBack) of 2,000"
        )
        #expect(found.ship <= 100 && found.rollBack <= 100)
    }

    @Test func goodCandidatesShipAndBadOnesAreRolledBackSoon() {
        var rules = ReleaseRules()
        rules.margin = 0.05
        for (traffic, requests) in [
            (Traffic(), 6_000), (Traffic(candidate: 0.85), 6_000), (Traffic(split: 0.1), 10_000),
            (Traffic(candidate: 0.6), 2_000), (Traffic(candidate: 0.7), 6_000),
        ] {
            let found = decisions(rules, traffic, runs: 200, requests: requests)
            let soonest = found.soonest.sorted()
            let median = soonest.isEmpty ? 0 : soonest[soonest.count / 2]
            print(
                "canary, margin 0.05, \(traffic), \(requests) requests: shipped \(found.ship), rolled back \(found.rollBack) of "
                    + "200, median after \(median) requests of the candidate")
            if traffic.candidate >= 0.8, traffic.split == 0.5 { #expect(found.ship >= 150 && found.rollBack <= 2) }
            if traffic.candidate < 0.75 { #expect(found.rollBack >= 100 && found.ship <= 2) }
        }
    }

    @Test func pairsDecideSoonerThanSplitTraffic() {
        var rules = ReleaseRules()
        rules.margin = 0.05
        var needed: [Int] = []
        for run in 0..<200 {
            var random = CounterRandom(31, UInt64(run))
            var monitor = ReleaseMonitor(rules: rules, isPaired: true, keepsBounds: false)
            for _ in 0..<3_000 {
                // Both fail on the same hard requests for the most part.
                let isHard = random.share() < 0.2
                func row() -> ReleaseRow { ReleaseRow(quality: random.share() < (isHard ? 0.1 : 0.975) ? 1 : 0) }
                monitor.add(candidate: row(), control: row())
                if let decided = monitor.decidedAt {
                    needed.append(decided)
                    #expect(monitor.decision == .ship)
                    break
                }
            }
        }
        let median = needed.sorted()[needed.count / 2]
        print(
            "shadow, margin 0.05, equal models, correlated: shipped \(needed.count) of 200, median after \(median) requests"
        )
        #expect(needed.count >= 190)
    }

    @Test func aForecastComesTrueRoughly() {
        var rules = ReleaseRules()
        rules.margin = 0.05
        let early = run(rules, Traffic(candidate: 0.84), requests: 600, seed: 77)
        guard case .goOn(let more?) = early.decision else {
            Issue.record("\(early.decision)")
            return
        }
        let late = run(rules, Traffic(candidate: 0.84), requests: 600 + 8 * more, seed: 77)
        print(
            "canary: a forecast of \(more) more after \(early.candidate.requests), decided at \(late.decidedAt ?? -1)")
        #expect(late.decision == .ship && more > 10 && more < 20_000)
    }
}
