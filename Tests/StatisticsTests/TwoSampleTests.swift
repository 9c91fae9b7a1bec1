import Foundation
import Statistics
import Testing

/// Two-sample tests against scipy.
@Suite struct TwoSampleTests {
    let worked: WorkedValues

    init() throws { worked = try WorkedValues.read() }

    @Test func kolmogorovSmirnovIsExact() {
        for item in worked.kolmogorovSmirnov {
            let found = TwoSample.kolmogorovSmirnov(item.a, item.b)
            #expect(isNear(found.statistic, item.statistic) && isNear(found.pValue, item.p, 1e-8), "\(found) \(item.p)")
        }
        #expect(TwoSample.kolmogorovSmirnov([], [1]).pValue == 1)
        #expect(TwoSample.kolmogorovSmirnov([1, 1, 1], [1, 1]).pValue == 1)
    }

    @Test func theLimitMeetsTheExactValueWhereItTakesOver() {
        var random = CounterRandom(1)
        let first = (0..<1990).map { _ in Double(random.below(1 << 40)) }
        let second = (0..<2010).map { _ in Double(random.below(1 << 40)) + 4e10 }
        let exact = TwoSample.kolmogorovSmirnov(first, second)
        let limit = TwoSample.kolmogorovSmirnov(first + first, second)
        #expect(exact.pValue < 0.05 && exact.statistic > 0.03 && limit.pValue < exact.pValue)
        let large = TwoSample.kolmogorovSmirnov(
            (0..<20_000).map { _ in Double(random.below(1 << 40)) },
            (0..<20_000).map { _ in Double(random.below(1 << 40)) })
        #expect(large.pValue > 0.01)
    }

    @Test func chiSquaredIsPearsonsAndSparseCountsAreDividedAtRandom() {
        for item in worked.chiSquaredCounts {
            let found = TwoSample.chiSquared(item.a, item.b)
            #expect(isNear(found.statistic, item.statistic) && isNear(found.pValue, item.p, 1e-9), "\(found) \(item)")
        }
        // 77 classes, two items each: the limit would see a difference where there can be none.
        let first = (0..<77).map { $0 % 2 == 0 ? 2 : 0 }
        let sparse = TwoSample.chiSquared(first, first.map { 2 - $0 }, resamples: 500)
        #expect(sparse.pValue < 0.01, "\(sparse)")
        let even = TwoSample.chiSquared(Array(repeating: 1, count: 77), Array(repeating: 1, count: 77), resamples: 500)
        #expect(even.pValue == 1)
        #expect(TwoSample.chiSquared([3, 0], [5, 0]).pValue == 1)
    }

    @Test func permutationsComeNearTheExactValue() {
        for item in worked.permutation {
            let found = TwoSample.permutation(item.a, item.b, resamples: 20_000, seed: 4)
            #expect(isNear(found.statistic, item.mean) && abs(found.pValue - item.p) < 0.006, "\(found) \(item)")
            #expect(isNear(EffectSize.superiority(item.a, item.b), item.superiority))
            let ranks = TwoSample.permutation(item.a, item.b, score: .ranks, resamples: 2_000)
            #expect(isNear(ranks.statistic + 0.5, item.superiority) && ranks.pValue < 0.2)
            #expect(TwoSample.permutation(item.b, item.a, resamples: 2_000).pValue > 0.9)
            #expect(TwoSample.permutation(item.b, item.a, twoSided: true, resamples: 2_000).pValue < 0.25)
        }
    }

    @Test func effectSizesAreThoseOfNumpy() {
        let item = worked.effect
        #expect(isNear(EffectSize.standardizedDifference(item.a, item.b), item.d))
        #expect(isNear(EffectSize.standardizedMean(item.a), item.z))
        #expect(isNear(EffectSize.shareDifference(0.8, 0.75), item.h))
    }
}
