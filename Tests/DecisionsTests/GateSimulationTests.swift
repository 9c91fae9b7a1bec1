import Decisions
import Foundation
import Statistics
import Testing

/// How often a gate ships, simulated.
@Suite struct GateSimulationTests {
    private static let runs = 2_000

    /// Rows of two models whose shares and correlation are given.
    struct Outcomes: CustomStringConvertible {
        var rows: Int
        var baseline: Double
        var candidate: Double
        var correlation: Double

        func metric(_ random: inout CounterRandom, name: String = "accuracy") -> GateMetric {
            let spread = (candidate * (1 - candidate) * baseline * (1 - baseline)).squareRoot()
            let both = min(candidate, baseline, candidate * baseline + correlation * spread)
            var (first, second): ([Observation], [Observation]) = ([], [])
            for row in 0..<rows {
                let place = random.share()
                let passes =
                    place < both
                    ? (1.0, 1.0) : place < candidate ? (1, 0) : place < candidate + baseline - both ? (0, 1) : (0, 0)
                first.append(Observation(id: "\(row)", value: passes.0))
                second.append(Observation(id: "\(row)", value: passes.1))
            }
            return GateMetric(name: name, isBinary: true, candidate: first, baseline: second)
        }

        var description: String { "\(rows) rows, \(baseline) -> \(candidate), correlation \(correlation)" }
    }

    /// The share of runs that ship, and that are refused.
    private func shares(
        _ kind: GateCondition.Kind, runs: Int = runs, seed: UInt64, metric: (inout CounterRandom) -> GateMetric
    ) -> (ship: Double, refuse: Double) {
        var (ship, refuse) = (0, 0)
        for run in 0..<runs {
            var random = CounterRandom(seed, UInt64(run))
            let metric = metric(&random)
            let gate = Gate(
                conditions: [GateCondition(metric: metric.name, kind: kind)], seed: UInt64(run), resamples: 299)
            switch gate.verdict(metrics: [metric]).outcome {
            case .ship: ship += 1
            case .dontShip: refuse += 1
            case .notEnoughData: break
            }
        }
        return (Double(ship) / Double(runs), Double(refuse) / Double(runs))
    }

    @Test(arguments: [
        Outcomes(rows: 30, baseline: 0.7, candidate: 0.7, correlation: 0.3),
        Outcomes(rows: 200, baseline: 0.8, candidate: 0.8, correlation: 0),
        Outcomes(rows: 200, baseline: 0.8, candidate: 0.8, correlation: 0.8),
        Outcomes(rows: 200, baseline: 0.99, candidate: 0.99, correlation: 0.5),
        Outcomes(rows: 400, baseline: 0.5, candidate: 0.5, correlation: 0.98),
        Outcomes(rows: 1000, baseline: 0.9, candidate: 0.9, correlation: 0.5),
    ])
    func noDifferenceShipsInAtMostOneRunOfTwenty(outcomes: Outcomes) {
        let (ship, refuse) = shares(.minGain(0), seed: 11) { outcomes.metric(&$0) }
        print("null, \(outcomes): shipped \(ship), refused \(refuse)")
        #expect(ship <= 0.05 && refuse <= 0.05)
    }

    @Test(arguments: [
        (Outcomes(rows: 200, baseline: 0.75, candidate: 0.8, correlation: 0.5), GateCondition.Kind.minGain(0.05)),
        (Outcomes(rows: 600, baseline: 0.9, candidate: 0.88, correlation: 0.7), .maxDrop(0.02)),
        (Outcomes(rows: 200, baseline: 1, candidate: 0.98, correlation: 0), .maxDrop(0.02)),
        (Outcomes(rows: 200, baseline: 0.8, candidate: 0.7, correlation: 0.5), .min(0.7)),
    ])
    func aModelAtTheThresholdShipsInAtMostOneRunOfTwenty(outcomes: Outcomes, kind: GateCondition.Kind) {
        let (ship, refuse) = shares(kind, seed: 12) { outcomes.metric(&$0) }
        print("threshold, \(kind), \(outcomes): shipped \(ship), refused \(refuse)")
        #expect(ship <= 0.05)
    }

