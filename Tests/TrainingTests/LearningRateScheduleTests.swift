import Foundation
import Testing
import Training

@Suite struct LearningRateScheduleTests {
    /// Factors of ten steps with two of warm-up, worked out from the published formulas.
    static let golden: [String: [Double]] = [
        "constant": [0, 0.5, 1, 1, 1, 1, 1, 1, 1, 1],
        "linear": [0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125],
        "cosine": [
            0, 0.5, 1, 0.9619397662556434, 0.8535533905932737, 0.6913417161825449, 0.5, 0.3086582838174551,
            0.1464466094067262, 0.03806023374435663,
        ],
    ]

    @Test(arguments: ScheduleRegistry.builtIn.names)
    func `every curve of the registry has its golden values`(name: String) throws {
        let curve = try #require(ScheduleRegistry.builtIn.curve(named: name))
        let expected = try #require(Self.golden[name], "a curve was added without golden values")
        let schedule = LearningRateSchedule(baseRate: 1, curve: curve, warmUp: .steps(2), totalSteps: 10)
        for (step, value) in expected.enumerated() { #expect(abs(schedule.rate(at: step) - value) < 1e-15) }
    }

    @Test func `a cosine ends at its least ratio, and cycles come back`() {
        let options = ScheduleOptions(minRatio: 0.1, cycles: 1)
        let schedule = LearningRateSchedule(baseRate: 2, curve: .cosine, options: options, totalSteps: 8)
        #expect(abs(schedule.rate(at: 4) - 0.2) < 1e-12)
        #expect(abs(schedule.rate(at: 0) - 2) < 1e-12)
        #expect(abs(schedule.rate(at: 6) - 1.1) < 1e-12)
    }

    @Test func `a warm-up ratio is rounded up to whole steps`() {
        #expect(LearningRateSchedule.WarmUp.ratio(0.03).steps(of: 100) == 3)
        #expect(LearningRateSchedule.WarmUp.ratio(0.03).steps(of: 101) == 4)
        #expect(LearningRateSchedule.WarmUp.ratio(0).steps(of: 101) == 0)
        #expect(LearningRateSchedule.WarmUp.ratio(.nan).steps(of: 10) == 0)
        #expect(LearningRateSchedule.WarmUp.steps(7).steps(of: 5) == 7)
    }

    @Test func `a curve of a user's own takes the place of one with its name`() {
        var registry = ScheduleRegistry.builtIn
        registry.register(ScheduleCurve(name: "linear", summary: "half") { _, _, _ in 0.5 })
        #expect(registry.names == ["constant", "cosine", "linear"])
        #expect(registry.curve(named: "linear")?.factor(3, 10, ScheduleOptions()) == 0.5)
        #expect(registry.curve(named: "polynomial") == nil)
    }
}
