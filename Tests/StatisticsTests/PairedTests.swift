import Foundation
import Statistics
import Testing

/// Tests of pairs against statsmodels and a search for the likeliest shares.
@Suite struct PairedTests {
    let worked: WorkedValues

    init() throws { worked = try WorkedValues.read() }

    @Test func mcNemarIsExact() {
        for item in worked.mcnemar {
            let test = McNemar(gains: item.gains, losses: item.losses)
            #expect(isNear(test.gainExact, item.gainExact, 1e-10), "\(item)")
            #expect(isNear(test.gainMid, item.gainMid, 1e-10), "\(item)")
            #expect(isNear(test.twoSidedExact, item.twoSided, 1e-10), "\(item)")
            #expect(test.twoSidedMid <= test.twoSidedExact)
        }
        #expect(McNemar(gains: 0, losses: 0).gainExact == 1)
    }

    @Test func theScoreOfPairedSharesIsTangos() {
        for item in worked.pairedShares {
            let shares = PairedShares(pairs: item.pairs, gains: item.gains, losses: item.losses)
            for score in item.scores {
                #expect(
                    abs(shares.score(score.threshold) - score.score) < 1e-6 * max(1, abs(score.score)),
                    "\(item.pairs) \(item.gains) \(item.losses): \(score), \(shares.score(score.threshold))")
            }
            #expect(
                abs(shares.lowerBound(level: 0.05) - item.lower) < 1e-5, "\(item) \(shares.lowerBound(level: 0.05))")
            let bound = shares.lowerBound(level: 0.05)
            #expect(abs(shares.pValue(above: bound) - 0.05) < 1e-9 && shares.pValue(above: bound + 0.01) > 0.05)
            #expect(shares.swapped.lowerBound(level: 0.05) == -shares.upperBound(level: 0.05))
        }
    }

    @Test func twentyEqualPairsKeepAWidth() {
        let equal = PairedShares(pairs: 20, gains: 0, losses: 0)
        // Without discordance the bound is z² / (n + z²), as in Wilson's interval.
        let square = pow(NormalDistribution.deviations(upperTail: 0.05), 2)
        #expect(abs(equal.lowerBound(level: 0.05) + square / (20 + square)) < 1e-12)
        #expect(equal.pValue(above: -0.05) > 0.15 && equal.pValue(above: 0) == 0.5)
        let bootstrap = PairedBootstrap(candidate: [0, 1, 1], baseline: [0, 1, 1], resamples: 1000)
        #expect(bootstrap.lowerBound(level: 0.2) == 0 && bootstrap.pValue(above: 0) == 1)
        #expect(bootstrap.pValue(above: -0.01) == 0.125, "three signs show no more than 1/8")
        #expect(bootstrap.lowerBound(level: 0.05) == -.infinity)
    }

    @Test func holmIsThatOfStatsmodels() {
        for item in worked.holm {
            let adjusted = Holm.adjusted(item.values)
            #expect(zip(adjusted, item.adjusted).allSatisfy { abs($0 - $1) < 1e-14 }, "\(item) \(adjusted)")
        }
        #expect(Holm.levels([0.2, 0.01, 0.2], level: 0.06) == [0.03, 0.02, 0.03])
    }

    @Test func powerAndSizesAreThoseOfEnumeration() throws {
        for item in worked.power {
            let design = PairedShareDesign(gain: item.gain, discordance: item.discordance)
            let power = design.exactPower(pairs: item.pairs)
            #expect(abs(power - item.power) < 1e-9, "\(item) \(power)")
        }
        let design = PairedShareDesign(candidate: 0.85, baseline: 0.8, correlation: 0.5)
        let needed = try #require(design.pairs(power: 0.8))
        #expect(abs(design.power(pairs: needed) - 0.8) < 0.01)
        #expect(abs(design.exactPower(pairs: needed) - 0.8) < 0.06)
        #expect(design.pairs(threshold: 0.05) == nil)
        #expect(MeanDesign.pairs(mean: 0.5, deviation: 1) == 25)
        #expect(PairedShareDesign(candidate: 0.9, baseline: 0.9, correlation: 1).discordance == 0)
    }
}