    /// Losses of two models with tokens as weights; a row is a little better for most and much worse for some.
    private func losses(rows: Int, skew: Double, _ random: inout CounterRandom) -> GateMetric {
        var (first, second): ([Observation], [Observation]) = ([], [])
        for row in 0..<rows {
            let weight = Double(1 + random.below(8)) * Double(1 + random.below(8))
            let common = -log(random.share())
            let skewed = -log(random.share()) - 1
            let even = NormalDistribution.deviations(upperTail: random.share())
            first.append(
                Observation(id: "\(row)", value: 2 + common + (skew * skewed + (1 - skew) * even) / 3, weight: weight))
            second.append(Observation(id: "\(row)", value: 2 + common, weight: weight))
        }
        return GateMetric(name: "loss", direction: .lowerIsBetter, candidate: first, baseline: second)
    }

    /// With differences of exponential skew no bound keeps its level exactly in 150 rows: Student's alone ships in 8 %.
    @Test(arguments: [(0.0, 0.05), (0.5, 0.05), (1.0, 0.07)])
    func tokenWeightedLossesWithoutGainHardlyEverShip(skew: Double, limit: Double) {
        let (ship, refuse) = shares(.minGain(0), seed: 13) { losses(rows: 150, skew: skew, &$0) }
        print("null, token-weighted losses of skew \(skew), 150 rows: shipped \(ship), refused \(refuse)")
        #expect(ship <= limit)
    }

    @Test func severalMetricsWithoutGainShipTogetherEvenLess() {
        var shipped = 0
        for run in 0..<500 {
            var random = CounterRandom(15, UInt64(run))
            let outcomes = Outcomes(rows: 200, baseline: 0.8, candidate: 0.8, correlation: 0.5)
            let metrics = [outcomes.metric(&random), losses(rows: 100, skew: 0.2, &random)]
            let gate = Gate(
                conditions: metrics.map { GateCondition(metric: $0.name, kind: .minGain(0)) }, seed: 1, resamples: 299)
            if gate.verdict(metrics: metrics).outcome == .ship { shipped += 1 }
        }
        print("null, two metrics: shipped \(shipped) of 500")
        #expect(shipped <= 5)
    }

    @Test func powerAtFivePointsIsShown() {
        var shown: [String: Double] = [:]
        for rows in [200, 1000] {
            for correlation in [0.0, 0.5, 0.8] {
                for (kind, name) in [(GateCondition.Kind.minGain(0), "0"), (.minGain(0.05), "0.05")] {
                    let outcomes = Outcomes(rows: rows, baseline: 0.8, candidate: 0.85, correlation: correlation)
                    let (ship, refuse) = shares(kind, runs: 400, seed: 14) { outcomes.metric(&$0) }
                    let design = PairedShareDesign(candidate: 0.85, baseline: 0.8, correlation: correlation)
                    let expected =
                        name == "0" ? design.exactPower(pairs: rows) : design.power(pairs: rows, threshold: 0.05)
                    print(
                        "power, min_gain \(name), \(outcomes): shipped \(ship), refused \(refuse), worked out \(expected.rounded(3))"
                    )
                    shown["\(rows) \(correlation) \(name)"] = ship
                    #expect(abs(ship - expected) < 0.08)
                }
            }
        }
        let clear = Outcomes(rows: 200, baseline: 0.8, candidate: 0.9, correlation: 0.5)
        let (ship, _) = shares(.minGain(0.05), runs: 400, seed: 16) { clear.metric(&$0) }
        print("power, min_gain 0.05, \(clear): shipped \(ship)")
        #expect(ship > 0.5)
        #expect(shown["1000 0.5 0"] ?? 0 > 0.95 && shown["200 0.8 0"] ?? 0 > 0.5)
    }
}

extension CounterRandom {
    /// A number in (0, 1).
    mutating func share() -> Double { (Double(next() >> 11) + 0.5) / 9_007_199_254_740_992 }
}

extension Double {
    func rounded(_ digits: Int) -> String { String(format: "%.\(digits)f", self) }
}
