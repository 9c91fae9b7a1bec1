import Foundation
import TensorCore
import Testing

/// What the head says of labels beside their log-probabilities.
@Suite struct LogProbabilityTests {
    private static let transforms = [
        LogitTransform(), LogitTransform(scale: 0.6), LogitTransform(scale: 2, softCap: 1.5),
    ]

    /// A vocabulary over several stretches of float sums, and one over none.
    @Test(arguments: transforms, [2500, 7])
    func meanLogitAndLogSquareSumAreThoseOfTheWholeLogits(_ transform: LogitTransform, vocabulary: Int) {
        let stream = RandomStream(seed: 8, purpose: "labels")
        let hidden = Tensor.uniform([6, 12], from: -2, to: 2, stream: stream.substream("hidden"))
        let weight = Tensor.uniform([vocabulary, 12], from: -1, to: 1, stream: stream.substream("weight"))
        let result = labelLogProbabilities(hidden, weight, labels: [0, 1, 2, 3, 4, 5], transform: transform)
        let whole = logits(hidden, weight, transform: transform).scalars.map(Double.init)
        for row in 0..<6 {
            let numbers = whole[row * vocabulary..<(row + 1) * vocabulary]
            let mean = numbers.reduce(0, +) / Double(vocabulary)
            let lse = { (scale: Double) in log(numbers.reduce(0) { $0 + exp(scale * $1) }) }
            #expect(abs(Double(result.meanLogit.scalars[row]) - mean) < 1e-5)
            #expect(abs(Double(result.logSquareSum.scalars[row]) - (lse(2) - 2 * lse(1))) < 1e-5)
        }
    }

    @Test func theyCarryNoGradientAndDoNotChangeTheOthers() {
        let stream = RandomStream(seed: 9, purpose: "labels")
        let hidden = Tensor.uniform([3, 4], from: -2, to: 2, stream: stream)
        let weight = Tensor.uniform([9, 4], from: -1, to: 1, stream: stream.substream("weight"))
        let (_, gradients) = pullback(
            at: [hidden, weight], upstream: { $0.map { Tensor(repeating: 1, shape: $0.shape) } },
            { inputs in
                let result = labelLogProbabilities(inputs[0], inputs[1], labels: [1, 2, 3])
                #expect(result.logProbability.isTracked && result.entropy.isTracked)
                return [result.meanLogit, result.logSquareSum, result.isTop1]
            })
        #expect(gradients.allSatisfy { $0 == nil })
    }

    @Test func allLogitsEqualIsTheUniformDistribution() {
        let result = labelLogProbabilities(.zeros([1, 3]), .zeros([1600, 3]), labels: [5])
        #expect(result.meanLogit.scalar == 0)
        #expect(abs(Double(result.logSquareSum.scalar) + log(1600)) < 1e-6)
    }
}
