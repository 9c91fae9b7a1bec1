import TensorCore
import TextCore

/// What a call of every operation costs, forward and back, at the catalogue's small sizes: that is what it costs
/// besides its arithmetic.
struct OperationBenchmark {
    func run(_ repetitions: Int) -> Measurement {
        var result = Measurement()
        let calls = 200
        for sample in OperationCatalog.samples {
            let timing = Timing(repetitions) {
                for _ in 0..<calls {
                    _ = pullback(
                        at: sample.inputs, upstream: { $0.map { Tensor(repeating: 1, shape: $0.shape) } },
                        sample.apply)
                }
            }
            result["microseconds_\(sample.name)"] = .number(
                (1e6 * timing.wall.median / Double(calls)).rounded(digits: 3))
        }
        return result
    }
}
