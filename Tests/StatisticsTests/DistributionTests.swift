import Foundation
import Statistics
import Testing

/// Tails and bounds against scipy and statsmodels.
@Suite struct DistributionTests {
    let worked: WorkedValues

    init() throws { worked = try WorkedValues.read() }

    @Test func theNormalTailAndItsInverseAreRightFarOut() {
        for item in worked.normal {
            #expect(isNear(NormalDistribution.upperTail(item.x), item.upper), "\(item)")
            #expect(isNear(NormalDistribution.cumulative(-item.x), item.upper), "\(item)")
        }
        for item in worked.normalDeviations {
            #expect(
                isNear(NormalDistribution.deviations(upperTail: item.upper), item.x) || abs(item.x) < 1e-15, "\(item)")
        }
        #expect(NormalDistribution.deviations(upperTail: 0) == .infinity)
        #expect(NormalDistribution.deviations(upperTail: 2).isNaN)
    }

    @Test func studentsAndChiSquaredTailsAreRight() {
        for item in worked.student {
            let t = item.x
            #expect(isNear(StudentDistribution.upperTail(t, freedom: item.freedom), item.upper, 1e-9), "\(item)")
            guard item.upper > 1e-6, item.upper < 0.999 else { continue }
            let back = StudentDistribution.deviations(upperTail: item.upper, freedom: item.freedom)
            #expect(abs(back - t) < 1e-8 * max(1, abs(t)), "\(item) \(back)")
        }
        for item in worked.chiSquared {
            let tail = ChiSquaredDistribution.upperTail(item.x, freedom: item.freedom)
            #expect(isNear(tail, item.upper, 1e-9), "\(item) \(tail)")
        }
    }

    @Test func betaAndGammaAreRightForSmallAndLargeArguments() {
        for item in worked.beta {
            #expect(isNear(SpecialFunctions.regularizedBeta(item.x, item.a, item.b), item.value, 1e-8), "\(item)")
        }
        for item in worked.logGamma {
            #expect(abs(SpecialFunctions.logGamma(item.x) - item.value) < 1e-13 * max(1, abs(item.value)), "\(item)")
        }
    }

    @Test func binomialTailsAndExactBoundsAreRight() {
        for item in worked.binomial {
            #expect(isNear(BinomialDistribution.mass(item.k, trials: item.n, share: item.share), item.mass, 1e-9))
            #expect(isNear(BinomialDistribution.atLeast(item.k, trials: item.n, share: item.share), item.atLeast, 1e-9))
            #expect(isNear(BinomialDistribution.atMost(item.k, trials: item.n, share: item.share), item.atMost, 1e-9))
            let lower = BinomialDistribution.lowerBound(successes: item.k, trials: item.n, level: 0.05)
            let upper = BinomialDistribution.upperBound(successes: item.k, trials: item.n, level: 0.05)
            #expect(abs(lower - item.lower) < 1e-9 && abs(upper - item.upper) < 1e-9, "\(item) \(lower) \(upper)")
        }
    }
}
