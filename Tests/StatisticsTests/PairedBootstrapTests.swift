import Foundation
import Statistics
import Testing

/// The bootstrap against numpy's, and what must hold for any.
@Suite struct PairedBootstrapTests {
    @Test func boundsAreTheMostCarefulOfThreeMethods() throws {
        for item in try WorkedValues.read().bootstrap {
            let isPlain = Set(item.weights).count == 1
            let bootstrap = PairedBootstrap(
                candidate: item.candidate, baseline: item.baseline, weights: isPlain ? nil : item.weights,
                contrast: item.relative ? .relativeChange : .difference, resamples: 20_000, seed: 3)
            #expect(isNear(bootstrap.estimate, item.estimate) && isNear(bootstrap.standardError, item.error))
            // Two bootstraps of one sample differ by chance; a tenth of an error is three of its deviations.
            let lower = bootstrap.lowerBound(level: item.level)
            let upper = bootstrap.upperBound(level: item.level)
            #expect(abs(lower - item.lower) < 0.1 * item.error, "\(lower) \(item.lower), error \(item.error)")
            #expect(abs(upper - item.upper) < 0.1 * item.error, "\(upper) \(item.upper), error \(item.error)")
            let atBound = bootstrap.pValue(above: lower)
            #expect(atBound >= item.level * 0.99 && atBound < item.level * 1.05, "p at the bound: \(atBound)")
            #expect(bootstrap.pValue(above: lower - 1e-6) <= item.level)
            #expect(
                bootstrap.pValue(below: upper + 1e-6) <= item.level
                    && bootstrap.pValue(below: upper - 1e-6) > item.level)
        }
    }

    @Test func equalWeightsAreNoWeights() {
        var random = CounterRandom(5)
        let values = (0..<101).map { _ in Double(random.below(1000)) }
        let others = (0..<101).map { _ in Double(random.below(1000)) }
        let plain = PairedBootstrap(candidate: values, baseline: others, resamples: 500, seed: 9)
        let weighted = PairedBootstrap(
            candidate: values, baseline: others, weights: [Double](repeating: 3, count: 101), resamples: 500, seed: 9)
        #expect(isNear(plain.lowerBound(level: 0.05), weighted.lowerBound(level: 0.05), 1e-9))
        #expect(isNear(plain.pValue(above: 0), weighted.pValue(above: 0), 1e-9))
        let again = PairedBootstrap(candidate: values, baseline: others, resamples: 500, seed: 9)
        #expect(again.lowerBound(level: 0.05) == plain.lowerBound(level: 0.05))
        let other = PairedBootstrap(candidate: values, baseline: others, resamples: 500, seed: 10)
        #expect(other.pValue(above: 30) != plain.pValue(above: 30))
    }

    @Test func whatHasNoContrastIsNeverClaimed() {
        for bootstrap in [
            PairedBootstrap(values: []), PairedBootstrap(values: [1]), PairedBootstrap(values: [1, .nan]),
            PairedBootstrap(candidate: [1, 2], baseline: [0, 0], contrast: .relativeChange),
            PairedBootstrap(candidate: [1, 2], baseline: [0, 0], weights: [0, 0]),
        ] {
            #expect(bootstrap.pValue(above: -1e9) == 1 && bootstrap.pValue(below: 1e9) == 1)
            #expect(bootstrap.lowerBound(level: 0.05) == -.infinity && bootstrap.upperBound(level: 0.05) == .infinity)
        }
        // Seven of ten resamples of five rows draw no row with weight at some seed; those count against any claim.
        let rare = PairedBootstrap(
            candidate: [1, 1, 1, 1, 1], baseline: [0, 0, 0, 0, 0], weights: [1, 0, 0, 0, 0], resamples: 200)
        #expect(rare.pValue(above: 0) > 0.25)
    }

    @Test func aMeanOfSkewedDifferencesIsClaimedTooOftenByHardlyAnybody() {
        // Rare large losses: the mean of differences is 0, and most samples show none of what makes it so.
        var shipped = 0
        let runs = 1000
        for run in 0..<runs {
            var random = CounterRandom(77, UInt64(run))
            let values = (0..<60).map { _ in 1 + log((Double(random.next() >> 11) + 0.5) / 9_007_199_254_740_992) }
            if PairedBootstrap(values: values, resamples: 400, seed: UInt64(run)).pValue(above: 0) <= 0.05 {
                shipped += 1
            }
        }
        print("skewed differences, 60 rows, no gain: claimed in \(shipped) of \(runs)")
        #expect(shipped <= 65)
    }
}
