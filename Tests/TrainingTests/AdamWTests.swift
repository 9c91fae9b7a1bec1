import Foundation
import TensorCore
import Testing
import Training

@Suite struct AdamWTests {
    /// The algorithm of the paper in double precision.
    private struct Reference {
        var weight: [Double]
        var first: [Double]
        var second: [Double]

        mutating func update(_ gradient: [Double], step: Int, rate: Double, decay: Double) {
            for index in weight.indices {
                weight[index] *= 1 - rate * decay
                first[index] = 0.9 * first[index] + 0.1 * gradient[index]
                second[index] = 0.95 * second[index] + 0.05 * gradient[index] * gradient[index]
                let mean = first[index] / (1 - pow(0.9, Double(step)))
                let square = second[index] / (1 - pow(0.95, Double(step)))
                weight[index] -= rate * mean / (square.squareRoot() + 1e-8)
            }
        }
    }

    /// Ten steps stay within the rounding of single precision (2⁻²⁴ of numbers about 1, some ten times) of double
    /// precision; decay acts on the matrix and not on the vector.
    @Test func `ten steps agree with double precision`() {
        let shapes = [[3, 5], [7]]
        let parameters = shapes.enumerated().map { index, shape in
            let stream = RandomStream(seed: 5, purpose: "w", index: index)
            return (name: "p\(index)", parameter: Parameter(.normal(shape, deviation: 1, stream: stream)))
        }
        var references = parameters.map { item in
            let values = item.parameter.value.scalars.map(Double.init)
            let zeros = [Double](repeating: 0, count: values.count)
            return Reference(weight: values, first: zeros, second: zeros)
        }
        let optimizer = AdamW(parameters, settings: AdamW.Settings(betas: (0.9, 0.95), weightDecay: 0.1))
        for step in 1...10 {
            var gradients = Gradients(count: 2)
            for (index, shape) in shapes.enumerated() {
                let stream = RandomStream(seed: 6, purpose: "g", step: step, index: index)
                gradients.tensors[index] = .normal(shape, deviation: 2, stream: stream)
            }
            let rate = 0.01 * Double(step)
            optimizer.update(gradients: gradients, learningRate: rate, gradientScale: 0.25)
            for index in references.indices {
                let gradient = (gradients.tensors[index]?.scalars ?? []).map { Double($0) * 0.25 }
                references[index].update(gradient, step: step, rate: rate, decay: index == 0 ? 0.1 : 0)
            }
        }
        #expect(optimizer.step == 10)
        for (index, reference) in references.enumerated() {
            for (actual, expected) in zip(parameters[index].parameter.value.scalars, reference.weight) {
                #expect(abs(Double(actual) - expected) < 2e-6)
            }
            for (actual, expected) in zip(optimizer.secondMoments[index].scalars, reference.second) {
                #expect(abs(Double(actual) - expected) < 2e-6)
            }
        }
    }

    @Test func `a parameter without a gradient keeps its value`() {
        let parameter = Parameter(Tensor([1, 2], shape: [1, 2]))
        let optimizer = AdamW([(name: "p", parameter: parameter)], settings: AdamW.Settings(weightDecay: 0.5))
        optimizer.update(gradients: Gradients(count: 1), learningRate: 1, gradientScale: 1)
        #expect(parameter.value.scalars == [1, 2])
    }

    @Test func `decay leaves out vectors`() {
        #expect(AdamW.decays(shape: [4, 3]))
        #expect(!AdamW.decays(shape: [4]))
        #expect(!AdamW.decays(shape: []))
    }
}
