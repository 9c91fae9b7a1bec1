import Testing
import Training

@Suite struct MetricSumsTests {
    @Test func `sums of parts are divided once`() {
        var whole = MetricSums()
        whole.add("entropy", sum: 9, weight: 3)
        var part = MetricSums()
        part.add("entropy", sum: 1, weight: 1)
        whole.merge(part)
        #expect(whole["entropy"] == 2.5)
    }

    @Test func `counted once, the means of parts are averaged whatever their sizes`() {
        var whole = MetricSums()
        for (sum, weight) in [(9.0, 3.0), (1.0, 1.0)] {
            var part = MetricSums()
            part.add("entropy", sum: sum, weight: weight)
            whole.merge(part.countedOnce)
        }
        #expect(whole["entropy"] == 2)
    }

    @Test func `totals, extremes and means without weight are kept apart`() {
        var metrics = MetricSums()
        metrics.addTotal("rows", 2)
        metrics.addTotal("rows", 3)
        metrics.raise("longest", to: 4)
        metrics.raise("longest", to: 2)
        metrics.lower("shortest", to: 4)
        metrics.lower("shortest", to: 2)
        metrics.add("nothing", sum: 0, weight: 0)
        #expect(metrics.values.map(\.name) == ["rows", "longest", "shortest"])
        #expect(metrics.values.map(\.value) == [5, 4, 2])
        #expect(metrics["nothing"] == nil)
    }
}
