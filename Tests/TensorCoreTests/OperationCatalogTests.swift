import TensorCore
import Testing

/// Every operation against its meaning in double precision, and every derivative against central differences of that.
@Suite struct OperationCatalogTests {
    @Test(arguments: OperationCatalog.samples.map(\.name))
    func agreesWithItsMeaning(name: String) throws {
        let sample = try #require(OperationCatalog.samples.first { $0.name == name })
        let outputs = sample.apply(sample.inputs).map { $0.scalars.map(Double.init) }
        let expected = sample.reference(doubles(sample.inputs))
        #expect(outputs.count == expected.count)
        for (output, reference) in zip(outputs, expected) {
            #expect(output.count == reference.count)
            // Float32 rounding over sums of at most 70 terms of size 4: 70 · 4 · 2⁻²⁴ ≈ 2e-5.
            #expect(largestDifference(output, reference) < 2e-5 * max(1, largest(reference)))
        }
    }

    @Test(arguments: OperationCatalog.samples.map(\.name))
    func derivativeEqualsCentralDifferences(name: String) throws {
        let sample = try #require(OperationCatalog.samples.first { $0.name == name })
        let point = doubles(sample.inputs)
        var weights: [[Double]] = []
        let (_, gradients) = pullback(
            at: sample.inputs,
            upstream: { outputs in
                let upstream = outputs.enumerated().map { index, output in
                    Tensor.uniform(
                        output.shape, from: -1, to: 1, stream: RandomStream(seed: 2, purpose: name, index: index))
                }
                weights = upstream.map { $0.scalars.map(Double.init) }
                return upstream
            }, sample.apply)
        func weighted(_ inputs: [[Double]]) -> Double {
            zip(sample.reference(inputs), weights).reduce(0) { total, pair in
                total + zip(pair.0, pair.1).reduce(0) { $0 + $1.0 * $1.1 }
            }
        }
        let step = 1e-5
        for input in point.indices {
            let gradient = try #require(gradients[input], "no gradient for input \(input)").scalars
            let stride = max(1, point[input].count / sample.checked)
            for index in Swift.stride(from: 0, to: point[input].count, by: stride) {
                var (above, below) = (point, point)
                above[input][index] += step
                below[input][index] -= step
                let difference = (weighted(above) - weighted(below)) / (2 * step)
                #expect(
                    abs(Double(gradient[index]) - difference) < 5e-5 * max(1, abs(difference)),
                    "input \(input), number \(index): \(gradient[index]) against \(difference)")
            }
        }
    }

    @Test(arguments: OperationCatalog.samples.map(\.name))
    func isTheSameBitsForOneTwoAndFourThreads(name: String) throws {
        let sample = try #require(OperationCatalog.samples.first { $0.name == name })
        func run(threads: Int) -> [[UInt32]] {
            Parallel.setThreads(threads)
            defer { Parallel.setThreads(0) }
            let (outputs, gradients) = pullback(
                at: sample.inputs, upstream: { $0.map { Tensor(repeating: 0.5, shape: $0.shape) } }, sample.apply)
            return (outputs + gradients.compactMap { $0 }).map { $0.scalars.map(\.bitPattern) }
        }
        let single = run(threads: 1)
        #expect(run(threads: 2) == single)
        #expect(run(threads: 4) == single)
    }

    private func doubles(_ tensors: [Tensor]) -> [[Double]] { tensors.map { $0.scalars.map(Double.init) } }
}

func largest(_ values: [Double]) -> Double { values.map(abs).max() ?? 0 }

func largestDifference(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).map { abs($0 - $1) }.max() ?? 0 }
